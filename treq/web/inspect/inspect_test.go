package inspect_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/web/inspect"
)

// serve serves resource at /inspect, by a site with clock.
func serve(t *testing.T, r *memory.Reactor, resource *inspect.Resource, clock reactor.Clock) *client.HTTPClient {
	t.Helper()
	root := &web.Node{}
	root.PutChild("inspect", resource)
	r.AddHost("a.example", "192.0.2.1")
	if _, err := r.ListenTCP("192.0.2.1:80", &web.Site{Root: root, Clock: clock}); err != nil {
		t.Fatal(err)
	}
	return client.New(r, client.Config{})
}

// ask sends a request and returns the response with its text.
func ask(t *testing.T, r *memory.Reactor, c *client.HTTPClient, method, path string) (*response.Response, string) {
	t.Helper()
	d := c.Request(method, "http://a.example"+path)
	r.Pump()
	resp := deferredtest.SuccessResultOf(t, d)
	text := resp.Text()
	r.Pump()
	return resp, deferredtest.SuccessResultOf(t, text)
}

// The resource shows a reactor that a test turns, with the request for it, and its counts.
func TestResource(t *testing.T) {
	for name, set := range map[string]bool{"the reactor of the request": false, "its own": true} {
		t.Run(name, func(t *testing.T) {
			r := memory.New()
			resource := &inspect.Resource{}
			var clock reactor.Clock
			if set {
				resource.Reactor, clock = r, task.NewClock()
			}
			c := serve(t, r, resource, clock)
			for _, path := range []string{"/inspect", "/inspect/"} {
				resp, text := ask(t, r, c, "GET", path)
				if resp.Code != 200 || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("Cache-Control") != "no-store" ||
					!strings.HasPrefix(text, "loop at 00:00:00: not in Run, ") || !strings.Contains(text, "requests to a site (1)\n  GET a.example"+path+": ") {
					t.Errorf("%s: got %v %v\n%s", path, resp.Code, resp.Header, text)
				}
			}
			if resp, text := ask(t, r, c, "HEAD", "/inspect"); resp.Code != 200 || text != "" {
				t.Errorf("HEAD: got %v, %q", resp.Code, text)
			}
			resp, text := ask(t, r, c, "GET", "/inspect/stats")
			var got reactor.Stats
			if err := json.Unmarshal([]byte(text), &got); err != nil || resp.Header.Get("Content-Type") != "application/json" || got.Open != 2 || got.Accepted != 1 {
				t.Errorf("stats: got %v, %v\n%s", err, resp.Header, text)
			}
			for _, path := range []string{"/inspect", "/inspect/stats"} {
				if resp, _ := ask(t, r, c, "POST", path); resp.Code != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
					t.Errorf("POST %s: got %v %v", path, resp.Code, resp.Header)
				}
			}
			if resp, _ := ask(t, r, c, "GET", "/inspect/other"); resp.Code != http.StatusNotFound {
				t.Errorf("another child: got %v", resp.Code)
			}
		})
	}
}

// Without a reactor the answer is a 500.
func TestResourceWithoutAReactor(t *testing.T) {
	r := memory.New()
	c := serve(t, r, &inspect.Resource{}, task.NewClock())
	for _, path := range []string{"/inspect", "/inspect/stats"} {
		if resp, _ := ask(t, r, c, "GET", path); resp.Code != 500 {
			t.Errorf("%s: got %v", path, resp.Code)
		}
	}
}

// A reactor in Run shows all loops, also from its own thread pool.
func TestResourceOfARunningReactor(t *testing.T) {
	l := reactor.New()
	defer l.Close()
	l.HandleSignals(false)
	root := &web.Node{}
	root.PutChild("inspect", &inspect.Resource{})
	port, err := l.ListenTCP("127.0.0.1:0", &web.Site{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error)
	go func() { over <- l.Run() }()
	defer func() { l.Stop(); <-over }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	text, err := reactor.BlockingCallFromThread(ctx, l, func() *deferred.Deferred[string] {
		return deferred.Then(client.New(l, client.Config{}).Get("http://"+port.Addr().String()+"/inspect"), (*response.Response).Text)
	})
	if err != nil || !strings.HasPrefix(text, "== goroutine ") || !strings.Contains(text, ": running, ") ||
		!strings.Contains(text, "requests (1)\n  GET http://127.0.0.1:") || !strings.Contains(text, "requests to a site (1)\n  GET 127.0.0.1:") {
		t.Errorf("got %v\n%s", err, text)
	}
}
