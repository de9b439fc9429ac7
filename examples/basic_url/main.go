// Basic_url builds a URL with package net/url, which does the escaping, and requests it.
package main

import (
	"net/url"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/examples/internal/printing"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[string] {
	u, err := url.Parse(httpbin.Host())
	if err != nil {
		return deferred.Fail[string](err)
	}
	u = u.JoinPath("anything", "what & where?")
	u.RawQuery = url.Values{"q": {"a b", "&"}}.Encode()
	return deferred.Then(treq.RequestURL("GET", u), printing.Response)
}
