package testing_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// textOf returns the text of a response, or the error, once r has done what it can.
func textOf(r *memory.Reactor, d *treq.Deferred) string {
	got := "no result"
	deferred.Then(d, (*response.Response).Text).AddBoth(func(text string, err error) (string, error) {
		if got = text; err != nil {
			got = err.Error()
		}
		return "", nil
	})
	r.Pump()
	return got
}

// named is a site that answers with its name and the client's address.
func named(name string) *web.Site {
	return &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, name, " for ", r.RemoteAddr)
	})}
}

// What the library does with a reactor, it does with a machine.
func TestTheLibraryOnMachines(t *testing.T) {
	var authority treqtesting.Authority
	r := memory.New()
	api, web1, user := r.Machine("api.example"), r.Machine("web.example"), r.Machine("user.example")
	for _, m := range []*memory.Machine{api, web1} {
		for _, description := range []string{"tcp:80", "unix:/run/site", "tcp:8080:interface=127.0.0.1"} {
			e, err := endpoints.ServerFromString(m, description)
			if err != nil {
				t.Fatal(err)
			}
			e.Listen(named(m.Name()))
		}
		if _, err := m.ListenTCP(":443", reactor.TLSServer(m, reactor.TLSConfig{Config: authority.ServerTLS(m.Name())}, named(m.Name()))); err != nil {
			t.Fatal(err)
		}
	}
	r.Pump()
	c := client.New(user, client.Config{AgentConfig: agent.Config{TLS: agent.NewTLSPolicy(authority.ClientTLS())}})
	local := client.New(api, client.Config{})
	for _, test := range []struct {
		name string
		do   func() *treq.Deferred
		want string
	}{
		{"by name", func() *treq.Deferred { return c.Get("http://api.example/") }, "api.example for 10.0.0.4:49152"},
		{"another machine at the same port", func() *treq.Deferred { return c.Get("http://web.example/") }, "web.example for 10.0.0.4:49153"},
		{"TLS", func() *treq.Deferred { return c.Get("https://web.example/") }, "web.example for 10.0.0.4:49154"},
		{"loopback", func() *treq.Deferred { return local.Get("http://localhost:8080/") }, "api.example for 127.0.0.1:49155"},
		{"the shared client of a reactor", func() *treq.Deferred { return treq.Get("http://api.example/", treq.Reactor(web1)) }, "api.example for 10.0.0.3:49156"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := textOf(r, test.do()); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	t.Run("another machine's loopback", func(t *testing.T) {
		d := c.Get("http://127.0.0.1:8080/")
		var failure error
		d.AddErrback(func(err error) (*response.Response, error) { failure = err; return nil, nil })
		r.Pump()
		if !errors.Is(failure, reactor.ErrConnectionRefused) {
			t.Errorf("got %v", failure)
		}
	})
	t.Run("nothing is left once idle connections have timed out", func(t *testing.T) {
		if len(r.Leftovers()) == 0 {
			t.Error("there are no idle connections")
		}
		r.RunFor(10 * time.Minute)
		if left := r.Leftovers(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// Timers, threads and React run on a machine.
func TestProgramsOnAMachine(t *testing.T) {
	r := memory.New()
	m := r.Machine("m")
	ticks := 0
	loop := task.NewLoopingCall(m, func() error { ticks++; return nil })
	loop.Start(time.Minute, true)
	thread := reactor.DeferToThread(m, func() (int, error) { return 1, nil })
	r.RunFor(10 * time.Minute)
	loop.Stop()
	if ticks != 11 || !thread.Called() {
		t.Errorf("%d ticks, the thread has ended: %v", ticks, thread.Called())
	}
	for range 2 { // Run may be called again
		var stderr bytes.Buffer
		status := task.ReactOn(m, func(on reactor.Reactor) *deferred.Deferred[deferred.None] {
			if on != reactor.Reactor(m) || !m.Running() {
				t.Error("it does not run on the machine")
			}
			return task.Sleep(on, time.Second)
		}, &stderr)
		if status != 0 || stderr.Len() != 0 || m.Running() || m.Stopped() {
			t.Errorf("the status is %d: %s", status, stderr.String())
		}
	}
}

// A client meets a server that restarts, and neither leaves anything behind.
func TestAServerThatRestarts(t *testing.T) {
	r := memory.New()
	api, user := r.Machine("api.example"), r.Machine("user.example")
	starts := 0
	api.Process(func() func() {
		starts++
		if _, err := api.ListenTCP(":80", named(fmt.Sprint("start ", starts))); err != nil {
			t.Error(err)
		}
		return nil
	})
	c := client.New(user, client.Config{})
	r.Latency("", "", time.Second)
	var failure error
	deferred.Then(c.Get("http://api.example/"), (*response.Response).Text).AddBoth(func(_ string, err error) (string, error) {
		failure = err
		return "", nil
	})
	r.RunFor(3*time.Second - 1) // two for the connection, one for the request
	api.Stop()
	r.RunFor(time.Second)
	if !errors.Is(failure, reactor.ErrConnectionReset) && !errors.Is(failure, reactor.ErrConnectionLost) && !errors.Is(failure, io.ErrUnexpectedEOF) {
		t.Errorf("the request ended with %v", failure)
	}
	if left := r.Leftovers(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	api.Start()
	r.Latency("", "", 0)
	if got := textOf(r, c.Get("http://api.example/")); got != "start 2 for 10.0.0.3:49153" {
		t.Errorf("got %q", got)
	}
}

// The dates of a server go by the clock of the wall.
func TestDatesAfterAJump(t *testing.T) {
	r := memory.New()
	api := r.Machine("api.example")
	api.ListenTCP(":80", named("api"))
	c := client.New(r.Machine("user.example"), client.Config{})
	for i, want := range []string{"Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 05:00:00 GMT"} {
		var date string
		c.Get("http://api.example/").AddCallback(func(resp *response.Response) (*response.Response, error) {
			date = resp.Header.Get("Date")
			return resp, nil
		})
		r.Pump()
		if date != want {
			t.Errorf("request %d: Date is %q, want %q", i, date, want)
		}
		r.JumpWallClock(5 * time.Hour)
	}
}
