package response

import (
	"errors"
	"math"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	urlencoded "github.com/seed-7c003b53/gotreq/internal/form"
)

// Form reads the whole body and decodes it as application/x-www-form-urlencoded, as some
// token endpoints answer. It may be called more than once.
//
// Unlike [url.ParseQuery], Form drops no field: it reads as browsers do (the URL Standard,
// section 5.1), so that a ";" or a stray "%" is a part of a name or value. Some servers send
// forms as text/plain or text/html. So Form goes by the body: it fails if the body has a
// character that no form has, such as a space or "<". A body without "=" is a form only if
// its type says so. A charset of the Content-Type is that of the names and values; Form fails with a
// [*CharsetError] if they are not text in it.
func (r *Response) Form() *deferred.Deferred[url.Values] {
	mediaType, charset := contentType(r.Header)
	return deferred.Map(r.Content(), func(data []byte) (url.Values, error) {
		text := strings.TrimRight(string(data), "\r\n")
		if i := strings.IndexFunc(text, notInForms); i >= 0 {
			return nil, r.undecoded(" is not a form", string(data), errors.New("a form has no "+quote(text[i:i+1])))
		}
		if mediaType != formType && !strings.Contains(text, "=") {
			return nil, r.undecoded(" is not a form", string(data), errors.New(`it has no "="`))
		}
		if charset == "" {
			return urlencoded.Values(text, math.MaxInt)
		}
		values := make(url.Values)
		for name, value := range urlencoded.Pairs(text) {
			name, err := r.decode([]byte(name), charset)
			if err != nil {
				return nil, err
			}
			if value, err = r.decode([]byte(value), charset); err != nil {
				return nil, err
			}
			values.Add(name, value)
		}
		return values, nil
	})
}

const formType = "application/x-www-form-urlencoded"

// notInForms reports whether c stands in no form without an escape.
func notInForms(c rune) bool { return c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' }
