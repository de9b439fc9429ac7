package web_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file tests that a program learns of each request's end, and only once.

// An ending is what a program has learned of a request's end.
type ending struct {
	logged, fired int
	err           error // of NotifyFinish
}

// watched is a resource that notes the ends of its requests.
type watched struct {
	web.Leaf
	inner web.Resource
	ends  map[*web.Request]*ending
}

// StreamsContent reports whether inner streams; see [web.StreamingResource].
func (w *watched) StreamsContent() bool {
	s, ok := w.inner.(web.StreamingResource)
	return ok && s.StreamsContent()
}

func (w *watched) Render(req *web.Request) {
	e := w.of(req)
	e.fired = 0
	req.NotifyFinish().AddBoth(func(none deferred.None, err error) (deferred.None, error) {
		e.fired++
		e.err = err
		return none, nil
	})
	w.inner.(web.Renderer).Render(req)
}

// of returns the ending of req. fired is -1 if no resource renders req.
func (w *watched) of(req *web.Request) *ending {
	if w.ends[req] == nil {
		w.ends[req] = &ending{fired: -1}
	}
	return w.ends[req]
}

// watch serves site, whose resource is then watched.
func watch(t testing.TB, site web.Site, inner web.Resource) (*server, *watched) {
	w := &watched{inner: inner, ends: map[*web.Request]*ending{}}
	if site.Root == nil {
		site.Root = w
	}
	site.AccessLog = func(req *web.Request) { w.of(req).logged++ }
	return serve(t, &site), w
}

// check fails the test unless n requests have ended, each once. fails says that their
// responses were lost.
func (w *watched) check(t *testing.T, n int, fails bool) {
	t.Helper()
	want(t, len(w.ends), n)
	for req, e := range w.ends {
		want(t, e.logged, 1)
		if e.fired < 0 {
			continue
		}
		want(t, e.fired, 1)
		want(t, e.err != nil, fails)
		later, fired := error(nil), 0
		req.NotifyFinish().AddBoth(func(none deferred.None, err error) (deferred.None, error) {
			later, fired = err, fired+1
			return none, nil
		})
		if fired != 1 || later != e.err {
			t.Errorf("a later NotifyFinish fires %d times with %v, after %v", fired, later, e.err)
		}
	}
}

