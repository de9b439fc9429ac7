package request

import (
	"net/url"
	"strings"
)

// FormContentType is the Content-Type of a [Form].
const FormContentType = "application/x-www-form-urlencoded"

// Form returns the body of an HTML form, to be sent as [FormContentType]. fields
// are [url.Values], which are sorted by name, or [Pairs], which are not.
//
// Space becomes "+", and all bytes but letters, digits and "-._~" become "%XX":
// as treq's urlencode, and Python's, have it.
func Form(fields interface{ Encode() string }) Bytes { return Bytes(fields.Encode()) }

// Pairs are names with a value each, of a form or of a query, in order. A name may
// occur more than once.
type Pairs [][2]string

// Encode returns the pairs as name=value joined by "&", percent-encoded as
// [Form] says.
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
