package multipart_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file sends forms with the agent, over a network in memory.

func post(t *testing.T, r *memory.Reactor, fields []multipart.Field) *deferred.Deferred[*response.Response] {
	t.Helper()
	form, err := multipart.NewMultiPartProducer(fields, multipart.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return agent.New(r, agent.Config{}).Request(&request.Request{
		Method: "POST",
		URL:    &url.URL{Scheme: "http", Host: "192.0.2.1", Path: "/"},
		Header: http.Header{"Content-Type": {form.ContentType()}},
		Body:   form,
	})
}

func TestUpload(t *testing.T) {
	contents := strings.Repeat("0123456789", 300_000)
	for _, test := range []struct {
		name string
		body io.Reader
		want string // the server's ContentLength
	}{
		{"of known length", strings.NewReader(contents), "3000287"},
		{"in chunks", iotest.HalfReader(strings.NewReader(contents)), "-1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			r.ListenTCP("192.0.2.1:80", &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				file, head, err := req.FormFile("file")
				if err != nil {
					t.Error(err)
					return
				}
				got, _ := io.ReadAll(file)
				fmt.Fprint(w, req.ContentLength, " ", req.FormValue("title"), " ", head.Filename, " ", string(got) == contents)
			})})
			f := &file{Reader: test.body}
			var body io.Reader = f
			if test.want != "-1" {
				body = sized{f, len(contents)}
			}
			d := post(t, r, []multipart.Field{
				{Name: "title", Value: multipart.Text("Größe")},
				{Name: "file", Value: multipart.FromReader("ten.txt", body)},
			})
			text := deferred.Then(d, (*response.Response).Text)
			r.Pump()
			if got, want := deferredtest.SuccessResultOf(t, text), test.want+" Größe ten.txt true"; got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			f.wantClosed(t, 1)
		})
	}
}

// A slowReceiver reads nothing until the test resumes it.
type slowReceiver struct {
	reactor.Transport
	got int
}

func (s *slowReceiver) ConnectionMade(t reactor.Transport) { s.Transport = t; t.PauseProducing() }
func (s *slowReceiver) DataReceived(data []byte)           { s.got += len(data) }
func (s *slowReceiver) ConnectionLost(error)               {}

// TestAnUploadThatEndsEarly checks that a form is read no faster than the server takes
// it, and that its files are closed when the request ends early.
func TestAnUploadThatEndsEarly(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*slowReceiver, *deferred.Deferred[*response.Response])
		want error
	}{
		{"cancelled", func(_ *slowReceiver, d *deferred.Deferred[*response.Response]) { d.Cancel() }, deferred.ErrCancelled},
		{"connection lost", func(s *slowReceiver, _ *deferred.Deferred[*response.Response]) { s.AbortConnection() }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			receiver := new(slowReceiver)
			r.ListenTCP("192.0.2.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return receiver }))
			z := zeros(100 << 20)
			first, second := &file{Reader: &z}, &file{Reader: strings.NewReader("x")}
			d := post(t, r, []multipart.Field{
				{Name: "a", Value: multipart.FromReader("a", first)},
				{Name: "b", Value: multipart.FromReader("b", second)},
			})
			r.RunFor(time.Minute)
			if read := 100<<20 - z.Len(); read == 0 || read > 4<<20 {
				t.Errorf("%d bytes of the file were read without a receiver", read)
			}
			deferredtest.NoResult(t, d)
			test.end(receiver, d)
			r.RunFor(time.Minute)
			if err := deferredtest.FailureResultOf(t, d); test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("the request failed with %v", err)
			}
			first.wantClosed(t, 1)
			second.wantClosed(t, 1)
		})
	}
}

func TestAnUploadOfAFileThatFails(t *testing.T) {
	r := memory.New()
	r.ListenTCP("192.0.2.1:80", &web.Site{Handler: http.NotFoundHandler()})
	bad := errors.New("bad sector")
	d := post(t, r, []multipart.Field{{Name: "photo", Value: multipart.FromReader("a", iotest.ErrReader(bad))}})
	r.Pump()
	err := deferredtest.FailureResultOf(t, d)
	if !errors.Is(err, bad) || !strings.Contains(err.Error(), `field "photo": bad sector`) {
		t.Errorf("the request failed with %v", err)
	}
}

// TestTheBoundaryIsTheReactors checks that two forms on a reactor in memory have
// different boundaries, which are the same in each run.
func TestTheBoundaryIsTheReactors(t *testing.T) {
	run := func() (types []string) {
		stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			types = append(types, req.Header.Get("Content-Type"))
		}), treqtesting.Config{})
		for range 2 {
			stub.Post("http://an.example/", client.Files{{Name: "a", Value: multipart.Text("b")}})
		}
		return types
	}
	one, other := run(), run()
	if len(one) != 2 || one[0] == one[1] || !slices.Equal(one, other) {
		t.Errorf("in two runs: %q, %q", one, other)
	}
}
