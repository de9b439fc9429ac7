// Pages reads a list of items that the server sends in pages. Each page has a Link header with
// the URL of the next one.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[[]int] {
	return deferred.Go(func(co *deferred.Co) (all []int, _ error) {
		host, err := ownserver.URL(r, &web.Site{Handler: http.HandlerFunc(answer)})
		if err != nil {
			return nil, err
		}
		for url := host + "/items"; url != ""; {
			resp, err := deferred.Await(co, treq.Get(url, treq.RaiseForStatus(true)))
			if err != nil {
				return nil, err
			}
			items, err := deferred.Await(co, response.JSON[[]int](resp))
			if err != nil {
				return nil, err
			}
			all = append(all, items...)
			if url, err = resp.Link("next"); err != nil {
				return nil, err
			}
		}
		fmt.Println(all)
		return all, nil
	})
}

// answer is the server: three pages of three items.
func answer(w http.ResponseWriter, r *http.Request) {
	page, _ := strconv.Atoi(r.FormValue("page"))
	if page < 2 {
		w.Header().Set("Link", fmt.Sprintf(`<?page=%d>; rel="next", <?page=2>; rel="last"`, page+1))
	}
	json.NewEncoder(w).Encode([]int{3 * page, 3*page + 1, 3*page + 2})
}
