package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A peer is a client, with a server that the test plays.
type peer struct {
	*memory.IOPump
	*client
	server memory.Recorder
}

// connect returns a connected client. pieceSize bounds what it receives at a time.
func connect(t *testing.T, pieceSize int) *peer {
	t.Helper()
	p := &peer{client: newClient(), IOPump: &memory.IOPump{PieceSize: pieceSize}}
	p.Connect(&p.server, p.client)
	p.Advance(time.Hour) // since the Unix epoch
	t.Cleanup(func() {
		if calls := p.IOPump.Reactor.DelayedCalls(); len(calls) > 0 {
			t.Errorf("left: %v", calls)
		}
	})
	return p
}

// answer sends what a server answers.
func (p *peer) answer(text string) {
	p.ServerIO().Write([]byte(text))
	p.Flush()
}

// results are those of any command.
func results[T any](d *deferred.Deferred[T]) *deferred.Deferred[any] {
	return deferred.Map(d, func(value T) (any, error) { return value, nil })
}

func number(n uint64) *uint64 { return &n }

var (
	bar  = []byte("bar")
	fail = errors.New
)

// TestCommands: what each command sends, and the result of each answer, which comes whole and byte by byte.
func TestCommands(t *testing.T) {
	for _, test := range []struct {
		name   string
		call   func(c *client) *deferred.Deferred[any]
		sends  string
		answer string
		want   any // the result, or an error with the same text
	}{
		{"get", func(c *client) *deferred.Deferred[any] { return results(c.get("foo")) },
			"get foo\r\n", "VALUE foo 5 3\r\nbar\r\nEND\r\n", &item{value: bar, flags: 5}},
		{"get of nothing", func(c *client) *deferred.Deferred[any] { return results(c.get("foo")) },
			"get foo\r\n", "END\r\n", (*item)(nil)},
		{"get of an empty value", func(c *client) *deferred.Deferred[any] { return results(c.get("foo")) },
			"get foo\r\n", "VALUE foo 0 0\r\n\r\nEND\r\n", &item{value: []byte{}}},
		{"get of what looks like an answer", func(c *client) *deferred.Deferred[any] { return results(c.get("foo")) },
			"get foo\r\n", "VALUE foo 0 10\r\n\r\nEND\r\nEND\r\nEND\r\n", &item{value: []byte("\r\nEND\r\nEND")}},
		{"gets", func(c *client) *deferred.Deferred[any] { return results(c.gets("foo")) },
			"gets foo\r\n", "VALUE foo 0 3 1234\r\nbar\r\nEND\r\n", &item{value: bar, cas: 1234}},
		{"gets of nothing", func(c *client) *deferred.Deferred[any] { return results(c.gets("foo")) },
			"gets foo\r\n", "END\r\n", (*item)(nil)},
		{"getMultiple", func(c *client) *deferred.Deferred[any] { return results(c.getMultiple("foo", "cow", "no")) },
			"get foo cow no\r\n", "VALUE cow 1 3\r\nmoo\r\nVALUE foo 0 3\r\nbar\r\nEND\r\n",
			map[string]*item{"foo": {value: bar}, "cow": {value: []byte("moo"), flags: 1}}},
		{"getsMultiple", func(c *client) *deferred.Deferred[any] { return results(c.getsMultiple("foo", "cow")) },
			"gets foo cow\r\n", "VALUE foo 0 3 1\r\nbar\r\nVALUE cow 0 3 2\r\nmoo\r\nEND\r\n",
			map[string]*item{"foo": {value: bar, cas: 1}, "cow": {value: []byte("moo"), cas: 2}}},
		{"getMultiple of no keys", func(c *client) *deferred.Deferred[any] { return results(c.getMultiple()) },
			"", "", map[string]*item{}},

		{"set", func(c *client) *deferred.Deferred[any] { return results(c.set("foo", item{value: bar})) },
			"set foo 0 0 3\r\nbar\r\n", "STORED\r\n", true},
		{"set with flags and expiry", func(c *client) *deferred.Deferred[any] {
			return results(c.set("foo", item{value: bar, flags: 7, expires: 1500 * time.Millisecond}))
		}, "set foo 7 2 3\r\nbar\r\n", "STORED\r\n", true},
		{"set for longer than 30 days", func(c *client) *deferred.Deferred[any] {
			return results(c.set("foo", item{value: bar, expires: 31 * 24 * time.Hour}))
		}, "set foo 0 2682000 3\r\nbar\r\n", "STORED\r\n", true},
		{"set of what has expired", func(c *client) *deferred.Deferred[any] {
			return results(c.set("foo", item{value: bar, expires: -time.Millisecond}))
		}, "set foo 0 -1 3\r\nbar\r\n", "STORED\r\n", true},
		{"set of nothing", func(c *client) *deferred.Deferred[any] { return results(c.set("foo", item{})) },
			"set foo 0 0 0\r\n\r\n", "STORED\r\n", true},
		{"add", func(c *client) *deferred.Deferred[any] { return results(c.add("foo", item{value: bar})) },
			"add foo 0 0 3\r\nbar\r\n", "STORED\r\n", true},
		{"add of an old one", func(c *client) *deferred.Deferred[any] { return results(c.add("foo", item{value: bar})) },
			"add foo 0 0 3\r\nbar\r\n", "NOT_STORED\r\n", false},
		{"replace", func(c *client) *deferred.Deferred[any] { return results(c.replace("foo", item{value: bar})) },
			"replace foo 0 0 3\r\nbar\r\n", "STORED\r\n", true},
		{"replace of nothing", func(c *client) *deferred.Deferred[any] { return results(c.replace("foo", item{value: bar})) },
			"replace foo 0 0 3\r\nbar\r\n", "NOT_STORED\r\n", false},
		{"append", func(c *client) *deferred.Deferred[any] { return results(c.append("foo", bar)) },
			"append foo 0 0 3\r\nbar\r\n", "STORED\r\n", true},
		{"prepend", func(c *client) *deferred.Deferred[any] { return results(c.prepend("foo", bar)) },
			"prepend foo 0 0 3\r\nbar\r\n", "NOT_STORED\r\n", false},
		{"cas", func(c *client) *deferred.Deferred[any] { return results(c.cas("foo", item{value: bar, cas: 1234})) },
			"cas foo 0 0 3 1234\r\nbar\r\n", "STORED\r\n", true},
		{"cas too late", func(c *client) *deferred.Deferred[any] { return results(c.cas("foo", item{value: bar, cas: 1})) },
			"cas foo 0 0 3 1\r\nbar\r\n", "EXISTS\r\n", false},
		{"cas of nothing", func(c *client) *deferred.Deferred[any] { return results(c.cas("foo", item{value: bar, cas: 1})) },
			"cas foo 0 0 3 1\r\nbar\r\n", "NOT_FOUND\r\n", false},

		{"incr", func(c *client) *deferred.Deferred[any] { return results(c.incr("foo", 1)) },
			"incr foo 1\r\n", "4\r\n", number(4)},
		{"decr by more", func(c *client) *deferred.Deferred[any] { return results(c.decr("foo", 3)) },
			"decr foo 3\r\n", "5 \r\n", number(5)},
		{"incr of nothing", func(c *client) *deferred.Deferred[any] { return results(c.incr("foo", 1)) },
			"incr foo 1\r\n", "NOT_FOUND\r\n", (*uint64)(nil)},
		{"delete", func(c *client) *deferred.Deferred[any] { return results(c.delete("bar")) },
			"delete bar\r\n", "DELETED\r\n", true},
		{"delete of nothing", func(c *client) *deferred.Deferred[any] { return results(c.delete("bar")) },
			"delete bar\r\n", "NOT_FOUND\r\n", false},
		{"touch", func(c *client) *deferred.Deferred[any] { return results(c.touch("bar", time.Minute)) },
			"touch bar 60\r\n", "TOUCHED\r\n", true},
		{"stats", func(c *client) *deferred.Deferred[any] { return results(c.stats()) },
			"stats\r\n", "STAT foo bar\r\nSTAT egg spam and more\r\nEND\r\n", map[string]string{"foo": "bar", "egg": "spam and more"}},
		{"stats of a topic", func(c *client) *deferred.Deferred[any] { return results(c.stats("items")) },
			"stats items\r\n", "END\r\n", map[string]string{}},
		{"version", func(c *client) *deferred.Deferred[any] { return results(c.version()) },
			"version\r\n", "VERSION 1.6 beta\r\n", "1.6 beta"},
		{"flushAll", func(c *client) *deferred.Deferred[any] { return results(c.flushAll()) },
			"flush_all\r\n", "OK\r\n", true},

		{"no such command", func(c *client) *deferred.Deferred[any] { return results(c.touch("foo", 0)) },
			"touch foo 0\r\n", "ERROR\r\n", fail("memcache: touch: ERROR")},
		{"client error", func(c *client) *deferred.Deferred[any] { return results(c.incr("foo", 1)) },
			"incr foo 1\r\n", "CLIENT_ERROR not a number\r\n", fail("memcache: incr: CLIENT_ERROR not a number")},
		{"server error", func(c *client) *deferred.Deferred[any] { return results(c.set("foo", item{value: bar})) },
			"set foo 0 0 3\r\nbar\r\n", "SERVER_ERROR out of memory\r\n", fail("memcache: set: SERVER_ERROR out of memory")},
		{"a key that is too long", func(c *client) *deferred.Deferred[any] { return results(c.get(strings.Repeat("a", 251))) },
			"", "", &keyError{strings.Repeat("a", 251), "is longer than 250 bytes"}},
		{"an empty key", func(c *client) *deferred.Deferred[any] { return results(c.delete("")) },
			"", "", fail(`memcache: the key "" is empty`)},
		{"a key that is a command", func(c *client) *deferred.Deferred[any] {
			return results(c.getMultiple("foo", "a\r\nflush_all"))
		}, "", "", fail(`memcache: the key "a\r\nflush_all" has a space or a control character`)},
		{"a topic that is a command", func(c *client) *deferred.Deferred[any] { return results(c.stats("a\r\nflush_all")) },
			"", "", fail(`memcache: the key "a\r\nflush_all" has a space or a control character`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, pieceSize := range []int{0, 1} {
				p := connect(t, pieceSize)
				d := test.call(p.client)
				p.Flush()
				if got := string(p.server.Data); got != test.sends {
					t.Errorf("sends %q, want %q", got, test.sends)
				}
				p.answer(test.answer)
				if err, ok := test.want.(error); ok {
					if got := deferredtest.FailureResultOf(t, d); got.Error() != err.Error() {
						t.Errorf("got %v, want %v", got, err)
					}
				} else if got := deferredtest.SuccessResultOf(t, d); !reflect.DeepEqual(got, test.want) {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
				// The connection can be used, and nothing is left of the answer.
				next := p.version()
				p.answer("VERSION 1\r\n")
				deferredtest.SuccessResultOf(t, next)
			}
		})
	}
}

// TestPipelining: answers belong to the commands in their order, also after one was cancelled.
func TestPipelining(t *testing.T) {
	p := connect(t, 0)
	first, cancelled, last := p.get("foo"), p.get("cow"), p.incr("n", 1)
	cancelled.Cancel()
	p.Flush()
	if got, want := string(p.server.Data), "get foo\r\nget cow\r\nincr n 1\r\n"; got != want {
		t.Errorf("sends %q, want %q", got, want)
	}
	p.answer("VALUE foo 0 3\r\nbar\r\nEND\r\nVALUE cow 0 3\r\nmoo\r\nEND\r\n")
	if got := deferredtest.SuccessResultOf(t, first); string(got.value) != "bar" {
		t.Errorf("got %q", got.value)
	}
	deferredtest.FailureIs(t, cancelled, deferred.ErrCancelled)
	deferredtest.NoResult(t, last)
	p.answer("7\r\n")
	if n := deferredtest.SuccessResultOf(t, last); *n != 7 {
		t.Errorf("got %d", *n)
	}
}

// TestTimeout: the server has a minute for each part of an answer. Then the connection ends, with all commands.
func TestTimeout(t *testing.T) {
	get := func(c *client) *deferred.Deferred[any] { return results(c.get("foo")) }
	for _, test := range []struct {
		name    string
		call    func(c *client) *deferred.Deferred[any]
		answers []string      // one after each 59 seconds
		timeout time.Duration // of what is left; 0: everything is answered
	}{
		{"no answer", get, nil, time.Minute},
		{"a whole answer", get, []string{"VALUE foo 0 3\r\nbar\r\nEND\r\n"}, 0},
		{"a slow answer", get, []string{"VALUE foo 0 3\r\n", "b", "ar\r\n", "END\r\n"}, 0},
		{"a part of a value", get, []string{"VALUE foo 0 10\r\n12345"}, time.Minute},
		{"a part of statistics", func(c *client) *deferred.Deferred[any] { return results(c.stats()) },
			[]string{"STAT foo bar\r\n"}, time.Minute},
		{"the second command", func(c *client) *deferred.Deferred[any] { c.get("foo"); return results(c.get("bar")) },
			[]string{"VALUE foo 0 3\r\nbar\r\nEND\r\n"}, time.Minute},
		{"a later command does not delay it", func(c *client) *deferred.Deferred[any] {
			c.Transport.Reactor().CallLater(59*time.Second, func() { c.get("bar").AddErrback(ignore) })
			return results(c.get("foo"))
		}, []string{""}, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := connect(t, 0)
			d := test.call(p.client)
			for _, text := range test.answers {
				p.Advance(59 * time.Second)
				p.answer(text)
			}
			if test.timeout == 0 {
				deferredtest.SuccessResultOf(t, d)
				return // connect checks that no timer is left
			}
			p.Advance(test.timeout - 1)
			deferredtest.NoResult(t, d)
			p.Advance(1)
			if err := deferredtest.FailureIs(t, d, os.ErrDeadlineExceeded); deferredtest.FailureIs(t, p.version(), err) == nil || !p.Transport.Disconnecting() {
				t.Error("the connection did not end")
			}
		})
	}
}

