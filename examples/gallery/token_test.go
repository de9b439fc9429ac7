package gallery

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var tokenExhibit = exhibit{
	file: "token.go", fault: "a token refreshed by everyone",
	network: memory.Conditions{MaxLatency: time.Second, Whole: true},
	faulty:  twoRequests((*user).getFaulty), mended: twoRequests((*user).getMended),
}

// twoRequests makes two requests, one second apart, after the token has expired. Both are answered.
func twoRequests(get func(u *user, url string) *response.Deferred) program {
	return func(t testing.TB, r *memory.Reactor) {
		at := r.Machine("api", "192.0.2.1")
		serve(t, at, &web.Site{Handler: &api{clock: at}})
		u := &user{client: client.New(r.Machine("user", "192.0.2.2"), client.Config{}), token: "token-0"}
		var answers []*deferred.Deferred[string]
		for i := range 2 {
			wait := task.Sleep(r, time.Hour+time.Duration(i)*time.Second)
			answers = append(answers, deferred.Then(wait, func(deferred.None) *deferred.Deferred[string] {
				return text(get(u, "http://api/"))
			}))
		}
		got, err := result(t, r, deferred.GatherResults(answers, deferred.ConsumeErrors), 2*time.Hour)
		if err != nil || strings.Join(got, ", ") != "welcome, welcome" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// An api has an answer for who has its newest token, which is valid for a minute. A token that is shown
// again after it was refreshed locks the account.
type api struct {
	clock  reactor.Clock
	tokens int // the number of the newest one
	since  time.Time
	locked bool
}

func (a *api) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	newest := fmt.Sprint("token-", a.tokens)
	if req.Method == "POST" {
		token, ok := content(w, req)
		if !ok {
			return
		}
		if a.locked = a.locked || token != newest; a.locked {
			http.Error(w, "the account is locked", http.StatusForbidden)
			return
		}
		a.tokens++
		a.since = a.clock.Now()
		fmt.Fprint(w, "token-", a.tokens)
		return
	}
	if a.locked || req.Header.Get("Authorization") != "Bearer "+newest || a.clock.Now().Sub(a.since) > time.Minute {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	io.WriteString(w, "welcome")
}
