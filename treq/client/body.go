package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file has the options that make the body of a request. Data and Files can be
// combined; all other kinds exclude each other.

// body is the sum of the options that make a request's body.
type body struct {
	option      string        // the option that gave data; "" if none did
	data        any           // as in Data, except a form
	contentType string        // the type of data
	form        request.Pairs // the form that Data gave, if any
	files       Files
}

// set stores the data of option, in place of earlier data of the same option.
func (b *body) set(option string, data any, contentType string) error {
	if b.option != "" && b.option != option {
		discard(data)
		return fmt.Errorf("%w: %s and %s", ErrOptionsConflict, b.option, option)
	}
	if b.files != nil && option != "Data" {
		discard(data)
		return fmt.Errorf("%w: Files and %s", ErrOptionsConflict, option)
	}
	discard(b.data)
	b.option, b.data, b.contentType, b.form = option, data, contentType, nil
	return nil
}

// given returns the name of the option that gives a body, or "".
func (b *body) given() string {
	if b.option == "" && b.files != nil {
		return "Files"
	}
	return b.option
}

// discard releases data that will not be sent: it stops a producer and closes a file.
func discard(data any) {
	switch data := data.(type) {
	case request.BodyProducer:
		data.StopProducing()
	case io.Closer:
		data.Close()
	}
}

// discard stops every body of f, whatever is wrong with the other fields.
func (f Files) discard() {
	for _, field := range f {
		if file, ok := field.Value.(multipart.File); ok && file.Body != nil {
			file.Body.StopProducing()
		}
	}
}

func (b *body) discard() {
	discard(b.data)
	b.files.discard()
}

// produce returns the producer of b and the type of the body. A nil producer means no
// body.
func (c *HTTPClient) produce(b *body) (producer request.BodyProducer, contentType string, err error) {
	switch {
	case b.files != nil:
		return c.multipart(b)
	case b.form != nil:
		return request.Form(b.form), request.FormContentType, nil
	case b.data == nil:
		return nil, "", nil
	}
	if c.config.DataToBodyProducer != nil && b.option == "Data" {
		if producer, ok := c.config.DataToBodyProducer(b.data); ok {
			return producer, "", missing("the result of DataToBodyProducer", producer)
		}
	}
	switch v := b.data.(type) {
	case []byte:
		return request.Bytes(v), "", nil
	case string:
		return request.Bytes(v), "", nil
	case request.BodyProducer:
		return v, b.contentType, nil
	case io.Reader:
		return request.NewFileBodyProducer(v, request.FileBodyConfig{}), "", nil
	case io.ReaderAt:
		if r, ok := sized(v); ok {
			return request.NewFileBodyProducer(r, request.FileBodyConfig{}), "", nil
		}
	}
	return nil, "", unsendable("Data", b.data)
}

// sized returns a reader of all bytes of r, if r knows how many they are.
func sized(r io.ReaderAt) (io.Reader, bool) {
	var size int64
	switch r := r.(type) {
	case interface{ Size() int64 }:
		size = r.Size()
	case interface{ Len() int }:
		size = int64(r.Len())
	default:
		return nil, false
	}
	all := io.NewSectionReader(r, 0, size)
	if c, ok := r.(io.Closer); ok {
		return struct {
			*io.SectionReader
			io.Closer
		}{all, c}, true
	}
	return all, true
}

// multipart returns the files and the fields of a form as one body.
func (c *HTTPClient) multipart(b *body) (request.BodyProducer, string, error) {
	if b.data != nil {
		return nil, "", fmt.Errorf("%w: Files and Data that is not a form", ErrOptionsConflict)
	}
	var fields []multipart.Field
	for _, pair := range b.form {
		fields = append(fields, multipart.Field{Name: pair[0], Value: multipart.Text(pair[1])})
	}
	p, err := multipart.NewMultiPartProducer(append(fields, b.files...), multipart.Config{Rand: c.reactor.Rand()})
	if err != nil {
		return nil, "", formError(err, len(fields))
	}
	return p, p.ContentType(), nil
}

// formError returns err, the error of a form whose first fields are those of Data, as the
// error of an option.
func formError(err error, fields int) error {
	var field *multipart.FieldError
	if !errors.As(err, &field) {
		return fmt.Errorf("%w: Files: %w", ErrOption, err)
	}
	option, i := "Data", field.Index
	if i >= fields {
		option, i = "Files", i-fields
	}
	name := fmt.Sprintf("%s[%d]", option, i)
	if field.Name != "" {
		name += fmt.Sprintf(" %q:", field.Name)
	}
	return &fieldError{fmt.Sprintf("%v: %s %v", ErrOption, name, field.Err), field}
}

// A fieldError is an ErrOption that names a field by its option.
type fieldError struct {
	text  string
	field *multipart.FieldError
}

func (e *fieldError) Error() string   { return e.text }
func (e *fieldError) Unwrap() []error { return []error{ErrOption, e.field} }

// Body is sent unchanged. A string can be converted: Body("text").
type Body []byte

func (b Body) apply(s *settings) error { return s.body.set("Body", request.Bytes(b), "") }

