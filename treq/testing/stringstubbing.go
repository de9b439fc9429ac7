package testing

import (
	"cmp"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file holds the resource whose answers a function makes, of the parts of a
// request that a test looks at.

// A Received is a request as it came to the server, in the parts that treq.testing
// takes one apart into.
type Received struct {
	// Method is in upper case: "GET".
	Method string
	// URL is the whole URL but for the query, normalized; see [NormalizeURL].
	URL string
	// Params are those of the query. The values of each are sorted.
	Params url.Values
	// Headers are all that were sent, under their canonical names, Host among them.
	// The values of each are sorted.
	Headers http.Header
	// Data is the body.
	Data string
}

// A Reply is what a request is answered with.
type Reply struct {
	// Code is the status; 0 stands for 200.
	Code int
	// Headers are sent with it. A Content-Type is made up where there is none.
	Headers http.Header
	// Body is what is sent.
	Body string
}

func (r Reply) status() int { return cmp.Or(r.Code, http.StatusOK) }

// A Responder answers requests: a [RequestSequence], or a [ResponderFunc]. It is
// called on the reactor's goroutine.
type Responder interface {
	Respond(req Received) Reply
}

// ResponderFunc makes a function a [Responder].
type ResponderFunc func(req Received) Reply

// Respond calls f.
func (f ResponderFunc) Respond(req Received) Reply { return f(req) }

// StringStubbingResource returns a resource that r answers for, whatever the path.
// If r panics the answer is a 500, and the panic is logged; if a body is larger than
// the Site takes (see [web.Site.MaxContent]) it is a 413, and r is not asked. It is
// treq.testing.StringStubbingResource; its parameters are the query's alone, where
// Twisted adds those of a form, which are in Data.
func StringStubbingResource(r Responder) web.Resource {
	if r == nil {
		panic("testing: StringStubbingResource of a nil Responder")
	}
	return web.RenderFunc(func(req *web.Request) {
		reply := r.Respond(received(req))
		req.SetResponseCode(reply.status())
		maps.Copy(req.ResponseHeader, canonical(reply.Headers))
		req.WriteString(reply.Body)
	})
}

// received takes a request apart.
func received(req *web.Request) Received {
	scheme := "http"
	if req.IsSecure() {
		scheme = "https"
	}
	u := scheme + "://" + req.URLPath().Host + req.Path
	if normalized, err := NormalizeURL(u); err == nil { // else a test sees it as it is
		u = normalized
	}
	_, query, _ := strings.Cut(req.URI, "?")
	params, _ := url.ParseQuery(query) // what cannot be read is left out
	data, _ := io.ReadAll(req.Content) // it is in memory
	return Received{req.Method, u, sorted(params), sorted(req.Header), string(data)}
}

// sorted returns m with the values of each key in order.
func sorted[M ~map[string][]string](m M) M {
	c := make(M, len(m))
	for key, values := range m {
		c[key] = slices.Sorted(slices.Values(values))
	}
	return c
}

// canonical returns h under canonical names.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		key := http.CanonicalHeaderKey(name)
		c[key] = append(c[key], h[name]...)
	}
	return c
}
