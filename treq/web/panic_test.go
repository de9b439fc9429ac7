package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/panics"
)

// TestThePlaceOfAPanic: the log has the place where a panic began and its stack, once,
// also if it comes by way of others.
func TestThePlaceOfAPanic(t *testing.T) {
	log := logtest.Capture(t)
	for name, oops := range map[string]func(){
		"here": func() { panic("oops") },
		"again, by conc": func() {
			var group conc.WaitGroup
			group.Go(func() { panic("oops") })
			group.Wait()
		},
		"again, as an error of conc": func() {
			panic(panics.Try(func() { panic("oops") }).AsError())
		},
		"again, by deferred": func() {
			defer func() { deferred.NewPanicError(recover()).Repanic() }()
			panic("oops")
		},
	} {
		for kind, s := range map[string]*server{
			"resource": serveFunc(t, func(*web.Request) { oops() }),
			"handler":  serveHandler(t, func(http.ResponseWriter, *http.Request) { oops() }),
		} {
			want(t, head(s.get("/")), "HTTP/1.1 500 Internal Server Error")
			got := log.Take()
			if strings.Count(got, "panic=oops at=panic_test.go:") != 1 || strings.Count(got, "[running]") != 1 || strings.Count(got, "\n") != 1 {
				t.Errorf("%s, %s: logged %s", name, kind, got)
			}
		}
	}
}
