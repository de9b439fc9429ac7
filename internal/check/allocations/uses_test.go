//go:build !race

package allocations

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

const small = "Hello, world!"

// uses are the rows of the table. begin returns a function that does it once.
var uses = []struct {
	name  string
	begin func(t *testing.T) func()
}{
	{"a small GET, and its content", func(t *testing.T) func() {
		return client11(t, canned(small), small, func(c *client.HTTPClient) *deferred.Deferred[*response.Response] {
			return c.Get("http://127.0.0.1/foo")
		})
	}},
	{"a small JSON POST, and its content", func(t *testing.T) func() {
		value := map[string]any{"name": "a thing", "price": 12.5}
		return client11(t, canned(small), small, func(c *client.HTTPClient) *deferred.Deferred[*response.Response] {
			return c.Post("http://127.0.0.1/foo", client.JSON(value))
		})
	}},
	{"a GET of a gzip body of 4 KiB, and its content", func(t *testing.T) func() {
		text := strings.Repeat(small, 4096/len(small))
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		io.WriteString(w, text)
		w.Close()
		return client11(t, canned(b.String(), "Content-Encoding: gzip"), text, func(c *client.HTTPClient) *deferred.Deferred[*response.Response] {
			return c.Get("http://127.0.0.1/foo")
		})
	}},
	{"a GET through a StubTreq, and its text", func(t *testing.T) func() {
		return stubbed(t, treqtesting.Config{})
	}},
	{"the same over HTTP/2", func(t *testing.T) func() {
		return stubbed(t, treqtesting.Config{HTTP2: true})
	}},
	{"a request, served by a Resource", func(t *testing.T) func() {
		return served(t, &web.Site{Root: web.RenderFunc(func(req *web.Request) { req.WriteString(small) })})
	}},
	{"a request, served by an http.Handler", func(t *testing.T) func() {
		return served(t, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, small) })})
	}},
	{"a Deferred with three callbacks", func(t *testing.T) func() {
		return func() {
			d := deferred.New[int]()
			d.AddCallback(plusOne).AddCallback(plusOne).AddCallback(plusOne)
			d.Callback(1)
		}
	}},
	{"a chain of three Deferreds by Then", func(t *testing.T) func() {
		next := func(n int) *deferred.Deferred[int] { return deferred.Succeed(n + 1) }
		return func() {
			d := deferred.New[int]()
			deferred.Then(deferred.Then(deferred.Then(d, next), next), next)
			d.Callback(1)
		}
	}},
	{"an Await of a Deferred that fires later", func(t *testing.T) func() {
		var d *deferred.Deferred[int]
		over := false
		done := deferred.Go(func(co *deferred.Co) (int, error) {
			for !over {
				d = deferred.New[int]()
				deferred.Await(co, d)
			}
			return 0, nil
		})
		t.Cleanup(func() {
			over = true
			d.Callback(1)
			deferredtest.SuccessResultOf(t, done)
		})
		return func() { d.Callback(1) }
	}},
	{"a coroutine by Go that waits once", func(t *testing.T) func() {
		return func() {
			d := deferred.New[int]()
			deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) })
			d.Callback(1)
		}
	}},
}

func plusOne(n int) (int, error) { return n + 1, nil }

// client11 makes requests to a server that sends the same bytes each time, over one connection in memory, and
// reads the contents.
func client11(t *testing.T, answer []byte, want string, ask func(c *client.HTTPClient) *deferred.Deferred[*response.Response]) func() {
	r := memory.New()
	listen := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &cannedServer{answer: answer} })
	if _, err := r.ListenTCP("127.0.0.1:80", listen); err != nil {
		t.Fatal(err)
	}
	c := client.New(r, client.Config{})
	var body []byte
	var failed error
	take := func(data []byte, err error) ([]byte, error) {
		body, failed = data, err
		return nil, nil
	}
	return func() {
		body = nil
		deferred.Then(ask(c), (*response.Response).Content).AddBoth(take)
		r.Pump()
		if string(body) != want {
			t.Fatalf("%q, %v", body, failed)
		}
	}
}

// canned returns a response.
func canned(body string, headers ...string) []byte {
	head := append([]string{"HTTP/1.1 200 OK", "Content-Type: text/plain", "Date: Sun, 06 Nov 1994 08:49:37 GMT",
		"Content-Length: " + strconv.Itoa(len(body))}, headers...)
	return []byte(strings.Join(head, "\r\n") + "\r\n\r\n" + body)
}

// A cannedServer sends the same answer to every request, which comes in one piece or ends in one that the network
// brings with it.
type cannedServer struct {
	t      reactor.Transport
	answer []byte
}

func (c *cannedServer) ConnectionMade(t reactor.Transport) { c.t = t }
func (c *cannedServer) DataReceived([]byte)                { c.t.Write(c.answer) }
func (c *cannedServer) ConnectionLost(error)               {}

// served makes requests to site over one connection in memory, with a client that counts the answers.
func served(t *testing.T, site *web.Site) func() {
	r := memory.New()
	if _, err := r.ListenTCP("127.0.0.1:80", site); err != nil {
		t.Fatal(err)
	}
	p := &counter{}
	r.ConnectTCP("127.0.0.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }), reactor.ConnectConfig{})
	r.Pump()
	request := []byte("GET /path?q=1 HTTP/1.1\r\nHost: an.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	return func() {
		p.answers = 0
		p.t.Write(request)
		r.Pump()
		if p.answers != 1 {
			t.Fatalf("%d answers", p.answers)
		}
	}
}

// A counter counts answers.
type counter struct {
	t       reactor.Transport
	answers int
}

func (c *counter) ConnectionMade(t reactor.Transport) { c.t = t }
func (c *counter) DataReceived(data []byte)           { c.answers += bytes.Count(data, []byte(small)) }
func (c *counter) ConnectionLost(error)               {}

// stubbed makes requests through a StubTreq.
func stubbed(t *testing.T, config treqtesting.Config) func() {
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"text/plain"}
		io.WriteString(w, small)
	}), config)
	return func() {
		text := deferredtest.SuccessResultOf(t, deferred.Then(stub.Get("http://an.example/foo"), (*response.Response).Text))
		if text != small {
			t.Fatal(text)
		}
	}
}
