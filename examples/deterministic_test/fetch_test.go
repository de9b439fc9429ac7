package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestFetch takes up to nine seconds, of a clock that only it moves.
func TestFetch(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []string // "" is none at all
		want    string
		after   time.Duration
	}{
		{"at once", []string{"hello"}, "hello", 0},
		{"a failure, a pause, and it is there", []string{"503", "hello"}, "hello", 1 * time.Second},
		{"a timeout, a failure, two pauses", []string{"", "503", "hello"}, "hello", (2 + 1 + 2) * time.Second},
		{"three failures", []string{"503", "503", "503"}, "http://an.example/: 503 Service Unavailable", (1 + 2) * time.Second},
		{"three timeouts", []string{"", "", ""}, "GET http://an.example/: deferred: timed out after 2s", (2 + 1 + 2 + 2 + 2) * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				switch answer := test.answers[asked-1]; answer {
				case "":
					web.Await(r.Context(), deferred.New[deferred.None]()) // for ever, or until the client goes
				case "503":
					w.WriteHeader(http.StatusServiceUnavailable)
				default:
					fmt.Fprint(w, answer)
				}
			}), treqtesting.Config{})
			got := "nothing"
			fetch(stub.Reactor(), stub, "http://an.example/").AddBoth(func(text string, err error) (string, error) {
				got = text
				if err != nil {
					got = err.Error()
				}
				return "", nil
			})
			if test.after > 0 {
				stub.Reactor().RunFor(test.after - time.Nanosecond)
				if got != "nothing" {
					t.Fatalf("too early: %s", got)
				}
				stub.Reactor().RunFor(time.Nanosecond)
			}
			if got != test.want || asked != len(test.answers) {
				t.Errorf("asked %d times, got %q, want %q", asked, got, test.want)
			}
		})
	}
}
