package treq_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// hello starts a server for the examples.
func hello() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s!", r.FormValue("name"))
	}))
}

// In a program, main calls task.React(run), which exits at the end.
func Example() {
	server := hello()
	defer server.Close()

	run := func(r reactor.Reactor) *deferred.Deferred[string] {
		d := treq.Get(server.URL, treq.Params{"name": {"world"}}, treq.Timeout(5*time.Second))
		text := deferred.Then(d, func(resp *response.Response) *deferred.Deferred[string] {
			fmt.Println(resp.Code, resp.Header.Get("Content-Type"))
			return resp.Text()
		})
		return text.AddCallbacks(func(text string) (string, error) {
			fmt.Println(text)
			return text, nil
		}, func(err error) (string, error) {
			return "", fmt.Errorf("fetching: %w", err)
		})
	}
	task.ReactOn(reactor.Default(), run, os.Stderr)
	// Output:
	// 200 text/plain; charset=utf-8
	// Hello, world!
}

// In direct style, the function waits while the loop continues.
func Example_await() {
	server := hello()
	defer server.Close()

	run := func(r reactor.Reactor) *deferred.Deferred[string] {
		return deferred.Go(func(co *deferred.Co) (string, error) {
			resp, err := deferred.Await(co, treq.Post(server.URL+"?name=you", treq.JSON([]int{1, 2, 3})))
			if err != nil {
				return "", err
			}
			text, err := deferred.Await(co, resp.Text())
			fmt.Println(text)
			return text, err
		})
	}
	task.ReactOn(reactor.Default(), run, os.Stderr)
	// Output:
	// Hello, you!
}

// Several requests run at the same time.
func Example_many() {
	server := hello()
	defer server.Close()

	run := func(r reactor.Reactor) *deferred.Deferred[[]string] {
		var texts []*deferred.Deferred[string]
		for _, name := range []string{"Ada", "Grace", "Edsger"} {
			d := treq.Get(server.URL, treq.Params{"name": {name}})
			texts = append(texts, deferred.Then(d, (*response.Response).Text))
		}
		return deferred.GatherResults(texts).Tap(func(texts []string, _ error) { fmt.Printf("%q\n", texts) })
	}
	task.ReactOn(reactor.Default(), run, os.Stderr)
	// Output:
	// ["Hello, Ada!" "Hello, Grace!" "Hello, Edsger!"]
}

// retrying returns a client that asks c up to three times, with a second in between.
func retrying(c treq.Client, clock reactor.Clock) treq.Client {
	return treq.ClientFunc(func(method, url string, options ...treq.Option) *treq.Deferred {
		again := func(error) *treq.Deferred {
			return deferred.Then(task.Sleep(clock, time.Second), func(deferred.None) *treq.Deferred {
				return c.Request(method, url, options...)
			})
		}
		return c.Request(method, url, options...).ThenErrback(again).ThenErrback(again)
	})
}

// A client around another one is a function, and so is a fake.
func ExampleClientFunc() {
	asked := 0
	fake := treq.ClientFunc(func(method, url string, options ...treq.Option) *treq.Deferred {
		if asked++; asked < 3 {
			return deferred.Fail[*response.Response](errors.New("not yet"))
		}
		return deferred.Succeed(treqtesting.NewResponse(treqtesting.Reply{Body: method + " " + url}))
	})
	clock := task.NewClock()
	deferred.Then(retrying(fake, clock).Get("http://an.example/"), (*response.Response).Text).
		AddCallback(func(text string) (string, error) {
			fmt.Printf("%s, asked %d times\n", text, asked)
			return text, nil
		})
	clock.Advance(time.Second)
	clock.Advance(time.Second)
	// Output:
	// GET http://an.example/, asked 3 times
}
