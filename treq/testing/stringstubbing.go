package testing

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/form"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A Received is a request as the server received it, in the parts of treq.testing.
type Received struct {
	// Method is in upper case: "GET".
	Method string
	// URL is the normalized URL without the query; see [NormalizeURL].
	URL string
	// Params are the parameters of the query, as in Args of [web.Request]. The values of
	// each are sorted.
	Params url.Values
	// Headers are all headers, including Host, by their canonical names. The values of
	// each are sorted.
	Headers http.Header
	// Data is the body.
	Data string
}

// A Responder answers requests. [RequestSequence] and [ResponderFunc] are Responders.
// Respond is called on the reactor's goroutine.
type Responder interface {
	Respond(req Received) Reply
}

// A ResponderFunc is a function as a [Responder].
type ResponderFunc func(req Received) Reply

// Respond calls f.
func (f ResponderFunc) Respond(req Received) Reply { return f(req) }

// StringStubbingResource returns a resource that answers requests for any path with the
// replies of r. If r panics, or if its reply is not valid, that is logged and the response is a
// 500. If a request's
// body is larger than [web.Site.MaxContent], the response is a 413 without a call of r. It
// is treq.testing.StringStubbingResource, but the parameters of a form are in Data only.
func StringStubbingResource(r Responder) web.Resource {
	if r == nil {
		panic("testing: StringStubbingResource without a Responder")
	}
	return web.RenderFunc(func(req *web.Request) {
		reply := r.Respond(received(req))
		if err := reply.check(); err != nil {
			panic(fmt.Errorf("testing: StringStubbingResource: %w", err))
		}
		reply.send(req)
	})
}

// received returns the parts of req.
func received(req *web.Request) Received {
	scheme := "http"
	if req.IsSecure() {
		scheme = "https"
	}
	u := scheme + "://" + req.URLPath().Host + req.Path
	if normalized, err := NormalizeURL(u); err == nil { // else the test sees it unchanged
		u = normalized
	}
	_, query, _ := strings.Cut(req.URI, "?")
	params, _ := form.Values(query, math.MaxInt) // the Site has counted them
	data, err := io.ReadAll(req.Content)
	if err != nil { // the test has set MemoryContent of its Site, and the body is in a file
		panic(err)
	}
	return Received{req.Method, u, sorted(params), sorted(req.Header), string(data)}
}

// sorted returns a copy of m with the values of each key sorted.
func sorted[M ~map[string][]string](m M) M {
	c := make(M, len(m))
	for key, values := range m {
		c[key] = slices.Sorted(slices.Values(values))
	}
	return c
}

// canonical returns a copy of h with canonical names.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		key := http.CanonicalHeaderKey(name)
		c[key] = append(c[key], h[name]...)
	}
	return c
}
