package response_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// get returns a response with body.
func get(body string) *response.Deferred {
	return treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, body)
	}), treqtesting.Config{}).Get("http://an.example/")
}

func ExampleResponse_Text() {
	deferred.Then(get("some text"), (*response.Response).Text).Tap(func(text string, _ error) { fmt.Println(text) })
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
	done.Tap(func(deferred.None, error) { fmt.Println(size, "bytes") })
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
	p.Tap(func(p point, _ error) { fmt.Println(p.X*p.X + p.Y*p.Y) })
	// Output:
	// 25
}

// answer returns a response with that status, body and Link header.
func answer(code int, body, link string) *response.Deferred {
	return treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", link)
		w.WriteHeader(code)
		io.WriteString(w, body)
	}), treqtesting.Config{}).Get("http://an.example/users?page=1")
}

// RaiseForStatus stands in the middle of a chain.
func ExampleResponse_RaiseForStatus() {
	resp := deferred.Then(answer(404, "There is no such user.", ""), (*response.Response).RaiseForStatus)
	deferred.Then(resp, (*response.Response).Text).AddErrback(func(err error) (string, error) {
		var status *response.StatusError
		if errors.As(err, &status) && status.Code == http.StatusNotFound {
			fmt.Println(err)
			return "", nil
		}
		return "", err
	})
	// Output:
	// GET http://an.example/users?page=1: 404 Not Found: There is no such user.
}

// apiError is what the server of an example sends with an error status.
type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string { return e.Message }

// The body of an error is a value, too. If that value is an error, errors.As finds it.
func ExampleJSONOr() {
	type user struct{ Name string }
	u := deferred.Then(answer(422, `{"code": 7, "message": "the name is taken"}`, ""), response.JSONOr[user, apiError])
	u.AddErrback(func(err error) (none user, _ error) {
		var refused *apiError
		if errors.As(err, &refused) {
			fmt.Println("code", refused.Code)
		}
		fmt.Println(err)
		return none, nil
	})
	// Output:
	// code 7
	// GET http://an.example/users?page=1: 422 Unprocessable Entity: the name is taken
}

func ExampleXML() {
	type feed struct {
		Titles []string `xml:"entry>title"`
	}
	d := deferred.Then(answer(200, "<feed><entry><title>one</title></entry><entry><title>two</title></entry></feed>", ""), response.XML[feed])
	d.Tap(func(f feed, _ error) { fmt.Println(f.Titles) })
	// Output:
	// [one two]
}

func ExampleResponse_Form() {
	d := deferred.Then(answer(200, "access_token=abc&expires_in=3600", ""), (*response.Response).Form)
	d.Tap(func(form url.Values, _ error) { fmt.Println(form.Get("expires_in")) })
	// Output:
	// 3600
}

func ExampleResponse_Links() {
	answer(200, "", `<?page=2>; rel="next"; title="more", <?page=9>; rel="last"; title="the end"`).AddCallback(func(resp *response.Response) (*response.Response, error) {
		for link, err := range resp.Links() {
			if err != nil {
				return nil, err
			}
			fmt.Println(link.Rel, link.URL, link.Param("title"))
		}
		return resp, nil
	})
	// Output:
	// [next] http://an.example/users?page=2 more
	// [last] http://an.example/users?page=9 the end
}

// A protocol for connections reads a body too: here, lines until there are enough.
func ExampleResponse_DeliverTo() {
	get("one\ntwo\nthree\n").Tap(func(resp *response.Response, _ error) {
		lines := &protocols.LineReceiver{Delimiter: "\n"}
		lines.LineReceived = func(line []byte) {
			fmt.Printf("%s\n", line)
			if string(line) == "two" {
				lines.Transport.LoseConnection()
			}
		}
		resp.DeliverTo(lines)
	})
	// Output:
	// one
	// two
}
