package peers_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has thousands of streams on one connection, and a Site that ends in the middle of
// many requests.

// A barrier is a Site that sends each body back, but only when n requests have come whole. So
// it sees n streams at once.
type barrier struct {
	n       int
	waiting []*web.Request
	clients map[string]bool // the addresses of the connections
}

// site returns a Site of b that allows n streams and a few more.
func (b *barrier) site() *web.Site {
	b.clients = map[string]bool{}
	return &web.Site{Root: web.RenderFunc(b.render), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: b.n + 10}, MaxContent: -1}
}

func (b *barrier) render(req *web.Request) {
	b.clients[req.GetClientAddress().String()] = true
	if req.Method == http.MethodGet {
		io.WriteString(req, "settings")
		req.Finish()
		return
	}
	req.NotDoneYet()
	if b.waiting = append(b.waiting, req); len(b.waiting) < b.n {
		return
	}
	waiting := b.waiting
	b.waiting = nil
	for _, req := range waiting {
		if _, err := io.Copy(req, req.Content); err != nil {
			panic(err)
		}
		req.Finish()
	}
}

// atOnce sends n requests at the same time, on one connection, to a server that sends bodies
// back.
func atOnce(t *testing.T, config agent.Config, url string, n int) {
	t.Helper()
	_, err := run(t, config, func(c *client.HTTPClient) *deferred.Deferred[string] {
		return deferred.Go(func(co *deferred.Co) (string, error) {
			// The settings of the server come with the first answer.
			if _, err := deferred.Await(co, deferred.Then(c.Get(url), answer)); err != nil {
				return "", err
			}
			all := make([]*deferred.Deferred[string], n)
			for i := range all {
				all[i] = deferred.Then(c.Post(url, client.Body(manyBody(i))), (*response.Response).Text)
			}
			got, err := deferred.Await(co, deferred.GatherResults(all))
			if err != nil {
				return "", err
			}
			for i, text := range got {
				if text != manyBody(i) {
					t.Errorf("answer %d has %d bytes, want %d: %.100q", i, len(text), len(manyBody(i)), text)
				}
			}
			return "", nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// manyBody returns a body of at most 5000 bytes that no other number has.
func manyBody(i int) string {
	return fmt.Sprint("body ", i, " ", strings.Repeat(string(rune('a'+i%26)), i*7%5000))
}

// TestManyStreams has our client have thousands of requests under way on one connection.
func TestManyStreams(t *testing.T) {
	var authority treqtesting.Authority
	for name, way := range ways(&authority) {
		t.Run("Site, "+name, func(t *testing.T) {
			b := &barrier{n: *manySize}
			atOnce(t, second(way.client), serveSite(t, b.site(), way.server), b.n)
			if len(b.clients) != 1 {
				t.Errorf("%d connections", len(b.clients))
			}
		})
		if !*all {
			continue
		}
		t.Run("nghttpd, "+name, func(t *testing.T) {
			plain, protected := nghttpd(t, &authority, "--max-concurrent-streams="+strconv.Itoa(*manySize+10))
			url := plain
			if way.client != nil {
				url = protected
			}
			atOnce(t, second(way.client), url+"/small.txt", *manySize)
		})
	}
}

// TestManyStreamsLoad has h2load have thousands of requests under way on one connection to a
// Site.
func TestManyStreamsLoad(t *testing.T) {
	long(t)
	b := &barrier{n: *manySize}
	g := newTarget(t, func(t *testing.T, config *tls.Config) string { return serveSite(t, b.site(), config) })
	file := filepath.Join(g.folder, "body")
	if err := os.WriteFile(file, []byte(manyBody(100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"PLAIN", "SECURE"} {
		g.try(t, []trial{{fmt.Sprintf("h2load -n %d -m %[1]d -c 1 -d %s %s/", b.n, file, url), nil,
			fmt.Sprintf(`requests: %d total, %[1]d started, %[1]d done, %[1]d succeeded, 0 failed, 0 errored, 0 timeout.*\(%d\) data`, b.n, b.n*len(manyBody(100)))}})
	}
}

// A succession is the factory of one port, which Sites serve one after another. Each shuts down
// when it has served so many requests; requests on its connections, also the first ones, go on
// meanwhile. The port stays open for the next Site.
type succession struct {
	loop    *reactor.Loop
	handler http.Handler
	each    int64 // the requests that each Site serves
	site    *web.Site
	number  int // of the present Site
}

func (s *succession) BuildProtocol(peer net.Addr) reactor.Protocol { return s.site.BuildProtocol(peer) }
func (s *succession) AcceptableProtocols() []string                { return s.site.AcceptableProtocols() }

// next makes another Site the present one, and shuts the one before down.
func (s *succession) next() {
	before := s.site
	var served atomic.Int64
	s.number++
	s.site = &web.Site{MaxContent: -1, Root: &web.HandlerResource{InThreads: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if served.Add(1) == s.each {
			s.loop.CallFromThread(s.next)
		}
		s.handler.ServeHTTP(w, r)
	})}}
	if before != nil {
		before.Shutdown()
	}
}

// succeeding serves handler by Sites of which each serves so many requests. It returns their URL.
func succeeding(t *testing.T, config *tls.Config, each int, handler http.Handler) (s *succession, url string) {
	t.Helper()
	s = &succession{handler: handler, each: int64(each)}
	background.Loop(t, func(l *reactor.Loop) {
		s.loop = l
		s.next()
		url = "http://"
		var factory reactor.Factory = s
		if config != nil {
			url = "https://"
			factory = reactor.TLSServer(l, reactor.TLSConfig{Config: config}, factory)
		}
		port, err := l.ListenTCP("127.0.0.1:0", factory)
		if err != nil {
			t.Error(err)
			return
		}
		url += port.Addr().String()
	})
	return s, url
}

// TestSiteShutdown has a Site shut down again and again while clients make their requests.
func TestSiteShutdown(t *testing.T) {
	var authority treqtesting.Authority
	for name, way := range ways(&authority) {
		t.Run(name, func(t *testing.T) {
			l := &ledger{}
			n := *manySize
			sites, url := succeeding(t, way.server, n/20, l)
			oursMany(second(way.client), perfect)(t, url, n, func(int) {})
			l.check(t, n)
			shut := make(chan int)
			sites.loop.CallFromThread(func() { shut <- sites.number - 1 })
			if got := <-shut; got < 3 {
				t.Errorf("%d Sites shut down", got)
			}
		})
	}
}

// TestSiteShutdownLoad has a Site shut down while h2load makes its requests. It does not send a
// request again, so those that the Site refuses are lost; but it has an answer to each that the
// Site has processed.
func TestSiteShutdownLoad(t *testing.T) {
	long(t)
	g := newTarget(t, serveOurs)
	for _, secure := range []bool{false, true} {
		var config *tls.Config
		if secure {
			config = g.authority.ServerTLS("127.0.0.1")
		}
		var processed atomic.Int64
		n := *manySize
		_, url := succeeding(t, config, n/10, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			processed.Add(1)
			io.WriteString(w, "processed")
		}))
		out, err := g.run(t, fmt.Sprintf("h2load -n %d -m 20 -c 2 %s/", n, url))
		var total, started, done, succeeded, failed, errored, timeout int
		at := strings.Index(out, "requests: ")
		if at < 0 {
			t.Errorf("h2load: %v\n%s", err, out)
			continue
		}
		fmt.Sscanf(out[at:], "requests: %d total, %d started, %d done, %d succeeded, %d failed, %d errored, %d timeout",
			&total, &started, &done, &succeeded, &failed, &errored, &timeout)
		t.Logf("TLS %v: %d processed; %.150s", secure, processed.Load(), out[at:])
		if int64(succeeded) != processed.Load() || timeout != 0 {
			t.Errorf("%d requests were processed\n%s", processed.Load(), out)
		}
	}
}

// TestKill has a server close its connections at once, ten times, while our client makes its
// requests. Each has an answer or a clear error, and none is processed twice that must not be.
func TestKill(t *testing.T) {
	var authority treqtesting.Authority
	for name, way := range ways(&authority) {
		t.Run(name, func(t *testing.T) {
			l := &ledger{}
			url, restart := restarting(t, way.server, l, (*http.Server).Close)
			n := *manySize
			failed := map[int]*agent.RequestError{}
			answered := 0
			verdict := func(t *testing.T, method string, id int, got string, err error) {
				if err == nil {
					answered++
					perfect(t, method, id, got, err)
					return
				}
				var e *agent.RequestError
				if !errors.As(err, &e) && errors.As(err, new(*response.FailedError)) && strings.HasPrefix(err.Error(), method+" ") { // in the body
					e = &agent.RequestError{Method: method, URL: url, Err: err}
				}
				if e == nil || e.Method != method || !strings.Contains(e.Error(), url) {
					t.Errorf("%s %d: the error is %T: %[3]v", method, id, err)
					return
				}
				failed[id] = e
			}
			oursMany(second(way.client), verdict)(t, url, n, func(done int) {
				if done%(n/10) == 0 && done < n {
					restart()
				}
			})
			l.mu.Lock()
			defer l.mu.Unlock()
			kinds := map[string]int{}
			for id := range n {
				least, most := 1, 2 // a GET may be sent twice
				if id%2 == 1 {
					most = 1
				}
				if e := failed[id]; e != nil {
					least = 0
					if e.NotSent {
						most = 0
					}
					kinds[e.Err.Error()]++
				}
				if count := l.count[id]; count < least || count > most {
					t.Errorf("request %d was processed %d times, want %d to %d; its error is %v", id, count, least, most, failed[id])
				}
			}
			if answered+len(failed) != n || len(failed) == 0 {
				t.Errorf("%d requests were answered, %d failed", answered, len(failed))
			}
			t.Logf("%d answered; the errors: %v", answered, kinds)
		})
	}
}
