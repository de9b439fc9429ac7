package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"golang.org/x/time/rate"
)

// A timetable is a server that records when it gets which request.
type timetable struct {
	*treqtesting.StubTreq
	start time.Time
	seen  []string
}

func newTimetable(config client.Config) *timetable {
	s := &timetable{}
	s.StubTreq = treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.seen = append(s.seen, fmt.Sprint(r.URL.Path, " ", s.Reactor().Now().Sub(s.start)))
		switch r.URL.Path {
		case "/to":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/busy":
			w.WriteHeader(503)
		}
	}), treqtesting.Config{Client: config})
	s.start = s.Reactor().Now()
	return s
}

// want checks what the server has got.
func (s *timetable) want(t *testing.T, seen ...string) {
	t.Helper()
	if !slices.Equal(s.seen, seen) {
		t.Errorf("got %q, want %q", s.seen, seen)
	}
}

// TestLimits has a client with a rate. Redirects and tries count, a request through another
// agent counts, and an option has limits of its own.
func TestLimits(t *testing.T) {
	config := client.Config{Limits: &agent.LimitConfig{PerHost: agent.Limit{Rate: 1}}}
	s := newTimetable(config)
	s.Get("http://a.example/to")
	s.Get("http://a.example/b")
	s.Get("http://a.example/c", client.Agent(s.Agent()))
	s.Get("http://b.example/d")
	s.Get("http://a.example/e", client.Limiter(nil))
	for range 9 {
		s.Advance(time.Second)
	}
	s.want(t, "/to 0s", "/d 0s", "/e 0s", "/there 1s", "/b 2s", "/c 3s")
}

// TestEachTryTakesItsTurn checks that the retries are around the limits, with the client's
// Retries and with those of an option.
func TestEachTryTakesItsTurn(t *testing.T) {
	for _, option := range []client.All{{}, {client.Retries(2)}, {client.Retries(2), client.Limiter(nil)}} {
		s := newTimetable(client.Config{
			Limits:  &agent.LimitConfig{PerHost: agent.Limit{Rate: 1}},
			Retries: &agent.RetryConfig{Retries: 2, FirstWait: -1},
		})
		s.Get("http://a.example/busy", option)
		s.Flush()
		for range 4 {
			s.Advance(time.Second)
		}
		if len(option) == 2 {
			s.want(t, "/busy 0s", "/busy 0s", "/busy 0s")
		} else {
			s.want(t, "/busy 0s", "/busy 1s", "/busy 2s")
		}
	}
}

// TestLimiterOption has two clients, and the functions of a package, that share a Limiter.
func TestLimiterOption(t *testing.T) {
	s := newTimetable(client.Config{})
	limiter := agent.NewLimiter(s.Reactor(), agent.LimitConfig{Total: agent.Limit{Rate: rate.Every(time.Minute)}})
	other := client.New(s.Reactor(), client.Config{Agent: s.Agent()})
	s.Get("http://a.example/1", client.Limiter(limiter))
	other.Get("http://b.example/2", client.Limiter(nil), client.Limiter(limiter))
	s.Get("http://c.example/3", client.Limiter(limiter), client.Limiter(nil))
	s.Get("http://d.example/4")
	if limiter.Waiting() != 1 {
		t.Errorf("%d wait", limiter.Waiting())
	}
	s.Advance(time.Minute)
	s.want(t, "/1 0s", "/3 0s", "/4 0s", "/2 1m0s")
}

// TestTimeoutsCoverTheTurn checks that a request that waits too long for its turn fails, and
// leaves nothing.
func TestTimeoutsCoverTheTurn(t *testing.T) {
	s := newTimetable(client.Config{Limits: &agent.LimitConfig{Total: agent.Limit{Rate: 0.1}}})
	s.Get("http://a.example/1")
	for _, option := range []client.Option{client.Timeout(time.Second), client.TotalTimeout(time.Second)} {
		calls := len(s.Reactor().DelayedCalls())
		d := s.Get("http://a.example/2", option)
		s.Advance(time.Second)
		var late *agent.TimeoutError
		if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &late) {
			t.Errorf("got %v", err)
		}
		if n := len(s.Reactor().DelayedCalls()); n != calls {
			t.Errorf("%d delayed calls are left, want %d", n, calls)
		}
	}
	d := s.Get("http://a.example/3")
	s.Advance(8 * time.Second)
	deferredtest.SuccessResultOf(t, d)
	s.want(t, "/1 0s", "/3 10s")
}
