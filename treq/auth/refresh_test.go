package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// A service is an API that takes some tokens, and the function that fetches them.
type service struct {
	*treqtesting.StubTreq
	t           *testing.T
	valid       map[string]bool
	seen        []string // the token of each request
	fetches     []*deferred.Deferred[auth.Token]
	cancelled   int
	credentials auth.Credentials
}

func newService(t *testing.T, config auth.BearerConfig) *service {
	s := &service{t: t, valid: map[string]bool{}}
	s.StubTreq = treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.seen = append(s.seen, token)
		switch to := r.FormValue("to"); {
		case !s.valid[token]:
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(401)
		case to != "":
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		default:
			fmt.Fprint(w, token)
		}
	}), treqtesting.Config{})
	s.credentials = auth.NewBearer(s.fetch, config)
	return s
}

func (s *service) fetch() *deferred.Deferred[auth.Token] {
	d := deferred.NewCancellable(func(*deferred.Deferred[auth.Token]) { s.cancelled++ })
	s.fetches = append(s.fetches, d)
	return d
}

// get makes a request, which need not be answered at once.
func (s *service) get(path string) *deferred.Deferred[*response.Response] {
	return s.Get("http://api.example"+path, client.Auth(s.credentials))
}

// give makes the last call of fetch fire with a token that the API takes.
func (s *service) give(token string) {
	s.valid = map[string]bool{token: true}
	s.fire(auth.Token{Value: token})
}

func (s *service) fire(token auth.Token) {
	s.fetches[len(s.fetches)-1].Callback(token)
	s.Flush()
}

// want checks the result of d, and that fetch was called that often.
func (s *service) want(d *deferred.Deferred[*response.Response], code, fetches int) {
	s.t.Helper()
	resp := deferredtest.SuccessResultOf(s.t, d)
	deferredtest.SuccessResultOf(s.t, resp.Discard())
	if resp.Code != code || len(s.fetches) != fetches {
		s.t.Errorf("%d after %d fetches, want %d after %d", resp.Code, len(s.fetches), code, fetches)
	}
}

// wantSeen checks the tokens of the requests since the last wantSeen.
func (s *service) wantSeen(tokens ...string) {
	s.t.Helper()
	if !slices.Equal(s.seen, tokens) {
		s.t.Errorf("the API saw %q, want %q", s.seen, tokens)
	}
	s.seen = nil
}

func TestBearerFromSharesARefresh(t *testing.T) {
	s := newService(t, auth.BearerConfig{})
	var ds []*deferred.Deferred[*response.Response]
	for i := range 5 { // the first token
		ds = append(ds, s.get(fmt.Sprint("/", i)))
	}
	s.wantSeen()
	s.give("one")
	for _, d := range ds {
		s.want(d, 200, 1)
	}
	s.wantSeen("one", "one", "one", "one", "one")
	s.want(s.get("/"), 200, 1)
	s.wantSeen("one")

	s.valid = nil // the token is revoked
	ds = ds[:0]
	for i := range 5 {
		ds = append(ds, s.get(fmt.Sprint("/", i)))
	}
	s.wantSeen("one") // the others wait for the refresh
	s.give("two")
	for _, d := range ds {
		s.want(d, 200, 2)
	}
	s.wantSeen("two", "two", "two", "two", "two")
}

// TestBearerFromAfterAnothersRefresh answers requests that were sent with the old token after
// it has been replaced, or while it is. Their 401 does not replace the new one.
func TestBearerFromAfterAnothersRefresh(t *testing.T) {
	var d *deferred.Deferred[auth.Token]
	fetches := 0
	c := auth.NewBearer(func() *deferred.Deferred[auth.Token] {
		fetches++
		d = deferred.New[auth.Token]()
		return d
	}, auth.BearerConfig{Token: auth.Token{Value: "old"}})
	send := func(want string) *request.Request {
		t.Helper()
		req := get(anURL)
		if err := authorize(t, c, req); err != nil || req.Header.Get("Authorization") != "Bearer "+want {
			t.Fatalf("sent %v, %v", req.Header, err)
		}
		return req
	}
	refused := func(req *request.Request, wantAgain bool) {
		t.Helper()
		if again, err := c.Answered(req, answer(401, "Www-Authenticate", "Bearer")); again != wantAgain || err != nil {
			t.Fatalf("again %v, %v", again, err)
		}
	}
	first, during, after := send("old"), send("old"), send("old")
	refused(first, true)
	next := get(anURL)
	wait := c.Authorize(next)
	refused(during, true)
	if wait.Called() || fetches != 1 {
		t.Fatalf("%v after %d fetches", wait, fetches)
	}
	d.Callback(auth.Token{Value: "new"})
	deferredtest.SuccessResultOf(t, wait)
	refused(after, true)
	late := send("new")
	refused(next, false) // it waited for the token that was refused
	refused(late, true)  // it did not
	refused(next, true)  // the token has been dropped
	if fetches != 1 {
		t.Errorf("%d fetches", fetches)
	}
	if again, err := c.Answered(late, answer(403, "Www-Authenticate", "Bearer")); again || err != nil {
		t.Errorf("after a 403: again %v, %v", again, err)
	}
}

