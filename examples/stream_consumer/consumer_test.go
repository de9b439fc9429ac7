package main

import (
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
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtest "github.com/seed-7c003b53/gotreq/treq/testing"
)

type message struct{ ID int }

// A feed is a consumer, with a server that gives the replies, one after the other, and then no answer.
type feed struct {
	*consumer[message]
	stub     *treqtest.StubTreq
	requests []string      // their times and parameters
	log      []string      // what the consumer said
	waits    time.Duration // the sum
	ended    *deferred.Deferred[deferred.None]
}

func start(t *testing.T, replies ...treqtest.Reply) *feed {
	t.Helper()
	f := &feed{}
	begin := time.Unix(0, 0)
	f.stub = treqtest.NewStubTreq(treqtest.StringStubbingResource(treqtest.ResponderFunc(func(req treqtest.Received) treqtest.Reply {
		f.requests = append(f.requests, fmt.Sprint(f.stub.Reactor().Now().Sub(begin), " ", req.Params["track"]))
		if len(replies) == 0 {
			return treqtest.Reply{Ending: treqtest.NoAnswer}
		}
		reply := replies[0]
		replies = replies[1:]
		return reply
	})), treqtest.Config{})
	f.consumer = &consumer[message]{
		client:    f.stub,
		clock:     f.stub.Reactor(),
		url:       "http://an.example/stream",
		received:  func(m message) { f.log = append(f.log, fmt.Sprint(m.ID)) },
		invalid:   func(line []byte, err error) { f.log = append(f.log, fmt.Sprintf("%s: %v", line, err)) },
		connected: func(resp *response.Response) { f.log = append(f.log, fmt.Sprint("connected ", resp.Code)) },
		disconnected: func(err error, wait time.Duration) {
			f.log = append(f.log, "lost")
			f.waits += wait
		},
	}
	t.Cleanup(func() {
		f.ended.AddErrback(func(error) (none deferred.None, _ error) { return none, nil })
		f.ended.Cancel()
		f.stub.Flush()
		if calls := f.stub.DelayedCalls(); !f.ended.Called() || len(calls) > 0 {
			t.Errorf("ended %t, left: %v", f.ended.Called(), calls)
		}
	})
	return f
}

func (f *feed) begin() { f.ended = f.run(); f.stub.Flush() }

func (f *feed) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(f.log, want) {
		t.Errorf("got\n%q\nwant\n%q", f.log, want)
	}
	f.log = nil
}

// TestMessages: messages come as their lines do, however these are split.
func TestMessages(t *testing.T) {
	f := start(t, treqtest.Reply{Body: "{\"id\":1}\r\n\r\n{\"id\"", Ending: treqtest.Stall, Pieces: []treqtest.Piece{
		{After: time.Second, Data: ":2}\r"},
		{After: time.Second, Data: "\n{\"id\":3}\n no \n{\"id\":4}\n{\"id\":5}"},
	}})
	f.begin()
	f.expect(t, "connected 200", "1")
	f.stub.Advance(time.Second)
	f.expect(t)
	f.stub.Advance(time.Second)
	f.expect(t, "2", "3", "no: invalid character 'o' in literal null (expecting 'u')", "4")
}

// TestInvalidIgnored: without a function for them, lines that are no messages are skipped.
func TestInvalidIgnored(t *testing.T) {
	f := start(t, treqtest.Reply{Body: "no\n{\"id\":1}\n", Ending: treqtest.Stall})
	f.invalid = nil
	f.begin()
	f.expect(t, "connected 200", "1")
}

// TestKeepAlive: empty lines keep the stream, silence ends it. A line may come slowly.
func TestKeepAlive(t *testing.T) {
	f := start(t, treqtest.Reply{Ending: treqtest.Stall, Pieces: []treqtest.Piece{
		{After: 80 * time.Second, Data: "\r\n"}, {After: 80 * time.Second, Data: "{\"id\""}, {After: 80 * time.Second, Data: ":1}\n"},
	}}, treqtest.Reply{Ending: treqtest.Stall})
	var reason error
	f.disconnected = func(err error, _ time.Duration) { reason = err }
	f.begin()
	f.stub.Reactor().RunFor(240 * time.Second)
	f.expect(t, "connected 200", "1")
	f.stub.Advance(90*time.Second - 1)
	if reason != nil {
		t.Errorf("lost too early: %v", reason)
	}
	f.stub.Advance(1)
	if !errors.Is(reason, os.ErrDeadlineExceeded) {
		t.Errorf("lost: %v", reason)
	}
	f.stub.Advance(250 * time.Millisecond)
	f.expect(t, "connected 200")
}

