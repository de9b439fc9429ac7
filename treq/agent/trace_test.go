package agent_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A recorder records the hooks that are called.
type recorder struct {
	events []string
	now    func() time.Time // if set, each event has its time
}

func (r *recorder) add(format string, args ...any) {
	event := fmt.Sprintf(format, args...)
	if r.now != nil {
		event += fmt.Sprint(" at ", r.now().Sub(time.Unix(0, 0)))
	}
	r.events = append(r.events, event)
}

// failed shows an error as little as possible.
func failed(err error) string {
	if err != nil {
		return " failed"
	}
	return ""
}

func (r *recorder) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(hostPort string) { r.add("GetConn %s", hostPort) },
		GotConn: func(info httptrace.GotConnInfo) {
			r.add("GotConn reused %v, idle %v", info.Reused, info.WasIdle)
		},
		PutIdleConn:          func(err error) { r.add("PutIdleConn%s", failed(err)) },
		GotFirstResponseByte: func() { r.add("GotFirstResponseByte") },
		Got100Continue:       func() { r.add("Got100Continue") },
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			r.add("Got1xxResponse %d", code)
			return nil
		},
		DNSStart:          func(info httptrace.DNSStartInfo) { r.add("DNSStart %s", info.Host) },
		DNSDone:           func(info httptrace.DNSDoneInfo) { r.add("DNSDone %v%s", info.Addrs, failed(info.Err)) },
		ConnectStart:      func(_, address string) { r.add("ConnectStart %s", address) },
		ConnectDone:       func(_, address string, err error) { r.add("ConnectDone %s%s", address, failed(err)) },
		TLSHandshakeStart: func() { r.add("TLSHandshakeStart") },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			r.add("TLSHandshakeDone %v%s", state.HandshakeComplete, failed(err))
		},
		WroteHeaderField: func(name string, values []string) { r.add("WroteHeaderField %s %q", name, values) },
		WroteHeaders:     func() { r.add("WroteHeaders") },
		Wait100Continue:  func() { r.add("Wait100Continue") },
		WroteRequest:     func(info httptrace.WroteRequestInfo) { r.add("WroteRequest%s", failed(info.Err)) },
	}
}

// want checks the events since the last call.
func (r *recorder) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(r.events, want) {
		t.Errorf("the hooks were\n\t%s\nwant\n\t%s", strings.Join(r.events, "\n\t"), strings.Join(want, "\n\t"))
	}
	r.events = nil
}

// withTrace returns req with the hooks of trace.
func withTrace(req *request.Request, trace *httptrace.ClientTrace) *request.Request {
	req.Context = httptrace.WithClientTrace(context.Background(), trace)
	return req
}

// TestTrace: the hooks of a request are called as it goes its way, by the clock of the reactor.
func TestTrace(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	r := &recorder{now: w.r.Now}
	w.r.HoldConnects()
	d := w.send(withTrace(newRequest("GET", "http://a.example/", "X-Two", "1", "X-Two", "2"), r.trace()))
	w.r.Advance(time.Second)
	w.r.ReleaseConnects()
	w.r.Pump()
	c := w.Conn(0)
	w.r.Advance(time.Second)
	c.Send("HTTP/1.1 103 Early Hints\r\n\r\n")
	w.r.Advance(time.Second)
	c.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
	r.want(t, "GetConn a.example:80 at 0s",
		"DNSStart a.example at 0s", "DNSDone [{192.0.2.1 }] at 0s",
		"ConnectStart 192.0.2.1:80 at 0s", "ConnectDone 192.0.2.1:80 at 1s",
		"GotConn reused false, idle false at 1s",
		`WroteHeaderField Host ["a.example"] at 1s`, `WroteHeaderField X-Two ["1" "2"] at 1s`, "WroteHeaders at 1s",
		"WroteRequest at 1s", "GotFirstResponseByte at 2s", "Got1xxResponse 103 at 2s")
	c.Send("hello")
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	r.want(t, "PutIdleConn at 3s")

	w.r.Advance(time.Second)
	var info httptrace.GotConnInfo
	trace := r.trace()
	trace.GotConn = func(i httptrace.GotConnInfo) { info = i }
	d = w.send(withTrace(newRequest("HEAD", "http://a.example/"), trace))
	c.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
	deferredtest.SuccessResultOf(t, d)
	r.want(t, "GetConn a.example:80 at 4s", `WroteHeaderField Host ["a.example"] at 4s`, "WroteHeaders at 4s",
		"WroteRequest at 4s", "GotFirstResponseByte at 4s", "PutIdleConn at 4s")
	if !info.Reused || !info.WasIdle || info.IdleTime != time.Second {
		t.Errorf("GotConn got %+v", info)
	}
	if got := info.Conn.RemoteAddr().String(); got != "192.0.2.1:80" {
		t.Errorf("the remote address is %s", got)
	}
	if got := info.Conn.LocalAddr().String(); !strings.HasPrefix(got, "10.0.0.1:") {
		t.Errorf("the local address is %s", got)
	}
	if _, err := info.Conn.Write([]byte("x")); err == nil || info.Conn.Close() == nil {
		t.Error("the connection can be written to, or closed")
	}
}