// TestBearerFromDoesNotRefreshForEver has functions whose tokens the server refuses, at once or
// after a while. Each row makes one request after the other.
func TestBearerFromDoesNotRefreshForEver(t *testing.T) {
	type step struct {
		valid string // the token that the server takes from now on
		code  int
		sent  string // the tokens that the server sees
	}
	for name, test := range map[string]struct {
		first  string // the Token of the BearerConfig
		tokens string // of the calls of fetch; the last one again and again
		steps  []step
		calls  int
	}{
		"an old token":                {"", "old new", []step{{"new", 200, "old new"}, {"new", 200, "new"}}, 2},
		"two old tokens":              {"", "old old new", []step{{"new", 401, "old old"}, {"new", 200, "old new"}}, 3},
		"an old first token":          {"old", "new", []step{{"new", 200, "old new"}, {"new", 200, "new"}}, 1},
		"always refused":              {"", "a b c d e", []step{{"", 401, "a b"}, {"", 401, "b c"}, {"", 401, "c d"}}, 4},
		"always refused, the same":    {"", "a", []step{{"", 401, "a a"}, {"", 401, "a a"}}, 3},
		"a first token, refused":      {"f", "a b", []step{{"", 401, "f a"}, {"", 401, "a b"}}, 2},
		"good in the end":             {"", "a b c", []step{{"", 401, "a b"}, {"b", 200, "b"}, {"c", 200, "b c"}}, 3},
		"refused after a success":     {"", "a b c d", []step{{"a", 200, "a"}, {"b", 200, "a b"}, {"c", 200, "b c"}, {"", 401, "c d"}}, 4},
		"refused after another token": {"", "a b c", []step{{"b", 200, "a b"}, {"b", 200, "b"}, {"c", 200, "b c"}}, 3},
	} {
		for _, late := range []bool{false, true} {
			s := newService(t, auth.BearerConfig{})
			calls, tokens := 0, strings.Fields(test.tokens)
			s.credentials = auth.NewBearer(func() *deferred.Deferred[auth.Token] {
				calls++
				d := deferred.New[auth.Token]()
				if token := (auth.Token{Value: tokens[min(calls, len(tokens))-1]}); late {
					s.Reactor().CallLater(time.Second, func() { d.Callback(token) })
				} else {
					d.Callback(token)
				}
				return d
			}, auth.BearerConfig{Token: auth.Token{Value: test.first}})
			for i, step := range test.steps {
				s.valid = map[string]bool{step.valid: true}
				d := s.get("/")
				for range 3 {
					s.Advance(time.Second)
				}
				resp := deferredtest.SuccessResultOf(t, d)
				deferredtest.SuccessResultOf(t, resp.Discard())
				if sent := strings.Join(s.seen, " "); resp.Code != step.code || sent != step.sent {
					t.Errorf("%s, late: %v, request %d: %d after %q, want %d after %q", name, late, i, resp.Code, sent, step.code, step.sent)
				}
				s.seen = nil
			}
			if calls != test.calls {
				t.Errorf("%s, late: %v: fetch was called %d times, want %d", name, late, calls, test.calls)
			}
		}
	}
}

