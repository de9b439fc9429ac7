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

// Pairs are names with a value each, in order. A name may occur more than once.
type Pairs []Pair

// A Pair is a name with a value, of a form or of a query.
type Pair struct{ Name, Value string }

// Encode returns the pairs as name=value joined by "&", percent-encoded as
// [Form] says.
func (p Pairs) Encode() string {
	var b strings.Builder
	for i, pair := range p {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(pair.Name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(pair.Value))
	}
	return b.String()
}
