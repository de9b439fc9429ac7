package web_test

import (
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"strings"
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
			return resp.Text().Tap(func(text string, _ error) { fmt.Println(path, resp.Code, text) })
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

// Over TLS, the client and the server agree on HTTP/2 or HTTP/1.1 in the handshake.
func ExampleSite_http2() {
	task.React(func(r reactor.Reactor) *deferred.Deferred[deferred.None] {
		certificate, err := tls.LoadX509KeyPair("certificate.pem", "key.pem")
		if err != nil {
			return deferred.Fail[deferred.None](err)
		}
		site := &web.Site{
			Root:  &web.File{Path: "/srv/www"},
			HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 250},
		}
		config := reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{certificate}}}
		if _, err := r.ListenTCP(":443", reactor.TLSServer(r, config, site)); err != nil {
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

// Each request becomes a record of slog. Its times are those of the reactor.
func ExampleSlogAccessLog() {
	r := memory.New()
	logger := slog.New(slog.NewTextHandler(os.Stdout, nil))
	site := &web.Site{
		Root:      web.RenderFunc(func(req *web.Request) { req.WriteString("hello") }),
		AccessLog: web.SlogAccessLog(logger),
	}
	r.ListenTCP("127.0.0.1:80", site)
	ask(r, "/a?token=secret", http.Header{"User-Agent": {"me"}})
	// Output:
	// time=1970-01-01T00:00:00.000Z level=INFO msg=request method=GET uri="/a?token=xxxxx" proto=HTTP/1.1 host=127.0.0.1 status=200 bytes=5 duration=0s client=127.0.0.1:49152 agent=me
}

// The proxies run on this machine or in 10.0.0.0/8. What they say of their clients counts.
func ExampleProxies() {
	r := memory.New()
	site := &web.Site{
		Root: web.RenderFunc(func(req *web.Request) {
			fmt.Println(req.GetClientAddress(), req.IsSecure())
		}),
		Proxies: web.Proxies{Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}},
	}
	r.ListenTCP("127.0.0.1:80", site)
	ask(r, "/", http.Header{
		"X-Forwarded-For":   {"1.2.3.4, 192.0.2.7, 10.1.2.3"}, // the client has invented the first
		"X-Forwarded-Proto": {"https"},
	})
	// Output: 192.0.2.7:0 true
}

// Long texts are compressed for clients that ask for it, as ours does.
func ExampleEncoding() {
	r := memory.New()
	site := &web.Site{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat("all work and no play\n", 1000))
		}),
		Encoding:  &web.Encoding{Encoders: []web.Encoder{web.GzipEncoder}},
		AccessLog: func(req *web.Request) { fmt.Println(req.ResponseHeader.Get("Content-Encoding"), req.Sent() < 1000) },
	}
	r.ListenTCP("127.0.0.1:80", site)
	text := ask(r, "/", nil)
	fmt.Println(len(text))
	// Output:
	// gzip true
	// 21000
}

// A middleware of net/http works around resources.
func ExampleResourceHandler() {
	root := &web.Node{}
	root.PutChild("hello", &Greeting{})
	site := &web.Site{Handler: http.StripPrefix("/api", &web.ResourceHandler{Root: root})}
	show(memory.New(), site, "/api/hello/you", "/hello/you")
	// Output:
	// /api/hello/you 200 Hello, you!
	// /hello/you 404 404 page not found
}

// ask makes a request with our client, and returns the body.
func ask(r *memory.Reactor, path string, header http.Header) (body string) {
	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{})})
	d := deferred.Then(c.Get("http://127.0.0.1"+path, client.Headers(header)), (*response.Response).Text)
	d.Tap(func(text string, _ error) { body = text })
	r.RunFor(time.Second)
	return body
}

// The patterns of a ServeMux choose between hosts, as Twisted's NameVirtualHost does. "/" is
// for all other hosts.
func ExampleResourceHandler_virtualHosts() {
	shop := web.RenderFunc(func(req *web.Request) { req.WriteString("the shop") })
	mux := http.NewServeMux()
	mux.Handle("shop.example/", &web.ResourceHandler{Root: shop})
	mux.Handle("/", &web.ResourceHandler{Root: &Greeting{}})

	r := memory.New()
	if _, err := r.ListenTCP("127.0.0.1:80", &web.Site{Handler: mux}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ask(r, "/", http.Header{"Host": {"shop.example"}}))
	fmt.Println(ask(r, "/you", http.Header{"Host": {"shop.example:80"}}))
	fmt.Println(ask(r, "/you", http.Header{"Host": {"another.example"}}))
	// Output:
	// the shop
	// the shop
	// Hello, you!
}

