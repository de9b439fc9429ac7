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

// TestFetch moves the clock by up to nine seconds, and takes none itself.
func TestFetch(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []string // "" means that the server does not answer
		want    string
		after   time.Duration
	}{
		{"a success", []string{"hello"}, "hello", 0},
		{"a failure, a pause, a success", []string{"503", "hello"}, "hello", 1 * time.Second},
		{"a timeout, a failure, two pauses", []string{"", "503", "hello"}, "hello", (2 + 1 + 2) * time.Second},
		{"three failures", []string{"503", "503", "503"}, "http://an.example/: 503 Service Unavailable", (1 + 2) * time.Second},
		{"three timeouts", []string{"", "", ""}, "GET http://an.example/: no response for 2s (Timeout)", (2 + 1 + 2 + 2 + 2) * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := 0
			stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests++
				switch answer := test.answers[requests-1]; answer {
				case "":
					web.Await(r.Context(), deferred.New[deferred.None]()) // until the client disconnects
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
			if got != test.want || requests != len(test.answers) {
				t.Errorf("%d requests, got %q, want %q", requests, got, test.want)
			}
		})
	}
}
