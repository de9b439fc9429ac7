package auth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

func ExampleParseNetrc() {
	netrc, err := auth.ParseNetrc(strings.NewReader(`
		machine an.example login me password "my secret"
		default login anonymous password me@an.example
	`))
	if err != nil {
		fmt.Println(err)
		return
	}
	entry, _ := netrc.Find("an.example", "")
	fmt.Println(entry.Login, entry.Password)
	// Output: me my secret
}

func ExampleParseChallenges() {
	for _, c := range auth.ParseChallenges([]string{`Digest realm="a, b", nonce=x, Basic realm="c"`}) {
		fmt.Println(c.Scheme, c.Get("realm"))
	}
	// Output:
	// Digest a, b
	// Basic c
}

// Two requests share a token, which is valid for an hour. A later one needs another.
func ExampleBearerFrom() {
	server := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			fmt.Println("a token for", r.FormValue("grant_type"))
			io.WriteString(w, `{"access_token": "secret", "token_type": "Bearer", "expires_in": 3600}`)
			return
		}
		fmt.Println(r.URL.Path, "with", r.Header.Get("Authorization"))
	}), treqtesting.Config{})
	tokens := auth.BearerFrom(func() *deferred.Deferred[auth.Token] {
		grant := client.Data(url.Values{"grant_type": {"client_credentials"}})
		answer := server.Post("https://login.example/token", grant, client.BasicAuth("me", "password"))
		return deferred.Then(answer, response.JSON[auth.Token])
	})
	server.Get("https://api.example/a", client.Auth(tokens))
	server.Get("https://api.example/b", client.Auth(tokens))
	server.Advance(time.Hour)
	server.Get("https://api.example/c", client.Auth(tokens))
	// Output:
	// a token for client_credentials
	// /a with Bearer secret
	// /b with Bearer secret
	// a token for client_credentials
	// /c with Bearer secret
}