// A handler around the resources asks for a user and a password, as Twisted's
// HTTPAuthSessionWrapper does.
func ExampleResourceHandler_basicAuth() {
	inner := &web.ResourceHandler{Root: &Greeting{}}
	guard := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "jane" || subtle.ConstantTimeCompare([]byte(password), []byte("secret")) == 0 {
			w.Header().Set("WWW-Authenticate", `Basic realm="greetings"`)
			http.Error(w, "Who are you?", http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})

	r := memory.New()
	if _, err := r.ListenTCP("127.0.0.1:80", &web.Site{Handler: guard}); err != nil {
		fmt.Println(err)
		return
	}
	jane := base64.StdEncoding.EncodeToString([]byte("jane:secret"))
	fmt.Print(ask(r, "/Jane", nil))
	fmt.Println(ask(r, "/Jane", http.Header{"Authorization": {"Basic " + jane}}))
	// Output:
	// Who are you?
	// Hello, Jane!
}

// A ReverseProxy passes requests on to another server, by an agent of ours. It waits for the
// answers, and so it runs in threads. It is Twisted's ReverseProxyResource.
func ExampleHandlerResource_reverseProxy() {
	task.React(func(r reactor.Reactor) *deferred.Deferred[deferred.None] {
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "localhost:8081"})
		proxy.Transport = agent.NewRoundTripper(r, agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{})}))
		root := &web.Node{}
		root.PutChild("app", &web.HandlerResource{Handler: proxy, InThreads: true})
		if _, err := r.ListenTCP("localhost:8080", &web.Site{Root: root}); err != nil {
			return deferred.Fail[deferred.None](err)
		}
		return deferred.New[deferred.None]()
	})
}

// A Chat is a resource whose connections speak a protocol of lines after "Upgrade: chat".
type Chat struct{ web.Leaf }

func (c *Chat) RenderGET(req *web.Request) {
	if err := req.SwitchProtocol(&chatter{}); err != nil {
		req.SetResponseCode(http.StatusUpgradeRequired)
		req.SetHeader("Upgrade", "chat")
		req.WriteString("Chat with me.")
	}
}

// A chatter is the protocol of such a connection.
type chatter struct{ transport reactor.Transport }

func (c *chatter) ConnectionMade(t reactor.Transport) {
	c.transport = t
	t.Write([]byte("Who are you?\n"))
}
func (c *chatter) DataReceived(line []byte)    { fmt.Fprintf(c, "Hello, %s", line) }
func (c *chatter) ConnectionLost(reason error) {}
func (c *chatter) Write(p []byte) (int, error) { c.transport.Write(p); return len(p), nil }

// A caller is the client's side of it.
type caller struct{ transport reactor.Transport }

func (c *caller) ConnectionMade(t reactor.Transport) { c.transport = t }
func (c *caller) DataReceived(line []byte) {
	fmt.Printf("%s", line)
	if string(line) == "Who are you?\n" {
		c.transport.Write([]byte("Jane\n"))
	}
}
func (c *caller) ConnectionLost(reason error) {}

func ExampleRequest_SwitchProtocol() {
	r := memory.New()
	if _, err := r.ListenTCP("127.0.0.1:80", &web.Site{Root: &Chat{}}); err != nil {
		fmt.Println(err)
		return
	}
	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{})})
	c.Get("http://127.0.0.1/", client.Headers{"Connection": {"Upgrade"}, "Upgrade": {"chat"}}).AddCallback(func(resp *response.Response) (*response.Response, error) {
		fmt.Println(resp.Code, resp.Header.Get("Upgrade"))
		resp.Upgrade.SwitchProtocol(&caller{})
		return resp, nil
	})
	r.Pump()
	// Output:
	// 101 chat
	// Who are you?
	// Hello, Jane
}
