package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file holds the options of a request: treq's keyword arguments. Each is a
// value of a named type, so that a call reads like one with keywords:
//
//	c.Get(url, client.Params{"q": {"go"}}, client.Timeout(5*time.Second))

// An Option says something of a request beside its method and URL.
type Option interface {
	apply(*settings) error
}

// settings are what a request's options say, all together.
type settings struct {
	params  [][2]string
	header  http.Header
	body    request.BodyProducer
	from    string // which option gave the body
	timeout time.Duration
}

// Params are added to the query of the URL, sorted by name, behind what is there.
// They are treq's params, given a dict.
type Params map[string][]string

func (p Params) apply(s *settings) error {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		for _, value := range p[name] {
			s.params = append(s.params, [2]string{name, value})
		}
	}
	return nil
}

// ParamList is Params in an order of their own. It is treq's params, given a list.
type ParamList [][2]string

func (p ParamList) apply(s *settings) error {
	s.params = append(s.params, p...)
	return nil
}

// Headers are sent with the request. Names may be in any case. They are treq's
// headers.
type Headers map[string][]string

func (h Headers) apply(s *settings) error {
	if s.header == nil {
		s.header = make(http.Header, len(h)+2)
	}
	// In order, because names that differ only in case end up in one list.
	for _, name := range slices.Sorted(maps.Keys(h)) {
		canonical := http.CanonicalHeaderKey(name)
		s.header[canonical] = append(s.header[canonical], h[name]...)
	}
	return nil
}

// Timeout bounds how long it may take until the head of the response is there.
// It is treq's timeout.
type Timeout time.Duration

func (t Timeout) apply(s *settings) error {
	if t <= 0 {
		return fmt.Errorf("Timeout(%v): not positive", time.Duration(t))
	}
	s.timeout = time.Duration(t)
	return nil
}

// Body is sent as it is. It is treq's data, given bytes. A string can be
// converted: Body("text").
type Body []byte

func (b Body) apply(s *settings) error { return s.setBody("Body", request.Bytes(b)) }

// JSON is v as JSON, sent with a Content-Type of application/json unless Headers
// give one. It is treq's json.
func JSON(v any) Option { return jsonOption{v} }

type jsonOption struct{ v any }

func (j jsonOption) apply(s *settings) error {
	data, err := json.Marshal(j.v)
	if err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	return s.setBody("JSON", request.Bytes(data))
}

func (s *settings) setBody(option string, body request.BodyProducer) error {
	if s.from != "" {
		return fmt.Errorf("%w: %s and %s", ErrOptionsConflict, s.from, option)
	}
	s.from, s.body = option, body
	return nil
}

var (
	// ErrOptionsConflict is the error of options that exclude each other; its
	// text names them.
	ErrOptionsConflict = errors.New("options that exclude each other")
)

// build makes the request of its parts.
func (s *settings) build(method, rawURL string, options []Option) (*request.Request, error) {
	for _, o := range options {
		if o == nil {
			return nil, errors.New("an option is nil")
		}
		if err := o.apply(s); err != nil {
			return nil, err
		}
	}
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	u = addParams(u, s.params)
	if s.header == nil {
		s.header = make(http.Header, 2)
	}
	if s.from == "JSON" && s.header["Content-Type"] == nil {
		s.header["Content-Type"] = []string{"application/json; charset=UTF-8"}
	}
	return &request.Request{
		Method: strings.ToUpper(method),
		URL:    u,
		Header: s.header,
		Body:   s.body,
	}, nil
}
