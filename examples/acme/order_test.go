package main

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// A flow is a client with a server, whose answers a test can replace.
type flow struct {
	*Client
	t         *testing.T
	stub      *treqtesting.StubTreq
	server    *server
	responder HTTP01
	replaced  map[string]http.HandlerFunc // by path
	requests  []string                    // the paths of all requests
}

func newFlow(t *testing.T) *flow {
	f := &flow{t: t, server: newServer(nil), responder: HTTP01{}, replaced: map[string]http.HandlerFunc{}}
	site := f.server.site(f.responder)
	f.stub = treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.requests = append(f.requests, r.URL.Path)
		if g := f.replaced[r.URL.Path]; g != nil {
			g(w, r)
		} else {
			site.Handler.ServeHTTP(w, r)
		}
	}), treqtesting.Config{})
	f.server.clock, f.server.http = f.stub.Reactor(), f.stub
	f.Client = deferredtest.SuccessResultOf(t, NewClient(f.stub.Reactor(), f.stub, p256Key, "http://ca.example/directory"))
	return f
}

// answers replaces the answers at path by one.
func (f *flow) answers(path string, code int, body string, header ...string) {
	f.replaced[path] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		w.Write([]byte(body))
	}
}

// later moves the clock until d has its result.
func later[T any](f *flow, d *deferred.Deferred[T]) *deferred.Deferred[T] {
	f.stub.Reactor().RunFor(20 * time.Minute)
	return d
}

// order returns an order of the account.
func (f *flow) order() *Order {
	f.t.Helper()
	deferredtest.SuccessResultOf(f.t, f.Register())
	return deferredtest.SuccessResultOf(f.t, f.SubmitOrder(rfcKey, "an.example", "www.an.example"))
}

// TestCertificate: from the directory to the certificate.
func TestCertificate(t *testing.T) {
	f := newFlow(t)
	account := deferredtest.SuccessResultOf(t, f.Register("a@an.example", "b@an.example"))
	if fmt.Sprint(account.Contact) != "[mailto:a@an.example mailto:b@an.example]" || account.Terms != "http://ca.example/terms" ||
		account.URL != "http://ca.example/account/"+f.key.public.thumbprint() {
		t.Errorf("got %+v", account)
	}
	text := deferredtest.SuccessResultOf(t, later(f, deferred.Go(func(co *deferred.Co) (string, error) {
		return certificate(co, f.Client, rfcKey, f.responder, "an.example", "www.an.example")
	})))
	block, _ := pem.Decode([]byte(text))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || fmt.Sprint(cert.DNSNames) != "[an.example www.an.example]" || !slices.Equal(cert.PublicKey.(ed25519.PublicKey), rfcKey.Public().(ed25519.PublicKey)) {
		t.Errorf("got %v, %v", cert, err)
	}
	if left := f.stub.Reactor().DelayedCalls(); len(left)+len(f.responder) != 0 {
		t.Errorf("left: %v, %v", left, f.responder)
	}
	if got := strings.Count(fmt.Sprint(f.requests), "/nonce"); got != 1 {
		t.Errorf("%d nonces were fetched by %v", got, f.requests)
	}
}

// TestRegister: an account that exists is found, and updated if there is something to update.
func TestRegister(t *testing.T) {
	f := newFlow(t)
	for _, test := range []struct{ email, want string }{
		{"", "[] [/nonce /account]"},
		{"a@an.example", "[mailto:a@an.example] [/account /account/x]"},
		{"", "[mailto:a@an.example] [/account]"},
		{"b@an.example", "[mailto:b@an.example] [/account /account/x]"},
	} {
		f.requests = nil
		account := deferredtest.SuccessResultOf(t, f.Register(strings.Fields(test.email)...))
		got := strings.ReplaceAll(fmt.Sprint(account.Contact, " ", f.requests), f.key.public.thumbprint(), "x")
		if got != test.want {
			t.Errorf("%q: got %s, want %s", test.email, got, test.want)
		}
	}
}

// TestAccounts: what is no answer to Register.
func TestAccounts(t *testing.T) {
	for _, test := range []struct {
		name, body string
		code       int
		header     []string
		want       string
	}{
		{"another key", `{"status": "valid", "key": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}}`, 201, []string{"Location", "/1"}, "has the key"},
		{"deactivated", `{"status": "deactivated"}`, 201, []string{"Location", "/1"}, "is deactivated"},
		{"no Location", `{"status": "valid"}`, 201, nil, "Location"},
		{"another status", `{"status": "valid"}`, 202, []string{"Location", "/1"}, "status 202"},
		{"a bad link", `{"status": "valid"}`, 201, []string{"Location", "/1", "Link", "terms"}, "Link"},
		{"no JSON", `valid`, 201, []string{"Location", "/1"}, "valid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFlow(t)
			f.answers("/account", test.code, test.body, test.header...)
			err := deferredtest.FailureResultOf(t, f.Register())
			if !strings.Contains(err.Error(), test.want) || f.account != "" {
				t.Errorf("got %v, and the account %q", err, f.account)
			}
		})
	}
	f := newFlow(t)
	f.answers("/account", 201, `{"status": "valid"}`, "Location", "/1") // RFC 8555 has no key in it
	deferredtest.SuccessResultOf(t, f.Register())
}

