package testing_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/failtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// A recorder is a testing.TB that records its failures. Its end is the call of end.
type recorder struct {
	failtest.TB
	output   bytes.Buffer
	failed   bool
	cleanups []func()
	over     bool
}

func (r *recorder) Name() string      { return "TestRecorded" }
func (r *recorder) Skipped() bool     { return false }
func (r *recorder) Cleanup(f func())  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Output() io.Writer { return &r.output }
func (r *recorder) Error(args ...any) {
	fmt.Fprintln(&r.output, args...)
	r.Fail()
}

func (r *recorder) Fail() {
	if r.over {
		panic("Fail after TestRecorded has completed")
	}
	r.failed = true
}

// end ends the test and returns its output.
func (r *recorder) end() string {
	for _, f := range r.cleanups {
		f()
	}
	r.over = true
	return r.output.String()
}

// lineNumber matches the place in a report.
var lineNumber = regexp.MustCompile(`sequence_test\.go:\d+`)

func unnumbered(text string) string {
	return lineNumber.ReplaceAllString(text, "sequence_test.go:LINE")
}

// acceptEncoding returns the Accept-Encoding that a client adds to its requests.
func acceptEncoding(t *testing.T) string {
	var got string
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(treqtesting.ResponderFunc(func(req treqtesting.Received) treqtesting.Reply {
		got = req.Headers.Get("Accept-Encoding")
		return treqtesting.Reply{}
	})), treqtesting.Config{})
	deferredtest.SuccessResultOf(t, stub.Get("http://an.example"))
	return got
}

// sequence returns a StubTreq for a sequence of exchanges, the sequence and its reports.
func sequence(t *testing.T, config treqtesting.Config, exchanges ...treqtesting.Exchange) (*treqtesting.StubTreq, *treqtesting.RequestSequence, *[]string) {
	seq := treqtesting.NewRequestSequence(t, exchanges...)
	var reports []string
	seq.AsyncFailureReporter = func(message string) { reports = append(reports, unnumbered(message)) }
	seq.SyncFailureReporter = seq.AsyncFailureReporter
	return treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), config), seq, &reports
}

// content returns the code and the body of the response that d has.
func content(t testing.TB, d *deferred.Deferred[*response.Response]) (int, string) {
	t.Helper()
	resp := deferredtest.SuccessResultOf(t, d)
	return resp.Code, deferredtest.SuccessResultOf(t, resp.Text())
}

// getExample expects a GET of http://an.example.
var getExample = treqtesting.Exchange{Request: treqtesting.Request{Method: "get", URL: "http://an.example"}}

// TestSequence: the expected requests, in order, are answered. An unexpected one does not
// count.
func TestSequence(t *testing.T) { overBoth(t, testSequence) }

func testSequence(t *testing.T, config treqtesting.Config) {
	stub, seq, reports := sequence(t, config,
		treqtesting.Exchange{
			Request: treqtesting.Request{Method: "get", URL: "https://anything/", Params: url.Values{"1": {"2"}},
				Headers: treqtesting.HasHeaders{"1": {"1"}}, Data: "what"},
			Reply: treqtesting.Reply{Code: 418, Body: "body"},
		},
		treqtesting.Exchange{
			Request: treqtesting.Request{Method: "get", URL: "http://anything", Headers: treqtesting.HasHeaders{"2": {"1"}}, Data: "what"},
			Reply:   treqtesting.Reply{Code: 202, Body: "deleted"},
		})
	get := func() (int, string) {
		t.Helper()
		return content(t, stub.Get("https://anything?1=2", client.Body("what"), client.Headers{"1": {"1"}}))
	}
	if code, body := get(); code != 418 || body != "body" || len(*reports) != 0 {
		t.Errorf("the first: %d %q, reports %q", code, body, *reports)
	}
	if code, body := get(); code != 500 || body != "StubbingError" {
		t.Errorf("the second: %d %q", code, body)
	}
	want := `GET https://anything/ is not the request that is expected, 2 of 2 (sequence_test.go:LINE). What differs is the url, params and headers (-expected +got).
url:
  - "http://anything/"
  + "https://anything/"
params:
    url.Values{
  + 	"1": {"2"},
    }
headers:
    http.Header{
  - 	"2": {"1"},
    }
`
	if len(*reports) != 1 {
		t.Fatalf("%d reports: %q", len(*reports), *reports)
	}
	if d := cmp.Diff(want, (*reports)[0]); d != "" {
		t.Errorf("the report (-want +got):\n%s", d)
	}
	if seq.Consumed() {
		t.Error("consumed after one of two requests")
	}
	code, body := content(t, stub.Get("http://anything", client.Body("what"), client.Headers{"2": {"1"}}))
	if code != 202 || body != "deleted" || !seq.Consumed() {
		t.Errorf("the expected one: %d %q, consumed %v", code, body, seq.Consumed())
	}
}

