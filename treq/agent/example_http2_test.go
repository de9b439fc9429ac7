package agent_test

import (
	"fmt"
	"net/http"
	"os"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// For https, an agent offers HTTP/2 by itself. For http, it speaks HTTP/2 if the program knows that
// the server does. Requests at a time share a connection, and a dump shows the stream of each.
func ExampleConfig_protocols() {
	r := memory.New()
	listen(r, "192.0.2.1:80")
	r.AddHost("an.example", "192.0.2.1")
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	a := agent.New(r, agent.Config{
		Pool:      agent.NewPool(r, agent.PoolConfig{}),
		Protocols: protocols,
		Dump:      &agent.DumpConfig{To: os.Stdout},
	})
	for range 2 {
		a.Request(newRequest("HEAD", "http://an.example/")).AddCallback(func(resp *response.Response) (*response.Response, error) {
			fmt.Println("stream", resp.Stream, resp.Version, resp.Code)
			return resp, nil
		})
	}
	r.Pump()
	// Output:
	// [1] connected to 192.0.2.1:80
	// [1.1] > HEAD / HTTP/2
	// [1.1] > Host: an.example
	// [1.1] >
	// [1.3] > HEAD / HTTP/2
	// [1.3] > Host: an.example
	// [1.3] >
	// [1.1] < HTTP/2 200
	// [1.1] < Content-Length: 21
	// [1.1] < Content-Type: text/plain; charset=utf-8
	// [1.1] < Date: Thu, 01 Jan 1970 00:00:00 GMT
	// [1.1] <
	// stream 1 HTTP/2.0 200
	// [1.3] < HTTP/2 200
	// [1.3] < Content-Length: 21
	// [1.3] < Content-Type: text/plain; charset=utf-8
	// [1.3] < Date: Thu, 01 Jan 1970 00:00:00 GMT
	// [1.3] <
	// stream 3 HTTP/2.0 200
}
