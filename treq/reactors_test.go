package treq_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// The first use of package signal starts a goroutine that never ends. It starts here, so
// that the tests do not count it.
func init() {
	signal.Stop(make(chan os.Signal, 1))
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
}

var loops = map[string]func() *reactor.Loop{
	"system":   reactor.New,
	"portable": reactor.NewPortable,
}

// run runs l until the Deferred of f fires, closes l, and returns the result.
func run[T any](t *testing.T, l *reactor.Loop, f func() *deferred.Deferred[T]) T {
	t.Helper()
	var value T
	err := fmt.Errorf("the loop ended before there was a result")
	watchdog := l.CallLater(time.Minute, func() { l.Stop() })
	l.CallWhenRunning(func() {
		f().AddBoth(func(v T, e error) (T, error) {
			value, err = v, e
			l.Stop()
			return v, nil
		})
	})
	if e := l.Run(); e != nil {
		t.Fatal(e)
	}
	watchdog.Cancel()
	if e := l.Close(); e != nil {
		t.Fatal(e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// An answer is a response without its Date.
type answer struct {
	Version string
	Code    int
	Phrase  string
	Header  http.Header
	Length  int64
	Body    string
}

func read(resp *response.Response) *deferred.Deferred[answer] {
	a := answer{resp.Version, resp.Code, resp.Phrase, resp.Header.Clone(), resp.Length, ""}
	a.Header.Del("Date")
	return deferred.Map(resp.Content(), func(body []byte) (answer, error) {
		a.Body = string(body)
		return a, nil
	})
}

// handler answers with bodies of different kinds.
func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"request":%q,"accept":%q,"body":%q}`, r.Method+" "+r.RequestURI+" "+r.Host, r.Header["Accept"], body)
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		text := strings.Repeat("0123456789abcdef", 1<<16)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		io.WriteString(w, text)
	})
	mux.HandleFunc("/nothing", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

// TestEveryReactor makes the same requests on each reactor and compares the responses:
// those of net/http's server over sockets, those of a Site in memory.
func TestEveryReactor(t *testing.T) {
	type d = *deferred.Deferred[*response.Response]
	requests := map[string]func(c *client.HTTPClient, url string) d{
		"GET": func(c *client.HTTPClient, url string) d {
			return c.Get(url+"/echo", client.Params{"a": {"b c"}}, client.Headers{"Accept": {"application/json"}})
		},
		"POST":      func(c *client.HTTPClient, url string) d { return c.Post(url+"/echo", client.JSON([]int{1, 2})) },
		"HEAD":      func(c *client.HTTPClient, url string) d { return c.Head(url + "/echo") },
		"large":     func(c *client.HTTPClient, url string) d { return c.Get(url + "/large") },
		"nothing":   func(c *client.HTTPClient, url string) d { return c.Delete(url + "/nothing") },
		"not found": func(c *client.HTTPClient, url string) d { return c.Get(url + "/nowhere") },
	}
	server := httptest.NewServer(handler())
	defer server.Close()
	address := server.Listener.Addr().String()
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			deferred.FailOnUnhandled(t)
			answers := map[string]answer{}
			for name, newLoop := range loops {
				l := newLoop()
				answers[name] = run(t, l, func() *deferred.Deferred[answer] {
					return deferred.Then(request(client.New(l, client.Config{}), server.URL), read)
				})
			}
			m := memory.New()
			if _, err := m.ListenTCP(address, &web.Site{Handler: handler()}); err != nil {
				t.Fatal(err)
			}
			d := deferred.Then(request(client.New(m, client.Config{}), server.URL), read)
			m.Pump()
			inMemory := deferredtest.SuccessResultOf(t, d)
			for name, got := range answers {
				if diff := cmp.Diff(inMemory, got); diff != "" {
					t.Errorf("memory (-) and %s (+) differ:\n%s", name, diff)
				}
			}
		})
	}
}

// A counter is a factory that counts its connections.
type counter struct {
	reactor.Factory
	n int
}

func (c *counter) BuildProtocol(peer net.Addr) reactor.Protocol {
	c.n++
	return c.Factory.BuildProtocol(peer)
}

// goroutines returns the number of goroutines. If there are more than expected, it waits up to
// ten seconds for finished goroutines to exit, which takes time on a busy machine.
func goroutines(expected int) int {
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > expected && time.Now().Before(end); {
		runtime.Gosched()
	}
	return runtime.NumGoroutine()
}

// TestKeepAlive makes a thousand requests, one after another, to a Site on the same loop.
// They use one connection and no goroutine for each.
func TestKeepAlive(t *testing.T) {
	const requests = 1000
	for name, newLoop := range loops {
		t.Run(name, func(t *testing.T) {
			deferred.FailOnUnhandled(t)
			before := runtime.NumGoroutine()
			l := newLoop()
			site := &counter{Factory: &web.Site{Handler: handler()}}
			port, err := l.ListenTCP("127.0.0.1:0", site)
			if err != nil {
				t.Fatal(err)
			}
			url := "http://" + port.Addr().String() + "/echo"
			c := client.New(l, client.Config{})
			var first, last int // goroutines while the loop runs
			var next func(left int) *deferred.Deferred[int]
			next = func(left int) *deferred.Deferred[int] {
				if left == 0 {
					last = runtime.NumGoroutine()
					return deferred.Succeed(requests)
				}
				text := deferred.Then(c.Get(url, client.Params{"left": {strconv.Itoa(left)}}), (*response.Response).Text)
				return deferred.Then(text, func(text string) *deferred.Deferred[int] {
					if want := fmt.Sprintf(`/echo?left=%d `, left); !strings.Contains(text, want) {
						return deferred.Fail[int](fmt.Errorf("got %s, want %s", text, want))
					}
					return next(left - 1)
				})
			}
			if n := run(t, l, func() *deferred.Deferred[int] {
				first = runtime.NumGoroutine()
				return next(requests)
			}); n != requests {
				t.Errorf("%d requests", n)
			}
			if site.n != 1 {
				t.Errorf("%d connections", site.n)
			}
			if after := goroutines(before); after > before {
				t.Errorf("%d goroutines at the end, %d at the start", after, before)
			}
			const kept = 1 // the coroutine of the handler, for the next request
			if name == "system" && runtime.GOOS == "linux" && last > first+kept {
				t.Errorf("%d goroutines before the first request, %d after the last", first, last)
			}
		})
	}
}
