// Json_errors reads users as JSON. The server also sends JSON with an error status, which
// becomes an error of the program; and a page from a proxy is an error as well.
package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

type user struct{ Name string }

// An apiError is what the server says with an error status.
type apiError struct{ Message string }

func (e *apiError) Error() string { return e.Message }

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[deferred.None] {
	return deferred.Go(func(co *deferred.Co) (none deferred.None, _ error) {
		host, err := ownserver.URL(r, &web.Site{Handler: http.HandlerFunc(answer)})
		if err != nil {
			return none, err
		}
		for _, path := range []string{"/users/1", "/users/2", "/elsewhere"} {
			u, err := deferred.Await(co, deferred.Then(treq.Get(host+path), response.JSONOr[user, apiError]))
			var refused *apiError
			switch {
			case errors.As(err, &refused):
				fmt.Println("the server says:", refused.Message)
			case err != nil:
				fmt.Println(err)
			default:
				fmt.Println("hello,", u.Name)
			}
		}
		return none, nil
	})
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/users/1":
		fmt.Fprint(w, `{"name": "Ann"}`)
	case "/users/2":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message": "there is no user 2"}`)
	default:
		http.Error(w, "<h1>Nobody is here</h1>", http.StatusBadGateway)
	}
}