// TestTraceOfAQueuedRequest: a request that waited for a connection reuses one that was not
// idle.
func TestTraceOfAQueuedRequest(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
	var first, second recorder
	one := w.send(withTrace(newRequest("GET", "http://a.example/"), &httptrace.ClientTrace{PutIdleConn: first.trace().PutIdleConn}))
	trace := second.trace()
	trace.WroteHeaderField = nil
	two := w.send(withTrace(newRequest("GET", "http://a.example/"), trace))
	second.want(t, "GetConn a.example:80")
	w.Conn(0).Send(okHello)
	first.want(t, "PutIdleConn")
	second.want(t, "GotConn reused true, idle false", "WroteHeaders", "WroteRequest")
	w.Conn(0).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, one), "hello")
	w.wantBody(deferredtest.SuccessResultOf(t, two), "hello")
	second.want(t, "GotFirstResponseByte", "PutIdleConn")
}

// TestTraceOfASecondTry: a request that is sent again, after the loss of a reused connection,
// gets another connection.
func TestTraceOfASecondTry(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	var r recorder
	trace := r.trace()
	trace.WroteHeaderField = nil
	d := w.send(withTrace(newRequest("GET", "http://a.example/"), trace))
	w.Conn(0).Abort()
	w.Conn(1).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	r.want(t, "GetConn a.example:80", "GotConn reused true, idle true", "WroteHeaders", "WroteRequest",
		"GetConn a.example:80", "DNSStart a.example", "DNSDone [{192.0.2.1 }]", "ConnectStart 192.0.2.1:80", "ConnectDone 192.0.2.1:80",
		"GotConn reused false, idle false", "WroteHeaders", "WroteRequest", "GotFirstResponseByte", "PutIdleConn")
}

// TestTraceOfHappyEyeballs: each attempt has a start and an end, and the losers end before the
// request goes on.
func TestTraceOfHappyEyeballs(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.r.AddHost("two.example", "2001:db8::1", "192.0.2.7")
	w.r.HoldConnects()
	var r recorder
	trace := r.trace()
	trace.WroteHeaderField = nil
	d := w.agent.Request(withTrace(newRequest("GET", "http://two.example/"), trace))
	w.r.RunFor(250 * time.Millisecond)
	r.want(t, "GetConn two.example:80", "DNSStart two.example", "DNSDone [{2001:db8::1 } {192.0.2.7 }]",
		"ConnectStart [2001:db8::1]:80", "ConnectStart 192.0.2.7:80")
	for _, a := range w.r.HeldConnects() {
		if strings.HasPrefix(a.Address, "192.0.2.7") {
			a.Release()
		}
	}
	w.r.Pump()
	r.want(t, "ConnectDone 192.0.2.7:80", "ConnectDone [2001:db8::1]:80 failed",
		"GotConn reused false, idle false", "WroteHeaders", "WroteRequest")
	w.Conn(0).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
}