// TestBackoff: the waits depend on what happened before.
func TestBackoff(t *testing.T) {
	ok := treqtest.Reply{Body: "{\"id\":1}\n"}
	brokenOff := treqtest.Reply{Body: "{\"id\":1}\n", Ending: treqtest.BreakOff}
	empty := treqtest.Reply{}
	refused := treqtest.Reply{Ending: treqtest.HangUp}
	status := func(code int, headers ...string) treqtest.Reply {
		reply := treqtest.Reply{Code: code, Headers: http.Header{}}
		for _, value := range headers {
			reply.Headers.Set("Retry-After", value)
		}
		return reply
	}
	repeat := func(n int, reply treqtest.Reply) []treqtest.Reply { return slices.Repeat([]treqtest.Reply{reply}, n) }
	for _, test := range []struct {
		name    string
		replies []treqtest.Reply
		want    string // the times between the attempts
	}{
		{"established streams", []treqtest.Reply{ok, ok, brokenOff, brokenOff, ok}, "250ms 250ms 250ms 250ms 250ms"},
		{"network", repeat(4, refused), "250ms 500ms 750ms 1s"},
		{"streams that bring nothing", repeat(3, empty), "250ms 500ms 750ms"},
		{"network, up to 16 s", repeat(66, refused), "16s 16s"},
		{"HTTP", repeat(8, status(503)), "5s 10s 20s 40s 1m20s 2m40s 5m20s 5m20s"},
		{"too many requests", repeat(6, status(420)), "1m0s 2m0s 4m0s 8m0s 16m0s 16m0s"},
		{"429", repeat(2, status(429)), "1m0s 2m0s"},
		{"408", repeat(2, status(408)), "5s 10s"},
		{"Retry-After", []treqtest.Reply{status(503, "7"), status(503, "7"), status(429, "90"), status(429, "x"), status(503, "-5")}, "7s 10s 1m30s 2m0s 5s"},
		{"another kind begins anew", []treqtest.Reply{refused, refused, status(500), status(502), empty, status(500)}, "250ms 500ms 5s 10s 250ms 5s"},
		{"success begins anew", []treqtest.Reply{status(500), status(500), ok, empty, empty, ok}, "5s 10s 250ms 500ms 750ms 250ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, test.replies...)
			var waits []string
			f.disconnected = func(_ error, wait time.Duration) { waits = append(waits, wait.String()) }
			f.begin()
			for range test.replies {
				n := len(f.requests)
				wait, _ := time.ParseDuration(waits[len(waits)-1])
				f.stub.Advance(wait - 1)
				if len(f.requests) != n {
					t.Fatalf("attempt %d comes early", n)
				}
				f.stub.Advance(1)
				if len(f.requests) != n+1 {
					t.Fatalf("attempt %d does not come", n)
				}
			}
			if got := strings.Join(waits, " "); got != test.want && !(len(waits) > 60 && strings.HasSuffix(got, test.want)) {
				t.Errorf("waits %s, want %s", got, test.want)
			}
		})
	}
}

// TestPermanent: what will not pass ends the consumer.
func TestPermanent(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 406, 410, 413, 416} {
		f := start(t, treqtest.Reply{Code: code, Body: "why"})
		f.begin()
		if err := deferredtest.FailureAs[*response.StatusError](t, f.ended); err.Code != code || string(err.Body) != "why" {
			t.Error(err)
		}
		f.expect(t)
	}
	f := start(t)
	f.url = "an.example"
	f.begin()
	deferredtest.FailureIs(t, f.ended, client.ErrURL)

	f = start(t, treqtest.Reply{Body: "{\"id\":1}\n"})
	f.received = func(message) { panic("no") }
	f.begin()
	if err := deferredtest.FailureAs[*deferred.PanicError](t, f.ended); err.Value != "no" {
		t.Error(err)
	}
}