func TestEveryEndIsToldOnce(t *testing.T) {
	var open *web.Request
	large := random(1_000_000)
	resource := web.RenderFunc
	handler := func(f http.HandlerFunc) web.Resource { return &web.HandlerResource{Handler: f} }
	thread := func(f http.HandlerFunc) web.Resource {
		return &web.HandlerResource{Handler: f, InThreads: true}
	}
	later := resource(func(req *web.Request) { req.NotDoneYet(); open = req })
	writes := resource(func(req *web.Request) { req.Write(large) })
	waits := func(w http.ResponseWriter, r *http.Request) {
		web.Await(r.Context(), deferred.New[int]())
		w.WriteHeader(http.StatusTeapot)
	}
	begins := func(w http.ResponseWriter) {
		io.WriteString(w, "part")
		w.(http.Flusher).Flush()
	}
	abort := func(p *peer) { p.AbortConnection() }
	stall := func(p *peer) { p.server.RunFor(10 * time.Minute) }
	const upload = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart"

	for _, test := range []struct {
		name    string
		inner   web.Resource
		request string // "" means get
		slow    bool   // the client takes nothing before then is called
		then    func(p *peer)
		n       int
		fails   bool
		site    web.Site
	}{
		{name: "small", inner: resource(hello), n: 1},
		{name: "many", inner: resource(hello), request: strings.Repeat(get, 20), n: 20},
		{name: "not found", site: web.Site{Root: &web.Node{}}, n: 1},
		{name: "large", inner: writes, n: 1},
		{name: "large, taken later", inner: writes, slow: true, then: func(p *peer) { p.ResumeProducing() }, n: 1},
		{name: "large, lost", inner: writes, slow: true, then: abort, n: 1, fails: true},
		{name: "large, not taken in time", inner: writes, slow: true, then: stall, n: 1, fails: true},
		{name: "large, not taken at the shutdown", inner: writes, slow: true, then: func(p *peer) {
			p.server.site.Shutdown()
			p.server.RunFor(time.Minute)
		}, n: 1, fails: true},
		{name: "a length", inner: resource(func(req *web.Request) { req.SetHeader("Content-Length", "5"); req.WriteString("12345") }), n: 1},
		{name: "too short", inner: resource(func(req *web.Request) { req.SetHeader("Content-Length", "6"); req.WriteString("12345") }), n: 1},
		{name: "chunks", inner: later, then: func(*peer) { open.WriteString("a"); open.WriteString("b"); open.Finish() }, n: 1},
		{name: "failed", inner: later, then: func(*peer) { open.Fail(io.EOF) }, n: 1},
		{name: "failed after the head", inner: later, then: func(*peer) { open.WriteString("a"); open.Fail(io.EOF) }, n: 1, fails: true},
		{name: "a panic", inner: resource(func(*web.Request) { panic("x") }), n: 1},
		{name: "ErrAbortHandler", inner: resource(func(*web.Request) { panic(http.ErrAbortHandler) }), n: 1, fails: true},
		{name: "lost before", inner: resource(hello), request: upload, then: abort, n: 1},
		{name: "ended before", inner: resource(hello), request: upload, then: func(p *peer) { p.LoseWriteConnection() }, n: 1},
		{name: "content too slow", inner: resource(hello), request: upload, then: stall, n: 1},
		{name: "content too large", inner: resource(hello), request: upload, site: web.Site{MaxContent: 10}, n: 1},
		{name: "lost while", inner: later, then: abort, n: 1, fails: true},
		{name: "lost while, finished then", inner: later, then: func(p *peer) { abort(p); p.server.Pump(); open.Finish() }, n: 1, fails: true},
		{name: "ended while", inner: later, then: func(p *peer) { p.halfOpen = true; p.LoseWriteConnection(); p.server.Pump(); open.Finish() }, n: 1, fails: true},
		{name: "lost after", inner: resource(hello), then: abort, n: 1},
		{name: "shutdown while", inner: later, then: func(p *peer) { p.server.site.Shutdown(); p.server.RunFor(time.Minute) }, n: 1, fails: true},

		{name: "a handler", inner: handler(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") }), n: 1},
		{name: "a handler, lost while", inner: handler(waits), then: abort, n: 1, fails: true},
		{name: "a handler, ended while", inner: handler(waits), then: func(p *peer) { p.LoseWriteConnection() }, n: 1, fails: true},
		{name: "a handler's content, lost", inner: handler(func(w http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body) }), request: upload, then: abort, n: 1, fails: true},
		{name: "a handler, large, lost", inner: handler(func(w http.ResponseWriter, r *http.Request) { w.Write(large) }), slow: true, then: abort, n: 1, fails: true},
		{name: "a handler, not taken in time", inner: handler(func(w http.ResponseWriter, r *http.Request) { w.Write(large) }), slow: true, then: stall, n: 1, fails: true},
		{name: "a handler, shutdown while", inner: handler(waits), then: func(p *peer) { p.server.site.Shutdown(); p.server.RunFor(time.Minute) }, n: 1, fails: true},
		{name: "a handler's panic", inner: handler(func(http.ResponseWriter, *http.Request) { panic("x") }), n: 1},
		{name: "a handler's panic after the head", inner: handler(func(w http.ResponseWriter, r *http.Request) { begins(w); panic("x") }), n: 1, fails: true},
		{name: "a handler's panic after the loss", inner: handler(func(w http.ResponseWriter, r *http.Request) { waits(w, r); panic("x") }), then: abort, n: 1, fails: true},
		{name: "a handler's ErrAbortHandler", inner: handler(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), n: 1, fails: true},
		{name: "a handler's ErrAbortHandler after the head", inner: handler(func(w http.ResponseWriter, r *http.Request) { begins(w); panic(http.ErrAbortHandler) }), n: 1, fails: true},
		{name: "a handler's Goexit", inner: handler(func(http.ResponseWriter, *http.Request) { runtime.Goexit() }), n: 1, fails: true},
		{name: "a handler's Goexit after the head", inner: handler(func(w http.ResponseWriter, r *http.Request) { begins(w); runtime.Goexit() }), n: 1, fails: true},
		{name: "a thread's Goexit", inner: thread(func(http.ResponseWriter, *http.Request) { runtime.Goexit() }), n: 1, fails: true},
		{name: "hijacked", inner: handler(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
			}
			io.WriteString(conn, "mine")
		}), n: 1},
		{name: "hijacked, then lost", inner: handler(func(w http.ResponseWriter, r *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			io.ReadAll(conn)
		}), then: abort, n: 1},
		{name: "hijacked, then a panic", inner: handler(func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Hijack()
			panic("x")
		}), n: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			logs(t)
			s, w := watch(t, test.site, test.inner)
			p := s.connect()
			if test.slow {
				p.PauseProducing()
			}
			if test.request == "" {
				test.request = get
			}
			p.send(test.request)
			if test.then != nil {
				test.then(p)
			}
			s.Pump()
			w.check(t, test.n, test.fails)
			p.AbortConnection()
			s.Pump()
			w.check(t, test.n, test.fails)
		})
	}
}

