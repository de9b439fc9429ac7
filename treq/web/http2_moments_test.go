package web_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A momentSite has resources and handlers that do things wrongly, or slowly.
type momentSite struct {
	*server
	begun, logged, fired int
}

// resource counts a request and its end.
func (m *momentSite) resource(req *web.Request) {
	m.begun++
	req.NotifyFinish().AddBoth(func(n deferred.None, err error) (deferred.None, error) {
		m.fired++
		return n, nil
	})
}

// momentServer serves a momentSite.
func momentServer(t *testing.T) *momentSite {
	m := &momentSite{}
	root := &web.Node{}
	put := func(name string, f func(req *web.Request)) {
		root.PutChild(name, tunnels(func(req *web.Request) { m.resource(req); f(req) }))
	}
	handle := func(name string, f http.HandlerFunc) {
		root.PutChild(name, &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.resource(web.FromContext(r.Context()))
			f(w, r)
		})})
	}
	later := func(req *web.Request, after time.Duration, f func()) {
		d := deferred.New[int]()
		timer := m.CallLater(after, func() { d.Callback(0) })
		d.AddCallback(func(int) (int, error) { f(); return 0, nil })
		req.NotifyFinish().AddErrback(func(error) (deferred.None, error) {
			timer.Cancel()
			if req.Err() == nil {
				req.Finish()
			}
			return deferred.None{}, nil
		})
	}
	put("slow", func(req *web.Request) {
		req.NotDoneYet()
		later(req, 3*time.Second, func() {
			if req.Err() == nil {
				req.WriteString("slow")
				req.Finish()
			}
		})
	})
	put("keep", hello)
	put("", hello)
	put("big", func(req *web.Request) { req.Write(make([]byte, 300_000)) })
	put("pull", func(req *web.Request) { req.RegisterPullProducer(&portions{req, random(200_000), 1000}) })
	put("short", func(req *web.Request) { req.SetHeader("Content-Length", "10"); req.WriteString("short") })
	put("long", func(req *web.Request) {
		req.SetHeader("Content-Length", "3")
		req.NotDoneYet()
		req.WriteString("too long")
		req.Finish()
	})
	put("tunnel", func(req *web.Request) {
		req.ResponseHeader["Date"] = nil
		req.SwitchProtocol(&shouter{})
	})
	handle("echo", func(w http.ResponseWriter, r *http.Request) { io.Copy(nopCloser{w}, r.Body) })
	handle("stream", func(w http.ResponseWriter, r *http.Request) {
		for range 40 {
			if _, err := w.Write(make([]byte, 10_000)); err != nil {
				return
			}
		}
	})
	handle("panic", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "x")
		w.(http.Flusher).Flush()
		panic("oops")
	})
	handle("short2", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		w.Write(make([]byte, 70_000))
	})
	handle("hijack", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.Write(make([]byte, 100_000))
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		conn.Write(make([]byte, 100_000))
		io.Copy(conn, rw)
	})
	m.server = serve(t, &web.Site{Root: root, AccessLog: func(*web.Request) { m.logged++ }})
	return m
}

