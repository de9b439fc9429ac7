package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// TestMaxSize bounds bodies of all framings and codings, read in all ways.
func TestMaxSize(t *testing.T) {
	zipped := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
		return b.String()
	}
	sized := func(text, headers string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(text), text)
	}
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	long := strings.Repeat("x", 1000)
	for _, test := range []struct {
		name, answer string
		size         int // that the reader gets
		err          string
		closed       bool // before anybody reads
	}{
		{"smaller", sized("0123", ""), 4, "", false},
		{"as large", sized("0123456789", ""), 10, "", false},
		{"larger", sized("0123456789a", ""), 0, "the body has 11 bytes, more than 10 (MaxSize)", true},
		{"much larger, announced", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", 0, "the body has 99999999999 bytes, more than 10 (MaxSize)", true},
		{"an error", "HTTP/1.1 404 Not Found\r\nContent-Length: 11\r\n\r\n0123456789a", 0, "the body has 11 bytes, more than 10 (MaxSize)", true},
		{"chunked, as large", chunked + "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", 10, "", false},
		{"chunked, larger", chunked + "5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n", 10, "the body has more than 10 bytes (MaxSize)", false},
		{"without an end", chunked + "b\r\n01234567890\r\n", 10, "the body has more than 10 bytes (MaxSize)", false},
		{"to the end of the connection", "HTTP/1.1 200 OK\r\n\r\n01234567890", 10, "the body has more than 10 bytes (MaxSize)", false},
		{"coded, as large", sized(zipped("0123456789"), "Content-Encoding: gzip\r\n"), 10, "", false},
		{"coded, larger", sized(zipped(long), "Content-Encoding: gzip\r\n"), 10, "the body has more than 10 bytes (MaxSize)", false},
		{"an unknown coding", sized("01234567890", "Content-Encoding: rot13\r\n"), 0, "the body has 11 bytes, more than 10 (MaxSize)", true},
		{"without a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9999\r\n\r\n", 0, "", false},
	} {
		for _, buffered := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, " ", buffered), func(t *testing.T) {
				c, s, r := newClient(t)
				d := c.Get("http://a.example/", client.MaxSize(10), client.Unbuffered(!buffered))
				r.Pump()
				s.Conn(0).Send(test.answer)
				resp := deferredtest.SuccessResultOf(t, d)
				if test.closed && s.Conn(0).Lost == nil {
					t.Error("the connection is still open")
				}
				var p bodytest.Reader
				if err := resp.DeliverBody(&p); err != nil {
					t.Fatal(err)
				}
				r.Pump()
				if test.name == "to the end of the connection" {
					s.Conn(0).Close()
				}
				if len(p.Got) != test.size {
					t.Errorf("the reader got %d bytes, want %d", len(p.Got), test.size)
				}
				if test.err == "" {
					if p.Err() != response.ErrDone {
						t.Errorf("the body ended with %v", p.Err())
					}
					return
				}
				err := p.Err()
				if want := "GET http://a.example/: the response failed: " + test.err; err == nil || err.Error() != want {
					t.Fatalf("got %v, want %s", err, want)
				}
				var large *response.TooLargeError
				var failed *response.FailedError
				if !errors.As(err, &large) || large.MaxSize != 10 || !errors.As(err, &failed) || failed.Response != resp {
					t.Errorf("got %#v", err)
				}
				// A response that has come as a whole has freed its connection.
				if s.Conn(0).Lost == nil && !strings.HasSuffix(test.name, "d, larger") {
					t.Error("the connection is still open")
				}
				if buffered { // every later reader gets the same
					if err := deferredtest.FailureResultOf(t, resp.Content()); !errors.As(err, &large) {
						t.Errorf("Content: %v", err)
					}
					if err := deferredtest.FailureResultOf(t, resp.Text()); !errors.As(err, &large) {
						t.Errorf("Text: %v", err)
					}
				}
			})
		}
	}
}