// TestNoMoreRequests: a request after the last expected one is reported.
func TestNoMoreRequests(t *testing.T) { overBoth(t, testNoMoreRequests) }

func testNoMoreRequests(t *testing.T, config treqtesting.Config) {
	stub, seq, reports := sequence(t, config)
	code, body := content(t, stub.Post("https://anything", client.Body("what"), client.Headers{"a": {"1"}}))
	if code != 500 || body != "StubbingError" {
		t.Errorf("%d %q", code, body)
	}
	if !seq.Consumed() {
		t.Error("an empty sequence is not consumed")
	}
	want := []string{`No more requests expected after 0 (sequence_test.go:LINE), but this one was made:
  POST(url="https://anything/", params={}, headers={"A": {"1"}, "Accept-Encoding": {"` + acceptEncoding(t) + `"}, "Content-Length": {"4"}, "Host": {"anything"}, "User-Agent": {"` + client.DefaultUserAgent + `"}}, data="what")`}
	if d := cmp.Diff(want, *reports); d != "" {
		t.Errorf("reports (-want +got):\n%s", d)
	}
}

// TestAny: Any matches every part.
func TestAny(t *testing.T) { overBoth(t, testAny) }

func testAny(t *testing.T, config treqtesting.Config) {
	anything := treqtesting.Exchange{
		Request: treqtesting.Request{Method: treqtesting.Any, URL: treqtesting.Any, Params: treqtesting.Any,
			Headers: treqtesting.Any, Data: treqtesting.Any},
		Reply: treqtesting.Reply{Code: 418, Body: "body"},
	}
	stub, seq, reports := sequence(t, config, anything)
	seq.Consume(func() {
		code, body := content(t, stub.Get("https://anything?x=y", client.Body("what"), client.Headers{"1": {"1"}}))
		if code != 418 || body != "body" {
			t.Errorf("%d %q", code, body)
		}
	})
	if len(*reports) != 0 || !seq.Consumed() {
		t.Errorf("reports %q, consumed %v", *reports, seq.Consumed())
	}
}

// TestConsume: Consume reports the missing requests.
func TestConsume(t *testing.T) { overBoth(t, testConsume) }

func testConsume(t *testing.T, config treqtesting.Config) {
	anything := treqtesting.Exchange{Request: treqtesting.Request{Method: treqtesting.Any, URL: treqtesting.Any}}
	form := treqtesting.Exchange{Request: treqtesting.Request{Method: "post", URL: "http://a.example", Params: url.Values{"q": {"2", "1"}},
		Headers: http.Header{"x-y": {"z"}}, Data: treqtesting.JSON([]int{1})}}
	stub, seq, reports := sequence(t, config, anything, anything, form)
	seq.Consume(func() { content(t, stub.Get("https://anything")) })
	want := []string{`Not all expected requests were made, but 1 of 3 (sequence_test.go:LINE). Still expecting:
- Any(url=Any, params={}, headers=Any, data="")
- POST(url="http://a.example/", params={"q": {"1", "2"}}, headers={"X-Y": {"z"}}, data=JSON([1]))`}
	if d := cmp.Diff(want, *reports); d != "" {
		t.Errorf("reports (-want +got):\n%s", d)
	}
}