// TestTraceOfAnEnd: when a request fails or is cancelled, what has begun ends before its
// Deferred fires, and no hook is called after that.
func TestTraceOfAnEnd(t *testing.T) {
	lookup := []string{"GetConn a.example:80", "DNSStart a.example", "DNSDone [{192.0.2.1 }]", "ConnectStart 192.0.2.1:80"}
	sent := append(slices.Clone(lookup), "ConnectDone 192.0.2.1:80", "GotConn reused false, idle false", "WroteHeaders")
	for name, test := range map[string]struct {
		prepare func(w *world)
		body    request.BodyProducer
		end     func(w *world, d *deferred.Deferred[*response.Response])
		want    []string
	}{
		"connecting, cancelled": {func(w *world) { w.r.HoldConnects() }, nil,
			func(_ *world, d *deferred.Deferred[*response.Response]) { d.Cancel() },
			append(slices.Clone(lookup), "ConnectDone 192.0.2.1:80 failed")},
		"connecting, late": {func(w *world) { w.r.HoldConnects() }, nil,
			func(w *world, d *deferred.Deferred[*response.Response]) { w.r.RunFor(time.Hour) },
			append(slices.Clone(lookup), "ConnectDone 192.0.2.1:80 failed")},
		"waiting, cancelled": {nil, nil, func(_ *world, d *deferred.Deferred[*response.Response]) { d.Cancel() },
			append(slices.Clone(sent), "WroteRequest")},
		"waiting, lost": {nil, nil, func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Abort() },
			append(slices.Clone(sent), "WroteRequest")},
		"uploading, cancelled": {nil, &halfBody{}, func(_ *world, d *deferred.Deferred[*response.Response]) { d.Cancel() },
			append(slices.Clone(sent), "WroteRequest failed")},
		"uploading, lost": {nil, &halfBody{}, func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Abort() },
			append(slices.Clone(sent), "WroteRequest failed")},
		"uploading, the body fails": {nil, &halfBody{}, func(w *world, d *deferred.Deferred[*response.Response]) {
			w.r.Pump()
			theHalfBody.d.Errback(errors.New("no"))
		},
			append(slices.Clone(sent), "WroteRequest failed")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			if test.prepare != nil {
				test.prepare(w)
			}
			var r recorder
			trace := r.trace()
			trace.WroteHeaderField = nil
			req := withTrace(newRequest("POST", "http://a.example/"), trace)
			req.Body = test.body
			d := w.send(req)
			fired := -1
			d.AddErrback(func(error) (*response.Response, error) {
				fired = len(r.events)
				return nil, nil
			})
			test.end(w, d)
			w.r.Pump()
			if fired != len(test.want) {
				t.Errorf("the Deferred fired after %d hooks, want %d", fired, len(test.want))
			}
			r.want(t, test.want...)
		})
	}
}

// A halfBody is a body that does not end by itself.
type halfBody struct {
	d *deferred.Deferred[deferred.None]
}

// theHalfBody is the halfBody that was started last.
var theHalfBody *halfBody

func (b *halfBody) Length() int64 { return request.UnknownLength }

func (b *halfBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	theHalfBody, b.d = b, deferred.New[deferred.None]()
	to.Write([]byte("some"))
	return b.d
}

func (b *halfBody) PauseProducing()  {}
func (b *halfBody) ResumeProducing() {}
func (b *halfBody) StopProducing()   {}

// hookNames are the names of all hooks.
var hookNames = func() (names []string) {
	hooks := reflect.TypeFor[httptrace.ClientTrace]()
	for i := range hooks.NumField() {
		names = append(names, hooks.Field(i).Name)
	}
	return names
}()

// hooking returns a trace whose hook of that name calls f, and whose other hooks do nothing.
func hooking(name string, f func()) *httptrace.ClientTrace {
	trace := (&recorder{}).trace()
	field := reflect.ValueOf(trace).Elem().FieldByName(name)
	field.Set(reflect.MakeFunc(field.Type(), func([]reflect.Value) []reflect.Value {
		f()
		var results []reflect.Value
		for i := range field.Type().NumOut() {
			results = append(results, reflect.Zero(field.Type().Out(i)))
		}
		return results
	}))
	return trace
}

// A tlsWorld is a world whose server speaks TLS. It asks for the body of a request with an
// Expect, and answers.
type tlsWorld struct {
	*world
	agent agent.Requester
}

func newTLSWorld(t *testing.T) *tlsWorld {
	w := newWorld(t, agent.PoolConfig{})
	cert, roots := testcert.New("a.example", "b.example")
	secure := reactor.TLSServer(w.r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{cert}}}, w.Server)
	if _, err := w.r.ListenTCP(":443", secure); err != nil {
		t.Fatal(err)
	}
	w.Accept = func(c *rawConn) {
		c.Data = func(data []byte) {
			if strings.Contains(string(data), "Expect: 100-continue") {
				c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
			} else {
				c.Write([]byte(okHello))
			}
		}
	}
	return &tlsWorld{w, agent.New(w.r, agent.Config{Pool: w.pool, TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: roots})})}
}

// goAllTheWay sends a request in which each hook is called, and returns what it gave: the error
// of the request or of its body, or errNone.
func goAllTheWay(t *testing.T, w *tlsWorld, req *request.Request) error {
	t.Helper()
	req.Body, req.ExpectContinue = request.Bytes("text"), time.Second
	var got error
	d := w.agent.Request(req)
	deferred.Then(d, (*response.Response).Content).AddBoth(func(_ []byte, err error) ([]byte, error) {
		got = err
		if err == nil {
			got = errNone
		}
		return nil, nil
	})
	w.r.Pump()
	if got == nil {
		t.Fatal("the request did not end")
	}
	return got
}

var errNone = errors.New("none")

