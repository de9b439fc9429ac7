package request

import (
	"net/url"
	"strings"
)

// FormContentType is the Content-Type of a [Form].
const FormContentType = "application/x-www-form-urlencoded"

// Form returns the body of an HTML form, of the type [FormContentType]. fields are
// [url.Values], which are sent sorted by name, or [Pairs], which are sent in their order.
//
// A space becomes "+". Every byte except letters, digits and "-._~" becomes "%XX", as in
// Python's urlencode.
func Form(fields interface{ Encode() string }) Bytes { return Bytes(fields.Encode()) }

// Pairs are the names and values of a form or a query, in order. A name may occur more
// than once.
type Pairs [][2]string

// Encode returns the pairs as name=value, joined by "&" and percent-encoded as in
// [Form].
func (p Pairs) Encode() string {
	var b strings.Builder
	for i, pair := range p {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(pair[0]))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(pair[1]))
	}
	return b.String()
}