// TestOrder: what an order has, and what is no answer to SubmitOrder.
func TestOrder(t *testing.T) {
	f := newFlow(t)
	order := f.order()
	if order.URL != "http://ca.example/order/1" || order.Status != pending || len(order.Authorizations) != 1 {
		t.Errorf("got %+v", order)
	}
	if a := order.Authorizations[0]; a.URL != "http://ca.example/authorization" || a.Identifier != (Identifier{"dns", "an.example"}) || a.Challenges[0].Token != "token-1" {
		t.Errorf("got %+v", a)
	}
	if request, err := x509.ParseCertificateRequest(order.request); err != nil || fmt.Sprint(request.DNSNames) != "[an.example www.an.example]" {
		t.Errorf("got %v, %v", request, err)
	}
	f.answers("/order", 201, `{"identifiers": [{"type": "dns", "value": "other.example"}]}`)
	deferredtest.FailureIs(t, f.SubmitOrder(rfcKey, "an.example"), ErrProtocol)
	f.answers("/order", 200, `{}`)
	deferredtest.FailureIs(t, f.SubmitOrder(rfcKey, "an.example"), ErrProtocol)
	f.answers("/order", 403, `{"type": "x:rejectedIdentifier"}`, "Content-Type", "application/problem+json")
	if p := deferredtest.FailureAs[*Problem](t, f.SubmitOrder(rfcKey, "an.example")); p.Kind() != "rejectedIdentifier" {
		t.Error(p)
	}
	if err := deferredtest.FailureResultOf(t, f.SubmitOrder(publicOnly{rfcKey.Public()}, "an.example")); err.Error() != "the card is out" {
		t.Error(err)
	}
	delete(f.replaced, "/order")
	f.answers("/authorization", 404, "nothing here")
	if err := deferredtest.FailureResultOf(t, f.SubmitOrder(rfcKey, "an.example")); !strings.Contains(err.Error(), "nothing here") {
		t.Error(err)
	}
	// A request without an account is signed by the key.
	f.account = ""
	if p := deferredtest.FailureAs[*Problem](t, f.SubmitOrder(rfcKey, "an.example")); p.Kind() != "unauthorized" {
		t.Error(p)
	}
}

// TestAnswerChallenge: a challenge is answered once, and the server says to which authorization it belongs.
func TestAnswerChallenge(t *testing.T) {
	f := newFlow(t)
	challenge := f.order().Authorizations[0].Challenges[0]
	f.requests = nil
	done := challenge
	done.Status = valid
	if got := deferredtest.SuccessResultOf(t, f.AnswerChallenge(done)); got != done || f.requests != nil {
		t.Errorf("got %v by %v", got, f.requests)
	}
	const up = `</authorization>; rel="up"`
	for _, test := range []struct {
		url, link string
		want      error
	}{
		{challenge.URL, up, nil},
		{challenge.URL, "", ErrProtocol},
		{challenge.URL, "authorization", ErrProtocol},
		{challenge.URL, `</authorization>; rel="down"`, ErrProtocol},
		{"http://ca.example/other", up, ErrProtocol},
	} {
		f.answers("/challenge", 200, fmt.Sprintf(`{"url": %q, "status": "processing"}`, test.url), "Link", test.link)
		var got error
		f.AnswerChallenge(challenge).AddErrback(func(err error) (Challenge, error) { got = err; return Challenge{}, nil })
		if !errors.Is(got, test.want) {
			t.Errorf("%v: got %v", test, got)
		}
	}
}

