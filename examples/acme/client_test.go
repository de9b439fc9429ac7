package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

const directory = `{"newNonce": "http://ca.example/nonce", "newAccount": "http://ca.example/account", "newOrder": "http://ca.example/order"}`

// getDirectory, headNonce and post are the exchanges of the tests.
func getDirectory(body string) treqtesting.Exchange {
	return treqtesting.Exchange{
		Request: treqtesting.Request{Method: "GET", URL: "http://ca.example/", Headers: treqtesting.HasHeaders{"User-Agent": {"gotreq-acme/1.0"}}},
		Reply:   treqtesting.Reply{Headers: http.Header{"Content-Type": {"application/json"}}, Body: body},
	}
}

func headNonce(nonce string) treqtesting.Exchange {
	return treqtesting.Exchange{
		Request: treqtesting.Request{Method: "HEAD", URL: "http://ca.example/nonce"},
		Reply:   treqtesting.Reply{Headers: http.Header{"Replay-Nonce": {nonce}}},
	}
}

func post(nonce string, reply treqtesting.Reply) treqtesting.Exchange {
	return treqtesting.Exchange{Request: treqtesting.Request{
		Method: "POST", URL: "http://ca.example/a", Headers: treqtesting.HasHeaders{"Content-Type": {"application/jose+json"}}, Data: signed(nonce, ""),
	}, Reply: reply}
}

// signed matches a request by rfcKey with nonce and payload.
func signed(nonce, payload string) treqtesting.Matcher {
	return treqtesting.Where(fmt.Sprintf("signed %q with the nonce %s", payload, nonce), func(data string) bool {
		var s jws
		var h header
		err := errors.Join(json.Unmarshal([]byte(data), &s), json.Unmarshal(decode(s.Protected), &h))
		return err == nil && h.JWK != nil && h.KID == "" && h.Alg == "EdDSA" && h.URL == "http://ca.example/a" &&
			h.Nonce == nonce && string(decode(s.Payload)) == payload && verify(*h.JWK, h.Alg, s)
	})
}

// ok and problem are replies.
func ok(nonce string) treqtesting.Reply {
	return treqtesting.Reply{Headers: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Replay-Nonce": {nonce}}, Body: "{}"}
}

func problem(kind, nonce string) treqtesting.Reply {
	return treqtesting.Reply{Code: 400, Headers: http.Header{"Content-Type": {"application/problem+json"}, "Replay-Nonce": {nonce}},
		Body: fmt.Sprintf(`{"type": %q, "detail": "not so"}`, kind)}
}

// newTestClient returns a client whose server expects the requests of exchanges.
func newTestClient(t *testing.T, exchanges ...treqtesting.Exchange) (*treqtesting.StubTreq, *Client) {
	t.Helper()
	seq := treqtesting.NewRequestSequence(t, append([]treqtesting.Exchange{getDirectory(directory)}, exchanges...)...)
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})
	return stub, deferredtest.SuccessResultOf(t, NewClient(stub.Reactor(), stub, rfcKey, "http://ca.example/"))
}

// TestDirectory: a client has no life without a directory.
func TestDirectory(t *testing.T) {
	for _, test := range []struct {
		name, body, want string
	}{
		{"no URL of nonces", strings.Replace(directory, "newNonce", "old", 1), "lacks URLs"},
		{"no URL of orders", strings.Replace(directory, "newOrder", "old", 1), "lacks URLs"},
		{"no JSON", "<html>", "<html>"},
		{"empty", "", "JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			seq := treqtesting.NewRequestSequence(t, getDirectory(test.body))
			stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})
			err := deferredtest.FailureResultOf(t, NewClient(stub.Reactor(), stub, rfcKey, "http://ca.example/"))
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	stub := treqtesting.NewHandlerStubTreq(http.NotFoundHandler(), treqtesting.Config{})
	deferredtest.FailureIs(t, NewClient(stub.Reactor(), stub, publicOnly{}, "http://ca.example/"), ErrKey)
	if err := deferredtest.FailureAs[*response.StatusError](t, NewClient(stub.Reactor(), stub, rfcKey, "http://ca.example/")); err.Code != 404 {
		t.Errorf("got %v", err)
	}
}

