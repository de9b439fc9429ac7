package agent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
)

// spans returns the requests of a Chrome trace, with their phases, and what was not ended.
func spans(t *testing.T, text []byte) (names []string, open int) {
	t.Helper()
	var events []struct {
		Ph, Cat, Name string
		Ts            float64
	}
	if err := json.Unmarshal(text, &events); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, e := range events {
		switch {
		case e.Cat != "request":
		case e.Ph == "b":
			names = append(names, e.Name)
			open++
		case e.Ph == "e" && e.Ts < 1e9: // before the hour at the end, when stop ends what is open
			open--
		}
	}
	return names, open
}

// TestRequestsInAChromeTrace: each request is a span with its phases, however it ends.
func TestRequestsInAChromeTrace(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(w *world)
		want []string
	}{
		"answered": {func(w *world) {
			w.exchange(newRequest("GET", "http://user:secret@an.example/a?b"), 0)
		}, []string{"GET http://user:xxxxx@an.example/a?b", "waiting", "looking up the name", "connecting", "sending", "sent", "reading"}},
		"reused": {func(w *world) {
			w.exchange(newRequest("GET", "http://192.0.2.1/"), 0)
			w.exchange(newRequest("GET", "http://192.0.2.1/b"), 0)
		}, []string{"GET http://192.0.2.1/", "waiting", "connecting", "sending", "sent", "reading", "GET http://192.0.2.1/b", "waiting", "sending", "sent", "reading"}},
		"refused": {func(w *world) {
			deferredtest.FailureResultOf(w.t, w.get("http://192.0.2.1:81/"))
		}, []string{"GET http://192.0.2.1:81/", "waiting", "connecting"}},
		"cancelled": {func(w *world) {
			d := w.get("http://192.0.2.1/")
			d.Cancel()
			w.r.Pump()
			if err := deferredtest.FailureResultOf(w.t, d); !errors.Is(err, deferred.ErrCancelled) {
				w.t.Error(err)
			}
		}, []string{"GET http://192.0.2.1/", "waiting", "connecting", "sending", "sent"}},
		"invalid": {func(w *world) {
			deferredtest.FailureResultOf(w.t, w.send(newRequest("BAD METHOD", "http://192.0.2.1/")))
		}, []string{"BAD METHOD http://192.0.2.1/"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.r.AddHost("an.example", "192.0.2.1")
			var text, after bytes.Buffer
			stop := w.r.StartChromeTrace(&text)
			c.run(w)
			if strings.Contains(text.String(), "secret") {
				t.Error("the password is in the trace")
			}
			for _, c := range w.Conns {
				if c.Lost == nil {
					c.Transport.LoseConnection()
				}
			}
			w.r.Pump()
			w.r.Advance(time.Hour)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			got, open := spans(t, text.Bytes())
			if !slices.Equal(got, c.want) || open != 0 {
				t.Errorf("got %q, %d open; want %q", got, open, c.want)
			}
			w.r.StartChromeTrace(&after)()
			if got, _ := spans(t, after.Bytes()); len(got) != 0 {
				t.Errorf("a later trace has %q", got)
			}
		})
	}
}
