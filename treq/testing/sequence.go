package testing

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/client"
)

// An Exchange is a request that is expected and what it is answered with.
type Exchange struct {
	Request Request
	Reply   Reply
}

// A Request is a request that is expected. Each field is either a value that the
// part of that name has to be equal to, or a [Matcher]: [Any], [HasHeaders],
// [Matching] and so on.
type Request struct {
	// Method is a string, in any case.
	Method any
	// URL is a string or a *url.URL, without a query. It is compared as
	// [NormalizeURL] has it.
	URL any
	// Params are the parameters of the query: a url.Values, a client.Params or a
	// map[string][]string. The order of values does not matter. Left out, there must
	// be none.
	Params any
	// Headers are all headers, a client's own among them, Host for example: an
	// http.Header, a client.Headers or a map[string][]string. Left out, they may be
	// any; rather than a value, give a HasHeaders.
	Headers any
	// Data is the body: a string or a []byte. Left out, there must be none.
	Data any
}

// A RequestSequence expects requests one after the other, and answers each as it
// says. It is treq.testing.RequestSequence.
//
//	seq := testing.NewRequestSequence(t, testing.Exchange{
//		Request: testing.Request{Method: "get", URL: "http://an.example/foo"},
//		Reply:   testing.Reply{Code: 200, Body: "ok"},
//	})
//	stub := testing.NewStubTreq(testing.StringStubbingResource(seq), testing.Config{})
//
// A request that is not the one that is expected fails the test, and is answered
// with a 500; the one that is expected still is. So does one that comes when all
// have been made. When the test ends, or [RequestSequence.Consume] does, and
// requests are still expected, the test fails, unless it has for one that was not.
//
// A request that comes when the test is over, from a timer perhaps, is answered in
// the same way, and what the test would have failed for is logged.
//
// It belongs to the goroutine of the reactor that the requests are made on.
type RequestSequence struct {
	// AsyncFailureReporter, if it is set, is told of a request that is not expected,
	// and the test does not fail. It is treq's async_failure_reporter.
	AsyncFailureReporter func(message string)
	// SyncFailureReporter, if it is set, is told of requests that were not made, and
	// the test does not fail. It is the sync_failure_reporter of treq's consume.
	SyncFailureReporter func(message string)

	t        testing.TB
	expected []expectation // what is left of them
	total    int
	at       string // the line where the sequence was made
	failed   bool   // the test has, for a request that was not expected
	told     bool   // the test was, of what is left
}

// An expectation is an Exchange whose values have been made matchers.
type expectation struct {
	method, url, params, headers, data Matcher
	reply                              Reply
}

// NewRequestSequence returns a RequestSequence of exchanges, for the test t. It
// fails t, at the line of its caller, if one makes no sense.
func NewRequestSequence(t testing.TB, exchanges ...Exchange) *RequestSequence {
	t.Helper()
	s := &RequestSequence{t: t, total: len(exchanges), at: caller()}
	for i, x := range exchanges {
		e, err := expect(x)
		if err != nil {
			t.Fatalf("NewRequestSequence: exchange %d of %d: %v", i+1, len(exchanges), err)
		}
		s.expected = append(s.expected, e)
	}
	t.Cleanup(func() {
		t.Helper()
		if !t.Skipped() {
			s.checkConsumed()
		}
	})
	return s
}

// Consumed reports whether all requests that were expected have been made. It is
// treq's consumed.
func (s *RequestSequence) Consumed() bool { return len(s.expected) == 0 }

// Consume calls f, and fails the test, at the line of its caller, if then not all
// requests that were expected have been made. It is treq's consume. Without it, the
// end of the test is when that is looked at.
func (s *RequestSequence) Consume(f func()) {
	s.t.Helper()
	f()
	s.checkConsumed()
}

// checkConsumed reports what is still expected, if anything is.
func (s *RequestSequence) checkConsumed() {
	if s.Consumed() || s.told || s.failed && s.SyncFailureReporter == nil {
		return
	}
	s.t.Helper()
	s.told = true
	var b strings.Builder
	fmt.Fprintf(&b, "Not all expected requests were made, but %d of %d (%s). Still expecting:", s.total-len(s.expected), s.total, s.at)
	for _, e := range s.expected {
		fmt.Fprintf(&b, "\n- %v", e)
	}
	if s.SyncFailureReporter != nil {
		s.SyncFailureReporter(b.String())
		return
	}
	s.t.Error(b.String())
}

// stubbingError is the answer to what is not expected, treq's own.
var stubbingError = Reply{Code: http.StatusInternalServerError, Body: "StubbingError"}

// Respond answers the next request; see [Responder].
func (s *RequestSequence) Respond(req Received) Reply {
	if s.Consumed() {
		s.fail(fmt.Sprintf("No more requests expected after %d (%s), but this one was made:\n%v", s.total, s.at, indented(req.String())))
		return stubbingError
	}
	e := s.expected[0]
	if different, how := e.compare(req); len(different) != 0 {
		s.fail(fmt.Sprintf("%s %s is not the request that is expected, %d of %d (%s). What differs is the %s (-expected +got).\n%s",
			req.Method, req.URL, s.total-len(s.expected)+1, s.total, s.at, list(different), how))
		return stubbingError
	}
	s.expected = s.expected[1:]
	return e.reply
}

