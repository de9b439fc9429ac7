// Proxies fetches a page through each kind of proxy that a program may have: one of HTTP with a
// password, that of the environment, and one of SOCKS5.
package main

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownproxy"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	own := ownproxy.Start("me", "secret")
	os.Setenv("ALL_PROXY", "http://me:secret@"+own.HTTP) // a user's shell does this
	return deferred.Go(func(co *deferred.Co) (string, error) {
		for _, way := range []struct {
			name  string
			proxy func(*request.Request) (*url.URL, error)
		}{
			{"HTTP", agent.ProxyURL("http://me:secret@" + own.HTTP)},
			{"the environment", agent.ProxyFromEnvironment},
			{"SOCKS5", agent.ProxyURL("socks5h://me:secret@" + own.SOCKS)},
			{"HTTP", agent.ProxyURL("http://me:wrong@" + own.HTTP)},
			{"SOCKS5", agent.ProxyURL("socks5h://me:wrong@" + own.SOCKS)},
		} {
			c := client.New(r, client.Config{AgentConfig: agent.Config{
				Proxy: way.proxy, TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: own.Roots}),
			}})
			for _, page := range []string{"http://example.com/", "https://example.com/"} {
				text, err := fetch(co, c, page)
				fmt.Println(way.name+":", text, err)
			}
		}
		return "", nil
	})
}

// fetch returns the status and the text of a page.
func fetch(co *deferred.Co, c *client.HTTPClient, page string) (string, error) {
	resp, err := deferred.Await(co, c.Get(page))
	if err != nil {
		return "", err
	}
	text, err := deferred.Await(co, resp.Text())
	return fmt.Sprint(resp.Code, " ", text), err
}