// TestPanicInAHook: a hook that panics fails its request, and no other.
func TestPanicInAHook(t *testing.T) {
	for _, name := range hookNames {
		t.Run(name, func(t *testing.T) {
			w := newTLSWorld(t)
			called := 0
			err := goAllTheWay(t, w, withTrace(newRequest("POST", "https://a.example/"), hooking(name, func() {
				called++
				panic("on purpose")
			})))
			var p *deferred.PanicError
			if called != 1 || !errors.As(err, &p) || p.Value != "on purpose" {
				t.Errorf("called %d times, got %v", called, err)
			}
			if err := goAllTheWay(t, w, newRequest("POST", "https://a.example/")); err != errNone {
				t.Errorf("another request: %v", err)
			}
		})
	}
}

// TestCancelInAHook: a hook may cancel its request, and even panic then.
func TestCancelInAHook(t *testing.T) {
	for _, name := range hookNames {
		for _, panics := range []bool{false, true} {
			t.Run(fmt.Sprint(name, panics), func(t *testing.T) {
				log := logtest.Capture(t)
				w := newTLSWorld(t)
				var d *deferred.Deferred[*response.Response]
				called := 0
				w.agent = eavesdropper{w.agent, func(got *deferred.Deferred[*response.Response]) { d = got }}
				err := goAllTheWay(t, w, withTrace(newRequest("POST", "https://a.example/"), hooking(name, func() {
					called++
					if d != nil { // GetConn is called within Request
						d.Cancel()
					}
					if panics {
						panic("on purpose")
					}
				})))
				late := name == "GetConn" || name == "DNSStart" // before Request returns
				switch {
				case called != 1:
					t.Errorf("called %d times", called)
				case late && !panics || name == "PutIdleConn" && !panics:
					if err != errNone {
						t.Errorf("got %v", err)
					}
				case late || name == "PutIdleConn":
					if !errors.As(err, new(*deferred.PanicError)) {
						t.Errorf("got %v", err)
					}
				case !errors.Is(err, deferred.ErrCancelled):
					t.Errorf("got %v", err)
				case panics != strings.Contains(log.Take(), "panic in a hook of httptrace"):
					t.Errorf("logged %v", !panics)
				}
			})
		}
	}
}

// An eavesdropper tells of the Deferreds of a Requester.
type eavesdropper struct {
	agent.Requester
	told func(*deferred.Deferred[*response.Response])
}

func (s eavesdropper) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	d := s.Requester.Request(req)
	s.told(d)
	return d
}

// TestRequestInAHook: a hook may make another request.
func TestRequestInAHook(t *testing.T) {
	for _, name := range hookNames {
		t.Run(name, func(t *testing.T) {
			w := newTLSWorld(t)
			var other error
			called := false
			err := goAllTheWay(t, w, withTrace(newRequest("POST", "https://a.example/a"), hooking(name, func() {
				if called {
					return
				}
				called = true
				w.agent.Request(newRequest("GET", "https://b.example/b")).AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
					other = err
					return nil, nil
				})
			})))
			if err != errNone {
				t.Errorf("the request: %v", err)
			}
			for i, c := range w.Conns {
				if got := c.Got(); !strings.HasPrefix(got, "POST /a HTTP/1.1\r\nHost: a.example\r\n") && !strings.HasPrefix(got, "GET /b HTTP/1.1\r\nHost: b.example\r\n") {
					t.Errorf("connection %d got %q", i, got)
				}
			}
			if other != nil {
				t.Errorf("the other request: %v", other)
			}
		})
	}
}

// TestGot1xxResponseFails: an error of Got1xxResponse fails the request and closes the
// connection.
func TestGot1xxResponseFails(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	no := errors.New("no hints")
	d := w.send(withTrace(newRequest("GET", "http://a.example/"), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error { return no },
	}))
	w.Conn(0).Send("HTTP/1.1 103 Early Hints\r\n\r\n" + okHello)
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, no) || err.Error() != "GET http://a.example/: no hints" {
		t.Errorf("got %v", err)
	}
	w.wantClosed(0)
}

// TestNoTrace: a request whose context has no hooks allocates nothing for them.
func TestNoTrace(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.Respond("HTTP/1.1 204 No Content\r\n\r\n")
	measure := func(ctx context.Context) float64 {
		req := newRequest("GET", "http://a.example/")
		req.Context = ctx
		return allocations(50, func() {
			w.agent.Request(req).AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
				if err != nil || resp.Code != http.StatusNoContent {
					t.Error(resp, err)
				}
				return nil, nil
			})
			w.r.Pump()
		})
	}
	without := measure(nil)
	if with := measure(context.Background()); with > without {
		t.Errorf("%v allocations with a context, %v without", with, without)
	}
}
