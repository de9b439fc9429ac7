package web_test

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// show requests the paths with our client and prints the responses.
func show(r *memory.Reactor, site *web.Site, paths ...string) {
	port, err := r.ListenTCP("127.0.0.1:80", site)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer port.StopListening()
	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{})})
	for _, path := range paths {
		deferred.Then(c.Get("http://127.0.0.1"+path), func(resp *response.Response) *deferred.Deferred[string] {
			return resp.Text().AddCallback(func(text string) (string, error) {
				fmt.Println(path, resp.Code, text)
				return text, nil
			})
		})
		r.RunFor(time.Second)
	}
}

// A Greeting is a resource with a child for every name.
type Greeting struct{ web.Node }

func (g *Greeting) RenderGET(req *web.Request) { req.WriteString("Whom?") }

func (g *Greeting) GetChild(name string, req *web.Request) web.Resource {
	return web.RenderFunc(func(req *web.Request) { fmt.Fprintf(req, "Hello, %s!", name) })
}

func Example() {
	root := &web.Node{}
	root.PutChild("", &web.Data{Content: []byte("the index"), Type: "text/plain"})
	root.PutChild("hello", &Greeting{})

	show(memory.New(), &web.Site{Root: root}, "/", "/hello", "/hello/J%C3%BCrgen")
	// Output:
	// / 200 the index
	// /hello 200 Whom?
	// /hello/J%C3%BCrgen 200 Hello, Jürgen!
}

// The site listens on a real port. React runs the reactor until the Deferred fires, which
// never happens here.
func ExampleSite() {
	task.React(func(r reactor.Reactor) *deferred.Deferred[deferred.None] {
		site := &web.Site{Root: &web.File{Path: "/srv/www"}, IdleTimeout: 30 * time.Second}
		if _, err := r.ListenTCP("localhost:8080", site); err != nil {
			return deferred.Fail[deferred.None](err)
		}
		return deferred.New[deferred.None]()
	})
}

// The parts of the response are written at different times.
func ExampleRequest_NotDoneYet() {
	r := memory.New()
	root := web.RenderFunc(func(req *web.Request) {
		req.NotDoneYet()
		req.WriteString("three, ")
		r.CallLater(100*time.Millisecond, func() { req.WriteString("two, ") })
		r.CallLater(200*time.Millisecond, func() {
			req.WriteString("one")
			req.Finish()
		})
	})
	show(r, &web.Site{Root: root}, "/")
	// Output: / 200 three, two, one
}

// The response waits for a Deferred. If the client goes away, the Deferred is cancelled.
func ExampleFinishWhen() {
	r := memory.New()
	root := web.RenderFunc(func(req *web.Request) {
		web.FinishWhen(req, task.DeferLater(r, 100*time.Millisecond, func() (string, error) {
			return req.Path, nil
		}).AddCallback(func(result string) (string, error) {
			req.WriteString("looked up " + result)
			return result, nil
		}))
	})
	show(r, &web.Site{Root: root}, "/x")
	// Output: /x 200 looked up /x
}

// A Site serves any http.Handler.
func ExampleSite_handler() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s!", r.PathValue("name"))
	})
	show(memory.New(), &web.Site{Handler: mux}, "/hello/you", "/bye")
	// Output:
	// /hello/you 200 Hello, you!
	// /bye 404 404 page not found
}

// The handler asks another server, on the same reactor, and waits for the answer while
// other requests are answered.
func ExampleAwait() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:81", &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "the answer")
	})})
	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{})})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := web.Await(r.Context(), c.Get("http://127.0.0.1:81/"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		text, _ := web.Await(r.Context(), resp.Text())
		fmt.Fprintf(w, "they say: %s", text)
	})
	show(r, &web.Site{Handler: handler}, "/")
	// Output: / 200 they say: the answer
}

// The resource remembers its clients.
func ExampleRequest_GetSession() {
	r := memory.New()
	root := web.RenderFunc(func(req *web.Request) {
		session := req.GetSession()
		n, _ := session.Values["visits"].(int)
		session.Values["visits"] = n + 1
		fmt.Fprintf(req, "visit %d", n+1)
	})
	show(r, &web.Site{Root: root}, "/")
	// Output: / 200 visit 1
}
