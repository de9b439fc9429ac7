// Stream_consumer prints the messages of a streaming API: a response that never ends, with one JSON
// object on each line, and empty lines that keep it alive. It is the counterpart of a Twisted client
// with a LineReceiver for deliverBody and a TimeoutMixin, such as those of Twitter's streams. When
// the stream ends, it connects again, after a wait that depends on the reason; see backoff.go.
//
// The argument is the URL of a stream; without one, the program starts a server of its own, whose
// streams end, and which has gone in the end.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[deferred.None] {
	url, err := ownserver.URL(r, &web.Site{Handler: &api{}})
	if err != nil {
		return deferred.Fail[deferred.None](err)
	}
	c := &consumer[json.RawMessage]{
		client:    client.New(r, client.Config{}),
		clock:     r,
		url:       url,
		received:  func(message json.RawMessage) { fmt.Println(string(message)) },
		connected: func(resp *response.Response) { fmt.Println("connected:", resp.Code) },
		disconnected: func(reason error, wait time.Duration) {
			fmt.Printf("disconnected, waiting %v: %v\n", wait, reason)
		},
	}
	return c.run().AddErrback(deferred.TrapAs(func(err *response.StatusError) (none deferred.None, _ error) {
		fmt.Println(err)
		return none, nil
	}))
}

// An api sends two messages and breaks off, twice, and is then gone.
type api struct{ requests int }

func (a *api) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if a.requests++; a.requests > 2 {
		http.Error(w, "this stream has moved away", http.StatusGone)
		return
	}
	fmt.Fprintf(w, "{\"id\":%d}\r\n\r\n{\"id\":%d}\r\n", 2*a.requests-1, 2*a.requests)
}