// TestHTTP2EveryMoment checks what is left of clients that do what they may not, or stop halfway, while the site shuts down,
// or the connection ends, or time passes, before each of their steps: every Deferred fires, every request is logged, no timer
// is left, and the other stream of the connection is answered.
func TestHTTP2EveryMoment(t *testing.T) {
	type step = func(a *h2attacker)
	req := func(method, path string, end bool, more ...string) step {
		return func(a *h2attacker) {
			a.headers(3, end, append([]string{":method", method, ":scheme", "http", ":path", path, ":authority", "x"}, more...)...)
		}
	}
	data := func(n int, end bool) step { return func(a *h2attacker) { a.framer.WriteData(3, end, make([]byte, n)) } }
	window := func(id, n uint32) step { return func(a *h2attacker) { a.framer.WriteWindowUpdate(id, n) } }
	reset := func(a *h2attacker) { a.framer.WriteRSTStream(3, xhttp2.ErrCodeCancel) }
	both := func(steps ...step) step {
		return func(a *h2attacker) {
			for _, s := range steps {
				s(a)
			}
		}
	}
	many := func(n int, s step) step {
		return func(a *h2attacker) {
			for range n {
				s(a)
			}
		}
	}
	wait := func(d time.Duration) step {
		return func(a *h2attacker) {
			a.flush()
			for range d / time.Second {
				a.server.Advance(time.Second)
			}
		}
	}
	trailers := func(end bool, fields ...string) step { return func(a *h2attacker) { a.headers(3, end, fields...) } }
	connect := func(path string) step {
		return req("CONNECT", path, false, ":protocol", "websocket")
	}
	goaway := func(a *h2attacker) { a.framer.WriteGoAway(0, 0, nil) }
	ping := func(a *h2attacker) { a.framer.WritePing(false, [8]byte{}) }
	settings := func(n uint32) step {
		return func(a *h2attacker) {
			a.framer.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: n})
		}
	}
	type script struct {
		name  string
		dies  bool // the connection may end
		fresh bool // the steps begin with the preface, and there is no other stream
		steps []step
	}
	var scripts []script
	add := func(name string, dies bool, steps ...step) {
		scripts = append(scripts, script{name, dies, false, steps})
	}
	preface := func(a *h2attacker) { a.buf.WriteString(xhttp2.ClientPreface) }
	half := func(a *h2attacker) { a.buf.WriteString(xhttp2.ClientPreface[:10]) }
	rest := func(a *h2attacker) { a.buf.WriteString(xhttp2.ClientPreface[10:]) }
	malformed := req("GET", "", true)
	for name, steps := range map[string][]step{
		"preface, SETTINGS, request":        {preface, settings(1000), req("GET", "/keep", true)},
		"half of the preface":               {half, rest, settings(1000), req("GET", "/keep", true)},
		"GOAWAY first":                      {preface, settings(1000), goaway, req("GET", "/keep", true)},
		"PINGs first":                       {preface, settings(1000), many(50, ping), many(50, ping)},
		"a malformed request first":         {preface, settings(1000), malformed, ping},
		"half of a header block first":      {preface, settings(1000), func(a *h2attacker) { a.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3}) }, ping},
		"a tunnel first":                    {preface, settings(1000), connect("/tunnel"), data(10, true)},
		"a request that is reset, at first": {preface, settings(1000), both(req("POST", "/echo", false), reset), ping},
	} {
		scripts = append(scripts, script{name, true, true, steps})
	}
	for _, path := range []string{"/keep", "/big", "/pull", "/short", "/long", "/echo", "/stream", "/panic", "/short2", "/nowhere"} {
		add("content "+path, false, req("POST", path, false), data(1000, false), data(15_000, false), data(0, true), window(0, 1<<20), window(3, 1<<20))
		add("reset "+path, false, req("POST", path, false), data(1000, false), window(3, 100), reset, window(3, 100))
		add("trailers twice "+path, true, req("POST", path, false), data(1000, false), trailers(true, "a", "b"), trailers(true, "a", "b"))
		add("pseudo trailers "+path, false, req("POST", path, false), data(1000, false), trailers(true, ":path", "/"))
		add("trailers, no end "+path, false, req("POST", path, false), data(1000, false), trailers(false, "a", "b"), data(10, true))
		add("content-length less "+path, false, req("POST", path, false, "content-length", "100"), data(10, false), data(0, true))
		add("content-length more "+path, false, req("POST", path, false, "content-length", "10"), data(10, false), data(10, true))
		add("GOAWAY "+path, false, req("POST", path, false), goaway, data(10, true), window(0, 1<<20), window(3, 1<<20))
		add("PINGs "+path, false, req("GET", path, true), many(300, ping), window(3, 1000), many(300, ping), window(0, 1<<20), window(3, 1<<20))
		add("SETTINGS "+path, false, req("GET", path, true), settings(0), window(3, 1000), settings(1<<20), window(0, 1<<20), settings(1))
		add("stream overflow "+path, false, req("POST", path, false), window(3, 1<<31-1), data(100, true))
		add("overflow "+path, true, req("POST", path, false), window(0, 1<<31-1))
		add("settings overflow "+path, true, req("POST", path, false), both(window(3, 1<<30), settings(1<<31-1)), data(10, true))
		add("tiny windows "+path, false, req("POST", path, true), settings(1), many(20, window(3, 1)), many(20, window(0, 1)))
		add("slow content "+path, false, req("POST", path, false), both(data(10, false), wait(40*time.Second)), both(data(10, false), wait(40*time.Second)), data(10, true))
	}
	for _, path := range []string{"/hijack", "/tunnel", "/echo", "/stream"} {
		add("tunnel "+path, false, connect(path), data(1000, false), window(3, 1<<20), window(0, 1<<20), data(10, true))
		add("tunnel reset "+path, false, connect(path), data(1000, false), window(3, 50_000), reset)
		add("tunnel reset at once "+path, false, both(connect(path), reset), window(0, 1<<20))
		add("tunnel reset in the body "+path, false, both(connect(path), window(3, 1<<20)), both(window(0, 70_000), reset), window(0, 1<<20))
		add("tunnel overflow "+path, false, connect(path), window(3, 1<<31-1), data(10, true))
		add("tunnel GOAWAY "+path, false, connect(path), goaway, data(10, true), window(3, 1<<20), window(0, 1<<20))
	}
	block := func(a *h2attacker) []byte {
		return a.encode(":method", "GET", ":scheme", "http", ":path", "/keep", ":authority", "x")
	}
	add("reset in a header block", true, func(a *h2attacker) {
		a.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: block(a)[:3]})
	}, reset)
	add("half a header block", true, func(a *h2attacker) {
		a.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: block(a)[:3]})
	}, wait(10*time.Second), wait(15*time.Second))
	add("half a trailer block", true, req("POST", "/echo", false), func(a *h2attacker) {
		a.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, EndStream: true, BlockFragment: []byte{0}})
	}, wait(25*time.Second))
	add("CONTINUATIONs", true, func(a *h2attacker) {
		a.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3})
	}, many(5000, func(a *h2attacker) { a.framer.WriteContinuation(3, false, []byte{0, 1, 'a', 1, 'b'}) }))

	events := map[string]func(a *h2attacker, m *momentSite) (d *deferred.Deferred[deferred.None], dies bool){
		"nothing": func(*h2attacker, *momentSite) (*deferred.Deferred[deferred.None], bool) { return nil, false },
		"shutdown": func(a *h2attacker, m *momentSite) (*deferred.Deferred[deferred.None], bool) {
			return m.site.Shutdown(), false
		},
		"cancelled": func(a *h2attacker, m *momentSite) (*deferred.Deferred[deferred.None], bool) {
			d := m.site.Shutdown()
			m.turn()
			d.Cancel()
			return d, true
		},
		"shutdown, answered": func(a *h2attacker, m *momentSite) (*deferred.Deferred[deferred.None], bool) {
			d := m.site.Shutdown()
			a.framer.WritePing(true, [8]byte{'s', 'h', 'u', 't', 'd', 'o', 'w', 'n'})
			return d, false
		},
		"half-closed": func(a *h2attacker, m *momentSite) (*deferred.Deferred[deferred.None], bool) {
			a.flush()
			a.halfOpen = true
			a.LoseWriteConnection()
			return nil, true
		},
		"aborted": func(a *h2attacker, m *momentSite) (*deferred.Deferred[deferred.None], bool) {
			a.flush()
			a.AbortConnection()
			return nil, true
		},
		"deaf": func(a *h2attacker, m *momentSite) (*deferred.Deferred[deferred.None], bool) {
			a.PauseProducing()
			return nil, true
		},
		"time": func(a *h2attacker, m *momentSite) (*deferred.Deferred[deferred.None], bool) {
			a.flush()
			m.Advance(4 * time.Second)
			return nil, false
		},
	}
	const every = 53 // all of them take too long for each run; none fails
	n := 0
	slices.SortFunc(scripts, func(a, b script) int { return strings.Compare(a.name, b.name) })
	for _, script := range scripts {
		for _, event := range slices.Sorted(maps.Keys(events)) {
			for at := range len(script.steps) + 1 {
				if n++; !script.fresh && n%every != 0 {
					continue
				}
				t.Run(fmt.Sprint(script.name, ", ", event, " ", at), func(t *testing.T) {
					logs(t)
					m := momentServer(t)
					a := m.attack()
					if script.fresh {
						a.buf.Reset()
					} else {
						a.get(1, "/slow").flush()
					}
					var d *deferred.Deferred[deferred.None]
					down, dies := 0, script.dies
					for i := range len(script.steps) + 1 {
						if i == at {
							var more bool
							d, more = events[event](a, m)
							dies = dies || more
							if d != nil {
								d.AddBoth(func(n deferred.None, err error) (deferred.None, error) {
									down++
									if err != nil && !errors.Is(err, deferred.ErrCancelled) {
										t.Error(err)
									}
									return n, nil
								})
							}
						}
						if i < len(script.steps) {
							script.steps[i](a)
							a.flush()
						}
					}
					m.Advance(3 * time.Second)
					_, _, answered := a.told()
					if !dies && !strings.Contains(fmt.Sprint(answered), "1") {
						t.Errorf("the other stream has no answer: %v", answered)
					}
					for range 200 {
						m.Advance(time.Second)
					}
					if d == nil {
						m.stillServes()
					} else if down != 1 {
						t.Errorf("the shutdown has fired %d times", down)
					}
					if m.begun != m.fired || d == nil && m.begun > m.logged {
						t.Errorf("%d begun, %d fired, %d logged", m.begun, m.fired, m.logged)
					}
					a.AbortConnection()
					m.Pump()
					for range 10 {
						m.Advance(time.Minute)
					}
					m.settled(t)
					if m.begun != m.fired {
						t.Errorf("%d begun, %d fired, %d logged", m.begun, m.fired, m.logged)
					}
				})
			}
		}
	}
}
