package agent_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A producer is a BodyProducer that writes given texts and records its calls.
type producer struct {
	length int64
	writes []string // the texts that StartProducing writes; it fires done then, unless open is set
	open   bool     // the test uses to and done itself
	start  func(p *producer)
	stop   func()

	to        request.Consumer
	done      *deferred.Deferred[deferred.None]
	told      []string // "pause", "resume", "stop"
	cancelled bool     // done was cancelled
}

func (p *producer) Length() int64 { return p.length }

func (p *producer) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	p.to = to
	p.done = deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { p.cancelled = true })
	if p.start != nil {
		p.start(p)
	}
	for _, text := range p.writes {
		to.Write([]byte(text))
	}
	if !p.open && p.done != nil && !p.done.Called() {
		p.done.Callback(deferred.None{})
	}
	return p.done
}

func (p *producer) PauseProducing()  { p.told = append(p.told, "pause") }
func (p *producer) ResumeProducing() { p.told = append(p.told, "resume") }

func (p *producer) StopProducing() {
	p.told = append(p.told, "stop")
	if p.stop != nil {
		p.stop()
	}
}

func (p *producer) wantTold(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(p.told, " "); got != want {
		t.Errorf("the producer was told %q, want %q", got, want)
	}
}

// TestProducerFails checks that a producer that fails, at any time, fails the request and
// closes the connection.
func TestProducerFails(t *testing.T) {
	boom := errors.New("boom")
	var wrong *agent.WrongLengthError
	var panicked *deferred.PanicError
	tests := []struct {
		name string
		p    *producer
		then func(p *producer)
		is   error
		as   any
		told string
	}{
		{"fails at once", &producer{length: 5, start: func(p *producer) { p.done.Errback(boom) }}, nil, boom, nil, ""},
		{"fails later", &producer{length: 5, open: true}, func(p *producer) { p.done.Errback(boom) }, boom, nil, ""},
		{"fails later, in chunks", &producer{length: -1, writes: []string{"he"}, open: true}, func(p *producer) { p.done.Errback(boom) }, boom, nil, ""},
		{"panics at once", &producer{length: 5, start: func(*producer) { panic(boom) }}, nil, boom, &panicked, ""},
		{"gives no Deferred", &producer{length: 5, start: func(p *producer) { p.done = nil }}, nil, nil, &panicked, ""},
		{"too few", &producer{length: 5, writes: []string{"hell"}}, nil, nil, &wrong, ""},
		{"too many at once", &producer{length: 5, writes: []string{"hello", "!", "more"}}, nil, nil, &wrong, "stop"},
		{"too many, and writes more", &producer{length: 5, writes: []string{"hello!"}, open: true},
			func(p *producer) { p.to.Write([]byte("!")); p.done.Callback(deferred.None{}) }, nil, &wrong, "stop"},
		{"too many, and fails", &producer{length: 5, writes: []string{"hello!"}, open: true},
			func(p *producer) { p.done.Errback(boom) }, nil, &wrong, "stop"},
		{"too many, and panics when stopped", &producer{length: 5, open: true, writes: []string{"hello!"}, stop: func() { panic(boom) }}, nil, nil, &wrong, "stop"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			req := newRequest("POST", "http://a.example/")
			req.Body = test.p
			d := w.send(req)
			if test.then != nil {
				test.then(test.p)
				w.r.Pump()
			}
			err := deferredtest.FailureResultOf(t, d)
			t.Log(err)
			var of *agent.RequestError
			var generation *agent.GenerationError
			if !errors.As(err, &of) || !errors.As(err, &generation) {
				t.Errorf("%v is of the wrong type", err)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			if test.as != nil && !errors.As(err, test.as) {
				t.Errorf("%v is not a %T", err, test.as)
			}
			test.p.wantTold(t, test.told)
			w.wantClosed(0)
			if got := w.Conn(0).Got(); strings.Contains(got, "!") {
				t.Errorf("the server got %q", got)
			}
		})
	}
}

// upload starts a POST with the body p, which the test ends.
func (w *world) upload(p *producer) *deferred.Deferred[*response.Response] {
	p.open = true
	req := newRequest("POST", "http://a.example/")
	req.Body = p
	return w.send(req)
}

func TestUploadThenResponse(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	p := &producer{length: 5}
	d := w.upload(p)
	w.Conn(0).Got()
	for _, text := range []string{"he", "llo"} {
		p.to.Write([]byte(text))
		w.r.Pump()
		if got := w.Conn(0).Got(); got != text {
			t.Errorf("got %q", got)
		}
	}
	p.done.Callback(deferred.None{})
	w.Conn(0).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	p.wantTold(t, "")
	w.exchange(newRequest("GET", "http://a.example/"), 0)
}