// TestTheLastChunkIsTold checks the end of responses that have room in the transport, but
// whose last chunk may not.
func TestTheLastChunkIsTold(t *testing.T) {
	full, zeros := 0, make([]byte, 65_000)
	for size := 60_500; size < 61_200; size++ {
		for _, lost := range []bool{false, true} {
			var open *web.Request
			s, w := watch(t, web.Site{}, web.RenderFunc(func(req *web.Request) { req.NotDoneYet(); open = req }))
			p := s.connect()
			p.PauseProducing()
			p.send(get)
			for _, n := range []int{len(zeros), 5000, size} {
				open.Write(zeros[:n])
				s.Pump()
			}
			open.Finish()
			waits := w.ends[open].logged == 0
			want(t, w.ends[open].fired == 0, waits)
			if waits {
				full++
			}
			if lost {
				p.AbortConnection()
			} else {
				p.ResumeProducing()
			}
			s.Pump()
			w.check(t, 1, lost && waits)
		}
	}
	if full == 0 || full == 2*700 {
		t.Errorf("%d responses of 1400 waited for the client", full)
	}
}

// TestQueuedRequestsLearnOfTheEnd checks that each of many pipelined requests is told that
// the client has ended its side, also those that are read later.
func TestQueuedRequestsLearnOfTheEnd(t *testing.T) {
	for _, before := range []int{0, 1, 7, 8, 9, 20, 100} {
		for name, request := range map[string]string{"GET": get, "POST": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"} {
			for kind, inner := range map[string]web.Resource{
				"a resource": web.RenderFunc(func(req *web.Request) {
					if req.GetHeader("Last") != "" {
						web.FinishWhen(req, deferred.New[int]())
					}
				}),
				"a handler": &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if io.ReadAll(r.Body); r.Header.Get("Last") != "" {
						web.Await(r.Context(), deferred.New[int]())
					}
				})},
				"waits for the end, all": web.RenderFunc(func(req *web.Request) {
					req.NotDoneYet()
					req.NotifyFinish().AddErrback(func(error) (deferred.None, error) {
						req.Finish()
						return deferred.None{}, nil
					})
				}),
			} {
				logs(t)
				s, w := watch(t, web.Site{}, inner)
				p := s.connect()
				p.halfOpen = true
				p.Write([]byte(strings.Repeat(request, before) + strings.Replace(request, "\r\n", "\r\nLast: x\r\n", 1)))
				p.LoseWriteConnection()
				s.Pump()
				told := 0
				for req, e := range w.ends {
					if e.fired != 1 || e.logged > 1 {
						t.Errorf("%s %s after %d: fired %d times, logged %d times", kind, name, before, e.fired, e.logged)
					}
					if req.GetHeader("Last") != "" && e.err != nil {
						told++
					}
				}
				if len(w.ends) != before+1 || told != 1 {
					t.Errorf("%s: %s after %d: %d requests; the last was told %d times", kind, name, before, len(w.ends), told)
				}
			}
		}
	}
}

