package response

import (
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// DefaultEncoding is how text is decoded whose response does not say how.
const DefaultEncoding = "ISO-8859-1"

// Text reads the whole body as text, decoded by the charset that Content-Type
// names, or else by [DefaultEncoding], or by UTF-8 for JSON. It may be called
// more than once. It fails with a [*CharsetError] if the charset is not known, or
// if the body is not text in it. It is treq.text_content.
//
// Charsets have the names, and are what, browsers take them for (the WHATWG's
// Encoding standard), or else IANA's; but ISO-8859-1 and US-ASCII are no more
// than that, as in Python. A byte order mark at the beginning of a Unicode text
// is left out.
func (r *Response) Text() *deferred.Deferred[string] { return r.TextWith(DefaultEncoding) }

// TextWith is Text with another charset for a response that names none.
func (r *Response) TextWith(encoding string) *deferred.Deferred[string] {
	mediaType, charset := contentType(r.Header)
	switch {
	case charset != "":
		encoding = charset
	case mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"):
		encoding = "UTF-8" // RFC 8259, section 8.1
	}
	return deferred.Map(r.Content(), func(data []byte) (string, error) { return decode(data, encoding) })
}
