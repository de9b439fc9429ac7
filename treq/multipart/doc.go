// Package multipart makes the body of a form with files: multipart/form-data, as
// RFC 7578 and RFC 2046 have it. It is treq.multipart.
//
//	f, err := os.Open("photo.jpg")
//	...
//	form, err := multipart.NewMultiPartProducer([]multipart.Field{
//		{Name: "title", Value: multipart.Text("At sea")},
//		{Name: "photo", Value: multipart.FromFile(f)},
//	})
//
// A [MultiPartProducer] is a body like any other; what it is sent as its
// ContentType says. It takes the memory of the texts and of what is waiting to be
// sent, whatever the size of the files.
//
// # What differs from treq
//
// The bytes are those of treq for the same fields and boundary, but for these:
//
//   - In names and file names, CR, LF and quotes become %0D, %0A and %22, and a
//     lone CR or LF of a name %0D%0A, as WHATWG's HTML and so browsers have it. treq
//     drops CR and LF, and writes \" for a quote.
//   - A content type is sent as it is. treq breaks one with a quote in it, as in
//     charset="utf-8", and drops CR and LF; here those are an error.
//   - An empty name of a field is an error, and so is NUL in a name or a file name.
//   - The types guessed are those package mime knows, without parameters; of
//     "a.tar.gz" it gives the type of a gzip file, treq that of what is inside.
//
// As in treq, and unlike in browsers, line breaks in texts are sent as they are;
// and a file is sent with its Content-Length, which RFC 7578 has receivers ignore.
package multipart
