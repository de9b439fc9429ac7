// Streaming_json prints the JSON values of a body as they arrive. The body may be endless.
// The argument is the URL; without one, the program starts its own server.
package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[int] {
	return deferred.Go(func(co *deferred.Co) (count int, _ error) {
		resp, err := deferred.Await(co, treq.Get(httpbin.URL("/stream/5"), treq.Unbuffered(true)))
		if err != nil {
			return 0, err
		}
		body := resp.Reader(co)
		defer body.Close()
		for events := json.NewDecoder(body); ; count++ {
			var event struct {
				ID  int
				URL string
			}
			if err := events.Decode(&event); err == io.EOF {
				return count, nil
			} else if err != nil {
				return count, fmt.Errorf("event %d: %w", count+1, err)
			}
			fmt.Println(event.ID, event.URL)
		}
	})
}
