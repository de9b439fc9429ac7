package response_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A workClock is a clock with which the test sets the duration of work.
type workClock struct {
	*task.Clock
	worked time.Duration
}

// turn runs a turn of the loop.
func (c *workClock) turn() { c.Advance(time.Nanosecond) }

func (c *workClock) Now() time.Time { return c.Clock.Now().Add(c.worked) }

// collecting returns a response on a loop. The test runs the turns of the loop.
func collecting(t *testing.T, buffered bool) (*response.Response, *bodytest.Source, *workClock) {
	t.Helper()
	deferred.FailOnUnhandled(t)
	clock := &workClock{Clock: task.NewClock()}
	r, s := bodytest.New(200)
	s.Tasks = task.NewCooperator(clock, task.CooperatorConfig{
		Scheduler: func(f func()) reactor.DelayedCall {
			return clock.CallLater(time.Nanosecond, f)
		},
	})
	s.Init(s)
	if buffered {
		r.Buffer()
	}
	t.Cleanup(func() {
		if left := clock.DelayedCalls(); len(left) != 0 {
			t.Errorf("%d delayed calls are left", len(left))
		}
	})
	return r, s, clock
}

// eachWay runs test for a body that is buffered and for one that is not.
func eachWay(t *testing.T, test func(t *testing.T, r *response.Response, s *bodytest.Source, clock *workClock)) {
	for _, buffered := range []bool{false, true} {
		t.Run(fmt.Sprint("buffered=", buffered), func(t *testing.T) {
			r, s, clock := collecting(t, buffered)
			test(t, r, s, clock)
		})
	}
}

// TestCollectAtOnce checks that a complete body is collected without a turn of the loop.
func TestCollectAtOnce(t *testing.T) {
	eachWay(t, func(t *testing.T, r *response.Response, s *bodytest.Source, clock *workClock) {
		s.SendAll("all")
		got := ""
		deferredtest.SuccessResultOf(t, r.Collect(func(data []byte) error {
			clock.worked += time.Hour
			got += string(data)
			return nil
		}))
		if got != "all" {
			t.Errorf("collected %q", got)
		}
	})
}

// TestCollectSlowly checks that a slow collector pauses the body after each piece. The
// next turn collects the bytes received after the pause, and other tasks run in between.
func TestCollectSlowly(t *testing.T) {
	eachWay(t, func(t *testing.T, r *response.Response, s *bodytest.Source, clock *workClock) {
		var trace []string
		d := r.Collect(func(data []byte) error {
			clock.worked += 10 * time.Millisecond
			trace = append(trace, string(data))
			return nil
		})
		s.WantAsked(t, "resume")
		s.Send("a")
		s.WantAsked(t, "pause")
		s.Send("b", "c") // received before the pause
		other := s.Tasks.Cooperate(func() (task.Wait, error) {
			trace = append(trace, "other")
			return nil, nil
		})
		for range 3 {
			trace = append(trace, "turn")
			clock.turn()
		}
		s.WantAsked(t, "pause resume")
		s.Send("d")
		other.Stop()
		s.End(response.ErrDone)
		deferredtest.SuccessResultOf(t, d)
		got := strings.Join(trace, " ")
		if i := strings.LastIndex(got, "other"); !strings.HasPrefix(got, "a turn bc turn other") || !strings.HasSuffix(got[i:], "other d") {
			t.Errorf("the order is %.200s", got)
		}
	})
}

// TestCollectManyPieces checks that a fast collector pauses the body after a thousand
// pieces.
func TestCollectManyPieces(t *testing.T) {
	eachWay(t, func(t *testing.T, r *response.Response, s *bodytest.Source, clock *workClock) {
		calls, got := 0, 0
		d := r.Collect(func(data []byte) error {
			calls++
			got += len(data)
			return nil
		})
		for range 5000 {
			s.Send("x")
		}
		if calls != 1000 {
			t.Errorf("called %d times in the first turn, want 1000", calls)
		}
		s.WantAsked(t, "resume pause")
		s.End(response.ErrDone)
		deferredtest.NoResult(t, d)
		clock.turn()
		deferredtest.SuccessResultOf(t, d)
		if got != 5000 || calls != 1001 {
			t.Errorf("got %d bytes in %d calls, want 5000 in 1001", got, calls)
		}
	})
}

