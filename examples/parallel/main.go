// Parallel makes a hundred requests, ten at a time, and prints a line for each failure.
package main

import (
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
	host := httpbin.Host()
	tenAtATime := deferred.NewDeferredSemaphore(10)
	pages := make([]*deferred.Deferred[int], 100)
	for i := range pages {
		url := fmt.Sprintf("%s/bytes/%d", host, 100+i)
		switch i % 25 {
		case 7:
			url = fmt.Sprintf("%s/status/503?page=%d", host, i)
		case 13:
			url = fmt.Sprintf("http://127.0.0.1:1/%d", i) // no server listens there
		}
		pages[i] = deferred.Run(tenAtATime, func() *deferred.Deferred[int] { return size(url) })
	}
	all := deferred.DeferredList(pages, deferred.ConsumeErrors)
	return deferred.Map(all, func(results []deferred.Result[int]) (none deferred.None, _ error) {
		fetched, bytes := 0, 0
		for _, r := range results {
			if r.Err != nil {
				fmt.Println(r.Err)
				continue
			}
			fetched++
			bytes += r.Value
		}
		fmt.Println(fetched, "of", len(results), "fetched,", bytes, "bytes")
		return none, nil
	})
}

// size fires with the length of the page at url.
func size(url string) *deferred.Deferred[int] {
	return deferred.Then(treq.Get(url), func(resp *response.Response) *deferred.Deferred[int] {
		return deferred.Map(resp.Content(), func(page []byte) (int, error) {
			if resp.Code != 200 {
				return 0, fmt.Errorf("%s: %d %s", resp.Request.URL, resp.Code, resp.Phrase)
			}
			return len(page), nil
		})
	})
}
