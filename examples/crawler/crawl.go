package main

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// config is for ten requests at a time, at most six to one server, and up to three retries.
var config = client.Config{
	Limits: &agent.LimitConfig{Total: agent.Limit{Concurrent: 10}, PerHost: agent.Limit{Concurrent: 6}},
	Retries: &agent.RetryConfig{OnRetry: func(t agent.Try) {
		if t.GaveUp == nil {
			fmt.Println("try", t.Number, "of", t.Request.URL, "failed, waiting", t.Wait)
		}
	}},
}

// crawl fires with the pages at urls.
func crawl(c treq.Client, urls []string) *deferred.Deferred[[]deferred.Result[string]] {
	pages := make([]*deferred.Deferred[string], len(urls))
	for i, url := range urls {
		pages[i] = deferred.Then(c.Get(url, treq.RaiseForStatus(true)), (*response.Response).Text)
	}
	return deferred.DeferredList(pages, deferred.ConsumeErrors)
}