// TestErrorOfAProgram: a client of the program's own may fail in any way.
func TestErrorOfAProgram(t *testing.T) {
	f := start(t)
	f.client = treq.ClientFunc(func(string, string, ...treq.Option) *treq.Deferred {
		return deferred.Fail[*response.Response](&response.StatusError{Code: 503})
	})
	f.begin()
	f.expect(t, "lost")
}

// TestTooLong: a line without an end takes no more memory than the limit, and ends the stream.
func TestTooLong(t *testing.T) {
	f := start(t, treqtest.Reply{Body: "{\"id\":1}\n" + strings.Repeat("x", maxLine+1), Ending: treqtest.Stall})
	f.disconnected = func(err error, wait time.Duration) {
		var long *protocols.TooLongError
		f.log = append(f.log, fmt.Sprint(errors.As(err, &long), wait))
	}
	f.begin()
	f.expect(t, "connected 200", "1", "true 250ms")
}

// TestStop cancels in each state. start checks that nothing is left.
func TestStop(t *testing.T) {
	for _, test := range []struct {
		name  string
		reply treqtest.Reply
		log   []string
	}{
		{"connecting", treqtest.Reply{Ending: treqtest.NoAnswer}, nil},
		{"connected", treqtest.Reply{Ending: treqtest.Stall}, []string{"connected 200"}},
		{"within a line", treqtest.Reply{Body: "{\"id\":1}\n{", Ending: treqtest.Stall}, []string{"connected 200", "1"}},
		{"waiting", treqtest.Reply{Code: 503}, []string{"lost"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, test.reply)
			f.begin()
			f.ended.Cancel()
			f.stub.Flush()
			deferredtest.FailureIs(t, f.ended, deferred.ErrCancelled)
			f.expect(t, test.log...)
			f.stub.Reactor().RunFor(time.Hour)
			if len(f.requests) != 1 {
				t.Errorf("%d requests", len(f.requests))
			}
		})
	}
}

// TestReconnectByAMessage: what follows in the same piece is not delivered.
func TestReconnectByAMessage(t *testing.T) {
	body := "{\"id\":1}\n{\"id\":2}\n"
	for _, reply := range []treqtest.Reply{
		{Body: body}, {Body: body, Ending: treqtest.Stall}, {Pieces: []treqtest.Piece{{Data: body}}}, {Pieces: []treqtest.Piece{{After: time.Second, Data: body}}},
	} {
		f := start(t, reply)
		f.received = func(m message) {
			f.log = append(f.log, fmt.Sprint(m.ID))
			f.reconnect()
		}
		f.begin()
		f.stub.Advance(time.Second)
		f.expect(t, "connected 200", "1", "lost")
		if len(f.requests) != 2 {
			t.Errorf("%d requests", len(f.requests))
		}
	}
}

// TestReconnect connects at once, in each state, with new options.
func TestReconnect(t *testing.T) {
	for _, test := range []struct {
		name  string
		reply treqtest.Reply
		log   []string
	}{
		{"connecting", treqtest.Reply{Ending: treqtest.NoAnswer}, []string{"lost", "connected 200", "7"}},
		{"connected", treqtest.Reply{Body: "{\"id\":1}\n", Ending: treqtest.Stall}, []string{"connected 200", "1", "lost", "connected 200", "7"}},
		{"waiting", treqtest.Reply{Code: 503}, []string{"lost", "connected 200", "7"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, test.reply, treqtest.Reply{Body: "{\"id\":7}\n", Ending: treqtest.Stall})
			f.options = []treq.Option{treq.Params{"track": {"a"}}}
			f.begin()
			f.options = []treq.Option{treq.Params{"track": {"b"}}}
			f.reconnect()
			f.stub.Flush()
			f.expect(t, test.log...)
			if want := []string{"0s [a]", "0s [b]"}; !slices.Equal(f.requests, want) {
				t.Errorf("requests %q, want %q", f.requests, want)
			}
		})
	}
}

// TestRefused: a server that nobody runs is a failure of the network.
func TestRefused(t *testing.T) {
	f := start(t)
	f.client = client.New(f.stub.Reactor(), client.Config{})
	f.url = "http://127.0.0.1:1/"
	f.disconnected = func(err error, wait time.Duration) {
		f.log = append(f.log, fmt.Sprint(errors.Is(err, reactor.ErrConnectionRefused), wait))
	}
	f.begin()
	f.stub.Advance(250 * time.Millisecond)
	f.expect(t, "true 250ms", "true 500ms")
}
