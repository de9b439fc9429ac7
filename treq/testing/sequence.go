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

// An Exchange is an expected request and its reply.
type Exchange struct {
	Request Request
	Reply   Reply
}

// A Request describes an expected request. Each field holds either the expected value of
// that part, or a [Matcher]: [Any], [HasHeaders], [Matching] and so on.
type Request struct {
	// Method is a string, in any case.
	Method any
	// URL is a string or a *url.URL, without a query, a fragment and a user. Both sides
	// are normalized by [NormalizeURL] before they are compared.
	URL any
	// Params are the parameters of the query: a url.Values, a client.Params or a
	// map[string][]string. The order of values does not matter. nil means none.
	Params any
	// Headers are all headers, including those that the client adds, such as Host: an
	// http.Header, a client.Headers or a map[string][]string. The order of values does
	// not matter. nil means any. A HasHeaders is better than a value: clients may add
	// other headers later.
	Headers any
	// Data is the body: a string or a []byte. nil means none.
	Data any
}

// A RequestSequence expects a sequence of requests, and answers each with its reply. It is
// treq.testing.RequestSequence.
//
//	seq := testing.NewRequestSequence(t, testing.Exchange{
//		Request: testing.Request{Method: "get", URL: "http://an.example/foo"},
//		Reply:   testing.Reply{Code: 200, Body: "ok"},
//	})
//	stub := testing.NewStubTreq(testing.StringStubbingResource(seq), testing.Config{})
//
// An unexpected request fails the test and is answered with a 500. The sequence then still
// expects the same request as before. A request after the last one is unexpected too.
// Requests that are missing at the end of the test, or of [RequestSequence.Consume], fail
// the test, unless an unexpected request has failed it already.
//
// A request may arrive after the end of the test, from a timer for example. It is answered
// in the same way, but a failure is logged.
//
// A RequestSequence belongs to the goroutine of the reactor that makes the requests. The
// zero values of the fields work; set them before the first request.
type RequestSequence struct {
	// AsyncFailureReporter, if set, receives the message about an unexpected request,
	// and the test does not fail. It is treq's async_failure_reporter.
	AsyncFailureReporter func(message string)
	// SyncFailureReporter, if set, receives the message about missing requests, and the
	// test does not fail. It is the sync_failure_reporter of treq's consume.
	SyncFailureReporter func(message string)

	t        testing.TB
	expected []expectation // still expected
	total    int           // number of exchanges
	at       string        // the line of the call of NewRequestSequence
	failed   bool          // an unexpected request has failed the test
	reported bool          // the missing requests have been reported
}

// An expectation is an Exchange whose values are matchers.
type expectation struct {
	method, url, params, headers, data Matcher
	reply                              Reply
}

// NewRequestSequence returns a RequestSequence of exchanges, for the test t. An invalid
// exchange fails t, at the line of the caller.
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

// Consumed reports whether all expected requests have been made.
func (s *RequestSequence) Consumed() bool { return len(s.expected) == 0 }

// Consume calls f, which makes all remaining requests. Missing requests fail the test, at
// the line of the caller. Without Consume, they fail it at its end.
func (s *RequestSequence) Consume(f func()) {
	s.t.Helper()
	f()
	s.checkConsumed()
}

// checkConsumed reports missing requests.
func (s *RequestSequence) checkConsumed() {
	if s.Consumed() || s.reported || s.failed && s.SyncFailureReporter == nil {
		return
	}
	s.t.Helper()
	s.reported = true
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

// stubbingError is the reply to an unexpected request, as in treq.
var stubbingError = Reply{Code: http.StatusInternalServerError, Body: "StubbingError"}

// Respond returns the reply of the next exchange; see [Responder].
func (s *RequestSequence) Respond(req Received) Reply {
	if s.Consumed() {
		s.fail(fmt.Sprintf("No more requests expected after %d (%s), but this one was made:\n%v", s.total, s.at, indent(req.String())))
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

// fail reports an unexpected request.
func (s *RequestSequence) fail(message string) {
	if s.AsyncFailureReporter != nil {
		s.AsyncFailureReporter(message)
		return
	}
	s.failed = true
	report(s.t, message)
}

// compare returns the names of the parts of req that do not match e, and their diffs.
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
			fmt.Fprintf(&b, "%s:\n%s\n", part.name, indent(d))
		}
	}
	return different, b.String()
}

// String describes e in the form of treq.
func (e expectation) String() string {
	method := e.method.String()
	if m, ok := e.method.(exact[string]); ok {
		method = m.want
	}
	return fmt.Sprintf("%v(url=%v, params=%v, headers=%v, data=%v)", method, e.url, e.params, e.headers, e.data)
}

// String describes req in the form of an expectation.
func (req Received) String() string {
	return fmt.Sprintf("%s(url=%q, params=%s, headers=%s, data=%q)",
		req.Method, req.URL, literal(req.Params), literal(req.Headers), shortened(req.Data))
}

// expect turns the values of x into matchers.
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
	if err := x.Reply.check(); err != nil {
		return e, err
	}
	e.reply = x.Reply
	return e, nil
}

func expectMethod(v any) (Matcher, error) {
	switch v := v.(type) {
	case nil:
		return nil, errMissing
	case string:
		return exact[string]{strings.ToUpper(v)}, nil
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
		if _, fragment, has := strings.Cut(v, "#"); has {
			return nil, fmt.Errorf("%q: what follows the #, %q, is never sent", v, fragment)
		}
		if _, rest, _ := strings.Cut(v, "://"); strings.Contains(strings.SplitN(rest, "/", 2)[0], "@") {
			return nil, fmt.Errorf("%q: a user is sent as Authorization, which belongs in Headers", v)
		}
		normalized, err := NormalizeURL(v)
		return exact[string]{normalized}, err
	}
	return nil, wrongType(v, "a string, a *url.URL")
}

func expectParams(v any) (Matcher, error) {
	switch v := v.(type) {
	case nil:
		return exact[url.Values]{url.Values{}}, nil
	case url.Values:
		return exact[url.Values]{sorted(v)}, nil
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
		return exact[http.Header]{sorted(canonical(v))}, nil
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
		return exact[string]{}, nil
	case string:
		return exact[string]{v}, nil
	case []byte:
		return exact[string]{string(v)}, nil
	}
	return nil, wrongType(v, "a string, a []byte")
}

var errMissing = errors.New("missing; Any is for what does not matter")

func wrongType(v any, right string) error {
	return fmt.Errorf("%T is neither %s nor a Matcher", v, right)
}

// shortened returns text without what exceeds 1000 bytes.
func shortened(text string) string {
	const limit = 1000
	if len(text) <= limit {
		return text
	}
	return fmt.Sprintf("%s... and %d bytes more", text[:limit], len(text)-limit)
}

// list joins words: "a, b and c".
func list(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
