package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// fake returns a client that takes the place of the session of config. It expects the requests
// of exchanges, in order, and answers them.
func fake(t *testing.T, config SessionConfig, exchanges ...treqtesting.Exchange) *treqtesting.StubTreq {
	seq := treqtesting.NewRequestSequence(t, exchanges...)
	return treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{Client: config.Client()})
}

// TestRequests: what a session adds to each request.
func TestRequests(t *testing.T) {
	base := SessionConfig{BaseURL: "http://an.example"}
	token := SessionConfig{BaseURL: "http://an.example", Headers: treq.Headers{"X-Token": {"XXXYYY"}}}
	login := SessionConfig{BaseURL: "http://an.example", Auth: auth.Basic("user", "pa$$")}
	below := SessionConfig{BaseURL: "http://an.example/v1/"}
	const jsonType, formType, basic = "application/json; charset=UTF-8", "application/x-www-form-urlencoded", "Basic dXNlcjpwYSQk"
	none := treqtesting.Where("no credentials", func(h http.Header) bool { return h["Authorization"] == nil && h["X-Token"] == nil })
	object := map[string]string{"foo": "bar"}
	for _, test := range []struct {
		name            string
		config          SessionConfig
		method, url     string
		options         []treq.Option
		wantURL         string
		params, headers any
		data            any
	}{
		{"get", base, "GET", "/bar", nil, "http://an.example/bar", nil, none, nil},
		{"the base itself", base, "GET", "", nil, "http://an.example/", nil, none, nil},
		{"delete", base, "DELETE", "/bar", nil, "http://an.example/bar", nil, none, nil},
		{"below a path", below, "GET", "bar", nil, "http://an.example/v1/bar", nil, none, nil},
		{"a path of the host", below, "GET", "/bar", nil, "http://an.example/bar", nil, none, nil},
		{"params", base, "GET", "/", []treq.Option{treq.Params{"a": {"b"}}}, "http://an.example/", url.Values{"a": {"b"}}, none, nil},
		{"put JSON", base, "PUT", "/bar", []treq.Option{treq.JSON(object)}, "http://an.example/bar", nil,
			treqtesting.HasHeaders{"Content-Type": {jsonType}}, `{"foo":"bar"}`},
		{"post a list", base, "POST", "/bar", []treq.Option{treq.JSON([]any{object})}, "http://an.example/bar", nil,
			treqtesting.HasHeaders{"Content-Type": {jsonType}}, `[{"foo":"bar"}]`},
		{"post a time", base, "POST", "/bar", []treq.Option{treq.JSON(map[string]any{"ts": Timestamp(time.Unix(12, 999))})}, "http://an.example/bar", nil,
			treqtesting.HasHeaders{"Content-Type": {jsonType}}, `{"ts":12}`},
		{"post a form", base, "POST", "/bar", []treq.Option{treq.Data(object)}, "http://an.example/bar", nil,
			treqtesting.HasHeaders{"Content-Type": {formType}}, "foo=bar"},
		{"post a file", base, "POST", "/bar", []treq.Option{treq.Files{{Name: "log", Value: multipart.FromReader("a.log", strings.NewReader("done"))}}},
			"http://an.example/bar", nil, treqtesting.Any, treqtesting.Matching(`name="log"; filename="a.log"[^z]*done`)},
		{"headers and JSON", token, "POST", "/bar", []treq.Option{treq.JSON(object)}, "http://an.example/bar", nil,
			treqtesting.HasHeaders{"X-Token": {"XXXYYY"}, "Content-Type": {jsonType}}, `{"foo":"bar"}`},
		{"credentials", login, "GET", "/bar", nil, "http://an.example/bar", nil, treqtesting.HasHeaders{"Authorization": {basic}}, nil},
		{"other credentials", login, "GET", "/bar", []treq.Option{treq.Auth(auth.Bearer("t"))}, "http://an.example/bar", nil,
			treqtesting.HasHeaders{"Authorization": {"Bearer t"}}, nil},
		{"another host gets no credentials", login, "GET", "http://other.example/bar", nil, "http://other.example/bar", nil, none, nil},
		{"nor a token", token, "GET", "http://other.example/bar", nil, "http://other.example/bar", nil, none, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			http := fake(t, test.config, treqtesting.Exchange{
				Request: treqtesting.Request{Method: test.method, URL: test.wantURL, Params: test.params, Headers: test.headers, Data: test.data},
				Reply:   treqtesting.Reply{Body: `{"a": ["b"]}`},
			})
			resp := deferredtest.SuccessResultOf(t, http.Request(test.method, test.url, test.options...))
			if text := deferredtest.SuccessResultOf(t, resp.Text()); text != `{"a": ["b"]}` || resp.Code != 200 {
				t.Errorf("got %v with %s", resp, text)
			}
			value := deferredtest.SuccessResultOf(t, response.JSON[map[string][]string](resp))
			if u, err := treqtesting.NormalizeURL(resp.Request.URL.String()); len(value["a"]) != 1 || u != test.wantURL {
				t.Errorf("got %v from %s, %v", value, u, err)
			}
		})
	}
}

