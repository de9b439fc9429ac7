// Http2 starts a server and makes twenty requests of it at once, over one connection of HTTP/2.
// The server takes less time for each than for the one before, so that the last one ends first.
package main

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[deferred.None] {
	var authority treqtesting.Authority
	site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		pause, _ := strconv.Atoi(req.FormValue("ms"))
		web.Await(req.Context(), task.Sleep(r, time.Duration(pause)*time.Millisecond)) // others are served meanwhile
		fmt.Fprintf(w, "%s over %s", req.URL, req.Proto)
	})}
	secure := reactor.TLSServer(r, reactor.TLSConfig{Config: authority.ServerTLS("127.0.0.1")}, site)
	port, err := r.ListenTCP("127.0.0.1:0", secure)
	if err != nil {
		return deferred.Fail[deferred.None](err)
	}

	c := client.New(r, client.Config{
		BaseURL:     "https://" + port.Addr().String() + "/",
		AgentConfig: agent.Config{TLS: agent.NewTLSPolicy(authority.ClientTLS())},
	})
	connections := map[string]bool{} // by their addresses
	pages := make([]*deferred.Deferred[string], 20)
	for i := range pages {
		d := c.Get("page", treq.Params{"ms": {strconv.Itoa(200 - 10*i)}}, treq.Timed(true))
		pages[i] = deferred.Then(d, func(resp *response.Response) *deferred.Deferred[string] {
			return resp.Text().AddCallback(func(text string) (string, error) {
				connections[resp.Times.Local] = true
				fmt.Printf("stream %d: %s, after %v\n", resp.Stream, text, resp.Times.Total.Round(time.Millisecond))
				return text, nil
			})
		})
	}
	return deferred.Map(deferred.GatherResults(pages), func(all []string) (none deferred.None, _ error) {
		fmt.Println(len(all), "responses over", len(connections), "connection")
		return none, nil
	})
}
