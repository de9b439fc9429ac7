package ladder

import (
	"fmt"
	"html"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A talker writes, closes and resets at random.
type talker struct {
	memory.Recorder
	r    *memory.Reactor
	rand *rand.Rand
}

func (p *talker) ConnectionMade(t reactor.Transport) {
	p.Recorder.ConnectionMade(t)
	p.act()
}

func (p *talker) DataReceived([]byte) { p.act() }

func (p *talker) act() {
	switch n := p.rand.IntN(12); n {
	case 0:
		p.Transport.LoseConnection()
	case 1:
		p.Transport.AbortConnection()
	case 2:
		p.r.CallLater(time.Duration(p.rand.IntN(40))*time.Millisecond, p.act)
	default:
		p.Transport.Write(make([]byte, 1+p.rand.IntN(1<<(2*n-6+4))))
	}
}

// randomTrace returns the trace of a program that does much at once.
func randomTrace(t *testing.T, seed uint64) memory.Trace {
	r := memory.New()
	random := rand.New(rand.NewPCG(seed, 0))
	r.StartTrace()
	address := func() string { return fmt.Sprintf("192.0.2.%d:%d", 1+random.IntN(3), 80+random.IntN(2)) }
	factory := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &talker{r: r, rand: random} })
	for range 3 {
		r.ListenTCP(address(), factory) // perhaps one that is taken
	}
	if random.IntN(2) == 0 {
		r.Latency("192.0.2.1", "", 30*time.Millisecond)
	}
	for range 4 {
		r.CallLater(time.Duration(random.IntN(3))*10*time.Millisecond, func() {
			r.ConnectTCP(address(), factory, reactor.ConnectConfig{}).AddErrback(func(error) (none reactor.Protocol, _ error) { return })
		})
	}
	for range 30 { // not long, since talkers may talk for ever
		if r.RunFor(time.Millisecond); len(r.Trace()) > 300 {
			break
		}
	}
	return r.Trace()
}

// TestRowsKeepTheEvents: each event is in one row, and no row is above one that was before it in the
// same column.
func TestRowsKeepTheEvents(t *testing.T) {
	for seed := range uint64(60) {
		trace := randomTrace(t, seed)
		columns, rows := build(trace, nil)
		count := make([]int, len(trace))
		last := make([]int, len(columns)) // for each column, the last event
		touch := func(column, event int, r *row) {
			if event < last[column] && r.tone != toneOpen { // the answer to an attempt may be shown early
				t.Errorf("seed %d: row %d has event %d of %s, which comes before event %d", seed, r.index, event, columns[column].name, last[column])
			}
			last[column] = max(last[column], event)
		}
		for i, r := range rows {
			for _, e := range r.events {
				count[e]++
			}
			if i > 0 && r.at < rows[i-1].at {
				t.Errorf("seed %d: row %d is at %v, after one at %v", seed, i, r.at, rows[i-1].at)
			}
			switch first := r.events[0]; r.shape {
			case message:
				touch(r.from, first, r)
				if r.tone != toneBad {
					touch(r.to, r.events[1], r)
				}
			case arrives:
				touch(r.to, first, r)
				if r.left.index >= i {
					t.Errorf("seed %d: row %d arrives before it leaves", seed, i)
				}
			case departs, mark:
				touch(r.from, first, r)
			}
		}
		for e, n := range count {
			if _, read := strings.CutPrefix(trace[e].Kind, "read"); n != 1 && !(read && n > 1) {
				t.Errorf("seed %d: event %d is in %d rows: %s", seed, e, n, trace[e])
			}
		}
		l := New(trace, nil)
		l.MaxRows = len(trace) + 4
		page := l.HTML()
		for _, e := range trace {
			if !strings.Contains(page, html.EscapeString(clean(e.String()))) {
				t.Errorf("seed %d: the page does not have %s", seed, e)
			}
		}
		if t.Failed() {
			t.Fatalf("%s\n%s", trace, l.Text())
		}
	}
}

// TestDescribe: what a label says of bytes.
func TestDescribe(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`"GET / HTTP/1.1\r\nHost: a\r\n\r\n"`, "GET /"},
		{`"GET /a/path/that/is/long/enough/to/be/cut"...`, "GET /a/path/that/is/long/enough/to/be/cut…"},
		{`"BREW /pot HTTP/1.1\r\n"`, "BREW /pot"},
		{`"BREW /pot for all the people who are her"...`, `"BREW /pot for all the people who"…`},
		{`"HTTP/1.1 204 No Content\r\n\r\n"`, "204 No Content"},
		{`"HTTP/1.1 \r\n\r\n"`, `"HTTP/1.1 \r\n\r\n"`},
		{`"GET it\r\n"`, `"GET it\r\n"`},
		{`"CONNECT a.example:443 HTTP/1.1\r\n"`, "CONNECT a.example:443"},
		{`"hello"`, `"hello"`},
		{`"say \"hi\"\\"`, `"say "hi"\"`},
		{`"\x00\x01\x02"`, "bytes 00 01 02"},
		{`""`, `""`},
		{`not quoted`, `"not quoted"`},
		{`"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\x17\x03\x03\x00\x01a"`, "TLS ClientHello, data"},
		{`"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\x99"`, "TLS ClientHello"},
	} {
		if got, _ := new(stream).describe(up, 100, c.text); got != c.want {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
}
