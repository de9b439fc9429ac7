// Login logs in with a form that has a token against forgery, and keeps its cookies in a file.
// The second visit, which begins with the file as another run does, is still logged in.
package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/loginserver"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[deferred.None] {
	return deferred.Go(func(co *deferred.Co) (none deferred.None, _ error) {
		host, err := ownserver.URL(r, loginserver.New())
		file := filepath.Join(os.TempDir(), "login-cookies.txt")
		defer os.Remove(file)
		for range 2 {
			if err == nil {
				err = visit(co, r, host, file)
			}
		}
		return none, err
	})
}

var token = regexp.MustCompile(`name="csrf" value="(.*?)"`)

// visit prints the account's page. It logs in if the server asks for that.
func visit(co *deferred.Co, r reactor.Reactor, host, file string) error {
	jar, err := cookies.FromFile(file)
	if err != nil {
		return err
	}
	c := client.New(r, client.Config{BaseURL: host, Jar: jar, Defaults: []client.Option{client.RaiseForStatus(true)}})
	page, err := deferred.Await(co, deferred.Then(c.Get("/account"), (*response.Response).Text))
	if match := token.FindStringSubmatch(page); match != nil {
		form := url.Values{"csrf": {match[1]}, "user": {"ann"}, "password": {"sesame"}}
		fmt.Println("logging in")
		page, err = deferred.Await(co, deferred.Then(c.Post("/login", client.Data(form)), (*response.Response).Text))
	}
	fmt.Println(page)
	return errors.Join(err, jar.SaveFile(file))
}