// TestResponseBeforeUpload has a server that answers before it has the whole request.
func TestResponseBeforeUpload(t *testing.T) {
	t.Run("the response ends first", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		p := &producer{length: 5}
		d := w.upload(p)
		w.Conn(0).Send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
		w.wantBody(deferredtest.SuccessResultOf(t, d), "no!")
		p.wantTold(t, "stop")
		if !p.cancelled {
			t.Error("the producer's Deferred was not cancelled")
		}
		w.wantClosed(0)
		p.to.Write([]byte("late")) // ignored
		p.done.Callback(deferred.None{})
		w.exchange(newRequest("GET", "http://a.example/"), 1)
	})
	t.Run("the upload ends first", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		p := &producer{length: -1}
		d := w.upload(p)
		w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
		resp := deferredtest.SuccessResultOf(t, d)
		p.done.Callback(deferred.None{})
		w.Conn(0).Send("llo")
		w.wantBody(resp, "hello")
		p.wantTold(t, "")
		w.exchange(newRequest("GET", "http://a.example/"), 0)
	})
	t.Run("the upload fails after the head", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		p := &producer{length: -1}
		d := w.upload(p)
		w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
		body := deferredtest.SuccessResultOf(t, d).Content()
		boom := errors.New("boom")
		p.done.Errback(boom)
		w.r.Pump()
		err := deferredtest.FailureResultOf(t, body)
		var failed *response.FailedError
		if !errors.Is(err, boom) || !errors.As(err, &failed) {
			t.Error(err)
		}
		w.wantClosed(0)
	})
	t.Run("many bytes", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		w.r.StartTrace()
		w.Accept = func(c *rawConn) { // the server never reads
			c.PauseProducing()
			c.Write([]byte("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!"))
		}
		req := newRequest("POST", "http://a.example/")
		req.Body = request.Bytes(strings.Repeat("x", 1<<20))
		w.wantBody(deferredtest.SuccessResultOf(t, w.send(req)), "no!")
		reset := func(e memory.Event) bool { return e.Side == memory.ClientSide && e.Kind == "reset" }
		if !slices.ContainsFunc(w.r.Trace(), reset) {
			t.Error("the connection waits for a server that does not read")
		}
		w.Conn(0).ResumeProducing() // so that the server learns of the reset
		w.r.Pump()
	})
}

// TestLostDuringUpload checks that the loss of the connection stops the producer, once.
func TestLostDuringUpload(t *testing.T) {
	for name, test := range map[string]struct {
		lose func(w *world, d *deferred.Deferred[*response.Response])
		is   error
	}{
		"closed":    {func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Close() }, reactor.ErrConnectionDone},
		"reset":     {func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Abort() }, reactor.ErrConnectionReset},
		"garbage":   {func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Send("nonsense that is no HTTP") }, nil},
		"cancelled": {func(w *world, d *deferred.Deferred[*response.Response]) { d.Cancel() }, deferred.ErrCancelled},
	} {
		for _, stop := range []string{"ignores it", "fires", "fails", "panics"} {
			t.Run(name+", the producer "+stop, func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				p := &producer{length: 500}
				d := w.upload(p)
				switch stop {
				case "fires":
					p.stop = func() { p.done.Callback(deferred.None{}) }
				case "fails":
					p.stop = func() { p.done.Errback(errors.New("stopped")) }
				case "panics":
					p.stop = func() { panic("stopped") }
				}
				test.lose(w, d)
				p.to.Write([]byte("late"))
				w.r.Pump()
				err := deferredtest.FailureResultOf(t, d)
				if test.is != nil && !errors.Is(err, test.is) {
					t.Error(err)
				}
				p.wantTold(t, "stop")
				if want := stop == "ignores it" || stop == "panics"; p.cancelled != want {
					t.Errorf("the producer's Deferred was cancelled: %v", p.cancelled)
				}
				w.wantClosed(0)
			})
		}
	}
}

// TestStoppedWhileStarting checks that a request may end within StartProducing.
func TestStoppedWhileStarting(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	req := newRequest("POST", "http://a.example/")
	var d *deferred.Deferred[*response.Response]
	p := &producer{length: 5, open: true, start: func(*producer) { d.Cancel() }}
	req.Body = p
	d = w.agent.Request(req)
	w.r.Pump()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
		t.Error(err)
	}
	p.wantTold(t, "stop")
	if !p.cancelled {
		t.Error("the producer's Deferred was not cancelled")
	}
	w.wantClosed(0)
}

// TestCooperativeProducer checks that the task of a body runs on the agent's reactor, and
// ends with the request.
func TestCooperativeProducer(t *testing.T) {
	file := func() *request.FileBodyProducer {
		return request.NewFileBodyProducer(strings.NewReader(strings.Repeat("x", 1<<20)), request.FileBodyConfig{})
	}
	t.Run("to its end", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("POST", "http://a.example/")
		req.Body = file()
		d := w.send(req)
		w.r.RunFor(time.Second)
		if got := w.Conn(0).Got(); strings.Count(got, "x") != 1<<20+1 { // one x is in a.example
			t.Errorf("the server got %d bytes", len(got))
		}
		w.Conn(0).Send(okHello)
		w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
		w.exchange(newRequest("GET", "http://a.example/"), 0)
	})
	t.Run("cancelled", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		req := newRequest("POST", "http://a.example/")
		req.Body = file()
		w.Accept = func(c *rawConn) { c.PauseProducing() }
		d := w.send(req)
		d.Cancel()
		deferredtest.FailureResultOf(t, d)
		w.r.Pump()
		w.Conn(0).ResumeProducing()
		w.r.Pump()
	})
}

// TestBackPressure checks that the connection pauses a producer that is too fast.
func TestBackPressure(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.Accept = func(c *rawConn) { c.PauseProducing() }
	p := &producer{length: -1}
	d := w.upload(p)
	for range 16 {
		p.to.Write(make([]byte, 16<<10))
		w.r.Pump()
	}
	p.wantTold(t, "pause")
	w.Conn(0).ResumeProducing()
	w.r.Pump()
	p.wantTold(t, "pause resume")
	p.done.Callback(deferred.None{})
	w.r.Pump()
	if got := len(w.Conn(0).Got()); got < 16*16<<10 {
		t.Errorf("the server got %d bytes", got)
	}
	w.Conn(0).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
}