// fail reports a request that is not expected.
func (s *RequestSequence) fail(message string) {
	if s.AsyncFailureReporter != nil {
		s.AsyncFailureReporter(message)
		return
	}
	s.failed = true
	report(s.t, message)
}

// compare returns the names of the parts of req that differ from e, and how.
func (e expectation) compare(req Received) (different []string, how string) {
	var b strings.Builder
	for _, part := range []struct {
		name    string
		matcher Matcher
		got     any
	}{
		{"method", e.method, req.Method},
		{"url", e.url, req.URL},
		{"params", e.params, req.Params},
		{"headers", e.headers, req.Headers},
		{"data", e.data, req.Data},
	} {
		if d := part.matcher.Diff(part.got); d != "" {
			different = append(different, part.name)
			fmt.Fprintf(&b, "%s:\n%s\n", part.name, indented(d))
		}
	}
	return different, b.String()
}

// String describes what is expected, as treq does.
func (e expectation) String() string {
	method := e.method.String()
	if m, ok := e.method.(exactly[string]); ok {
		method = m.want
	}
	return fmt.Sprintf("%v(url=%v, params=%v, headers=%v, data=%v)", method, e.url, e.params, e.headers, e.data)
}

// String returns req as it would be expected.
func (req Received) String() string {
	return fmt.Sprintf("%s(url=%q, params=%s, headers=%s, data=%q)",
		req.Method, req.URL, literal(req.Params), literal(req.Headers), shortened(req.Data))
}

// expect makes matchers of what x expects.
func expect(x Exchange) (e expectation, err error) {
	for _, part := range []struct {
		name    string
		value   any
		matcher func(value any) (Matcher, error)
		to      *Matcher
	}{
		{"Method", x.Request.Method, expectMethod, &e.method},
		{"URL", x.Request.URL, expectURL, &e.url},
		{"Params", x.Request.Params, expectParams, &e.params},
		{"Headers", x.Request.Headers, expectHeaders, &e.headers},
		{"Data", x.Request.Data, expectData, &e.data},
	} {
		if m, ok := part.value.(Matcher); ok {
			*part.to = m
			continue
		}
		if *part.to, err = part.matcher(part.value); err != nil {
			return e, fmt.Errorf("the request's %s: %w", part.name, err)
		}
	}
	if code := x.Reply.Code; code != 0 && (code < 200 || code > 999) {
		return e, fmt.Errorf("the reply's Code: %d is not the status of a response", code)
	}
	e.reply = x.Reply
	return e, nil
}

func expectMethod(v any) (Matcher, error) {
	switch v := v.(type) {
	case nil:
		return nil, errMissing
	case string:
		return exactly[string]{strings.ToUpper(v)}, nil
	}
	return nil, wrongType(v, "a string")
}

func expectURL(v any) (Matcher, error) {
	switch v := v.(type) {
	case nil:
		return nil, errMissing
	case *url.URL:
		return expectURL(v.String())
	case string:
		if _, query, has := strings.Cut(v, "?"); has {
			return nil, fmt.Errorf("%q: what follows the ?, %q, belongs in Params", v, query)
		}
		normalized, err := NormalizeURL(v)
		return exactly[string]{normalized}, err
	}
	return nil, wrongType(v, "a string, a *url.URL")
}

func expectParams(v any) (Matcher, error) {
	switch v := v.(type) {
	case nil:
		return exactly[url.Values]{url.Values{}}, nil
	case url.Values:
		return exactly[url.Values]{sorted(v)}, nil
	case client.Params:
		return expectParams(url.Values(v))
	case map[string][]string:
		return expectParams(url.Values(v))
	}
	return nil, wrongType(v, "a url.Values")
}

func expectHeaders(v any) (Matcher, error) {
	switch v := v.(type) {
	case nil:
		return Any, nil
	case http.Header:
		return exactly[http.Header]{sorted(canonical(v))}, nil
	case client.Headers:
		return expectHeaders(http.Header(v))
	case map[string][]string:
		return expectHeaders(http.Header(v))
	}
	return nil, wrongType(v, "an http.Header")
}

func expectData(v any) (Matcher, error) {
	switch v := v.(type) {
	case nil:
		return exactly[string]{}, nil
	case string:
		return exactly[string]{v}, nil
	case []byte:
		return exactly[string]{string(v)}, nil
	}
	return nil, wrongType(v, "a string, a []byte")
}

var errMissing = errors.New("missing; Any is for what does not matter")

func wrongType(v any, right string) error {
	return fmt.Errorf("%T is neither %s nor a Matcher", v, right)
}

// shortened returns text, or the beginning of it if it is long.
func shortened(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s... and %d bytes more", text[:most], len(text)-most)
}

// list returns words as an English list.
func list(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func indented(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
