package blocking_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// newGroupClient returns a client whose goroutines must be gone when it is closed.
func newGroupClient(t *testing.T, config blocking.GroupConfig) *blocking.Client {
	t.Helper()
	before := runtime.NumGoroutine()
	c := blocking.NewGroupClient(config)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
			runtime.Gosched()
		}
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%d goroutines are left, there were %d", n, before)
		}
	})
	return c
}

// A spread notes on which loops requests are made. Every request fails.
type spread struct {
	mu    sync.Mutex
	loops map[string]map[reactor.Reactor]int // by the host of the URL
}

// on returns a Config for r.
func (s *spread) on(r reactor.Reactor) client.Config {
	return client.Config{BaseURL: "http://host0.example/v1/", Agent: spreadAgent{s, r}}
}

type spreadAgent struct {
	spread *spread
	on     reactor.Reactor
}

func (a spreadAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	a.spread.mu.Lock()
	defer a.spread.mu.Unlock()
	if !a.on.OnLoop() {
		panic("the agent of another loop")
	}
	host := strings.ToLower(req.URL.Hostname())
	if a.spread.loops[host] == nil {
		a.spread.loops[host] = map[reactor.Reactor]int{}
	}
	a.spread.loops[host][a.on]++
	return deferred.Fail[*response.Response](errEnough)
}

// TestGroupSpreadsOrigins: the requests to an origin are on one loop, or on as many as the program
// wants.
func TestGroupSpreadsOrigins(t *testing.T) {
	const loops, origins = 3, 20
	for perOrigin, want := range map[int]int{0: 1, 1: 1, 2: 2, 3: 3, 9: 3} {
		s := &spread{loops: map[string]map[reactor.Reactor]int{}}
		c := newGroupClient(t, blocking.GroupConfig{Loops: loops, LoopsPerOrigin: perOrigin, Config: s.on})
		var wg sync.WaitGroup
		for i := range origins {
			wg.Go(func() {
				for j := range 12 {
					url := fmt.Sprintf("%s://%s%d.example%s/%d", []string{"http", "HTTP"}[j%2], []string{"host", "Host"}[j/2%2], i, []string{"", ":80"}[j/4%2], j)
					if i == 0 && j%3 == 0 {
						url = []string{"relative", "/rooted", "//host0.example/path"}[j/3%3]
					}
					if _, err := c.Get(t.Context(), url); !errors.Is(err, errEnough) {
						t.Errorf("%s: %v", url, err)
					}
				}
			})
		}
		wg.Wait()
		used := map[reactor.Reactor]bool{}
		for host, on := range s.loops {
			if len(on) > want { // fewer only if others took their turns
				t.Errorf("LoopsPerOrigin %d: requests to %s are on %d loops, want %d", perOrigin, host, len(on), want)
			}
			for r := range on {
				used[r] = true
			}
		}
		if len(used) != loops || len(s.loops) != origins {
			t.Errorf("LoopsPerOrigin %d: %d loops have requests, to %d origins", perOrigin, len(used), len(s.loops))
		}
		for range 12 {
			c.Get(t.Context(), "http://one.example/")
		}
		for _, n := range s.loops["one.example"] {
			if n != 12/want || len(s.loops["one.example"]) != want {
				t.Errorf("LoopsPerOrigin %d: the requests to one origin are spread as %v", perOrigin, s.loops["one.example"])
			}
		}
	}
	defer func() {
		if v := recover(); v == nil {
			t.Error("LoopsPerOrigin of -1 does not panic")
		}
	}()
	blocking.NewGroupClient(blocking.GroupConfig{LoopsPerOrigin: -1})
}

