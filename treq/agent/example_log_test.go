package agent_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var greeting = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil
	fmt.Fprint(w, "hello")
})

// A log around an agent. The lines have the time of the reactor, which is in memory here.
func ExampleNewLogAgent() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:80", &web.Site{Handler: greeting})
	logger := slog.New(slog.NewTextHandler(os.Stdout, nil))
	a := agent.NewLogAgent(r, agent.New(r, agent.Config{}), agent.LogConfig{Logger: logger})

	u, _ := url.Parse("http://127.0.0.1/?access_token=secret")
	deferred.Then(a.Request(&request.Request{Method: "GET", URL: u}), (*response.Response).Text)
	r.Pump()
	// Output:
	// time=1970-01-01T00:00:00.000Z level=INFO msg=request method=GET url="http://127.0.0.1/?access_token=xxxxx" status=200 tries=1 sent=0 received=5 lookup=0s connect=0s tls=0s first_byte=0s total=0s reused=false
}

// What an agent sends and receives.
func ExampleDumpConfig() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:80", &web.Site{Handler: greeting})
	a := agent.New(r, agent.Config{Dump: &agent.DumpConfig{To: os.Stdout}})

	u, _ := url.Parse("http://127.0.0.1/")
	req := &request.Request{Method: "GET", URL: u, Header: http.Header{"Authorization": {"Bearer secret"}}}
	deferred.Then(a.Request(req), (*response.Response).Text)
	r.Pump()
	// Output:
	// [1] connected to 127.0.0.1:80
	// [1] > GET / HTTP/1.1
	// [1] > Host: 127.0.0.1
	// [1] > Connection: close
	// [1] > Authorization: Bearer xxxxx
	// [1] >
	// [1] < HTTP/1.1 200 OK
	// [1] < Content-Length: 5
	// [1] < Connection: close
	// [1] < Content-Type: text/plain; charset=utf-8
	// [1] <
	// [1] < (5 bytes)
	// [1] closed: connection was closed cleanly
}