// TestBearerFromManyAreRefused sends fifty requests, whose answers all come later: they share
// the calls of fetch, even if it returns the same token again and again.
func TestBearerFromManyAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		tokens, valid     string
		code, calls, sent int
	}{
		"an old token": {"old new", "new", 200, 2, 100},
		// At most: if fetch takes no time, few of the fifty wait for its tokens.
		"always refused":           {"a b c d e", "", 401, 4, 150},
		"always refused, the same": {"a", "", 401, 4, 150},
	} {
		for _, late := range []bool{false, true} {
			calls, sent, tokens := 0, 0, strings.Fields(test.tokens)
			clock := task.NewClock()
			c := auth.BearerFrom(func() *deferred.Deferred[auth.Token] {
				calls++
				d := deferred.New[auth.Token]()
				if token := (auth.Token{Value: tokens[min(calls, len(tokens))-1]}); late {
					clock.CallLater(time.Second, func() { d.Callback(token) })
				} else {
					d.Callback(token)
				}
				return d
			})
			stack := agent.Stack{Credentials: c, Agent: requesterFunc(func(req *request.Request) *deferred.Deferred[*response.Response] {
				sent++
				d := deferred.New[*response.Response]()
				// The answers come one after the other, so that some refusals meet the next token.
				clock.CallLater(time.Duration(1000+20*(sent%50))*time.Millisecond, func() {
					code := 401
					if req.Header.Get("Authorization") == "Bearer "+test.valid {
						code = 200
					}
					resp, body := bodytest.New(code)
					resp.Request, resp.Length = req, 0
					body.End(response.ErrDone)
					d.Callback(resp)
				})
				return d
			})}
			var ds []*deferred.Deferred[*response.Response]
			for range 50 {
				ds = append(ds, stack.Send(get(anURL)))
			}
			clock.Pump(slices.Repeat([]time.Duration{10 * time.Millisecond}, 1000)...)
			for _, d := range ds {
				if resp := deferredtest.SuccessResultOf(t, d); resp.Code != test.code {
					t.Errorf("%s, late: %v: got %d, want %d", name, late, resp.Code, test.code)
				}
			}
			if late {
				test.calls, test.sent = 2, 100
			}
			if calls > test.calls || sent > test.sent {
				t.Errorf("%s, late: %v: %d calls of fetch and %d requests, want at most %d and %d", name, late, calls, sent, test.calls, test.sent)
			}
		}
	}
}

// TestBearerFromAcceptedMeanwhile has a request that waits for a new token, and whose refusal
// comes after another request was accepted with that token: the token was good, and is
// replaced.
func TestBearerFromAcceptedMeanwhile(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		calls := 0
		c := auth.BearerFrom(func() *deferred.Deferred[auth.Token] {
			calls++
			return deferred.Succeed(auth.Token{Value: fmt.Sprint("token", calls)})
		})
		send := func() *request.Request {
			req := get(anURL)
			if wait := c.Authorize(req); wait != nil {
				deferredtest.SuccessResultOf(t, wait)
			}
			return req
		}
		c.Answered(send(), answer(401, "Www-Authenticate", "Bearer"))
		waited, other := send(), send()
		if accepted {
			c.Answered(other, answer(404, "Www-Authenticate", "Bearer"))
		}
		if again, err := c.Answered(waited, answer(401, "Www-Authenticate", "Bearer")); again != accepted || err != nil {
			t.Errorf("accepted meanwhile: %v: again %v, %v", accepted, again, err)
		}
	}
}

// TestBearerFromForeignRequests has requests and answers that the credentials do not know.
func TestBearerFromForeignRequests(t *testing.T) {
	c := auth.NewBearer(func() *deferred.Deferred[auth.Token] { panic("fetched") }, auth.BearerConfig{Token: auth.Token{Value: "a"}})
	other := get(anURL)
	authorize(t, auth.NewBearer(func() *deferred.Deferred[auth.Token] { panic("fetched") }, auth.BearerConfig{Token: auth.Token{Value: "a"}}), other)
	for _, req := range []*request.Request{get(anURL), other} {
		if again, err := c.Answered(req, answer(401, "Www-Authenticate", "Bearer")); again || err != nil {
			t.Errorf("again %v, %v", again, err)
		}
	}
	if err := authorize(t, c, get(anURL)); err != nil {
		t.Error(err)
	}
}

