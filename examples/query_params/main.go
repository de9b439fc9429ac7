// Query_params adds parameters to the query of a URL, by each option for them.
package main

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[deferred.None] {
	url := httpbin.Host() + "/get"
	return deferred.Go(func(co *deferred.Co) (none deferred.None, err error) {
		for _, c := range []struct {
			title  string
			url    string
			params treq.Option
		}{
			{"List of pairs", url, treq.ParamList{{"foo", "bar"}, {"baz", "bax"}}},
			{"Single values", url, treq.Params{"foo": {"bar"}, "baz": {"bax"}}},
			{"Several values", url, treq.Params{"foo": {"bar", "baz", "bax"}}},
			{"One and several", url, treq.ParamsOf(map[string]any{"foo": []string{"bar", "baz"}, "bax": "quux"})},
			{"After a query", url + "?foo=bar", treq.Params{"baz": {"bax"}}},
		} {
			resp, err := deferred.Await(co, treq.Get(c.url, c.params))
			if err != nil {
				return none, err
			}
			echo, err := deferred.Await(co, treq.JSONContent[struct{ URL string }](resp))
			if err != nil {
				return none, err
			}
			fmt.Printf("%s\n\t%s\n", c.title, echo.URL)
		}
		return none, nil
	})
}
