package agent_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// These constants say what the server does after it has sent a test's bytes.
const (
	staysOpen = iota
	closes
	resets
)

// TestResponses sends the agent complete responses, at once and byte by byte.
func TestResponses(t *testing.T) {
	const get, head = "GET", "HEAD"
	tests := []struct {
		name   string
		method string
		sent   string
		then   int
		status string // version, code and phrase
		length int64
		body   string
		kept   bool // the connection is used again
	}{
		{"by length", get, okHello, staysOpen, "HTTP/1.1 200 OK", 5, "hello", true},
		{"length 0", get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", staysOpen, "HTTP/1.1 200 OK", 0, "", true},
		{"no phrase", get, "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", staysOpen, "HTTP/1.1 200 ", 1, "x", true},
		{"other phrase", get, "HTTP/1.1 599 Not So Good\r\nContent-Length: 1\r\n\r\nx", staysOpen, "HTTP/1.1 599 Not So Good", 1, "x", true},
		{"chunked", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nTrailer: x\r\n\r\n", staysOpen, "HTTP/1.1 200 OK", -1, "hello", true},
		{"chunked, empty", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", staysOpen, "HTTP/1.1 200 OK", -1, "", true},
		{"until close", get, "HTTP/1.1 200 OK\r\n\r\nhello", closes, "HTTP/1.1 200 OK", -1, "hello", false},
		{"until close, empty", get, "HTTP/1.1 200 OK\r\n\r\n", closes, "HTTP/1.1 200 OK", -1, "", false},
		{"to HEAD", head, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", staysOpen, "HTTP/1.1 200 OK", 0, "", true},
		{"to HEAD, chunked", head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", staysOpen, "HTTP/1.1 200 OK", 0, "", true},
		{"204", get, "HTTP/1.1 204 No Content\r\n\r\n", staysOpen, "HTTP/1.1 204 No Content", 0, "", true},
		{"304", get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", staysOpen, "HTTP/1.1 304 Not Modified", 0, "", true},
		{"after 100 and 103", get, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + okHello, staysOpen, "HTTP/1.1 200 OK", 5, "hello", true},
		{"Connection: close", get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", staysOpen, "HTTP/1.1 200 OK", 5, "hello", false},
		{"Connection: close, and it does", get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", closes, "HTTP/1.1 200 OK", 5, "hello", false},
		{"closes unannounced", get, okHello, closes, "HTTP/1.1 200 OK", 5, "hello", false},
		{"resets after all of it", get, okHello, resets, "HTTP/1.1 200 OK", 5, "hello", false},
		{"HTTP/1.0", get, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", staysOpen, "HTTP/1.0 200 OK", 5, "hello", false},
		{"HTTP/1.0 kept alive", get, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\nhello", staysOpen, "HTTP/1.0 200 OK", 5, "hello", true},
		{"lone LFs", get, "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", staysOpen, "HTTP/1.1 200 OK", 5, "hello", true},
		{"length and coding", get, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", staysOpen, "HTTP/1.1 200 OK", -1, "hello", false},
		{"identity", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello", closes, "HTTP/1.1 200 OK", -1, "hello", false},
		{"identity and length", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", staysOpen, "HTTP/1.1 200 OK", 5, "hello", false},
		{"spaces in the status line", get, "HTTP/1.1  200  OK\r\nContent-Length: 5\r\n\r\nhello", staysOpen, "HTTP/1.1 200 OK", 5, "hello", true},
		{"control characters in phrase and value", get, "HTTP/1.1 200 O\x01K\r\nA: \x02\r\nContent-Length: 5\r\n\r\nhello", staysOpen, "HTTP/1.1 200 O\x01K", 5, "hello", true},
		{"blank before a colon", get, "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", staysOpen, "HTTP/1.1 200 OK", 5, "hello", false},
		{"name that is no token", get, "HTTP/1.1 200 OK\r\nX Y: z\r\nContent-Length: 5\r\n\r\nhello", staysOpen, "HTTP/1.1 200 OK", 5, "hello", false},
		{"lone LF in a chunked body", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", staysOpen, "HTTP/1.1 200 OK", -1, "hello", false},
		{"empty lines before it", get, "\r\n\r\n" + okHello, staysOpen, "HTTP/1.1 200 OK", 5, "hello", true},
	}
	for _, test := range tests {
		for _, bytewise := range []bool{false, true} {
			name := test.name
			if bytewise {
				name += " byte by byte"
			}
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				d := w.send(newRequest(test.method, "http://a.example/"))
				c := w.Conn(0)
				if bytewise {
					c.SendBytewise(test.sent)
				} else {
					c.Send(test.sent)
				}
				switch test.then {
				case closes:
					c.Close()
				case resets:
					c.Abort()
				}
				resp := deferredtest.SuccessResultOf(t, d)
				if got := resp.Version + " " + itoa(resp.Code) + " " + resp.Phrase; got != test.status {
					t.Errorf("got %q, want %q", got, test.status)
				}
				if resp.Length != test.length {
					t.Errorf("Length %d, want %d", resp.Length, test.length)
				}
				w.wantBody(resp, test.body)
				if kept := c.Lost == nil; kept != test.kept {
					t.Errorf("connection kept: %v, want %v", kept, test.kept)
				}
				if test.kept {
					w.exchange(newRequest("GET", "http://a.example/again"), 0)
				} else {
					w.exchange(newRequest("GET", "http://a.example/again"), 1)
				}
			})
		}
	}
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

// TestUntilClose checks that the reader is told that the body may be incomplete.
func TestUntilClose(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	d := w.get("http://a.example/")
	w.Conn(0).Send("HTTP/1.0 200 OK\r\n\r\nhello")
	w.Conn(0).Close()
	p := new(bodytest.Reader)
	deferredtest.SuccessResultOf(t, d).DeliverBody(p)
	if string(p.Got) != "hello" || p.Err() != response.ErrPotentialDataLoss {
		t.Errorf("got %q and %v", p.Got, p.Err())
	}
}

// TestBroken sends the agent invalid and incomplete responses.
func TestBroken(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	tests := []struct {
		name  string
		sent  string
		then  int
		stage string // the stage that fails: "never", "head" or "body"
		is    []error
	}{
		{"closed at once", "", closes, "never", []error{reactor.ErrConnectionDone, wire.ErrNoResponse}},
		{"reset at once", "", resets, "never", []error{reactor.ErrConnectionReset, reactor.ErrConnectionLost}},
		{"closed in the status line", "HTTP/1.1 2", closes, "head", []error{reactor.ErrConnectionDone, wire.ErrPartialHead}},
		{"reset in the headers", "HTTP/1.1 200 OK\r\nA: b\r\n", resets, "head", []error{reactor.ErrConnectionReset}},
		{"closed after a 100", "HTTP/1.1 100 Continue\r\n\r\n", closes, "head", []error{reactor.ErrConnectionDone, wire.ErrPartialHead}},
		{"closed after an empty line", "\r\n", closes, "head", []error{reactor.ErrConnectionDone, wire.ErrPartialHead}},
		{"closed before the body", head, closes, "body", []error{reactor.ErrConnectionDone, wire.ErrPartialBody}},
		{"closed in the body", head + "hell", closes, "body", []error{reactor.ErrConnectionDone, wire.ErrPartialBody}},
		{"reset in the body", head + "hell", resets, "body", []error{reactor.ErrConnectionReset}},
		{"closed in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", closes, "body", []error{wire.ErrPartialBody}},
		{"closed before the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", closes, "body", []error{wire.ErrPartialBody}},
		{"reset instead of closed", "HTTP/1.0 200 OK\r\n\r\nhello", resets, "body", []error{reactor.ErrConnectionReset}},
		{"not HTTP", "SSH-2.0-OpenSSH_9.9\r\n", staysOpen, "head", []error{wire.ErrStatusLine}},
		{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", staysOpen, "head", []error{wire.ErrVersion}},
		{"bad header", "HTTP/1.1 200 OK\r\nA B\r\n\r\n", staysOpen, "head", []error{wire.ErrHeaderName}},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", staysOpen, "head", []error{wire.ErrContentLengthsDiffer}},
		{"two codings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", staysOpen, "head", []error{wire.ErrTransferCoding}},
		{"other coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", staysOpen, "head", []error{wire.ErrTransferCoding}},
		{"bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\nzz\r\n", staysOpen, "body", []error{wire.ErrChunkSize}},
		{"bad chunk end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxxx\r\n", staysOpen, "body", []error{wire.ErrChunkEnd}},
		{"endless status line", "HTTP/1.1 200 " + strings.Repeat("a", 1<<20), staysOpen, "head", []error{wire.ErrStartLineTooLong}},
		{"too many headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A:b\r\n", 600) + "\r\n", staysOpen, "head", []error{wire.ErrTooManyHeaders}},
		{"CR in a header", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", staysOpen, "head", []error{wire.ErrLineEnd}},
		{"NUL in a header", "HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n", staysOpen, "head", []error{wire.ErrHeaderValue}},
		{"endless interim responses", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100), staysOpen, "head", []error{wire.ErrTooManyInformational}},
		{"endless trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", 1<<12), staysOpen, "body", []error{wire.ErrTrailersTooLarge}},
		{"endless headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1<<18), staysOpen, "head", []error{wire.ErrHeadersTooLarge}},
		{"switching protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nxyz", staysOpen, "head", []error{agent.ErrNotUpgraded}},
	}
	for _, test := range tests {
		for _, bytewise := range []bool{false, true} {
			name := test.name
			if bytewise {
				if len(test.sent) > 1000 {
					continue
				}
				name += " byte by byte"
			}
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				d := w.get("http://a.example/")
				c := w.Conn(0)
				if bytewise {
					c.SendBytewise(test.sent)
				} else {
					c.Send(test.sent)
				}
				switch test.then {
				case closes:
					c.Close()
				case resets:
					c.Abort()
				}
				var err error
				if test.stage == "body" {
					body := deferredtest.SuccessResultOf(t, d).Content()
					w.r.Pump()
					err = deferredtest.FailureResultOf(t, body)
				} else {
					err = deferredtest.FailureResultOf(t, d)
					var of *agent.RequestError
					if !errors.As(err, &of) || of.URL != "http://a.example/" || of.Method != "GET" {
						t.Errorf("%v is not a RequestError of the request", err)
					}
				}
				t.Log(err)
				var failed *response.FailedError
				var never *response.NeverReceivedError
				if errors.As(err, &never) != (test.stage == "never") || errors.As(err, &failed) != (test.stage != "never") {
					t.Errorf("%v is of the wrong type", err)
				}
				if failed != nil && (failed.Response != nil) != (test.stage == "body") {
					t.Errorf("FailedError with the response %v", failed.Response)
				}
				for _, want := range test.is {
					if !errors.Is(err, want) {
						t.Errorf("%v is not %v", err, want)
					}
				}
				w.wantClosed(0)
				if len(w.Conns) != 1 {
					t.Errorf("%d connections", len(w.Conns))
				}
			})
		}
	}
}

// TestLimits checks that the limits of everything except bodies can be set.
func TestLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits wire.Limits
		sent   string
		want   error // nil: no error
	}{
		{"small headers", wire.Limits{HeaderBytes: 30}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: 1234567\r\n\r\n", wire.ErrHeadersTooLarge},
		{"few headers", wire.Limits{HeaderCount: 1}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: b\r\n\r\n", wire.ErrTooManyHeaders},
		{"short status line", wire.Limits{StartLineBytes: 15}, "HTTP/1.1 200 Okay\r\nContent-Length: 0\r\n\r\n", wire.ErrStartLineTooLong},
		{"large headers", wire.Limits{HeaderBytes: math.MaxInt, HeaderCount: math.MaxInt}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + strings.Repeat("A: bcdefgh\r\n", 1<<16) + "\r\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Limits: test.limits})
			d := w.get("http://a.example/")
			w.Conn(0).Send(test.sent)
			if test.want == nil {
				deferredtest.SuccessResultOf(t, d)
			} else if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, test.want) || !errors.As(err, new(*wire.Error)) {
				t.Errorf("failed with %v, want %v", err, test.want)
			}
		})
	}
}