// JSON sends v as application/json, unless Headers give another Content-Type. The bytes
// are those of [json.Marshal], except that <, > and & are not escaped. It is treq's json.
func JSON(v any) Option {
	return optionFunc(func(s *settings) error {
		to := s.json
		if to == nil {
			to = new(jsonEncoder)
		}
		data, err := to.encode(v)
		if err != nil {
			return fmt.Errorf("%w: JSON: %w", ErrOption, err)
		}
		return s.body.set("JSON", request.Bytes(data), "application/json; charset=UTF-8")
	})
}

// A jsonEncoder encodes what the requests of a client send as JSON. It keeps its buffer for the
// next one.
type jsonEncoder struct {
	kept *jsonBuffer // nil while it is in use: the MarshalJSON of a value may make a request too
}

type jsonBuffer struct {
	bytes.Buffer
	encoder *json.Encoder
}

// keptJSON bounds the buffer that is kept.
const keptJSON = 64 << 10

func (e *jsonEncoder) encode(v any) ([]byte, error) {
	b := e.kept
	e.kept = nil
	if b == nil {
		b = new(jsonBuffer)
		b.encoder = json.NewEncoder(b)
		b.encoder.SetEscapeHTML(false)
	}
	if err := b.encoder.Encode(v); err != nil {
		return nil, err
	}
	data := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if b.Cap() <= keptJSON {
		data = bytes.Clone(data)
		b.Reset()
		e.kept = b
	}
	return data, nil
}

// Data is the body of the request, made from v, which may be
//
//   - a []byte or a string, sent as it is;
//   - an [io.Reader], sent as it is read, by a [request.FileBodyProducer], and
//     closed if it is an [io.Closer]; if it can seek, it is sent again when a
//     redirect, a challenge or a lost connection asks for that, see
//     [request.FileBodyProducer];
//   - an [io.ReaderAt] with a method Size() int64 or Len() int, sent from its beginning
//     in the same way;
//   - a [request.BodyProducer];
//   - a form: a [url.Values], a map[string]string, a map[string][]string or a
//     map[string]any, whose values are texts, numbers, bools or slices of these,
//     sorted by name, or [request.Pairs] in their own order, sent as
//     application/x-www-form-urlencoded, or, with Files, as multipart/form-data;
//   - nil, which is no body.
//
// It is treq's data.
func Data(v any) Option {
	return optionFunc(func(s *settings) error {
		switch v.(type) {
		case request.Pairs, [][2]string, url.Values, map[string]string, map[string][]string, map[string]any:
			form, err := pairsOf("Data", v)
			if err == nil {
				err = s.body.set("Data", nil, "")
			}
			s.body.form = form
			return err
		}
		if v != nil {
			if err := missing("Data", v); err != nil {
				return err
			}
		}
		return s.body.set("Data", v, "")
	})
}

// unsendable returns the error of option, which was given v.
func unsendable(option string, v any) error {
	return fmt.Errorf("%w: %s: a %T is nothing that can be sent", ErrOption, option, v)
}

// pairsOf returns v, the value of option, as pairs of a name and one value.
func pairsOf(option string, v any) (request.Pairs, error) {
	form := request.Pairs{}
	switch v := v.(type) {
	case request.Pairs:
		return append(form, v...), nil
	case [][2]string:
		return append(form, v...), nil
	case url.Values:
		return pairsOf(option, map[string][]string(v))
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			values, ok := textsOf(v[name])
			if !ok {
				return nil, fmt.Errorf("%w: %s: a %T, of %q, is nothing that can be sent", ErrOption, option, v[name], name)
			}
			for _, value := range values {
				form = append(form, [2]string{name, value})
			}
		}
		return form, nil
	case map[string]string:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			form = append(form, [2]string{name, v[name]})
		}
		return form, nil
	case map[string][]string:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			for _, value := range v[name] {
				form = append(form, [2]string{name, value})
			}
		}
		return form, nil
	}
	return nil, unsendable(option, v)
}

// textsOf returns the text of v, or the texts of a slice.
func textsOf(v any) (texts []string, ok bool) {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return []string{fmt.Sprint(v)}, true
	case reflect.Float32, reflect.Float64:
		if text := fmt.Sprint(v); !strings.Contains(text, "e+") || math.Abs(r.Float()) >= 1e21 {
			return []string{text}, true
		}
		// As JSON writes it: a number of JSON is a float64 in a map[string]any.
		return []string{strconv.FormatFloat(r.Float(), 'f', -1, r.Type().Bits())}, true
	case reflect.Slice, reflect.Array:
		if text, ok := v.([]byte); ok {
			return []string{string(text)}, true
		}
		for i := range r.Len() {
			one, ok := textsOf(r.Index(i).Interface())
			if !ok || len(one) != 1 {
				return nil, false
			}
			texts = append(texts, one[0])
		}
		return texts, true
	}
	return nil, false
}

// Files are sent as multipart/form-data, together with the fields of a form that Data
// gives. The Content-Type, which has the boundary, replaces one in Headers. They are treq's
// files.
//
//	client.Files{{Name: "photo", Value: multipart.FromFile(f)}}
type Files []multipart.Field

func (f Files) apply(s *settings) error {
	if len(f) == 0 {
		return nil
	}
	if s.body.option != "" && s.body.option != "Data" {
		f.discard()
		return fmt.Errorf("%w: %s and Files", ErrOptionsConflict, s.body.option)
	}
	s.body.files.discard()
	s.body.files = f
	return nil
}
