package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// A flaky server answers each of its first failures requests with 503.
type flaky struct {
	failures int
	requests int
	then     http.HandlerFunc // nil: an empty 200
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests++
	switch {
	case f.requests <= f.failures:
		w.WriteHeader(http.StatusServiceUnavailable)
	case f.then != nil:
		f.then(w, r)
	}
}

// newFlaky returns a client of a flaky server.
func newFlaky(failures int, config client.Config) (*flaky, *treqtesting.StubTreq) {
	f := &flaky{failures: failures}
	return f, treqtesting.NewHandlerStubTreq(f, treqtesting.Config{Client: config})
}

// TestRetriesOption: the option of a request overrides the Config of its client.
func TestRetriesOption(t *testing.T) {
	policy := &agent.RetryConfig{Retries: 2}
	for _, test := range []struct {
		name    string
		config  client.Config
		options []client.Option
		tries   int
	}{
		{"none", client.Config{}, nil, 1},
		{"an option", client.Config{}, []client.Option{client.Retries(4)}, 5},
		{"a policy", client.Config{Retries: policy}, nil, 3},
		{"the zero value of a policy", client.Config{Retries: &agent.RetryConfig{}}, nil, 4},
		{"a policy, with another option", client.Config{Retries: policy}, []client.Option{client.Unbuffered(true)}, 3},
		{"a policy, switched off", client.Config{Retries: policy}, []client.Option{client.Retries(0)}, 1},
		{"a policy, changed", client.Config{Retries: policy}, []client.Option{client.Retries(1)}, 2},
		{"the last one wins", client.Config{}, []client.Option{client.Retries(0), client.Retries(1)}, 2},
		{"a default", client.Config{Defaults: []client.Option{client.Retries(1)}}, nil, 2},
		{"a default, changed", client.Config{Defaults: []client.Option{client.Retries(1)}}, []client.Option{client.Retries(0)}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, stub := newFlaky(100, test.config)
			d := stub.Get("http://a.example/", test.options...)
			stub.Reactor().RunFor(time.Minute)
			if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 503 || resp.Tries != test.tries || f.requests != test.tries {
				t.Errorf("%d, %d tries, %d requests; want %d", resp.Code, resp.Tries, f.requests, test.tries)
			}
		})
	}
	_, stub := newFlaky(0, client.Config{})
	if err := deferredtest.FailureResultOf(t, stub.Get("http://a.example/", client.Retries(-1))); !errors.Is(err, client.ErrOption) || !strings.Contains(err.Error(), "Retries(-1): negative") {
		t.Errorf("got %v", err)
	}
}

// TestRetriesShareABudget: the requests of a client have one budget, with and without options,
// through the client's agent and through another one.
func TestRetriesShareABudget(t *testing.T) {
	for _, config := range []client.Config{{}, {Retries: &agent.RetryConfig{Retries: 5}}, {Retries: &agent.RetryConfig{Budget: &agent.RetryBudget{}}}} {
		f, stub := newFlaky(1000, config)
		for _, options := range [][]client.Option{nil, {client.Retries(3)}, {client.Retries(1), client.Agent(stub.Agent())}} {
			for range 20 {
				stub.Get("http://a.example/", options...)
				stub.Reactor().RunFor(time.Minute)
			}
		}
		if most := 60 + 60/5 + agent.DefaultRetryReserve; f.requests > most || f.requests < most-6 {
			t.Errorf("%d requests, the budget allows %d", f.requests, most)
		}
	}
}