// TestDefaults: nil Params and Data match only a request without them, nil Headers match
// any. An empty Reply is an empty 200.
func TestDefaults(t *testing.T) { overBoth(t, testDefaults) }

func testDefaults(t *testing.T, config treqtesting.Config) {
	plain := treqtesting.Exchange{Request: treqtesting.Request{Method: "Post", URL: "HTTP://An.Example:80"}}
	for _, test := range []struct {
		name    string
		url     string
		options client.All
		code    int
	}{
		{"the same", "http://an.example/", nil, 200},
		{"headers", "http://an.example/", client.All{client.Headers{"a": {"b"}}}, 200},
		{"params", "http://an.example/", client.All{client.Params{"a": {"b"}}}, 500},
		{"data", "http://an.example/", client.All{client.Body("text")}, 500},
		{"another path", "http://an.example/x", nil, 500},
	} {
		stub, _, _ := sequence(t, config, plain)
		if code, body := content(t, stub.Post(test.url, test.options)); code != test.code || code == 200 && body != "" {
			t.Errorf("%s: %d %q, want %d", test.name, code, body, test.code)
		}
	}
}

// TestNothingOfAQueryIsDropped: what a strict parser drops is a difference, and the report
// names it.
func TestNothingOfAQueryIsDropped(t *testing.T) { overBoth(t, testNothingOfAQueryIsDropped) }

func testNothingOfAQueryIsDropped(t *testing.T, config treqtesting.Config) {
	for _, test := range []struct {
		query  string
		params url.Values // the parameters that match
		report string     // a part of the report if none are expected
	}{
		{"delete=all;confirm=yes", url.Values{"delete": {"all;confirm=yes"}}, `"delete": {"all;confirm=yes"}`},
		{";", url.Values{";": {""}}, `";": {""}`},
		{"a=100%25&b=%zz", url.Values{"a": {"100%"}, "b": {"%zz"}}, `"b": {"%zz"}`},
		{"a", url.Values{"a": {""}}, `"a": {""}`},
		{"=", url.Values{"": {""}}, `"": {""}`},
		{"a+b=c+d&a%20b=", url.Values{"a b": {"c d", ""}}, `"a b": {"", "c d"}`},
	} {
		rawURL := "http://an.example/?" + test.query
		matching := treqtesting.Request{Method: "GET", URL: "http://an.example/", Params: test.params}
		stub, _, reports := sequence(t, config, treqtesting.Exchange{Request: matching})
		if code, _ := content(t, stub.Get(rawURL)); code != 200 {
			t.Errorf("%s: does not match %v: %s", test.query, test.params, *reports)
		}
		matching.Params = nil
		stub, _, reports = sequence(t, config, treqtesting.Exchange{Request: matching})
		content(t, stub.Get(rawURL))
		if got := fmt.Sprint(*reports); !strings.Contains(got, "What differs is the params") || !strings.Contains(got, test.report) {
			t.Errorf("%s: the report %s, without %s", test.query, got, test.report)
		}
	}
}

// TestParts: each part of a Request may have several types, and a report names the parts
// that differ.
func TestParts(t *testing.T) { overBoth(t, testParts) }

