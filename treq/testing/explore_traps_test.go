package testing_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestRealReactorInARun: a program that leaves the run's reactor for one of the system is told so at once: it would
// test nothing, and be slow.
func TestRealReactorInARun(t *testing.T) {
	e := treqtesting.Exploration{Runs: 3}
	for name, leave := range map[string]func(t testing.TB, r *memory.Reactor){
		"reactor.Default":     func(t testing.TB, r *memory.Reactor) { ignore(treq.Get("http://a.example/")) },
		"reactor.Background":  func(t testing.TB, r *memory.Reactor) { reactor.Background() },
		"reactor.New":         func(t testing.TB, r *memory.Reactor) { reactor.New() },
		"reactor.NewPortable": func(t testing.TB, r *memory.Reactor) { r.CallLater(0, func() { reactor.NewPortable() }); r.Pump() },
	} {
		found := treqtesting.Search(t, e, leave).Finding
		if found == nil || !strings.Contains(found.Failures[0], name+" is called in a run of Explore") {
			t.Errorf("%s: found %+v", name, found)
		}
	}
	found := treqtesting.Search(t, e, func(t testing.TB, r *memory.Reactor) { blocking.Get(t.Context(), "http://a.example/") }).Finding
	if found == nil || !strings.Contains(found.Failures[0], "Package blocking cannot be explored") {
		t.Errorf("blocking: found %+v", found)
	}
	if found := treqtesting.Search(t, e, func(t testing.TB, r *memory.Reactor) {
		ignore(treq.Get("http://a.example/", treq.Reactor(r)))
		elsewhere := make(chan reactor.Reactor)
		go func() { elsewhere <- reactor.Default() }() // such as another test's background
		<-elsewhere
	}).Finding; found != nil {
		t.Errorf("on the run's reactor: %s", found.Report)
	}
	reactor.Default() // the exploration is over
}

// TestSeldomDifferent: a program that is the same in two natural runs, and another one in the third, as one is that
// goes by the order of a map.
func TestSeldomDifferent(t *testing.T) {
	n := 0
	found := treqtesting.Search(t, treqtesting.Exploration{Runs: 200, Strategies: treqtesting.NaturalRun | treqtesting.Random}, func(t testing.TB, r *memory.Reactor) {
		if n++; n == 203 {
			r.CallLater(time.Second, func() {})
		}
	}).Finding
	if found == nil {
		t.Fatal("nothing was found in ", n)
	}
	if !strings.Contains(found.Report, "Explore: after 200 runs with seed") || !strings.Contains(found.Report, "not deterministic") ||
		strings.Contains(found.Report, "without any fault") {
		t.Error(found.Report)
	}
}

// TestLeftForLonger: what is left may only need more time than it got, so the report says where to give it more.
func TestLeftForLonger(t *testing.T) {
	later := func(t testing.TB, r *memory.Reactor) { r.CallLater(time.Hour, func() {}) }
	found := treqtesting.Search(t, treqtesting.Exploration{Runs: 1}, later).Finding
	if found == nil || !strings.Contains(found.Report, "set a longer Exploration.Settle") {
		t.Errorf("found %+v", found)
	}
	if found := treqtesting.Search(t, treqtesting.Exploration{Runs: 1, Settle: 2 * time.Hour}, later).Finding; found != nil {
		t.Error(found.Report)
	}
}

// A panicking is a resource, or the content of a request, in which everything panics.
type panicking struct{ web.Node }

func (*panicking) GetChild(name string, req *web.Request) web.Resource { panic("in GetChild") }
func (*panicking) Length() int64                                       { return request.UnknownLength }
func (*panicking) StopProducing()                                      { panic("in StopProducing") }
func (*panicking) PauseProducing()                                     {}
func (*panicking) ResumeProducing()                                    {}
func (*panicking) StartProducing(request.Consumer) *deferred.Deferred[deferred.None] {
	return deferred.New[deferred.None]()
}

// TestPanicsOfProgramsOfHTTP: a panic is found although a site answers it with a 500, and an agent only logs it.
func TestPanicsOfProgramsOfHTTP(t *testing.T) {
	handler := func(f http.HandlerFunc) *web.Site { return &web.Site{Handler: f} }
	for _, test := range []struct {
		name string
		site *web.Site
		body treq.Option // or nil
		want string      // "": nothing is found
	}{
		{"a handler", handler(func(http.ResponseWriter, *http.Request) { panic("in a handler") }), nil, "panic: in a handler"},
		{"a handler, with an error", handler(func(http.ResponseWriter, *http.Request) { panic(errors.New("an error")) }), nil, "panic: an error"},
		{"a resource", &web.Site{Root: web.RenderFunc(func(*web.Request) { panic("in a resource") })}, nil, "panic: in a resource"},
		{"the way to a resource", &web.Site{Root: &panicking{}}, nil, "panic: in GetChild"},
		{"a body", handler(func(w http.ResponseWriter, r *http.Request) { w.Write(nil) }), treq.Data(&panicking{}), "panic: in StopProducing"},
		{"an abort on purpose", handler(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), nil, ""},
	} {
		found := treqtesting.Search(t, treqtesting.Exploration{Runs: 1, Unchecked: treqtesting.WaitingDeferreds}, func(t testing.TB, r *memory.Reactor) {
			r.ListenTCP("10.0.0.2:80", test.site)
			options := []treq.Option{treq.Timeout(time.Minute)}
			if test.body != nil {
				options = append(options, test.body)
			}
			ignore(client.New(r, client.Config{}).Post("http://10.0.0.2/a", options...))
			r.RunFor(2 * time.Minute)
		}).Finding
		switch {
		case test.want == "" && found != nil:
			t.Errorf("%s: %s", test.name, found.Report)
		case test.want != "" && (found == nil || !strings.HasPrefix(found.Failures[0], "a callback panicked: "+test.want)):
			t.Errorf("%s: found %+v", test.name, found)
		}
	}
}

// TestSessionsSettle: a site's session times out while a program settles; it is not left behind.
func TestSessionsSettle(t *testing.T) {
	treqtesting.Explore(t, treqtesting.Exploration{Runs: 2}, func(t testing.TB, r *memory.Reactor) {
		r.ListenTCP("10.0.0.2:80", &web.Site{Root: web.RenderFunc(func(req *web.Request) { req.GetSession() })})
		ignore(client.New(r, client.Config{}).Get("http://10.0.0.2/"))
	})
}