func TestBearerFromAFetchThatFails(t *testing.T) {
	boom := errors.New("boom")
	elsewhere := &agent.RequestError{Method: "POST", URL: "http://token.example/", Err: boom}
	for name, test := range map[string]struct {
		fail func(d *deferred.Deferred[auth.Token])
		is   func(err error) bool
		text string
	}{
		"fails": {func(d *deferred.Deferred[auth.Token]) { d.Errback(elsewhere) }, func(err error) bool { return errors.Is(err, boom) },
			": bearer: fetching a token: POST http://token.example/: boom"},
		"cancelled": {func(d *deferred.Deferred[auth.Token]) { d.Cancel() }, func(err error) bool { return errors.Is(err, deferred.ErrCancelled) },
			": bearer: fetching a token: deferred: cancelled"},
		"empty": {func(d *deferred.Deferred[auth.Token]) { d.Callback(auth.Token{}) }, func(err error) bool { return errors.Is(err, auth.ErrInvalid) },
			": not credentials that can be sent: bearer: the token is empty"},
		"not a token": {func(d *deferred.Deferred[auth.Token]) { d.Callback(auth.Token{Value: "a\nb"}) }, func(err error) bool { return errors.Is(err, auth.ErrInvalid) },
			": not credentials that can be sent: bearer: the token has a character that a header cannot have in it, at byte 1 of 3"},
		"not Bearer": {func(d *deferred.Deferred[auth.Token]) { d.Callback(auth.Token{Value: "a", Type: "mac"}) }, func(err error) bool { return errors.Is(err, auth.ErrInvalid) },
			`: not credentials that can be sent: bearer: the token is of type "mac"`},
	} {
		s := newService(t, auth.BearerConfig{})
		a, b := s.get("/a"), s.get("/b")
		test.fail(s.fetches[0])
		for path, d := range map[string]*deferred.Deferred[*response.Response]{"/a": a, "/b": b} {
			err := deferredtest.FailureResultOf(t, d)
			var where *agent.RequestError
			if !errors.As(err, &where) || where.URL != "http://api.example"+path || !test.is(err) || err.Error() != "GET http://api.example"+path+test.text {
				t.Errorf("%s: got %v", name, err)
			}
		}
		s.wantSeen()
		d := s.get("/") // tries again
		s.give("good")
		s.want(d, 200, 2)
	}
}

// TestBearerFromAFunctionThatFails has a function that fails before it returns.
func TestBearerFromAFunctionThatFails(t *testing.T) {
	var panicked *deferred.PanicError
	for name, fetch := range map[string]func() *deferred.Deferred[auth.Token]{
		"panic": func() *deferred.Deferred[auth.Token] { panic("boom") },
		"nil":   func() *deferred.Deferred[auth.Token] { return nil },
	} {
		s := newService(t, auth.BearerConfig{})
		s.credentials = auth.BearerFrom(fetch)
		for range 2 {
			if err := deferredtest.FailureResultOf(t, s.get("/")); !errors.As(err, &panicked) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("BearerFrom took nil")
		}
	}()
	auth.BearerFrom(nil)
}

// TestBearerFromWithATokenAtOnce has a function that does not take any time.
func TestBearerFromWithATokenAtOnce(t *testing.T) {
	s := newService(t, auth.BearerConfig{})
	fetches := 0
	s.credentials = auth.BearerFrom(func() *deferred.Deferred[auth.Token] {
		fetches++
		token := fmt.Sprint("token", fetches)
		s.valid = map[string]bool{token: true}
		return deferred.Succeed(auth.Token{Value: token})
	})
	s.want(s.get("/"), 200, 0)
	s.want(s.get("/"), 200, 0)
	s.valid = nil
	s.want(s.get("/"), 200, 0)
	s.wantSeen("token1", "token1", "token1", "token2")
}