// TestMaxSizeOfAClient: the option of a request replaces the client's MaxSize, and only the
// last response counts.
func TestMaxSizeOfAClient(t *testing.T) {
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/to" {
			w.Header().Set("Location", "/")
			w.WriteHeader(302)
		}
		io.WriteString(w, strings.Repeat("x", 100))
	})
	for _, test := range []struct {
		config  int64
		options []client.Option
		method  string
		ok      bool
	}{
		{0, nil, "GET", true},
		{100, nil, "GET", true},
		{99, nil, "GET", false},
		{99, nil, "HEAD", true},
		{99, []client.Option{client.MaxSize(100)}, "GET", true},
		{99, []client.Option{client.MaxSize(0)}, "GET", true},
		{0, []client.Option{client.MaxSize(100), client.MaxSize(99)}, "GET", false},
	} {
		agent := treqtesting.NewHandlerTraversalAgent(server, treqtesting.Config{})
		c := client.New(agent.Reactor(), client.Config{Agent: agent, MaxSize: test.config})
		resp := deferredtest.SuccessResultOf(t, c.Request(test.method, "http://a.example/to", test.options...))
		var err error
		deferred.Map(resp.Content(), func([]byte) (deferred.None, error) { return deferred.None{}, nil }).AddErrback(func(e error) (deferred.None, error) {
			err = e
			return deferred.None{}, nil
		})
		if test.ok != (err == nil) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// TestSensitiveHeaders: they stay with the origin, whoever names them.
func TestSensitiveHeaders(t *testing.T) {
	for _, test := range []struct {
		name    string
		config  agent.RedirectConfig
		options []client.Option
		want    string // the headers that the other origin gets
	}{
		{"none", agent.RedirectConfig{}, nil, "X-A X-B"},
		{"an option", agent.RedirectConfig{}, []client.Option{client.SensitiveHeaders{"x-a"}}, "X-B"},
		{"two options", agent.RedirectConfig{}, []client.Option{client.SensitiveHeaders{"x-a"}, client.SensitiveHeaders{"X-B"}}, ""},
		{"the client", agent.RedirectConfig{SensitiveHeaders: []string{"X-A"}}, nil, "X-B"},
		{"the client and an option", agent.RedirectConfig{SensitiveHeaders: []string{"X-A"}}, []client.Option{client.SensitiveHeaders{"X-B"}}, ""},
		{"with browser-like redirects", agent.RedirectConfig{SensitiveHeaders: []string{"X-A"}}, []client.Option{client.BrowserLikeRedirects(true)}, "X-B"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			server := treqtesting.NewHandlerTraversalAgent(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var seen []string
				for _, name := range []string{"X-A", "X-B"} {
					if r.Header.Get(name) != "" {
						seen = append(seen, name)
					}
				}
				got = append(got, strings.Join(seen, " "))
				switch r.Host + r.URL.Path {
				case "a.example/1":
					http.Redirect(w, r, "http://b.example/2", http.StatusFound)
				case "b.example/2":
					http.Redirect(w, r, "http://a.example/3", http.StatusFound)
				}
			}), treqtesting.Config{})
			c := client.New(server.Reactor(), client.Config{Agent: server, Redirects: test.config})
			deferredtest.SuccessResultOf(t, c.Get("http://a.example/1", append(test.options, client.Headers{"X-A": {"1"}, "X-B": {"2"}})...))
			if want := []string{"X-A X-B", test.want, test.want}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestRedirectsOfAClient: Config.Redirects is the default of every request.
func TestRedirectsOfAClient(t *testing.T) {
	server := treqtesting.NewHandlerTraversalAgent(http.RedirectHandler("/", http.StatusFound), treqtesting.Config{})
	c := client.New(server.Reactor(), client.Config{Agent: server, Redirects: agent.RedirectConfig{BrowserLike: true, Limit: 3}})
	for _, test := range []struct {
		options []client.Option
		want    error
		history int
	}{
		{nil, agent.ErrInfiniteRedirection, 3},
		{[]client.Option{client.BrowserLikeRedirects(true)}, agent.ErrInfiniteRedirection, 3},
		{[]client.Option{client.BrowserLikeRedirects(false)}, agent.ErrPageRedirect, 0},
		{[]client.Option{client.SensitiveHeaders{"X"}}, agent.ErrInfiniteRedirection, 3},
	} {
		err := deferredtest.FailureResultOf(t, c.Post("http://a.example/", test.options...))
		var failed *response.FailedError
		if !errors.Is(err, test.want) || !errors.As(err, &failed) || len(failed.Response.History()) != test.history {
			t.Errorf("%v: got %v", test.options, err)
		}
	}
}

// TestPageRedirectText: the text says what to do.
func TestPageRedirectText(t *testing.T) {
	s := treqtesting.NewHandlerStubTreq(http.RedirectHandler("/", http.StatusFound), treqtesting.Config{})
	err := deferredtest.FailureResultOf(t, s.Post("http://a.example/"))
	want := `POST http://a.example/: the response failed: 302 to "/": a redirect that is not followed for this method (BrowserLikeRedirects does)`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

// TestUploadsAreSentAgain: Data and Files of what can seek follow a 307.
func TestUploadsAreSentAgain(t *testing.T) {
	file := func() *os.File {
		f, err := os.CreateTemp(t.TempDir(), "*")
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("--contents")
		f.Seek(2, io.SeekStart)
		return f
	}
	for name, options := range map[string]func() []client.Option{
		"Data of a file":   func() []client.Option { return []client.Option{client.Data(file())} },
		"Data of a buffer": func() []client.Option { return []client.Option{client.Data(bytes.NewBufferString("contents"))} },
		"Data of a ReaderAt": func() []client.Option {
			return []client.Option{client.Data(sizedAt{strings.NewReader("contents")})}
		},
		"Files": func() []client.Option {
			return []client.Option{client.Data(map[string]string{"a": "b"}), client.Files{{Name: "f", Value: multipart.FromFile(file())}}}
		},
		"Files by path": func() []client.Option {
			f := file()
			f.WriteAt([]byte("contents"), 0)
			f.Close()
			return []client.Option{client.Files{{Name: "f", Value: multipart.FromPath(f.Name())}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var bodies []string
			s := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies = append(bodies, string(body))
				if r.URL.Path == "/1" {
					http.Redirect(w, r, "/2", http.StatusTemporaryRedirect)
				}
			}), treqtesting.Config{})
			deferredtest.SuccessResultOf(t, s.Post("http://a.example/1", append(options(), client.BrowserLikeRedirects(true))...))
			if len(bodies) != 2 || bodies[0] != bodies[1] || !strings.Contains(bodies[1], "contents") {
				t.Errorf("sent %q", bodies)
			}
		})
	}
}