// TestAuthorize: each end of an authorization. The responder is stopped at each.
func TestAuthorize(t *testing.T) {
	states := func(all ...string) func(f *flow) {
		return func(f *flow) {
			f.replaced["/authorization"] = func(w http.ResponseWriter, r *http.Request) {
				if len(f.responder) != 1 {
					t.Errorf("the responder has %v", f.responder)
				}
				answer(w, 200, map[string]any{"status": all[0], "identifier": Identifier{"dns", "an.example"}})
				all = all[min(1, len(all)-1):]
			}
		}
	}
	for _, test := range []struct {
		name  string
		setUp func(f *flow)
		polls int
		after time.Duration // of all waits
		want  string        // "": no error
	}{
		{"at once", func(*flow) {}, 1, 0, ""},
		{"after three waits", states(pending, processing, pending, valid), 4, 3500 * time.Millisecond, ""},
		{"revoked", states("revoked"), 1, 0, "the authorization of an.example is revoked"},
		{"a wrong answer", func(f *flow) {
			f.answers("/.well-known/acme-challenge/token-1", 404, "who?")
		}, 1, 0, `the authorization of an.example is invalid: [incorrectResponse: got "who?", <nil>]`},
		{"never", states(processing), 11, 511500 * time.Millisecond, "http://ca.example/authorization is still processing: i/o timeout"},
		{"a broken server", func(f *flow) { f.answers("/authorization", 500, "out of order") }, 1, 0, "out of order"},
		{"a broken challenge", func(f *flow) { f.answers("/challenge", 500, "out of order") }, 0, 0, "out of order"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFlow(t)
			authorization := f.order().Authorizations[0]
			test.setUp(f)
			f.requests = nil
			start := f.stub.Reactor().Now()
			var got error
			var after time.Duration
			f.Authorize(authorization, 5*time.Minute, dns{}, f.responder).AddBoth(func(a *Authorization, err error) (*Authorization, error) {
				got, after = err, f.stub.Reactor().Now().Sub(start)
				return nil, nil
			})
			f.stub.Reactor().RunFor(20 * time.Minute)
			if (got == nil) != (test.want == "") || got != nil && !strings.Contains(got.Error(), test.want) {
				t.Errorf("got %v", got)
			}
			if polls := strings.Count(fmt.Sprint(f.requests), "/authorization"); polls != test.polls || after != test.after || len(f.responder) != 0 {
				t.Errorf("%d polls, after %v; the responder has %v", polls, after, f.responder)
			}
		})
	}
}

// A dns answers other challenges.
type dns struct{ HTTP01 }

func (dns) Type() string { return "dns-01" }

// TestAuthorizeGivenUp: no responder, a cancel, and Stop.
func TestAuthorizeGivenUp(t *testing.T) {
	f := newFlow(t)
	authorization := f.order().Authorizations[0]
	deferredtest.FailureIs(t, f.Authorize(authorization, time.Minute, dns{}), ErrNoChallenge)
	f.answers("/authorization", 200, `{"status": "pending"}`)
	for want, end := range map[error]func(d *deferred.Deferred[*Authorization]){
		deferred.ErrCancelled: (*deferred.Deferred[*Authorization]).Cancel,
		ErrStopped:            func(*deferred.Deferred[*Authorization]) { f.Stop() },
	} {
		f.context, f.stop = context.WithCancelCause(context.Background())
		d := f.Authorize(authorization, time.Minute, f.responder)
		f.stub.Advance(600 * time.Millisecond)
		if deferredtest.NoResult(t, d); len(f.responder) != 1 {
			t.Error("the responder is not started")
		}
		end(d)
		f.stub.Flush()
		deferredtest.FailureIs(t, d, want)
		if left := f.stub.DelayedCalls(); len(left)+len(f.responder) != 0 {
			t.Errorf("left: %v, %v", left, f.responder)
		}
	}
	var invalid *Authorization
	json.Unmarshal([]byte(`{"challenges": [{}, {"error": {"type": "a:b"}}]}`), &invalid)
	var p *Problem
	if err := error(&AuthorizationError{invalid}); !errors.As(err, &p) || p.Kind() != "b" {
		t.Errorf("got %v", err)
	}
}

// TestFinalize: each end of an order.
func TestFinalize(t *testing.T) {
	for _, test := range []struct {
		name  string
		setUp func(f *flow)
		want  string
	}{
		{"not authorized", func(f *flow) { f.server.state = pending }, "orderNotReady: the order is pending"},
		{"invalid", func(f *flow) {
			f.answers("/order/1", 200, `{"status": "invalid", "error": {"type": "x:caa", "detail": "not by me"}}`)
		}, "the order is invalid: caa: not by me"},
		{"invalid without a reason", func(f *flow) { f.answers("/order/1", 200, `{"status": "invalid"}`) }, "the order is invalid: problem: no details"},
		{"never", func(f *flow) { f.answers("/order/1", 200, `{"status": "processing"}`) }, os.ErrDeadlineExceeded.Error()},
		{"another type", func(f *flow) { f.answers("/certificate", 200, `{}`) }, `"application/json", want "application/pem-certificate-chain"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFlow(t)
			order := f.order()
			f.server.state = valid
			test.setUp(f)
			err := deferredtest.FailureResultOf(t, later(f, f.Certificate(order, time.Minute)))
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if left := f.stub.DelayedCalls(); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
