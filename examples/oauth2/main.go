// Oauth2 makes requests with the token of OAuth 2.0's client credentials (RFC 6749, section
// 4.4). All requests share one token. When the server refuses it, they share the next one.
package main

import (
	"fmt"
	"net/url"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	host, err := ownserver.URL(r, &web.Site{Handler: newAPI(r)})
	if err != nil {
		return deferred.Fail[string](err)
	}
	c := client.New(r, client.Config{BaseURL: host})
	tokens := tokensFrom(c, "/token")
	return deferred.Go(func(co *deferred.Co) (string, error) {
		for page := range 3 { // the server takes each token for 5 requests
			var items []*deferred.Deferred[string]
			for i := range 4 {
				items = append(items, item(c, tokens, fmt.Sprintf("/items/%d", 4*page+i)))
			}
			texts, err := deferred.Await(co, deferred.GatherResults(items))
			if err != nil {
				return "", err
			}
			fmt.Println(texts)
		}
		return "", nil
	})
}

// tokensFrom returns credentials that get their tokens from tokenURL.
func tokensFrom(c treq.Client, tokenURL string) auth.Credentials {
	return auth.BearerFrom(func() *deferred.Deferred[auth.Token] {
		grant := treq.Data(url.Values{"grant_type": {"client_credentials"}, "scope": {"items"}})
		return deferred.Then(c.Post(tokenURL, grant, treq.BasicAuth("demo", "secret")), response.JSON[auth.Token])
	})
}

// item returns the text of an item.
func item(c treq.Client, tokens auth.Credentials, url string) *deferred.Deferred[string] {
	return deferred.Then(c.Get(url, treq.Auth(tokens), treq.RaiseForStatus(true)), (*response.Response).Text)
}