// TestCollectAgain checks that a buffered body is collected in pieces of limited size, a
// few in each turn.
func TestCollectAgain(t *testing.T) {
	r, s, clock := collecting(t, true)
	whole := strings.Repeat("x", 3<<20)
	s.SendAll(whole)
	deferredtest.SuccessResultOf(t, r.Content())
	got, most := 0, 0
	d := r.Collect(func(data []byte) error {
		clock.worked += 4 * time.Millisecond
		got, most = got+len(data), max(most, len(data))
		return nil
	})
	turns := 0
	for ; !d.Called() && turns < 100; turns++ {
		clock.turn()
	}
	deferredtest.SuccessResultOf(t, d)
	if got != len(whole) || most != 256<<10 || turns != 3 {
		t.Errorf("collected %d bytes, at most %d at once, in %d turns; want %d, %d, 3", got, most, turns, len(whole), 256<<10)
	}
}

// TestCollectEndsInLaterTurns checks that the collector is not called after the end of a
// Collect, whatever ends it.
func TestCollectEndsInLaterTurns(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(d *deferred.Deferred[deferred.None], s *bodytest.Source, clock *workClock)
		want error
	}{
		"cancelled": {func(d *deferred.Deferred[deferred.None], s *bodytest.Source, clock *workClock) { d.Cancel() }, deferred.ErrCancelled},
		"failed":    {func(d *deferred.Deferred[deferred.None], s *bodytest.Source, clock *workClock) { clock.turn() }, errBoom},
		"panicked": {func(d *deferred.Deferred[deferred.None], s *bodytest.Source, clock *workClock) {
			s.Send("panic")
			clock.turn()
		}, errBoom},
		"cut short": {func(d *deferred.Deferred[deferred.None], s *bodytest.Source, clock *workClock) {
			s.End(&response.FailedError{Reasons: []error{errBoom}})
			clock.turn()
		}, errBoom},
		"the Cooperator stopped": {func(d *deferred.Deferred[deferred.None], s *bodytest.Source, clock *workClock) { s.Tasks.Stop() }, task.ErrSchedulerStopped},
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, r *response.Response, s *bodytest.Source, clock *workClock) {
				calls := 0
				d := r.Collect(func(data []byte) error {
					clock.worked += time.Second
					if calls++; calls == 2 && strings.Contains(string(data), "panic") {
						panic(errBoom)
					} else if calls == 2 && name == "failed" {
						return errBoom
					}
					return nil
				})
				s.Send("a", "b")
				if calls != 1 {
					t.Fatalf("called %d times", calls)
				}
				test.end(d, s, clock)
				if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, test.want) {
					t.Errorf("failed with %v, want %v", err, test.want)
				}
				if asked := strings.Join(s.Asked, " "); name != "cut short" && !strings.HasSuffix(asked, "stop") {
					t.Errorf("asked for %q", asked)
				}
				s.Send("more")
				s.End(errors.New("aborted"))
				clock.turn()
				if calls > 2 {
					t.Errorf("called %d times", calls)
				}
			})
		})
	}
}

// TestCollectThen checks that the body is paused and the piece stays valid until the
// collector's Deferred fires.
func TestCollectThen(t *testing.T) {
	eachWay(t, func(t *testing.T, r *response.Response, s *bodytest.Source, clock *workClock) {
		var waits []*deferred.Deferred[deferred.None]
		var pieces [][]byte
		d := r.CollectThen(func(data []byte) *deferred.Deferred[deferred.None] {
			pieces = append(pieces, data)
			waits = append(waits, deferred.New[deferred.None]())
			return waits[len(waits)-1]
		})
		s.Send("a")
		s.WantAsked(t, "resume pause")
		s.Send("b", "c") // received before the pause
		if len(waits) != 1 || string(pieces[0]) != "a" {
			t.Fatalf("collected %q", pieces)
		}
		waits[0].Callback(deferred.None{})
		if len(waits) != 2 || string(pieces[1]) != "bc" {
			t.Fatalf("collected %q", pieces)
		}
		s.End(response.ErrDone)
		deferredtest.NoResult(t, d)
		waits[1].Callback(deferred.None{})
		deferredtest.SuccessResultOf(t, d)
	})
}

// TestCollectThenAtOnce checks that a nil Deferred or one that has fired does not pause
// the body.
func TestCollectThenAtOnce(t *testing.T) {
	for name, wait := range map[string]*deferred.Deferred[deferred.None]{"fired": deferred.Succeed(deferred.None{}), "nil": nil} {
		t.Run(name, func(t *testing.T) {
			r, s, _ := collecting(t, false)
			var got bytes.Buffer
			d := r.CollectThen(func(data []byte) *deferred.Deferred[deferred.None] {
				got.Write(data)
				return wait
			})
			s.SendAll("a", "b")
			deferredtest.SuccessResultOf(t, d)
			if got.String() != "ab" {
				t.Errorf("collected %q", got.String())
			}
		})
	}
}