func TestBearerFromCancelled(t *testing.T) {
	s := newService(t, auth.BearerConfig{})
	a, b, c := s.get("/a"), s.get("/b"), s.get("/c")
	b.Cancel()
	if err := deferredtest.FailureResultOf(t, b); !errors.Is(err, deferred.ErrCancelled) || err.Error() != "GET http://api.example/b: cancelled" {
		t.Errorf("got %v", err)
	}
	s.give("one")
	s.want(a, 200, 1)
	s.want(c, 200, 1)
	s.wantSeen("one", "one")
	if s.cancelled != 0 {
		t.Error("the refresh was cancelled while others waited for it")
	}
	calls := len(s.Reactor().DelayedCalls()) // those of idle connections

	s.valid = nil
	a, b = s.get("/a"), s.get("/b")
	a.Cancel()
	if s.cancelled != 0 {
		t.Error("the refresh was cancelled while another waited for it")
	}
	b.Cancel()
	if s.cancelled != 1 || len(s.fetches) != 2 {
		t.Errorf("%d of %d fetches were cancelled", s.cancelled, len(s.fetches))
	}
	deferredtest.FailureResultOf(t, a)
	deferredtest.FailureResultOf(t, b)
	a = s.get("/a")
	s.give("two")
	s.want(a, 200, 3)
	if n := len(s.Reactor().DelayedCalls()); n != calls {
		t.Errorf("%d delayed calls are left, want %d", n, calls)
	}
}

// TestBearerFromTimeouts checks that the timeouts of a request cover its wait for a token.
func TestBearerFromTimeouts(t *testing.T) {
	for _, option := range []client.Option{client.Timeout(time.Second), client.TotalTimeout(time.Second)} {
		s := newService(t, auth.BearerConfig{})
		d := s.Get("http://api.example/", client.Auth(s.credentials), option)
		s.Advance(time.Second)
		var late *agent.TimeoutError
		if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &late) || s.cancelled != 1 {
			t.Errorf("%T: got %v", option, err)
		}
		if n := len(s.Reactor().DelayedCalls()); n != 0 {
			t.Errorf("%T: %d delayed calls are left", option, n)
		}
	}
}

// TestBearerFromExpiry moves the clock. With and without a clock in the BearerConfig, a token is
// replaced before it expires.
func TestBearerFromExpiry(t *testing.T) {
	for _, explicit := range []bool{true, false} {
		for _, test := range []struct {
			name            string
			early, lifetime time.Duration
			in              bool // the token says for how long it is valid, and not until when
			good            time.Duration
		}{
			{"default", 0, time.Hour, true, time.Hour - auth.DefaultEarly - 1},
			{"default, until", 0, time.Hour, false, time.Hour - auth.DefaultEarly - 1},
			{"a minute", time.Minute, time.Hour, true, time.Hour - time.Minute - 1},
			{"late", -1, time.Hour, true, time.Hour - 1},
		} {
			s := newService(t, auth.BearerConfig{})
			config := auth.BearerConfig{Early: test.early}
			if explicit {
				config.Clock = s.Reactor()
			}
			s.credentials = auth.NewBearer(s.fetch, config)
			token := func(value string) auth.Token {
				s.valid = map[string]bool{value: true}
				if test.in {
					return auth.Token{Value: value, ExpiresIn: test.lifetime}
				}
				return auth.Token{Value: value, Expiry: s.Reactor().Now().Add(test.lifetime)}
			}
			d := s.get("/")
			s.fire(token("one"))
			s.want(d, 200, 1)
			s.Advance(test.good)
			s.want(s.get("/"), 200, 1)
			s.Advance(1)
			a, b := s.get("/a"), s.get("/b")
			s.fire(token("two"))
			s.want(a, 200, 2)
			s.want(b, 200, 2)
			s.wantSeen("one", "one", "two", "two") // no request met a 401
			s.Advance(test.good)
			s.want(s.get("/"), 200, 2)
		}
	}
}

// TestBearerFromFirstToken has a first token that is good, that has expired, that the server
// refuses, and that cannot be sent.
func TestBearerFromFirstToken(t *testing.T) {
	clock := task.NewClock()
	start := func(token auth.Token) *service {
		s := newService(t, auth.BearerConfig{Token: token, Clock: clock})
		s.valid["first"] = true
		return s
	}
	s := start(auth.Token{Value: "first", ExpiresIn: time.Minute})
	s.want(s.get("/"), 200, 0)
	s = start(auth.Token{Value: "first", Expiry: clock.Now().Add(time.Second)})
	d := s.get("/")
	s.give("second")
	s.want(d, 200, 1)
	s.wantSeen("second")
	s = start(auth.Token{Value: "old"})
	d = s.get("/")
	s.give("second")
	s.want(d, 200, 1)
	s.wantSeen("old", "second")
	s = start(auth.Token{Value: "fi rst"})
	if err := deferredtest.FailureResultOf(t, s.get("/")); !errors.Is(err, auth.ErrInvalid) || strings.Contains(err.Error(), "fi rst") {
		t.Errorf("got %v", err)
	}
}