// TestRetriesOfHops: each hop is tried by itself: after a redirect, and after a challenge. The
// credentials, the cookies and the body go with each try.
func TestRetriesOfHops(t *testing.T) {
	counts := map[string]int{} // by path
	var got []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counts[r.URL.Path]++
		body, _ := io.ReadAll(r.Body)
		cookie := "-"
		if c, err := r.Cookie("c"); err == nil {
			cookie = c.Value
		}
		kind, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got = append(got, fmt.Sprint(r.Method, " ", r.URL.Path, " ", kind, " ", cookie, " ", string(body)))
		switch {
		case r.URL.Path == "/secret" && kind == "":
			w.Header().Set("WWW-Authenticate", "Digest realm=r, nonce=n, qop=auth")
			w.WriteHeader(401)
		case counts[r.URL.Path] <= 2:
			w.WriteHeader(503)
		case r.URL.Path == "/first":
			http.SetCookie(w, &http.Cookie{Name: "c", Value: "v", Path: "/"})
			http.Redirect(w, r, "/secret", http.StatusTemporaryRedirect)
		default:
			fmt.Fprint(w, "welcome")
		}
	})
	for name, test := range map[string]struct {
		option func() client.Option
		want   []string
	}{
		"no credentials": {func() client.Option { return client.Headers{"Authorization": {"Own x"}} }, []string{
			"PUT /first Own - text", "PUT /first Own - text", "PUT /first Own - text",
			"PUT /secret Own v text", "PUT /secret Own v text", "PUT /secret Own v text"}},
		"digest": {func() client.Option { return client.Auth(auth.NewDigest("u", "p")) }, []string{
			"PUT /first  - text", "PUT /first  - text", "PUT /first  - text",
			"PUT /secret  v text", "PUT /secret Digest v text", "PUT /secret Digest v text"}},
		"bearer": {func() client.Option { return client.Auth(auth.Bearer("token")) }, []string{
			"PUT /first Bearer - text", "PUT /first Bearer - text", "PUT /first Bearer - text",
			"PUT /secret Bearer v text", "PUT /secret Bearer v text", "PUT /secret Bearer v text"}},
	} {
		for _, body := range []any{[]byte("text"), strings.NewReader("text")} {
			t.Run(fmt.Sprintf("%s %T", name, body), func(t *testing.T) {
				clear(counts)
				got = nil
				stub := treqtesting.NewHandlerStubTreq(handler, treqtesting.Config{Client: client.Config{Retries: &agent.RetryConfig{}}})
				d := stub.Put("http://a.example/first", client.Data(body), client.BrowserLikeRedirects(true), test.option())
				stub.Reactor().RunFor(time.Minute)
				resp := deferredtest.SuccessResultOf(t, d)
				if !slices.Equal(got, test.want) {
					t.Errorf("got  %q\nwant %q", got, test.want)
				}
				tries := 3
				if name == "digest" {
					tries = 2 // the challenge was an answer to another hop
				}
				history := resp.History()
				if resp.Code != 200 || resp.Tries != tries || len(history) != 1 || history[0].Tries != 3 {
					t.Errorf("%d, %d tries, history %v", resp.Code, resp.Tries, history)
				}
			})
		}
	}
}

// TestTimeoutsOfRetries: the timeouts of a request are for all tries and waits. The error says
// what the tries ended with, and no timer is left.
func TestTimeoutsOfRetries(t *testing.T) {
	for name, option := range map[string]client.Option{
		"no response for 3s (Timeout)":         client.Timeout(3 * time.Second),
		"not complete after 3s (TotalTimeout)": client.TotalTimeout(3 * time.Second),
	} {
		policy := &agent.RetryConfig{Retries: 100, FirstWait: time.Second, MaxWait: 2 * time.Second}
		f, stub := newFlaky(1000, client.Config{Retries: policy})
		d := stub.Get("http://a.example/", option)
		before := len(stub.Reactor().DelayedCalls())
		stub.Reactor().RunFor(3*time.Second - 1)
		if d.Called() {
			t.Fatalf("%s: too early", name)
		}
		stub.Reactor().RunFor(1)
		err := deferredtest.FailureResultOf(t, d)
		want := fmt.Sprintf("GET http://a.example/: %s: after %d tries: the server answered 503 Service Unavailable", name, f.requests)
		var timeout *agent.TimeoutError
		if err.Error() != want || !errors.As(err, &timeout) || !errors.Is(err, deferred.ErrCancelled) {
			t.Errorf("got %v\nwant %s", err, want)
		}
		requests := f.requests
		if after := len(stub.Reactor().DelayedCalls()); after != before-2 {
			t.Errorf("%s: %d delayed calls before, and %d after", name, before, after)
		}
		if stub.Reactor().RunFor(time.Minute); f.requests != requests || requests < 3 {
			t.Errorf("%s: %d requests, and %d later", name, requests, f.requests)
		}
	}
}

// TestRetriesAndRaiseForStatus: only the last response is an error.
func TestRetriesAndRaiseForStatus(t *testing.T) {
	_, stub := newFlaky(2, client.Config{})
	d := stub.Get("http://a.example/", client.Retries(2), client.RaiseForStatus(true))
	stub.Reactor().RunFor(time.Minute)
	if resp := deferredtest.SuccessResultOf(t, d); resp.Tries != 3 {
		t.Errorf("%d tries", resp.Tries)
	}
	_, stub = newFlaky(3, client.Config{})
	d = stub.Get("http://a.example/", client.Retries(2), client.RaiseForStatus(true))
	stub.Reactor().RunFor(time.Minute)
	var status *response.StatusError
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &status) || status.Code != 503 || !agent.Temporary(err) || status.Response.Tries != 3 {
		t.Errorf("got %v", err)
	}
}