// TestNotifyFinishAfterTheLoss checks the Deferreds that are asked for when a finished
// response was lost.
func TestNotifyFinishAfterTheLoss(t *testing.T) {
	var finished *web.Request
	s := serveFunc(t, func(req *web.Request) { req.Write(random(1_000_000)); finished = req })
	p := s.connect()
	p.PauseProducing()
	p.send(get)
	p.AbortConnection()
	s.Pump()
	var got error
	finished.NotifyFinish().AddErrback(func(err error) (deferred.None, error) {
		got = err
		return deferred.None{}, nil
	})
	if got == nil || !errors.Is(got, finished.Err()) {
		t.Errorf("got %v, want %v", got, finished.Err())
	}
}

// fragile is a resource whose functions panic: the one that panics names, or none.
type fragile struct {
	web.Leaf
	panics string
	end    func(error) // called at the end of each request
}

func (f *fragile) call(name string) {
	if name == f.panics {
		panic("oops")
	}
}

func (f *fragile) StreamsContent() bool { f.call("StreamsContent"); return true }

func (f *fragile) Render(req *web.Request) {
	req.NotifyFinish().AddBoth(func(none deferred.None, err error) (deferred.None, error) {
		f.end(err)
		return none, nil
	})
	req.NotDoneYet()
	req.DeliverContent(&fragileContent{f, req})
	if req.Path == "/pull" {
		req.RegisterPullProducer(&fragileProducer{f})
	} else if req.Path == "/push" {
		req.RegisterProducer(&fragileProducer{f})
	}
}

type fragileContent struct {
	*fragile
	req *web.Request
}

func (c *fragileContent) ContentReceived([]byte) { c.call("ContentReceived") }

func (c *fragileContent) ContentEnded(err error) {
	c.call("ContentEnded")
	if err == nil && c.req.Path == "/" {
		c.req.Finish()
	}
}

type fragileProducer struct{ *fragile }

func (p *fragileProducer) PauseProducing()  {}
func (p *fragileProducer) ResumeProducing() {}
func (p *fragileProducer) StopProducing()   { p.call("StopProducing") }

// TestPanicsDoNotHideTheEnd checks that a request ends once, for the log and for
// NotifyFinish, although a function of the program panics on the way, that the connection is
// not counted any more, and that the panic is logged.
func TestPanicsDoNotHideTheEnd(t *testing.T) {
	for _, test := range []struct {
		panics, path string

		fails bool // NotifyFinish does
	}{
		{"StreamsContent", "/", false},
		{"ContentReceived", "/", false},
		{"ContentEnded", "/", false},
		{"StopProducing", "/pull", true},
		{"StopProducing", "/push", true},
		{"AccessLog", "/", false}, // of the server, which had written it
	} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprint(test.panics, test.path, " ", lost), func(t *testing.T) {
				logged := logs(t)
				f := &fragile{panics: test.panics}
				ends, failures, accesses := 0, 0, 0
				f.end = func(err error) {
					ends++
					if err != nil {
						failures++
					}
				}
				s := serve(t, &web.Site{Root: f, MaxConnections: 1, AccessLog: func(*web.Request) {
					accesses++
					f.call("AccessLog")
				}})
				p := s.connect().send("POST " + test.path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
				if !lost {
					p.send("ab")
				}
				p.AbortConnection()
				s.Pump()
				want(t, accesses, 1)
				if f.panics != "StreamsContent" {
					want(t, ends, 1)
					want(t, failures == 1, test.fails || lost)
				}
				if !lost || test.panics != "ContentReceived" {
					want(t, strings.Count(logged(), "panic=oops")+strings.Count(logged(), `"panic: oops`), 1)
				}
				f.panics = ""
				want(t, head(s.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")), "HTTP/1.1 200 OK")
				s.site.Shutdown()
				s.Advance(time.Hour)
				want(t, len(s.DelayedCalls()), 0)
			})
		}
	}
}