func ignore(error) (_ *item, _ error) { return }

// TestConnectionLost: the commands fail, and those that come later. A handler may send another one.
func TestConnectionLost(t *testing.T) {
	p := connect(t, 0)
	again := deferred.ThenBoth(p.get("foo"), func(*item, error) *deferred.Deferred[*item] { return p.get("again") })
	other := p.set("bar", item{value: bar})
	p.ServerIO().LoseConnection()
	p.Flush()
	deferredtest.FailureIs(t, again, reactor.ErrConnectionDone)
	deferredtest.FailureIs(t, other, reactor.ErrConnectionDone)
	deferredtest.FailureIs(t, p.get("late"), reactor.ErrConnectionDone)
	deferredtest.FailureIs(t, newClient().get("early"), errNotConnected)
}

// TestWrongAnswers: a server that does not speak the protocol is left, and everything fails.
func TestWrongAnswers(t *testing.T) {
	for _, test := range []struct{ name, answer, want string }{
		{"another key", "VALUE bar 0 7\r\nspamegg\r\nEND\r\n", `memcache: the server answers get with "VALUE bar 0 7"`},
		{"no number", "VALUE foo 0 x\r\n", `memcache: the server answers get with "VALUE foo 0 x"`},
		{"a negative length", "VALUE foo 0 -1\r\n", `memcache: the server answers get with "VALUE foo 0 -1"`},
		{"a longer value", "VALUE foo 0 3\r\nspamegg\r\n", "memcache: the server answers get with a value that is longer than announced"},
		{"too much", "VALUE foo 0 1001\r\n", "memcache: the server answers get with more than 1000 bytes"},
		{"another answer", "STORED\r\n", `memcache: the server answers get with "STORED"`},
		{"statistics", "STAT a b\r\n", `memcache: the server answers get with "STAT a b"`},
		{"a long line", strings.Repeat("x", 20000), "line"},
		{"END for a set", "END\r\nEND\r\n", `memcache: the server answers set with "END"`},
		{"unasked", "END\r\nSTORED\r\nEND\r\n", `memcache: the server answers no command with "END"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := connect(t, 0)
			p.maxAnswer = 1000
			first, second := p.get("foo"), p.set("foo", item{})
			first.AddErrback(ignore)
			second.AddErrback(func(error) (bool, error) { return false, nil })
			p.answer(test.answer)
			deferredtest.SuccessResultOf(t, first)
			deferredtest.SuccessResultOf(t, second)
			err := deferredtest.FailureResultOf(t, p.get("late"))
			if !strings.Contains(err.Error(), test.want) || !p.Transport.Disconnecting() {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestServer runs the client with the program's own server.
func TestServer(t *testing.T) {
	for _, pieceSize := range []int{0, 1} {
		p := &memory.IOPump{PieceSize: pieceSize}
		c := newClient()
		p.Connect(newCache().BuildProtocol(nil), c)
		show := func(value any, err error) string {
			switch value := value.(type) {
			case *item:
				if value != nil {
					return fmt.Sprintf("%s/%d/%d", value.value, value.flags, value.cas)
				}
			case *uint64:
				if value != nil {
					return fmt.Sprint(*value)
				}
			}
			return fmt.Sprint(value, cmp.Or(err, errors.New("")))
		}
		var got []string
		do := func(d *deferred.Deferred[any]) {
			d.AddBoth(func(value any, err error) (any, error) {
				got = append(got, strings.TrimSpace(show(value, err)))
				return nil, nil
			})
		}
		x := func(text string) item { return item{value: []byte(text), flags: 3} }
		do(results(c.add("a", x("1"))))
		do(results(c.add("a", x("2"))))
		do(results(c.replace("b", x("2"))))
		do(results(c.append("a", []byte("0"))))
		do(results(c.prepend("a", []byte("2"))))
		do(results(c.incr("a", 5)))
		do(results(c.gets("a")))
		do(results(c.cas("a", item{value: []byte("x\r\nEND"), cas: 4})))
		do(results(c.cas("a", item{value: []byte("y"), cas: 4})))
		do(results(c.get("a")))
		do(results(c.incr("a", 1)))
		do(results(c.set("soon", item{value: []byte("9"), expires: 10 * time.Second})))
		do(results(c.touch("a", time.Minute)))
		do(results(c.touch("b", time.Minute)))
		do(results(c.decr("soon", 10)))
		do(results(c.stats()))
		p.Flush()
		p.Advance(10 * time.Second)
		do(results(c.get("soon")))
		do(results(c.delete("a")))
		do(results(c.delete("a")))
		do(results(c.decr("a", 1)))
		do(results(c.version()))
		do(results(c.flushAll()))
		do(results(c.set("big", item{value: make([]byte, maxValue+1)})))
		p.PieceSize = 0
		p.Flush()
		want := []string{"true", "false", "false", "true", "true", "215", "215/3/4", "true", "false", "x\r\nEND/0/0",
			"<nil> memcache: incr: CLIENT_ERROR cannot increment or decrement non-numeric value", "true", "true", "false", "0",
			"map[cmd_get:2 curr_items:2]", "<nil>", "true", "false", "<nil>", "1.0-example", "true",
			"<nil> memcache: set: SERVER_ERROR object too large for cache"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got\n%q\nwant\n%q", got, want)
		}
		p.ServerIO().AbortConnection()
		p.Flush()
	}
}

// TestServerWaits: commands of a client that reads no answers wait.
func TestServerWaits(t *testing.T) {
	s := newCache().BuildProtocol(nil).(*session)
	p := &memory.IOPump{}
	c := newClient()
	p.Connect(s, c)
	c.set("a", item{value: make([]byte, 100000)})
	p.Flush()
	c.Transport.PauseProducing()
	for range 100 {
		c.get("a").AddErrback(ignore)
	}
	p.Flush()
	if s.cache.gets > 10 {
		t.Errorf("the server answered %d commands", s.cache.gets)
	}
	c.Transport.ResumeProducing()
	p.Flush()
	if s.cache.gets != 100 {
		t.Errorf("the server answered %d commands, want all", s.cache.gets)
	}
}
