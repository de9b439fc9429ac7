package gallery

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var unreadExhibit = exhibit{
	file: "unread.go", fault: "a body left unread that starves the pool",
	network: memory.Conditions{MayFail: []memory.Link{{A: "site", B: "database"}}},
	faulty:  twoPages((*monitor).lookFaulty), mended: twoPages((*monitor).lookMended),
}

// twoPages looks at two pages of a site, which asks a database for them. For each there is a page or an
// error.
func twoPages(look func(m *monitor, url string) *deferred.Deferred[string]) program {
	return func(t testing.TB, r *memory.Reactor) {
		serve(t, r.Machine("database", "192.0.2.1"), &web.Site{Root: web.NewData([]byte("a page"), "text/plain")})
		site := r.Machine("site", "192.0.2.2")
		database := client.New(site, client.Config{Defaults: careful})
		serve(t, site, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			page, err := web.Await(req.Context(), text(database.Get("http://database/")))
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				page = strings.Repeat("at Database.connect(Database.java:1234)\n", 5000)
			}
			io.WriteString(w, page)
		})})
		at := r.Machine("monitor", "192.0.2.3")
		pool := agent.NewPool(at, agent.PoolConfig{MaxConnectionsPerHost: 1})
		m := &monitor{client: client.New(at, client.Config{AgentConfig: agent.Config{Pool: pool}})}
		for page := range 2 {
			result(t, r, look(m, fmt.Sprint("http://site/", page)), 10*time.Minute)
		}
	}
}
