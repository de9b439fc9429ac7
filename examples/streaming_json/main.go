// Streaming_json reads a response that is one JSON value a line, and deals with each
// line when it has come, not when all have: it may be a log that never ends.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[deferred.None] {
	d := treq.Get(httpbin.URL("/stream/5"), treq.Unbuffered(true))
	return deferred.Then(d, func(resp *response.Response) *deferred.Deferred[deferred.None] {
		var rest []byte // the beginning of a line: pieces of a body end anywhere
		all := treq.Collect(resp, func(data []byte) error {
			rest = append(rest, data...)
			for {
				line, after, found := bytes.Cut(rest, []byte("\n"))
				if !found {
					return nil
				}
				rest = after
				if err := show(line); err != nil {
					return err
				}
			}
		})
		return all.AddCallback(func(none deferred.None) (deferred.None, error) {
			if len(rest) > 0 {
				return none, show(rest) // the last line had no end
			}
			return none, nil
		})
	})
}

func show(line []byte) error {
	var event struct {
		ID  int
		URL string
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return fmt.Errorf("%q: %w", line, err)
	}
	fmt.Println(event.ID, event.URL)
	return nil
}
