package peers_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// This file has servers end their connections, by GOAWAY, in the middle of many requests. No
// request may be lost or processed twice.

// A ledger is a handler that counts how often it has processed each request.
type ledger struct {
	mu    sync.Mutex
	count map[int]int
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.URL.Query().Get("id"))
	body, err := io.ReadAll(r.Body)
	if want := ledgerBody(id); r.Method == http.MethodPost && string(body) != want || err != nil {
		http.Error(w, fmt.Sprint("got ", len(body), " bytes, ", err), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	if l.count == nil {
		l.count = map[int]int{}
	}
	l.count[id]++
	l.mu.Unlock()
	fmt.Fprint(w, "processed ", id)
}

// ledgerBody returns the body of a POST with a number: nothing, a little, or more than a window.
func ledgerBody(id int) string {
	return strings.Repeat("b", []int{0, 10, 3000, 100_000}[id/2%4])
}

// check fails unless each of n requests was processed once.
func (l *ledger) check(t *testing.T, n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range n {
		if l.count[id] != 1 {
			t.Errorf("request %d was processed %d times", id, l.count[id])
		}
	}
}

// A runner makes n requests of a ledger, half of them POSTs, 40 at a time. It calls progress
// with the number of those that are done.
type runner func(t *testing.T, url string, n int, progress func(done int))

const atATime = 40

// A way is the TLS of both ends of a connection; nil without TLS.
type way struct{ server, client *tls.Config }

// ways returns the ways to a server on this machine, by name.
func ways(authority *treqtesting.Authority) map[string]way {
	return map[string]way{"plain": {}, "TLS": {authority.ServerTLS("127.0.0.1"), authority.ClientTLS()}}
}

// A verdict judges the answer of a request, or its error.
type verdict func(t *testing.T, method string, id int, got string, err error)

// perfect wants the answer of a ledger.
func perfect(t *testing.T, method string, id int, got string, err error) {
	t.Helper()
	if want := fmt.Sprint("200 processed ", id); got != want || err != nil {
		t.Errorf("%s %d: %q, %v", method, id, got, err)
	}
}

// oursMany is our client, whose answers judge judges.
func oursMany(config agent.Config, judge verdict) runner {
	return func(t *testing.T, url string, n int, progress func(done int)) {
		t.Helper()
		next, done := 0, 0
		_, err := run(t, config, func(c *client.HTTPClient) *deferred.Deferred[string] {
			var workers []*deferred.Deferred[deferred.None]
			for range atATime {
				workers = append(workers, deferred.Go(func(co *deferred.Co) (deferred.None, error) {
					for next < n {
						id := next
						next++
						method, options := "GET", []client.Option(nil)
						if id%2 == 1 {
							method, options = "POST", []client.Option{client.Body(ledgerBody(id))}
						}
						got, err := deferred.Await(co, deferred.Then(c.Request(method, fmt.Sprint(url, "/?id=", id), options...), answer))
						judge(t, method, id, got, err)
						done++
						progress(done)
					}
					return deferred.None{}, nil
				}))
			}
			return deferred.Map(deferred.GatherResults(workers), func([]deferred.None) (string, error) { return "", nil })
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// theirsMany is net/http's client.
func theirsMany(config *tls.Config) runner {
	return func(t *testing.T, url string, n int, progress func(done int)) {
		t.Helper()
		c := theirClient(config, nil)
		defer c.CloseIdleConnections()
		var next, done atomic.Int64
		var workers sync.WaitGroup
		for range atATime {
			workers.Go(func() {
				for {
					id := int(next.Add(1)) - 1
					if id >= n {
						return
					}
					method, body := "GET", io.Reader(nil)
					if id%2 == 1 {
						method, body = "POST", strings.NewReader(ledgerBody(id))
					}
					req, err := http.NewRequest(method, fmt.Sprint(url, "/?id=", id), body)
					if err != nil {
						t.Error(err)
						return
					}
					resp, err := c.Do(req)
					if err != nil {
						t.Errorf("%s %d: %v", method, id, err)
					} else {
						text, err := io.ReadAll(resp.Body)
						resp.Body.Close()
						if want := fmt.Sprint("processed ", id); string(text) != want || err != nil {
							t.Errorf("%s %d: %d, %q, %v", method, id, resp.StatusCode, text, err)
						}
					}
					progress(int(done.Add(1)))
				}
			})
		}
		workers.Wait()
	}
}

// gently shuts s down.
func gently(s *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return s.Shutdown(ctx)
}

// restarting serves handler by net/http, and returns its URL and a function that ends the server
// by end and starts another one at the same address. No connection is refused meanwhile.
func restarting(t *testing.T, config *tls.Config, handler http.Handler, end func(s *http.Server) error) (url string, restart func()) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	file, err := first.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	var ending sync.WaitGroup
	var current *http.Server
	start := func() *http.Server {
		l, err := net.FileListener(file) // another descriptor of the same socket
		if err != nil {
			t.Error(err)
			return nil
		}
		s := &http.Server{Handler: handler, Protocols: new(http.Protocols), ErrorLog: quiet(t)}
		s.Protocols.SetHTTP2(config != nil)
		s.Protocols.SetUnencryptedHTTP2(config == nil)
		serve := s.Serve
		if config != nil {
			s.TLSConfig = config.Clone()
			serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
		}
		ending.Go(func() {
			if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
		return s
	}
	stop := func(s *http.Server) {
		if err := end(s); err != nil {
			t.Error(err)
		}
	}
	current = start()
	t.Cleanup(func() {
		stop(current)
		ending.Wait()
	})
	scheme := "http://"
	if config != nil {
		scheme = "https://"
	}
	return scheme + first.Addr().String(), func() {
		old := current
		current = start()
		ending.Go(func() { stop(old) })
	}
}

// shutdowns has net/http shut down ten times while r makes its requests.
func shutdowns(t *testing.T, r runner, config *tls.Config) {
	t.Helper()
	l := &ledger{}
	url, restart := restarting(t, config, l, gently)
	n := *manySize
	r(t, url, n, func(done int) {
		if done%(n/10) == 0 {
			restart()
		}
	})
	l.check(t, n)
}

// limited has nginx end each connection after 25 requests.
func limited(t *testing.T, r runner, authority *treqtesting.Authority, secure bool) {
	t.Helper()
	l := &ledger{}
	plain := serveTheirs(t, nil, func(s *http.Server) { s.Handler = l })
	f := nginxFront(t, authority, backend{plain: plain}, false, "keepalive_requests 25;")
	url := f.plain
	if secure {
		url = f.secure
	}
	r(t, url, *manySize, func(int) {})
	l.check(t, *manySize)
}

// reloads has haproxy reload its configuration five times while r makes its requests.
func reloads(t *testing.T, r runner, authority *treqtesting.Authority, secure bool) {
	t.Helper()
	l := &ledger{}
	to := strings.TrimPrefix(serveTheirs(t, nil, func(s *http.Server) { s.Handler = l }), "http://")
	d := daemon.Start(t, "haproxy", func(s *daemon.Setup) []string {
		both, _, _ := certificate(s, authority)
		return []string{"-W", "-S", "127.0.0.1:" + s.Port("master"), "-f", s.File("haproxy.cfg", fmt.Sprintf(`
global
    stats socket unix@stats mode 600 level admin expose-fd listeners
    hard-stop-after 20s
defaults
    retries 0
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen all
    mode http
    bind 127.0.0.1:%s proto h2
    bind 127.0.0.1:%s ssl crt %s alpn h2
    server one %s
`, s.Port("http"), s.Port("https"), both, to))}
	})
	url := "http://" + d.Address("http")
	if secure {
		url = "https://" + d.Address("https")
	}
	n := *manySize
	r(t, url, n, func(done int) {
		if done%(n/5) != 0 {
			return
		}
		c, err := d.Dial("master") // which waits for the end of the reload before
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "reload\n")
	})
	l.check(t, n)
}