// TestBearerStaysWithItsOrigin follows redirects.
func TestBearerStaysWithItsOrigin(t *testing.T) {
	for to, want := range map[string]string{
		"/b":                       "one",
		"//API.example:80/b":       "one",
		"http://other.example/b":   "",
		"https://api.example/b":    "",
		"http://api.example:8080/": "",
		"http://x@other.example/":  "",
	} {
		for name, c := range map[string]auth.Credentials{
			"Bearer":     auth.Bearer("one"),
			"BearerFrom": auth.BearerFrom(func() *deferred.Deferred[auth.Token] { return deferred.Succeed(auth.Token{Value: "one"}) }),
		} {
			s := newService(t, auth.BearerConfig{})
			s.credentials, s.valid["one"] = c, true
			code := 200
			if want == "" {
				code = 401
			}
			s.want(s.get("/?to="+url.QueryEscape(to)), code, 0)
			if !slices.Equal(s.seen, []string{"one", want}) {
				t.Errorf("%s to %s: the servers saw %q", name, to, s.seen)
			}
		}
	}
}

// TestBearerFromItself has a function whose request is made with the credentials that wait for
// it.
func TestBearerFromItself(t *testing.T) {
	s := newService(t, auth.BearerConfig{})
	s.credentials = auth.BearerFrom(func() *deferred.Deferred[auth.Token] {
		return deferred.Then(s.get("/token"), response.JSON[auth.Token])
	})
	err := deferredtest.FailureResultOf(t, s.get("/"))
	if !errors.Is(err, auth.ErrOwnToken) || !strings.HasPrefix(err.Error(), "GET http://api.example/: bearer: fetching a token: GET http://api.example/token: bearer: ") {
		t.Errorf("got %v", err)
	}
	s.wantSeen()
}

// TestBearerFromLateItself is the case that is not detected. The timeout of the request for the
// token ends it, and the next request tries again.
func TestBearerFromLateItself(t *testing.T) {
	s := newService(t, auth.BearerConfig{})
	s.valid["good"] = true
	var fetch func() *deferred.Deferred[auth.Token]
	s.credentials = auth.BearerFrom(func() *deferred.Deferred[auth.Token] { return fetch() })
	fetch = func() *deferred.Deferred[auth.Token] {
		d := deferred.New[auth.Token]()
		s.Reactor().CallLater(0, func() {
			again := s.Get("http://api.example/token", client.Auth(s.credentials), client.Timeout(time.Second))
			deferred.Then(again, response.JSON[auth.Token]).ChainDeferred(d)
		})
		return d
	}
	d := s.get("/")
	s.Flush()
	s.Advance(time.Second)
	var late *agent.TimeoutError
	err := deferredtest.FailureResultOf(t, d)
	if !errors.As(err, &late) || !strings.HasPrefix(err.Error(), "GET http://api.example/: bearer: fetching a token: GET http://api.example/token: ") {
		t.Errorf("got %v", err)
	}
	if n := len(s.Reactor().DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls are left", n)
	}
	fetch = func() *deferred.Deferred[auth.Token] { return deferred.Succeed(auth.Token{Value: "good"}) }
	s.want(s.get("/"), 200, 0)
}

// TestManyWaitForAToken checks that ten thousand requests that wait, and leave, cost the same
// each.
func TestManyWaitForAToken(t *testing.T) {
	d := deferred.New[auth.Token]()
	c := auth.BearerFrom(func() *deferred.Deferred[auth.Token] { return d })
	var order []int
	var waits []*deferred.Deferred[deferred.None]
	for i := range 100_000 {
		wait := c.Authorize(get(anURL))
		waits = append(waits, wait.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
			if err == nil {
				order = append(order, i)
			}
			return deferred.None{}, nil
		}))
	}
	for i, wait := range waits {
		if i%2 == 1 {
			wait.Cancel()
		}
	}
	d.Callback(auth.Token{Value: "a"})
	if len(order) != 50_000 || !slices.IsSorted(order) {
		t.Errorf("%d requests were authorized, in order: %v", len(order), slices.IsSorted(order))
	}
}