// TestNonces: a nonce is used once, and each response brings the next one. Payloads are JSON.
func TestNonces(t *testing.T) {
	second := post("bm9uY2UtMg", ok("invalid!"))
	second.Request.Data = signed("bm9uY2UtMg", `{"a":1}`)
	_, c := newTestClient(t,
		headNonce("bm9uY2UtMQ"), post("bm9uY2UtMQ", ok("bm9uY2UtMg")),
		second, // and no HEAD; what it brings is ignored
		headNonce("bm9uY2UtMw"), post("bm9uY2UtMw", problem("urn:ietf:params:acme:error:unauthorized", "bm9uY2UtNA")),
		post("bm9uY2UtNA", ok("")),
		headNonce("bm9uY2UtNQ"), post("bm9uY2UtNQ", ok("")),
	)
	for _, payload := range []any{nil, map[string]int{"a": 1}} {
		deferredtest.SuccessResultOf(t, c.Post("http://ca.example/a", payload, jsonType))
	}
	refused := deferredtest.FailureAs[*Problem](t, c.Post("http://ca.example/a", nil, jsonType))
	if refused.Kind() != "unauthorized" || refused.Error() != "unauthorized: not so" {
		t.Errorf("got %v", refused)
	}
	for range 2 {
		deferredtest.SuccessResultOf(t, c.Post("http://ca.example/a", nil, jsonType))
	}
	c.nonces = []string{"NQ"}
	if err := deferredtest.FailureAs[*json.UnsupportedTypeError](t, c.Post("http://ca.example/a", func() {}, jsonType)); err.Type.Kind() != reflect.Func {
		t.Errorf("got %v", err)
	}
}

// TestNoNonce: a server that gives none, or an invalid one, gets no request.
func TestNoNonce(t *testing.T) {
	for _, nonce := range []string{"", "a b", "a+b="} {
		_, c := newTestClient(t, headNonce(nonce))
		deferredtest.FailureIs(t, c.Post("http://ca.example/a", nil, jsonType), ErrProtocol)
	}
}

// TestBadNonce: a refused nonce is replaced by the one that came with the refusal. The others that
// are left are dropped. A server that refuses three gets no fourth.
func TestBadNonce(t *testing.T) {
	bad := func(nonce string) treqtesting.Reply { return problem("urn:acme:error:badNonce", nonce) }
	_, c := newTestClient(t, post("b2xk", bad("bmV3")), post("bmV3", ok("bmV4dA")), post("bmV4dA", ok("")))
	c.nonces = []string{"b2xkZXI", "b2xk"}
	for range 2 {
		deferredtest.SuccessResultOf(t, c.Post("http://ca.example/a", nil, jsonType))
	}

	_, c = newTestClient(t, headNonce("MQ"), post("MQ", bad("Mg")), post("Mg", bad("")), headNonce("Mw"), post("Mw", bad("NA")))
	if err := deferredtest.FailureAs[*Problem](t, c.Post("http://ca.example/a", nil, jsonType)); err.Kind() != "badNonce" || fmt.Sprint(c.nonces) != "[NA]" {
		t.Errorf("got %v, %v are left", err, c.nonces)
	}
}