func testParts(t *testing.T, config treqtesting.Config) {
	good := func() treqtesting.Request {
		return treqtesting.Request{Method: "POST", URL: "http://an.example/foo", Params: url.Values{"q": {"a b", "c"}}, Data: "line\nline"}
	}
	send := func(stub *treqtesting.StubTreq) *deferred.Deferred[*response.Response] {
		return stub.Post("http://an.example/foo", client.Params{"q": {"c", "a b"}}, client.Body("line\nline"), client.Headers{"X-A": {"2", "1"}})
	}
	exact := http.Header{"x-a": {"1", "2"}, "Host": {"an.example"}, "Accept-Encoding": {acceptEncoding(t)}, "Content-Length": {"9"}, "User-Agent": {client.DefaultUserAgent}}
	for _, test := range []struct {
		name string
		set  func(r *treqtesting.Request)
		want string // the parts that differ
	}{
		{"all as expected", func(r *treqtesting.Request) {}, ""},
		{"a parsed URL", func(r *treqtesting.Request) { r.URL = &url.URL{Scheme: "http", Host: "an.example", Path: "/foo"} }, ""},
		{"client.Params", func(r *treqtesting.Request) { r.Params = client.Params{"q": {"c", "a b"}} }, ""},
		{"a map of params", func(r *treqtesting.Request) { r.Params = map[string][]string{"q": {"c", "a b"}} }, ""},
		{"HasParams", func(r *treqtesting.Request) { r.Params = treqtesting.HasParams{"q": {"c"}} }, ""},
		{"http.Header", func(r *treqtesting.Request) { r.Headers = exact }, ""},
		{"client.Headers", func(r *treqtesting.Request) { r.Headers = client.Headers(exact) }, ""},
		{"a map of headers", func(r *treqtesting.Request) { r.Headers = map[string][]string(exact) }, ""},
		{"bytes", func(r *treqtesting.Request) { r.Data = []byte("line\nline") }, ""},
		{"other bytes", func(r *treqtesting.Request) { r.Data = []byte("line\nother") }, "data"},
		{"a different method", func(r *treqtesting.Request) { r.Method = "put" }, "method"},
		{"a different scheme", func(r *treqtesting.Request) { r.URL = "https://an.example/foo" }, "url"},
		{"a different value", func(r *treqtesting.Request) { r.Params = url.Values{"q": {"a b"}} }, "params"},
		{"a different header", func(r *treqtesting.Request) { r.Headers = http.Header{"X-A": {"1", "2"}} }, "headers"},
		{"no data", func(r *treqtesting.Request) { r.Data = nil }, "data"},
		{"all differs", func(r *treqtesting.Request) {
			*r = treqtesting.Request{Method: "get", URL: "http://other.example", Headers: http.Header{}}
		}, "method, url, params, headers and data"},
	} {
		expected := good()
		test.set(&expected)
		stub, _, reports := sequence(t, config, treqtesting.Exchange{Request: expected})
		content(t, send(stub))
		got := ""
		if len(*reports) != 0 {
			_, got, _ = strings.Cut((*reports)[0], "What differs is the ")
			got, _, _ = strings.Cut(got, " (")
		}
		if got != test.want {
			t.Errorf("%s: differs in %q, want %q\n%s", test.name, got, test.want, *reports)
		}
	}
}

// TestBadExchanges: an invalid exchange fails the test.
func TestBadExchanges(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(x *treqtesting.Exchange)
		want string
	}{
		{"no method", func(x *treqtesting.Exchange) { x.Request.Method = nil }, "the request's Method: missing; Any is for what does not matter"},
		{"no URL", func(x *treqtesting.Exchange) { x.Request.URL = nil }, "the request's URL: missing; Any is for what does not matter"},
		{"a query", func(x *treqtesting.Exchange) { x.Request.URL = "http://a/?b=c" }, `the request's URL: "http://a/?b=c": what follows the ?, "b=c", belongs in Params`},
		{"a fragment", func(x *treqtesting.Exchange) { x.Request.URL = "http://a/b#c" }, `the request's URL: "http://a/b#c": what follows the #, "c", is never sent`},
		{"a user", func(x *treqtesting.Exchange) { x.Request.URL = "http://b:c@a" }, `the request's URL: "http://b:c@a": a user is sent as Authorization, which belongs in Headers`},
		{"no scheme", func(x *treqtesting.Exchange) { x.Request.URL = "an.example/foo" }, `the request's URL: "an.example/foo": a URL needs a scheme and a host`},
		{"a number for a method", func(x *treqtesting.Exchange) { x.Request.Method = 1 }, "the request's Method: int is neither a string nor a Matcher"},
		{"a text for params", func(x *treqtesting.Exchange) { x.Request.Params = "a=b" }, "the request's Params: string is neither a url.Values nor a Matcher"},
		{"single values for headers", func(x *treqtesting.Exchange) { x.Request.Headers = map[string]string{} }, "the request's Headers: map[string]string is neither an http.Header nor a Matcher"},
		{"a map for data", func(x *treqtesting.Exchange) { x.Request.Data = map[string]int{} }, "the request's Data: map[string]int is neither a string, a []byte nor a Matcher"},
		{"a body that is not sent", func(x *treqtesting.Exchange) { x.Reply = treqtesting.Reply{Code: 204, Body: "x"} }, "the reply's Body: a 204 has none"},
		{"an interim reply", func(x *treqtesting.Exchange) { x.Reply.Code = 103 }, "the reply's Code: 103 is not the status of a response"},
	} {
		x := getExample
		test.set(&x)
		got := failtest.Text(func(t testing.TB) { treqtesting.NewRequestSequence(t, getExample, x) })
		if want := "NewRequestSequence: exchange 2 of 2: " + test.want; got != want {
			t.Errorf("%s: got %q, want %q", test.name, got, want)
		}
	}
}

