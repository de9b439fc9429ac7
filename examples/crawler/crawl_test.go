package main

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestCrawl crawls two servers that take a second for each page. It takes no time itself, and
// has the same requests at the same times in each run.
func TestCrawl(t *testing.T) {
	now, most := map[string]int{}, map[string]int{} // requests under way, by server and in all
	var sevens []time.Time                          // when page 7 of a.example was asked for
	var stub *treqtesting.StubTreq
	stub = treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, server := range []string{r.Host, "all"} {
			now[server]++
			most[server] = max(most[server], now[server])
			defer func() { now[server]-- }()
		}
		web.Await(r.Context(), task.Sleep(stub.Reactor(), time.Second))
		if r.Host == "a.example" && r.URL.Path == "/7" {
			sevens = append(sevens, stub.Reactor().Now())
		}
		switch {
		case len(sevens) == 1 && r.Host == "a.example" && r.URL.Path == "/7":
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.Host == "b.example" && r.URL.Path == "/99":
			w.WriteHeader(http.StatusBadGateway)
		default:
			fmt.Fprint(w, r.URL.Path)
		}
	}), treqtesting.Config{Client: config})

	var urls []string
	for i := range 100 {
		urls = append(urls, fmt.Sprintf("http://a.example/%d", i), fmt.Sprintf("http://b.example/%d", i))
	}
	done := crawl(stub, urls)
	stub.Reactor().RunFor(30 * time.Second)
	pages := deferredtest.SuccessResultOf(t, done)

	last := pages[len(pages)-1].Err
	if last == nil || last.Error() != "GET http://b.example/99: 502 Bad Gateway" {
		t.Errorf("the last page: %v", last)
	}
	if i := slices.IndexFunc(pages[:199], func(p deferred.Result[string]) bool { return p.Err != nil }); i >= 0 {
		t.Errorf("%s: %v", urls[i], pages[i].Err)
	}
	if len(sevens) != 2 || sevens[1].Sub(sevens[0]) < 20*time.Second {
		t.Errorf("the server asked for a wait of 20s: %v", sevens)
	}
	if most["all"] != 10 || most["a.example"] > 6 || most["b.example"] > 6 {
		t.Errorf("the most requests at a time: %v", most)
	}
}
