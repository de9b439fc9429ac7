package agent_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// listen starts a server that greets, on address of r.
func listen(r reactor.Reactor, address string) {
	r.ListenTCP(address, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "Hello from "+r.Host)
	})})
}

// show prints the text of the response that d fires with.
func show(d *response.Deferred) {
	deferred.Then(d, (*response.Response).Text).AddBoth(func(text string, err error) (string, error) {
		fmt.Println(text, err)
		return text, nil
	})
}

// An agent sends requests unchanged; a client is more convenient.
func ExampleAgent() {
	r := memory.New()
	listen(r, "127.0.0.1:80")
	a := agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{}), ConnectTimeout: 5 * time.Second})
	show(a.Request(&request.Request{
		Method: "GET",
		URL:    &url.URL{Scheme: "http", Host: "localhost", Path: "/"},
		Header: http.Header{"User-Agent": {"example"}},
	}))
	r.Pump()
	// Output:
	// Hello from localhost <nil>
}

// All requests go to one server, whatever their URLs say.
func ExampleEndpointFactory() {
	r := memory.New()
	listen(r, "192.0.2.1:8080")
	a := agent.New(r, agent.Config{Endpoint: func(u *url.URL) (endpoints.ClientEndpoint, error) {
		return endpoints.NewHostname(r, "192.0.2.1", "8080", endpoints.HostnameConfig{}), nil
	}})
	show(a.Request(newRequest("GET", "http://staging.example/")))
	r.Pump()
	// Output:
	// Hello from staging.example <nil>
}

// A signer is an agent around another agent. It adds a header to each request.
type signer struct{ agent.Requester }

func (s signer) Request(req *request.Request) *response.Deferred {
	req = req.Clone() // so that its header can be changed
	req.Header.Set("Host", "signed.example")
	return s.Requester.Request(req)
}

// A Requester around an agent is an agent too.
func ExampleRequester() {
	r := memory.New()
	listen(r, "127.0.0.1:80")
	show(signer{agent.New(r, agent.Config{})}.Request(newRequest("GET", "http://localhost/")))
	r.Pump()
	// Output:
	// Hello from signed.example <nil>
}

// Every request goes through one proxy.
func ExampleProxyURL() {
	r := memory.New()
	r.AddHost("proxy.example", "192.0.2.9")
	r.ListenTCP("192.0.2.9:3128", &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "the proxy is asked for %s by %s", r.URL, r.Header.Get("Proxy-Authorization"))
	})})
	show(agent.New(r, agent.Config{
		Proxy: agent.ProxyURL("http://me:secret@proxy.example:3128"),
	}).Request(newRequest("GET", "http://a.example/")))
	r.Pump()
	// Output:
	// the proxy is asked for http://a.example/ by Basic bWU6c2VjcmV0 <nil>
}

// The environment names the proxy, if the program asks for it by one word.
func ExampleProxyFromEnvironment() {
	os.Setenv("http_proxy", "proxy.example:3128")
	os.Setenv("no_proxy", "intern.example")
	defer os.Unsetenv("http_proxy")
	defer os.Unsetenv("no_proxy")

	r := memory.New()
	r.AddHost("proxy.example", "192.0.2.9")
	r.AddHost("intern.example", "192.0.2.7")
	listen(r, "192.0.2.7:80")
	r.ListenTCP("192.0.2.9:3128", &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "the proxy is asked for %s", r.URL)
	})})
	a := agent.New(r, agent.Config{Proxy: agent.ProxyFromEnvironment})
	show(a.Request(newRequest("GET", "http://a.example/")))
	show(a.Request(newRequest("GET", "http://intern.example/")))
	r.Pump()
	// Output:
	// the proxy is asked for http://a.example/ <nil>
	// Hello from intern.example <nil>
}

// The address of the server that a URL names, for a dialer or as a key.
func ExampleNetLocation() {
	for _, address := range []string{"https://An.Example/path", "http://[2001:DB8::1]/", "http://bücher.example:8080/"} {
		u, _ := url.Parse(address)
		fmt.Println(agent.NetLocation(u))
	}
	// Output:
	// an.example:443 <nil>
	// [2001:db8::1]:80 <nil>
	// xn--bcher-kva.example:8080 <nil>
}

// A function of the request chooses: the site's own hosts have no proxy.
func ExampleConfig_proxy() {
	outside := agent.ProxyURL("socks5h://proxy.example")
	config := agent.Config{Proxy: func(req *request.Request) (*url.URL, error) {
		if strings.HasSuffix(req.URL.Hostname(), ".intern.example") {
			return nil, nil
		}
		return outside(req)
	}}
	for _, target := range []string{"http://wiki.intern.example/", "http://a.example/"} {
		fmt.Println(config.Proxy(newRequest("GET", target)))
	}
	// Output:
	// <nil> <nil>
	// socks5h://proxy.example <nil>
}

// Two requests may leave at once, and then two in a second.
func ExampleLimitAgent() {
	r := memory.New()
	start := r.Now()
	r.ListenTCP("127.0.0.1:80", &web.Site{Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		fmt.Println(req.URL, "after", r.Now().Sub(start))
	})})
	limiter := agent.NewLimiter(r, agent.LimitConfig{PerHost: agent.Limit{Rate: 2, Burst: 2}})
	a := agent.NewLimitAgent(agent.New(r, agent.Config{}), limiter)
	for _, path := range []string{"/a", "/b", "/c", "/d"} {
		a.Request(newRequest("GET", "http://localhost"+path))
	}
	r.RunFor(time.Second)
	// Output:
	// /a after 0s
	// /b after 0s
	// /c after 500ms
	// /d after 1s
}
