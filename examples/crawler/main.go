// Crawler gets two hundred pages of two servers: ten at a time, at most six of one server, and
// each up to four times. crawl_test.go tests it with a clock that it moves. The argument is the
// URL of a server; without one, the program starts two of its own, which are busy at times.
package main

import (
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[deferred.None] {
	var urls []string
	for range 2 {
		host, err := ownserver.URL(r, &web.Site{Handler: &server{}})
		if err != nil {
			return deferred.Fail[deferred.None](err)
		}
		for i := range 100 {
			urls = append(urls, fmt.Sprintf("%s/anything/%d", host, i))
		}
	}
	return deferred.Map(crawl(client.New(r, config), urls), func(pages []deferred.Result[string]) (none deferred.None, _ error) {
		fetched := 0
		for _, page := range pages {
			if page.Err != nil {
				fmt.Println(page.Err)
				continue
			}
			fetched++
		}
		fmt.Println(fetched, "pages")
		return none, nil
	})
}

// A server is busy at every twentieth request.
type server struct{ requests int }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.requests++; s.requests%20 == 0 {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "This is", r.URL.Path)
}