// TestSequenceFailsItsTest: without reporters, each mistake fails the test once.
func TestSequenceFailsItsTest(t *testing.T) { overBoth(t, testSequenceFailsItsTest) }

func testSequenceFailsItsTest(t *testing.T, config treqtesting.Config) {
	for _, test := range []struct {
		name     string
		requests []string
		want     string // the start of the test's output
	}{
		{"as expected", []string{"get", "get"}, ""},
		{"another", []string{"get", "put"}, "sequence_test.go:LINE: PUT http://an.example/ is not the request that is expected, 2 of 2 ("},
		{"one too many", []string{"get", "get", "get"}, "sequence_test.go:LINE: No more requests expected after 2 ("},
		{"one too few", []string{"get"}, "Not all expected requests were made, but 1 of 2 ("},
		{"none", nil, "Not all expected requests were made, but 0 of 2 ("},
	} {
		r := &recorder{}
		seq := treqtesting.NewRequestSequence(r, getExample, getExample)
		stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), config)
		for _, method := range test.requests {
			deferredtest.SuccessResultOf(t, stub.Request(method, "http://an.example"))
		}
		got := r.end()
		if r.failed != (test.want != "") {
			t.Errorf("%s: failed is %v: %s", test.name, r.failed, got)
		}
		got = unnumbered(got)
		if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q at the start", test.name, got, test.want)
		}
		if n := strings.Count(got, "\n"); n > 8 || strings.Contains(got, "\nNot all expected") {
			t.Errorf("%s: %d lines, or more than one failure:\n%s", test.name, n, got)
		}
	}
}

// TestConsumeFailsItsTest: Consume fails the test, and the end of the test does not report
// the same requests again.
func TestConsumeFailsItsTest(t *testing.T) {
	r := &recorder{}
	seq := treqtesting.NewRequestSequence(r, getExample)
	seq.Consume(func() {})
	if got := r.end(); !r.failed || strings.Count(got, "Not all expected") != 1 {
		t.Errorf("failed is %v: %s", r.failed, got)
	}
}

// TestAfterTheEnd: an unexpected request after the end of the test is answered and logged.
func TestAfterTheEnd(t *testing.T) { overBoth(t, testAfterTheEnd) }

func testAfterTheEnd(t *testing.T, config treqtesting.Config) {
	log := logtest.Capture(t)
	r := &recorder{}
	seq := treqtesting.NewRequestSequence(r)
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), config)
	var d *deferred.Deferred[*response.Response]
	stub.Reactor().CallLater(time.Second, func() { d = stub.Get("http://an.example/late") })
	if got := r.end(); got != "" {
		t.Errorf("at the end: %s", got)
	}
	stub.Advance(time.Second)
	if code, _ := content(t, d); code != 500 {
		t.Errorf("got %d", code)
	}
	for _, want := range []string{"a request after the test's end", "test=TestRecorded", "http://an.example/late", "No more requests expected"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, log.String())
		}
	}
}
