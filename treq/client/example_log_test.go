package client_test

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// stdout logs to the standard output, without the time of each line.
func stdout() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{}
		}
		return a
	}}))
}

// A client logs one line a request, and knows which requests are pending. Messages of this
// network take a second.
func ExampleConfig_log() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:80", &web.Site{Handler: parrot})
	r.Latency("", "", time.Second)
	c := client.New(r, client.Config{Log: &agent.LogConfig{Logger: stdout()}})
	show(c.Get("http://127.0.0.1/?page=2&token=secret"))
	for range 2 {
		r.RunFor(1500 * time.Millisecond)
		for _, p := range c.Pending() {
			fmt.Println("pending:", p)
		}
	}
	r.RunFor(time.Minute)
	// Output:
	// pending: GET http://127.0.0.1/?page=2&token=xxxxx: connecting for 1.5s
	// pending: GET http://127.0.0.1/?page=2&token=xxxxx: sent for 3s
	// level=INFO msg=request method=GET url="http://127.0.0.1/?page=2&token=xxxxx" status=200 tries=1 sent=0 received=31 lookup=0s connect=2s tls=0s first_byte=2s total=4s reused=false
	// GET /?page=2&token=secret [] "" <nil>
}

// The times of a request, over a network whose messages take 10 ms.
func ExampleTimed() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:80", &web.Site{Handler: parrot})
	r.Latency("", "", 10*time.Millisecond)
	c := client.New(r, client.Config{})
	deferred.Then(c.Get("http://127.0.0.1/", client.Timed(true)), func(resp *response.Response) *deferred.Deferred[string] {
		return resp.Text().Tap(func(string, error) {
			t := resp.Times
			fmt.Println("connect", t.Connect, "first byte", t.FirstByte, "total", t.Total)
		})
	})
	r.RunFor(time.Second)
	// Output:
	// connect 20ms first byte 20ms total 40ms
}