// TestGroupReactorOption: the option chooses the loop, which must be one of the client's.
func TestGroupReactorOption(t *testing.T) {
	s := &spread{loops: map[string]map[reactor.Reactor]int{}}
	var all []reactor.Reactor
	c := newGroupClient(t, blocking.GroupConfig{Loops: 3, Config: func(r reactor.Reactor) client.Config {
		all = append(all, r)
		return s.on(r)
	}})
	for i, r := range all {
		host := fmt.Sprintf("chosen%d.example", i)
		c.Get(t.Context(), "http://"+host+"/", client.Reactor(r))
		if s.loops[host][r] != 1 {
			t.Errorf("loop %d has not made the request", i)
		}
	}
	if _, err := c.Get(t.Context(), "/", client.Reactor(reactor.Default())); !errors.Is(err, client.ErrOption) {
		t.Errorf("another reactor: %v", err)
	}
	if _, err := c.Get(t.Context(), "ftp://an.example/"); err == nil {
		t.Error("a URL that is wrong: no error")
	}
}

// visited answers with the cookies of the request, and sets one that is named after its path.
var visited = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: strings.Trim(req.URL.Path, "/"), Value: "1", Path: "/"})
	for _, cookie := range req.Cookies() {
		fmt.Fprint(w, cookie.Name, " ")
	}
})

// TestGroupSharesCookies: what one loop gets, the others send, also when many use the jar at once.
func TestGroupSharesCookies(t *testing.T) {
	server := httptest.NewServer(visited)
	defer server.Close()
	own := &cookies.Jar{} // which has no lock
	for name, config := range map[string]func(reactor.Reactor) client.Config{
		"the client's jar":   nil,
		"a jar of all loops": func(reactor.Reactor) client.Config { return client.Config{Jar: own} },
	} {
		c := newGroupClient(t, blocking.GroupConfig{Loops: 3, LoopsPerOrigin: 3, Config: config})
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				if resp, err := c.Get(t.Context(), fmt.Sprintf("%s/n%d", server.URL, i)); err != nil {
					t.Error(err)
				} else {
					resp.Text()
				}
			})
		}
		wg.Wait()
		for range 3 { // each loop
			resp, err := c.Get(t.Context(), server.URL+"/last")
			if err != nil {
				t.Fatal(err)
			}
			text, err := resp.Text()
			for i := range 12 {
				if !strings.Contains(" "+text, fmt.Sprintf(" n%d ", i)) {
					t.Errorf("%s: without n%d: %q, %v", name, i, text, err)
				}
			}
		}
		c.Close()
		server.CloseClientConnections()
	}
	// A Config with a NewJar has none in common.
	c := newGroupClient(t, blocking.GroupConfig{Loops: 2, LoopsPerOrigin: 2, Config: func(r reactor.Reactor) client.Config {
		return client.Config{NewJar: func() http.CookieJar { return &cookies.Jar{Now: r.Now} }}
	}})
	for range 3 {
		resp, err := c.Get(t.Context(), server.URL+"/alone")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := resp.Text(); text != "" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
	c.Close()
	server.CloseClientConnections()
}

// TestGroupEnds: Shutdown waits for what is under way on every loop, and Close cuts it off. Shutdown
// fails on one of the loops.
func TestGroupEnds(t *testing.T) {
	s := serve(t)
	for _, cut := range []bool{false, true} {
		c := newGroupClient(t, blocking.GroupConfig{Loops: 3, LoopsPerOrigin: 3})
		var open []*blocking.Response
		for range 3 {
			resp, err := c.Get(t.Context(), s.URL+"/half")
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, resp)
		}
		shutdown := make(chan error, 1)
		c.Get(t.Context(), s.URL, onLoop(func(*request.Request) { shutdown <- c.Shutdown(context.Background()) }))
		if err := <-shutdown; err != reactor.ErrOnLoop {
			t.Errorf("Shutdown on a loop: %v", err)
		}
		if cut {
			c.Close()
		} else {
			s.letGo()
			if err := c.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
		for i, resp := range open {
			content, err := resp.Content()
			if cut && !errors.Is(err, blocking.ErrClosed) || !cut && (err != nil || len(content) != 2*halfSize) {
				t.Errorf("cut %v: response %d: %d bytes, %v", cut, i, len(content), err)
			}
		}
		if _, err := c.Get(t.Context(), s.URL+"/json"); !errors.Is(err, blocking.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
		s.CloseClientConnections()
		if !cut {
			s = serve(t)
		}
	}
}
