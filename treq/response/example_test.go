package response_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// get returns a response with body.
func get(body string) *deferred.Deferred[*response.Response] {
	return treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, body)
	}), treqtesting.Config{}).Get("http://an.example/")
}

func ExampleResponse_Text() {
	deferred.Then(get("some text"), (*response.Response).Text).AddCallback(func(text string) (string, error) {
		fmt.Println(text)
		return text, nil
	})
	// Output:
	// some text
}

// Collect reads a body of any size, without all of it in memory.
func ExampleResponse_Collect() {
	size := 0
	done := deferred.Then(get("some text"), func(resp *response.Response) *deferred.Deferred[deferred.None] {
		return resp.Collect(func(data []byte) error {
			size += len(data)
			return nil
		})
	})
	done.AddCallback(func(deferred.None) (deferred.None, error) {
		fmt.Println(size, "bytes")
		return deferred.None{}, nil
	})
	// Output:
	// 9 bytes
}

// A collector stops early with an error, which closes the connection.
func ExampleResponse_Collect_enough() {
	tooLarge := errors.New("more than anyone wants")
	done := deferred.Then(get("some text"), func(resp *response.Response) *deferred.Deferred[deferred.None] {
		left := 5
		return resp.Collect(func(data []byte) error {
			if left -= len(data); left < 0 {
				return tooLarge
			}
			return nil
		})
	})
	done.AddErrback(func(err error) (deferred.None, error) {
		fmt.Println(err)
		return deferred.None{}, nil
	})
	// Output:
	// more than anyone wants
}

// Code that reads an io.Reader reads a body as it arrives.
func ExampleResponse_Reader() {
	deferred.Go(func(co *deferred.Co) (none deferred.None, _ error) {
		resp, err := deferred.Await(co, get("one\ntwo\n"))
		if err != nil {
			return none, err
		}
		lines := bufio.NewScanner(resp.Reader(co))
		for lines.Scan() {
			fmt.Println(lines.Text())
		}
		return none, lines.Err()
	})
	// Output:
	// one
	// two
}

func ExampleJSON() {
	type point struct{ X, Y int }
	p := deferred.Then(get(`{"x": 3, "y": 4}`), response.JSON[point])
	p.AddCallback(func(p point) (point, error) {
		fmt.Println(p.X*p.X + p.Y*p.Y)
		return p, nil
	})
	// Output:
	// 25
}