// TestCollectThenEnds checks that an early end of CollectThen cancels the collector's
// Deferred, or closes the connection, or both.
func TestCollectThenEnds(t *testing.T) {
	type scene struct {
		d, wait *deferred.Deferred[deferred.None]
		s       *bodytest.Source
	}
	for name, test := range map[string]struct {
		end       func(scene)
		want      error
		cancelled bool // the collector's Deferred is cancelled
		closed    bool
	}{
		"the collector fails":   {func(x scene) { x.wait.Errback(errBoom) }, errBoom, false, true},
		"cancelled":             {func(x scene) { x.d.Cancel() }, deferred.ErrCancelled, true, true},
		"the body is cut short": {func(x scene) { x.s.End(&response.FailedError{Reasons: []error{errBoom}}) }, errBoom, true, false},
		"fails after the end":   {func(x scene) { x.s.End(response.ErrDone); x.wait.Errback(errBoom) }, errBoom, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, r *response.Response, s *bodytest.Source, clock *workClock) {
				cancelled := false
				wait := deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { cancelled = true })
				d := r.CollectThen(func([]byte) *deferred.Deferred[deferred.None] { return wait })
				s.Send("a")
				s.Asked = nil
				test.end(scene{d, wait, s})
				if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, test.want) {
					t.Errorf("failed with %v, want %v", err, test.want)
				}
				if cancelled != test.cancelled {
					t.Errorf("the collector's Deferred was cancelled: %v, want %v", cancelled, test.cancelled)
				}
				if closed := strings.Contains(strings.Join(s.Asked, " "), "stop"); closed != test.closed {
					t.Errorf("the body was stopped: %v, want %v", closed, test.closed)
				}
				s.End(errors.New("aborted"))
			})
		})
	}
}

// TestCollectThenCancelledWithin checks that a collector that cancels CollectThen gets
// its own Deferred cancelled.
func TestCollectThenCancelledWithin(t *testing.T) {
	r, s, _ := collecting(t, false)
	cancelled := false
	var d *deferred.Deferred[deferred.None]
	d = r.CollectThen(func([]byte) *deferred.Deferred[deferred.None] {
		d.Cancel()
		return deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { cancelled = true })
	})
	s.Send("a", "b")
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) || !cancelled {
		t.Errorf("failed with %v; the collector's Deferred was cancelled: %v", err, cancelled)
	}
}

// TestCollectThenSlowly checks that a slow collector is called once in each turn.
func TestCollectThenSlowly(t *testing.T) {
	eachWay(t, func(t *testing.T, r *response.Response, s *bodytest.Source, clock *workClock) {
		var wait *deferred.Deferred[deferred.None]
		calls := 0
		d := r.CollectThen(func([]byte) *deferred.Deferred[deferred.None] {
			calls++
			clock.worked += time.Second
			wait = deferred.New[deferred.None]()
			return wait
		})
		s.Send("a", "b")
		wait.Callback(deferred.None{})
		if calls != 1 {
			t.Errorf("called %d times in one turn", calls)
		}
		clock.turn()
		if calls != 2 {
			t.Errorf("called %d times in two turns", calls)
		}
		s.End(response.ErrDone)
		wait.Callback(deferred.None{})
		deferredtest.SuccessResultOf(t, d)
		clock.turn()
	})
}

// TestCollectWithoutACooperator checks that Collect fails at once, and closes the
// connection.
func TestCollectWithoutACooperator(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		s.Tasks = nil
		s.Init(s)
		err := deferredtest.FailureResultOf(t, r.Collect(func([]byte) error { t.Error("called"); return nil }))
		if !errors.Is(err, request.ErrNoCooperator) || !strings.Contains(err.Error(), ".Body).Cooperator()") {
			t.Errorf("failed with %v", err)
		}
		s.WantAsked(t, "stop")
		s.Send("a")
	})
}

// TestCooperator checks that the response and all readers have the Cooperator of the
// transport, before and after the end of the body.
func TestCooperator(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		var readers []*bodytest.Reader
		read := func() {
			p := new(bodytest.Reader)
			p.OnMade = func() {
				if p.Cooperator() != s.Tasks {
					t.Error("a reader does not have the Cooperator in ConnectionMade")
				}
			}
			if r.DeliverBody(p) == nil {
				readers = append(readers, p)
			}
		}
		read()
		read()
		s.SendAll("a")
		read()
		for i, p := range readers {
			if p.Cooperator() != s.Tasks {
				t.Errorf("reader %d does not have the Cooperator after the end", i)
			}
		}
		if r.Cooperator() != s.Tasks {
			t.Error("the response does not have the Cooperator after the end")
		}
	})
}