// TestAnswers: what a client makes of the answers to a request.
func TestAnswers(t *testing.T) {
	const problemType = "application/problem+json"
	for _, test := range []struct {
		name      string
		code      int
		mediaType string
		body      string
		problem   string // "": the error has none
		target    error  // that errors.Is finds, or nil
		text      string // of the error
	}{
		{"a problem", 403, problemType, `{"type": "urn:ietf:params:acme:error:caa", "detail": "no"}`, "caa: no", nil, "caa: no"},
		{"with subproblems", 403, problemType, `{"type": "x:compound", "title": "all", "subproblems": [{"type": "x:dns", "detail": "gone", "identifier": {"type": "dns", "value": "a.example"}}, {"type": "x:tls"}]}`,
			"compound: all; a.example: dns: gone; tls: no details", nil, "compound"},
		{"an empty problem", 403, problemType, `{}`, "problem: no details", nil, "403"},
		{"a problem that is no JSON", 403, problemType, `{`, "", nil, "403 Forbidden: {"},
		{"the page of a proxy", 502, "text/html", "<h1>Gone", "", nil, "502 Bad Gateway: <h1>Gone"},
		{"a status without a body", 500, "text/plain", "", "", nil, "500"},
		{"not modified", 304, "text/plain", "", "", nil, "304"},
		{"another type", 200, "text/html", "<h1>Hello", "", ErrProtocol, `"text/html", want "application/json"`},
		{"no type", 200, "/", "{}", "", ErrProtocol, "want"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, c := newTestClient(t, post("MQ", treqtesting.Reply{Code: test.code, Body: test.body, Headers: http.Header{"Content-Type": {test.mediaType}}}))
			c.nonces = []string{"MQ"}
			err := deferredtest.FailureResultOf(t, c.Post("http://ca.example/a", nil, jsonType))
			var p *Problem
			if errors.As(err, &p) != (test.problem != "") || p != nil && p.Error() != test.problem {
				t.Errorf("got the problem %v", p)
			}
			var status *response.StatusError
			if errors.As(err, &status) != (test.target == nil) || status != nil && status.Code != test.code {
				t.Errorf("got the status error %v", status)
			}
			if test.target != nil && !errors.Is(err, test.target) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestParallel: requests at the same time have different nonces, and keep those that come.
func TestParallel(t *testing.T) {
	first := post("MQ", ok("Mw"))
	first.Reply.Delay = time.Second
	stub, c := newTestClient(t, headNonce("MQ"), first, headNonce("Mg"), post("Mg", ok("NA")), post("NA", ok("")), post("Mw", ok("")))
	var all []*response.Deferred
	for range 3 {
		all = append(all, c.Post("http://ca.example/a", nil, jsonType))
	}
	stub.Advance(time.Second)
	deferredtest.SuccessResultOf(t, deferred.GatherResults(all))
	deferredtest.SuccessResultOf(t, c.Post("http://ca.example/a", nil, jsonType))
}

// TestSilence: a request ends by itself, by a cancel, and by Stop, and leaves nothing behind.
func TestSilence(t *testing.T) {
	silent := treqtesting.Reply{Ending: treqtesting.NoAnswer}
	first := headNonce("")
	first.Reply = silent
	stub, c := newTestClient(t, first, post("MQ", silent), post("Mg", silent), post("Mw", ok("")))
	c.nonces = nil
	d := c.Post("http://ca.example/a", nil, jsonType)
	stub.Advance(requestTimeout - 1)
	deferredtest.NoResult(t, d)
	stub.Advance(1)
	if err := deferredtest.FailureResultOf(t, d); !strings.Contains(err.Error(), "no response for 40s") {
		t.Errorf("got %v", err)
	}
	c.nonces = []string{"Mw", "Mg", "MQ"}
	d = c.Post("http://ca.example/a", nil, jsonType)
	d.Cancel()
	deferredtest.FailureIs(t, d, deferred.ErrCancelled)
	d = c.Post("http://ca.example/a", nil, jsonType)
	stub.Advance(time.Second)
	deferredtest.NoResult(t, d)
	deferredtest.SuccessResultOf(t, c.Post("http://ca.example/a", nil, jsonType))
	c.Stop()
	stub.Flush()
	deferredtest.FailureIs(t, d, ErrStopped)
	c.nonces = []string{"NA"}
	deferredtest.FailureIs(t, c.Post("http://ca.example/a", nil, jsonType), ErrStopped)
	if calls := stub.DelayedCalls(); len(calls) != 0 {
		t.Errorf("left: %v", calls)
	}
}