// TestDigest: the second request answers the challenge of the first one.
func TestDigest(t *testing.T) {
	http := fake(t, SessionConfig{BaseURL: "http://an.example", Auth: auth.NewDigest("user", "pa$$")},
		treqtesting.Exchange{
			Request: treqtesting.Request{Method: "GET", URL: "http://an.example/bar"},
			Reply:   treqtesting.Reply{Code: 401, Headers: http.Header{"Www-Authenticate": {`Digest realm="r", nonce="n", qop="auth"`}}},
		}, treqtesting.Exchange{
			Request: treqtesting.Request{Method: "GET", URL: "http://an.example/bar", Headers: treqtesting.Where("an answer", func(h http.Header) bool {
				return strings.HasPrefix(h.Get("Authorization"), `Digest username="user"`)
			})},
		})
	if resp := deferredtest.SuccessResultOf(t, http.Get("/bar")); resp.Code != 200 {
		t.Error(resp)
	}
}

// TestDebug: the log has the requests and their bodies, and no password.
func TestDebug(t *testing.T) {
	var log bytes.Buffer
	debug := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	http := fake(t, SessionConfig{BaseURL: "http://an.example", Auth: auth.Basic("user", "pa$$"), Debug: debug}, treqtesting.Exchange{
		Request: treqtesting.Request{Method: "PUT", URL: "http://an.example/bar", Data: "question"},
		Reply:   treqtesting.Reply{Body: "answer", Delay: time.Second},
	})
	d := deferred.Then(http.Put("/bar", treq.Data("question")), (*response.Response).Content)
	http.Advance(time.Second)
	deferredtest.SuccessResultOf(t, d)
	for _, want := range []string{"method=PUT", "http://an.example/bar", "status=200", "question", "answer"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in %s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "dXNlcjpwYSQk") {
		t.Errorf("the password is in %s", log.String())
	}
}

// report is a request of TestReporter.
var report = treqtesting.Request{
	Method:  "POST",
	URL:     "http://an.example/v1/commits/c0ffee/builds",
	Headers: treqtesting.HasHeaders{"Authorization": {"Bearer t"}},
	Data:    treqtesting.JSON(map[string]any{"number": 7, "state": "failure", "finished": 12}),
}

// TestReporter tests a component of the build server.
func TestReporter(t *testing.T) {
	config := SessionConfig{BaseURL: "http://an.example/v1/", Auth: auth.Bearer("t")}
	build := Build{Number: 7, State: "failure", Finished: Timestamp(time.Unix(12, 0))}

	http := fake(t, config, treqtesting.Exchange{Request: report, Reply: treqtesting.Reply{Body: `{"url": "http://an.example/7"}`, Delay: time.Second}})
	d := Reporter{http}.Report("c0ffee", build)
	deferredtest.NoResult(t, d)
	http.Advance(time.Second)
	if page := deferredtest.SuccessResultOf(t, d); page != "http://an.example/7" {
		t.Errorf("got %q", page)
	}

	http = fake(t, config, treqtesting.Exchange{Request: report, Reply: treqtesting.Reply{Code: 404, Body: "no such commit"}})
	err := deferredtest.FailureAs[*response.StatusError](t, Reporter{http}.Report("c0ffee", build))
	if err.Code != 404 || string(err.Body) != "no such commit" {
		t.Errorf("got %v", err)
	}

	http = fake(t, config, treqtesting.Exchange{Request: report, Reply: treqtesting.Reply{Body: "<html>"}})
	if err := deferredtest.FailureResultOf(t, Reporter{http}.Report("c0ffee", build)); !strings.Contains(err.Error(), "<html>") {
		t.Errorf("got %v", err)
	}
}

// TestFake: the fake tells what differs, and what is missing.
func TestFake(t *testing.T) {
	var unexpected, missing string
	seq := treqtesting.NewRequestSequence(t, treqtesting.Exchange{Request: report})
	seq.AsyncFailureReporter = func(message string) { unexpected = message }
	seq.SyncFailureReporter = func(message string) { missing = message }
	seq.Consume(func() {})
	if !strings.Contains(missing, "http://an.example/v1/commits/c0ffee/builds") {
		t.Errorf("of a missing request the fake says %q", missing)
	}
	config := SessionConfig{BaseURL: "http://an.example/v1/", Auth: auth.Bearer("t")}
	http := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{Client: config.Client()})
	err := deferredtest.FailureAs[*response.StatusError](t, Reporter{http}.Report("decaf/bad", Build{Number: 8}))
	if err.Code != 500 || !strings.Contains(unexpected, "/decaf%2Fbad/") || !strings.Contains(unexpected, "float64(8)") {
		t.Errorf("got %v, and the fake says\n%s", err, unexpected)
	}
}
