package response

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// XML reads the whole body and decodes its root element into the value that into points to,
// as [xml.Unmarshal] does. It may be called more than once. The function [XML] returns the
// value instead.
//
// A byte order mark tells the charset of the body, or else the Content-Type, or else the XML
// declaration (RFC 7303, section 3); otherwise it is UTF-8. XML fails with a [*CharsetError] if
// the body is not text in its charset. Any other error has the beginning of the text.
//
// XML is stricter than xml.Unmarshal: text or another element outside the root element is an
// error. Entities that the document defines are unknown, so that they cannot expand. A
// root element of any name is decoded, unless the value has an XMLName with a name.
func (r *Response) XML(into any) *deferred.Deferred[deferred.None] {
	return deferred.Map(r.Content(), func(data []byte) (none deferred.None, _ error) {
		d, text, err := r.xmlDecoder(data)
		if err != nil {
			return none, err
		}
		err = decodeXML(d, into)
		var undecodable *CharsetError
		var syntax *xml.SyntaxError
		switch {
		case err == nil:
			return none, nil
		case errors.As(err, &undecodable):
			return none, undecodable
		case errors.As(err, &syntax) || err == errOutsideRoot || err == io.ErrUnexpectedEOF:
			return none, r.undecoded(" is not XML", text, err)
		}
		return none, r.undecoded(", read as XML", text, err)
	})
}

// XML reads the whole body of r and fires with the T that its root element encodes.
func XML[T any](r *Response) *deferred.Deferred[T] {
	value := new(T)
	return deferred.Map(r.XML(value), func(deferred.None) (T, error) { return *value, nil })
}

// xmlDecoder returns a decoder of data, the body, and data as text as far as its charset is
// known before the XML declaration is read.
func (r *Response) xmlDecoder(data []byte) (*xml.Decoder, string, error) {
	charset := unicodeOf(data)
	if charset == "UTF-8" && !bytes.HasPrefix(data, []byte(byteOrderMark)) {
		_, charset = contentType(r.Header)
	}
	if charset != "" {
		text, err := r.decode(data, charset)
		d := xml.NewDecoder(strings.NewReader(text))
		d.CharsetReader = func(_ string, decoded io.Reader) (io.Reader, error) { return decoded, nil }
		return d, text, err
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	switched := false
	d.CharsetReader = func(declared string, after io.Reader) (io.Reader, error) {
		if switched { // each would copy the rest, and decode it once more
			return nil, errDeclaredAgain
		}
		switched = true
		rest, err := io.ReadAll(after)
		if err != nil {
			return nil, err
		}
		if forms[normalize(declared)] >= utf16Form {
			declared = "UTF-8" // the declaration was read as ASCII: it is wrong
		}
		text, err := r.decode(rest, declared)
		if bad, ok := err.(*CharsetError); ok {
			bad.Offset += len(data) - len(rest)
		}
		return strings.NewReader(text), err
	}
	return d, string(data), nil
}

// errDeclaredAgain says that a document has two XML declarations with a charset.
var errDeclaredAgain = errors.New("a second XML declaration with an encoding")

// errOutsideRoot says that a document has text or an element beside its root element.
var errOutsideRoot = errors.New("more than one root element, or text outside it")

// decodeXML decodes the root element of a document. Beside it, the document may have comments
// and the like.
func decodeXML(d *xml.Decoder, into any) error {
	decoded := false
	for {
		token, err := d.Token()
		switch {
		case err == io.EOF && decoded:
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if decoded {
				return errOutsideRoot
			}
			if err := d.DecodeElement(into, &token); err != nil {
				return err
			}
			decoded = true
		case xml.CharData:
			if trim(string(token)) != "" {
				return errOutsideRoot
			}
		}
	}
}
