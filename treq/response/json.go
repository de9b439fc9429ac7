package response

import (
	"bytes"
	"encoding/json"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// JSON reads the whole body and decodes it as JSON into the value that into points to, as
// [json.Unmarshal] does. It may be called more than once. The function [JSON] returns the
// value instead. It is treq.json_content.
//
// The charset of the Content-Type decides how to decode the body; without a charset its
// first bytes tell which form of Unicode it is. JSON fails with a [*CharsetError] if the
// body is not text in its charset, and otherwise with the error of json.Unmarshal and the
// beginning of the text.
func (r *Response) JSON(into any) *deferred.Deferred[deferred.None] {
	return deferred.Map(r.Content(), func(data []byte) (deferred.None, error) {
		text, err := r.decodeJSON(data)
		if err != nil {
			return deferred.None{}, err
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return deferred.None{}, r.notJSON(text, err)
		}
		return deferred.None{}, nil
	})
}

// decodeJSON returns data, the body, as text.
func (r *Response) decodeJSON(data []byte) (string, error) {
	_, charset := contentType(r.Header)
	if charset == "" {
		charset = unicodeOf(data)
	}
	return r.decode(data, charset)
}

// notJSON returns the error for a text that json.Unmarshal refuses with err. It quotes the
// beginning of the text, which often is a page that says what is wrong.
func (r *Response) notJSON(text string, err error) error {
	verdict := " is not JSON"
	if json.Valid([]byte(text)) {
		verdict = ", read as JSON" // err says why that does not fit
	}
	return r.undecoded(verdict, text, err)
}

// JSON reads the whole body of r and fires with the T that it encodes.
func JSON[T any](r *Response) *deferred.Deferred[T] {
	value := new(T)
	return deferred.Map(r.JSON(value), func(deferred.None) (T, error) { return *value, nil })
}

// unicodeOf returns the form of Unicode of a JSON text. The byte order mark tells it, or
// the zeros among the first bytes: the first character is ASCII, and so is the second in
// most texts (RFC 4627, section 3).
func unicodeOf(data []byte) string {
	for _, mark := range []struct{ bytes, charset string }{
		{"\xef\xbb\xbf", "UTF-8"},
		{"\x00\x00\xfe\xff", "UTF-32BE"},
		{"\xff\xfe\x00\x00", "UTF-32LE"},
		{"\xfe\xff", "UTF-16BE"},
		{"\xff\xfe", "UTF-16LE"},
		{"\x00\x00\x00", "UTF-32BE"},
		{"\x00", "UTF-16BE"},
	} {
		if bytes.HasPrefix(data, []byte(mark.bytes)) {
			return mark.charset
		}
	}
	switch {
	case len(data) >= 4 && data[1] == 0 && data[2] == 0 && data[3] == 0:
		return "UTF-32LE"
	case len(data) >= 2 && data[1] == 0:
		return "UTF-16LE"
	}
	return "UTF-8"
}
