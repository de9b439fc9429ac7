package agent_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A lateTrailer is a body that sets a trailer when it ends.
type lateTrailer struct {
	request.BodyProducer
	trailer http.Header
	value   string
}

func (l *lateTrailer) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	return l.BodyProducer.StartProducing(to).AddCallback(func(none deferred.None) (deferred.None, error) {
		l.trailer.Set("X-Late", l.value)
		return none, nil
	})
}

// TestRequestTrailer sends requests with trailers to net/http, over both versions of HTTP, and
// through an http.RoundTripper.
func TestRequestTrailer(t *testing.T) {
	protocols := func(second bool) *http.Protocols {
		p := new(http.Protocols)
		p.SetHTTP1(!second)
		p.SetUnencryptedHTTP2(second)
		return p
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		announced := len(r.Trailer)
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Proto, " ", announced, " ", len(body), " ", r.Trailer, " ", err)
	}))
	server.Config.Protocols = protocols(true)
	server.Config.Protocols.SetHTTP1(true)
	server.Start()
	defer server.Close()

	large := strings.Repeat("x", 200_000)
	r := reactor.New()
	defer r.Close()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, requester := range map[string]agent.Requester{
		"HTTP/1.1":     agent.New(r, agent.Config{}),
		"HTTP/2.0":     agent.New(r, agent.Config{Protocols: protocols(true)}),
		"RoundTripper": agent.FromRoundTripper(r, &http.Transport{}),
	} {
		for _, test := range []struct {
			name    string
			body    func(trailer http.Header) request.BodyProducer
			trailer http.Header
			want    string // after the protocol; or an error
			is      error
		}{
			{"bytes", func(http.Header) request.BodyProducer { return request.Bytes("abc") }, http.Header{"X-A": {"1", "2"}, "X-B": {"3"}}, "2 3 map[X-A:[1 2] X-B:[3]] <nil>", nil},
			{"no bytes", func(http.Header) request.BodyProducer { return request.Bytes{} }, http.Header{"X-A": {"1"}}, "1 0 map[X-A:[1]] <nil>", nil},
			{"many bytes", func(http.Header) request.BodyProducer { return request.Bytes(large) }, http.Header{"X-A": {"1"}}, "1 200000 map[X-A:[1]] <nil>", nil},
			{"a stream", func(h http.Header) request.BodyProducer {
				return &lateTrailer{request.NewFileBodyProducer(io.MultiReader(strings.NewReader(large)), request.FileBodyConfig{}), h, "at last"}
			}, http.Header{"X-Late": nil}, "1 200000 map[X-Late:[at last]] <nil>", nil},
			{"a file", func(h http.Header) request.BodyProducer {
				return &lateTrailer{request.NewFileBodyProducer(strings.NewReader(large), request.FileBodyConfig{}), h, "at last"}
			}, http.Header{"X-Late": nil}, "1 200000 map[X-Late:[at last]] <nil>", nil},
			{"a name", func(http.Header) request.BodyProducer { return request.Bytes("abc") }, http.Header{"A b": {"1"}}, "", wire.ErrHeaderName},
			{"a name that frames", func(http.Header) request.BodyProducer { return request.Bytes("abc") }, http.Header{"Content-Length": {"1"}}, "", wire.ErrHeaderName},
			{"a value", func(http.Header) request.BodyProducer { return request.Bytes("abc") }, http.Header{"X-A": {"a\r\nb"}}, "", wire.ErrHeaderValue},
			{"a late value", func(h http.Header) request.BodyProducer {
				return &lateTrailer{request.NewFileBodyProducer(strings.NewReader(large), request.FileBodyConfig{}), h, "a\r\nb"}
			}, http.Header{"X-Late": nil}, "", wire.ErrHeaderValue},
		} {
			if test.is != nil && name == "RoundTripper" {
				continue // its errors are its own
			}
			var got string
			var failed error
			r.CallWhenRunning(func() {
				req := &request.Request{Method: "POST", URL: target, Body: test.body(test.trailer), Trailer: test.trailer}
				deferred.Then(requester.Request(req), (*response.Response).Text).AddBoth(func(text string, err error) (string, error) {
					got, failed = text, err
					r.Stop()
					return "", nil
				})
			})
			if err := r.Run(); err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want != "" {
				want = strings.Replace(name, "RoundTripper", "HTTP/1.1", 1) + " " + want
			}
			if got != want || !errors.Is(failed, test.is) || test.is == nil && failed != nil {
				t.Errorf("%s, %s: %q, %v; want %q, %v", name, test.name, got, failed, want, test.is)
			}
		}
	}
}

// TestRequestTrailerWithoutBody: trailers follow a body.
func TestRequestTrailerWithoutBody(t *testing.T) {
	r := reactor.New()
	defer r.Close()
	var failed error
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	target, _ := url.Parse(server.URL)
	r.CallWhenRunning(func() {
		agent.New(r, agent.Config{}).Request(&request.Request{Method: "POST", URL: target, Trailer: http.Header{"X-A": {"1"}}}).
			AddBoth(func(_ *response.Response, err error) (*response.Response, error) {
				failed = err
				r.Stop()
				return nil, nil
			})
	})
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if failed == nil || !strings.Contains(failed.Error(), "no Body that it follows") {
		t.Errorf("got %v", failed)
	}
}
