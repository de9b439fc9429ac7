package blocking_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// users answers with a user, or with a problem.
var users = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path != "/users/7" {
		w.WriteHeader(404)
		io.WriteString(w, `{"title": "no such user"}`)
		return
	}
	io.WriteString(w, `{"name": "Ann"}`)
})

type user struct{ Name string }

type problem struct{ Title string }

// Three lines for a program of ordinary goroutines.
func Example() {
	server := httptest.NewServer(users)
	defer server.Close()
	var u user
	err := func(ctx context.Context) error {
		resp, err := blocking.Get(ctx, server.URL+"/users/7", client.RaiseForStatus(true))
		if err != nil {
			return err
		}
		return resp.JSON(&u)
	}(context.Background())
	fmt.Println(u.Name, err)
	// Output: Ann <nil>
}

// Many goroutines share a client, which ends when they have.
func ExampleClient() {
	server := httptest.NewServer(users)
	defer server.Close()

	c := blocking.NewClient(client.Config{BaseURL: server.URL, Defaults: []client.Option{client.Timeout(5 * time.Second)}})
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			resp, err := c.Get(context.Background(), "/users/{id}", client.PathParams{"id": 7})
			if err == nil {
				err = resp.RaiseForStatus()
			}
			if err != nil {
				fmt.Println(err)
			}
		})
	}
	group.Wait()
	fmt.Println(c.Shutdown(context.Background()))
	_, err := c.Get(context.Background(), "http://an.example/")
	fmt.Println(err)
	// Output:
	// <nil>
	// GET http://an.example/: blocking: the client is closed
}

// Body streams a response of any size.
func ExampleResponse() {
	server := httptest.NewServer(users)
	defer server.Close()
	resp, err := blocking.Get(context.Background(), server.URL+"/users/7")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.Code, resp.Phrase)
	io.Copy(os.Stdout, resp.Body)
	// Output:
	// 200 OK
	// {"name": "Ann"}
}

// Functions of package response read a blocking Response, too.
func ExampleRead() {
	server := httptest.NewServer(users)
	defer server.Close()
	for _, path := range []string{"/users/7", "/users/8"} {
		resp, err := blocking.Get(context.Background(), server.URL+path)
		if err != nil {
			fmt.Println(err)
			return
		}
		u, err := blocking.Read(resp, response.JSONOr[user, problem])
		fmt.Println(u.Name, err != nil)
	}
	// Output:
	// Ann false
	//  true
}

// A client on several reactors. Goroutines use it like any other.
func ExampleNewGroupClient() {
	server := httptest.NewServer(users)
	defer server.Close()
	c := blocking.NewGroupClient(blocking.GroupConfig{
		Loops:          2,
		LoopsPerOrigin: 2, // nearly all requests are to one origin
		Config: func(reactor.Reactor) client.Config {
			return client.Config{BaseURL: server.URL}
		},
	})
	defer c.Shutdown(context.Background())
	var u user
	resp, err := c.Get(context.Background(), "/users/7")
	if err == nil {
		err = resp.JSON(&u)
	}
	fmt.Println(u.Name, err)
	// Output: Ann <nil>
}
