// Package multipart makes the body of a form with files: multipart/form-data, as
// specified by RFC 7578 and RFC 2046. It is treq.multipart.
//
//	f, err := os.Open("photo.jpg")
//	...
//	form, err := multipart.NewMultiPartProducer([]multipart.Field{
//		{Name: "title", Value: multipart.Text("At sea")},
//		{Name: "photo", Value: multipart.FromFile(f)},
//	}, multipart.Config{})
//
// A [MultiPartProducer] is the body of a request. The request needs the Content-Type that
// its ContentType method returns. In memory it holds the texts and the bytes that wait to
// be sent, whatever the size of the files.
//
// # What differs from treq
//
// The bytes are those of treq for the same fields and boundary, except:
//
//   - In names and file names, CR, LF and quotes become %0D, %0A and %22, and a
//     lone CR or LF of a name %0D%0A, as in WHATWG's HTML and in browsers. Other control
//     characters become %XX too. See the table below.
//   - A content type is sent as it is. treq breaks a content type with a quote, such
//     as charset="utf-8", and drops CR and LF; here CR and LF are an error.
//   - An empty name of a field is an error, and so is NUL in a name or a file name.
//   - The types guessed are those of package mime, without parameters. For
//     "a.tar.gz" it guesses the type of a gzip file, treq the type of a tar file.
//
// As in treq, and unlike in browsers, line breaks in texts are not changed, and a file is
// sent with its Content-Length, which RFC 7578 tells receivers to ignore.
//
// # Names
//
// What others send for a character of a file name ("raw" is the character itself):
//
//	           here, browsers  requests    treq     curl     mime/multipart
//	"          %22             %22         \"       %22      \"
//	\          raw             \\          raw      raw      \\
//	CR, LF     %0D, %0A        %0D, %0A    dropped  %0D, %0A %0D, %0A
//	NUL        an error; raw   %00         raw      the end  raw
//	tab, ...   %09; raw        %09         raw      raw      raw
//	ESC, DEL   %1B, %7F; raw   raw         raw      raw      raw
//	é          raw             raw         raw      raw      raw
//
// Where two entries are given, the second one is that of browsers. They are those of
// requests 2.28 with urllib3 1.26, treq 22.2, curl 7.88 and Go 1.26.
package multipart
