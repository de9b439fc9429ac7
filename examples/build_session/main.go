// Build_session shares one HTTP client among the components of a build server. Each has a
// session with a base URL, credentials and headers, and a test gives it a fake that expects
// requests in order. It is the counterpart of Buildbot's HTTPClientService and of its fake:
// client.Config, agent.Pool and RequestSequence do nearly all of it.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	url, err := ownserver.URL(r, &web.Site{Handler: http.HandlerFunc(codeHost)})
	if err != nil {
		return deferred.Fail[string](err)
	}
	service := NewService(r)
	service.StartService()
	session := service.Session(SessionConfig{
		BaseURL: url + "/api/", Auth: auth.Basic("builder", "secret"), Headers: treq.Headers{"X-Worker": {"linux-1"}},
	})
	reporter := Reporter{session}
	return deferred.Go(func(co *deferred.Co) (string, error) {
		for i, commit := range []string{"c0ffee", "bad/bed"} {
			page, err := deferred.Await(co, reporter.Report(commit, Build{Number: i, State: "success", Finished: Timestamp(time.Unix(86400, 0))}))
			if err != nil {
				return "", err
			}
			fmt.Println(page)
		}
		deferred.Await(co, service.StopService())
		_, err := deferred.Await(co, reporter.Report("c0ffee", Build{}))
		fmt.Println("after the end:", err)
		return "", nil
	})
}

// codeHost answers a report with the page of the build.
func codeHost(w http.ResponseWriter, r *http.Request) {
	var build struct{ Number, Finished int }
	if err := json.NewDecoder(r.Body).Decode(&build); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	user, _, _ := r.BasicAuth()
	page := fmt.Sprintf("%s/%d by %s on %s at %d", r.URL.EscapedPath(), build.Number, user, r.Header.Get("X-Worker"), build.Finished)
	json.NewEncoder(w).Encode(map[string]string{"url": page})
}
