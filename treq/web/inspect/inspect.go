// Package inspect has a resource that shows what is pending in a running program, and why, as
// net/http/pprof does for a server of net/http:
//
//	root.PutChild("inspect", &inspect.Resource{})
//
// The URL of the resource is a text: the requests of clients and of sites with their phase and age,
// the pools, connections, timers and threads, and, under deferred.SetDebugging, what waits for
// what; see [reactor.Dump]. Below it, "stats" has the counts of the loop as JSON; see
// [reactor.Stats].
//
// Never publish the resource. It shows the URLs that others use, of which only the well-known
// secrets are hidden, the addresses of clients and of internal servers, and names of functions; and
// each request for it costs the loop some time. Serve it on a port of localhost, or behind a check
// of who asks.
package inspect

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A Resource answers GET and HEAD with what is pending; see the documentation of the package. The
// zero value works.
//
// A loop that does not answer is shown by its stack, which takes a second. A request that the
// loop itself cannot answer, because a callback holds it, gets no answer: [reactor.DumpOnSignal] is
// for that.
type Resource struct {
	web.Node
	// Reactor is the reactor that serves the resource. nil: the Clock of the request, which
	// is the reactor unless the Site has a Clock of its own.
	Reactor reactor.Reactor
}

// GetChild returns the stats, and the Resource itself for a path that ends in a slash; see
// [web.Resource].
func (r *Resource) GetChild(name string, req *web.Request) web.Resource {
	switch name {
	case "":
		return r
	case "stats":
		return &stats{of: r}
	}
	return r.Node.GetChild(name, req)
}

// RenderGET writes the dump; see [web.GETRenderer].
func (r *Resource) RenderGET(req *web.Request) {
	describe(req, "text/plain; charset=utf-8")
	loop := r.reactor(req)
	if loop == nil {
		req.Fail(errNoReactor)
		return
	}
	if !loop.Running() { // such as one in memory, which a test turns: Dump does not show it
		if dumper, ok := loop.(interface{ Dump(w io.Writer) error }); ok {
			dumper.Dump(req)
			return
		}
	}
	req.NotDoneYet()
	reactor.DeferToThread(loop, func() (string, error) { // Dump may wait for other loops
		var b strings.Builder
		err := reactor.Dump(&b)
		return b.String(), err
	}).AddBoth(func(text string, err error) (string, error) {
		switch {
		case req.Err() != nil: // the client is gone
		case err != nil:
			req.Fail(err)
		default:
			req.WriteString(text)
			req.Finish()
		}
		return "", nil
	})
}

// reactor returns the reactor that serves req; nil if that is not known.
func (r *Resource) reactor(req *web.Request) reactor.Reactor {
	if r.Reactor != nil {
		return r.Reactor
	}
	own, _ := req.Clock().(reactor.Reactor)
	return own
}

// stats is the child "stats" of a Resource.
type stats struct {
	web.Leaf
	of *Resource
}

// RenderGET writes the counts of the loop as JSON; see [web.GETRenderer].
func (s *stats) RenderGET(req *web.Request) {
	counter, ok := s.of.reactor(req).(interface{ Stats() reactor.Stats })
	if !ok {
		req.Fail(errNoReactor)
		return
	}
	describe(req, "application/json")
	json.NewEncoder(req).Encode(counter.Stats())
}

// describe sets the headers of an answer.
func describe(req *web.Request, contentType string) {
	req.SetHeader("Content-Type", contentType)
	req.SetHeader("Cache-Control", "no-store")
	req.SetHeader("X-Content-Type-Options", "nosniff")
}

// errNoReactor is the error of a Resource that does not know its reactor.
var errNoReactor = errors.New("inspect: the reactor of the Resource is not known, or is no Loop; set its field Reactor")
