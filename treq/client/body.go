package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/url"
	"reflect"
	"slices"

	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file holds the options that make the body of a request. Data and Files go
// together; all others exclude each other.

// body is what the options of a request say of its body.
type body struct {
	option      string // which gave it; "" for none
	data        request.BodyProducer
	contentType string
	form        request.Pairs // what Data gave, if that was a form
	files       Files
	rand        *rand.Rand // for the boundary of a multipart body
}

// set takes the body that option gives.
func (b *body) set(option string, data request.BodyProducer, contentType string) error {
	if b.option != "" {
		return fmt.Errorf("%w: %s and %s", ErrOptionsConflict, b.option, option)
	}
	if b.files != nil && option != "Data" {
		return fmt.Errorf("%w: Files and %s", ErrOptionsConflict, option)
	}
	b.option, b.data, b.contentType = option, data, contentType
	return nil
}

// producer returns what the request sends, and its type. nil is nothing.
func (b *body) producer() (producer request.BodyProducer, contentType string, err error) {
	switch {
	case b.files != nil:
		return b.multipart()
	case b.form != nil:
		return request.Form(b.form), request.FormContentType, nil
	}
	return b.data, b.contentType, nil
}

// multipart returns the files, and the fields of a form, as one body.
func (b *body) multipart() (request.BodyProducer, string, error) {
	if b.data != nil {
		return nil, "", fmt.Errorf("%w: Files and Data that is not a form", ErrOptionsConflict)
	}
	var fields []multipart.Field
	for _, pair := range b.form {
		fields = append(fields, multipart.Field{Name: pair[0], Value: multipart.Text(pair[1])})
	}
	p, err := multipart.NewMultiPartProducer(append(fields, b.files...), multipart.Config{Rand: b.rand})
	if err != nil {
		return nil, "", fmt.Errorf("%w: Files: %w", ErrOption, err)
	}
	return p, p.ContentType(), nil
}

// Body is sent as it is. A string can be converted: Body("text").
type Body []byte

func (b Body) apply(s *settings) error { return s.body.set("Body", request.Bytes(b), "") }

// JSON is v as JSON, sent as application/json unless Headers say otherwise. It is as
// [json.Marshal] has it, but for <, > and &, which stay as they are. It is treq's
// json.
func JSON(v any) Option {
	return optionFunc(func(s *settings) error {
		var b bytes.Buffer
		to := json.NewEncoder(&b)
		to.SetEscapeHTML(false)
		if err := to.Encode(v); err != nil {
			return fmt.Errorf("%w: JSON: %w", ErrOption, err)
		}
		data := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		return s.body.set("JSON", request.Bytes(data), "application/json; charset=UTF-8")
	})
}

// Data is the body of the request, made of v, which may be
//
//   - a []byte or a string, sent as it is;
//   - an [io.Reader], sent as it is read, by a [request.FileBodyProducer], and
//     closed if it can be;
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
		case nil:
			return nil
		case request.Pairs, [][2]string, url.Values, map[string]string, map[string][]string, map[string]any:
			form, err := pairsOf("Data", v)
			if err != nil {
				return err
			}
			s.body.form = form
			return s.body.set("Data", nil, "")
		}
		if s.toBody != nil {
			if producer, ok := s.toBody(v); ok {
				return s.body.set("Data", producer, "")
			}
		}
		switch v := v.(type) {
		case []byte:
			return s.body.set("Data", request.Bytes(v), "")
		case string:
			return s.body.set("Data", request.Bytes(v), "")
		case request.BodyProducer:
			return s.body.set("Data", v, "")
		case io.Reader:
			return s.body.set("Data", request.NewFileBodyProducer(v, request.FileBodyConfig{}), "")
		}
		return unsendable("Data", v)
	})
}

// unsendable is the error of an option that was given v.
func unsendable(option string, v any) error {
	return fmt.Errorf("%w: %s: a %T is nothing that can be sent", ErrOption, option, v)
}

// pairsOf returns v, which option was given, as names with a value each.
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

// textsOf returns the texts that v is: one, or those of a slice.
func textsOf(v any) (texts []string, ok bool) {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return []string{fmt.Sprint(v)}, true
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

// Files are sent as multipart/form-data, with the fields of a form that Data gives
// beside them. They are treq's files.
//
//	client.Files{{Name: "photo", Value: multipart.FromFile(f)}}
type Files []multipart.Field

func (f Files) apply(s *settings) error {
	if len(f) == 0 {
		return nil
	}
	if s.body.option != "" && s.body.option != "Data" {
		return fmt.Errorf("%w: %s and Files", ErrOptionsConflict, s.body.option)
	}
	s.body.files = append(s.body.files, f...)
	return nil
}
