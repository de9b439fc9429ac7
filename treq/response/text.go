package response

import (
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// DefaultEncoding is the charset of a text whose response does not name a charset.
const DefaultEncoding = "ISO-8859-1"

// Text reads the whole body and decodes it by the charset of the Content-Type. Without a
// charset, JSON is decoded as UTF-8 and other types as [DefaultEncoding]. Text may be
// called more than once. It fails with a [*CharsetError] if the charset is unknown, or if
// the body is not text in its charset. It is treq.text_content.
//
// The names and meanings of charsets are those of browsers (WHATWG's Encoding standard),
// then IANA's, then Python's, such as cp949 and utf-8-sig. But ISO-8859-1 and US-ASCII are
// strict, as in Python. If the charset is a form of Unicode, a byte order mark at the
// beginning of the text decides which form, and is left out. Of several Content-Types the
// last valid one counts, as in browsers.
func (r *Response) Text() *deferred.Deferred[string] { return r.TextWith(DefaultEncoding) }

// TextWith is Text with encoding in place of DefaultEncoding.
func (r *Response) TextWith(encoding string) *deferred.Deferred[string] {
	mediaType, charset := contentType(r.Header)
	switch {
	case charset != "":
		encoding = charset
	case isJSON(mediaType):
		encoding = "UTF-8" // RFC 8259, section 8.1
	}
	return deferred.Map(r.Content(), func(data []byte) (string, error) { return r.decode(data, encoding) })
}

// isJSON reports whether a media type is that of JSON.
func isJSON(mediaType string) bool {
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}

// decode is the function decode, whose error then names the request.
func (r *Response) decode(data []byte, charset string) (string, error) {
	text, err := decode(data, charset)
	if e, ok := err.(*CharsetError); ok {
		e.Response = r
	}
	return text, err
}
