package web

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/form"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/sourcegraph/conc/panics"
)

// This file has a request: what a program can learn from it, and the search for the
// resource that answers it. Its content is in content.go, the response in response.go.

// A Request is a request and the response to it. It is twisted.web.server.Request. It
// belongs to the loop's goroutine.
//
// The fields describe the request, except for ResponseHeader. Content, and the form's
// values in Args, are set before the resource is rendered, and are empty for a
// [StreamingResource].
type Request struct {
	// Method is the method as received: methods are case-sensitive.
	Method string
	// URI is the request's target as received. Path is the part of URI before the
	// "?", still escaped; if the target is a whole URL, the path of the URL.
	URI, Path string
	// Version is "HTTP/2.0", "HTTP/1.1" or "HTTP/1.0".
	Version string
	// Prepath has the unescaped segments of the path that lead to the resource, and
	// Postpath the segments after them. A slash at the end of the path makes an empty
	// segment.
	Prepath, Postpath []string
	// Args has the values of the query and of a posted form, read as browsers write
	// them (https://url.spec.whatwg.org/#urlencoded-parsing): ";" separates nothing,
	// and an invalid escape stands for itself. The form's values replace the query's
	// of the same name. [Site.MaxFields] bounds their number.
	Args url.Values
	// Header has the received headers under their canonical names.
	Header http.Header
	// Content is the whole content; nil once the response is finished.
	Content *Content
	// Trailer has the headers after the content, once the content has ended; nil if
	// there are none.
	Trailer http.Header

	// ResponseHeader has the headers to send. They can be changed until the head of
	// the response is sent. Headers whose names are listed in Trailer, or begin with
	// [http.TrailerPrefix], are sent after the body, and can be changed until Finish.
	ResponseHeader http.Header

	// Site is the site that received the request.
	Site *Site

	conn      *connection
	carrier   carrier
	host      string     // the Host header, or the host of the target
	forwarded *forwarded // what a proxy says of the request; nil without a proxy
	announced int64      // the length of the content; -1 if unknown
	started   time.Time
	resource  Resource
	streams   bool // resource receives the content itself
	last      bool // the connection ends with the response
	refused   bool // the request is not valid
	duplex    bool // the program reads all of the content, also after it has begun to write
	asking    bool // the producer of a body that is not sent will be asked

	kept        Content // the content for a resource that does not stream
	held        int64   // the bytes of it that Site.heldContent counts
	heldValues  int64   // the bytes of a form's values that Site.heldValues counts
	heldFile    int64   // the bytes of kept that Site.heldFiles counts
	receiver    ContentReceiver
	contentOver bool // the content has ended, early if contentErr is not nil
	contentErr  error

	response
	session    *Session
	invocation *invocation // the call of the handler that answers; nil without a handler
}

// newRequest returns the request with the head h. Its carrier calls begin next.
func newRequest(conn *connection, carrier carrier, h *requestHead) *Request {
	r := &Request{}
	r.init(conn, carrier, h)
	return r
}

// init makes a zero Request, which may be a part of its carrier, what newRequest returns.
func (r *Request) init(conn *connection, carrier carrier, h *requestHead) {
	r.Method, r.URI, r.Version, r.Header = h.method, h.target, h.version, h.header
	r.announced, r.last = h.length, h.last
	r.contentOver = h.length == 0
	r.ResponseHeader = make(http.Header, 4)
	r.Site, r.conn, r.carrier = conn.site, conn, carrier
	r.started = conn.clock.Now()
	r.code, r.length, r.rendering, r.encoding = http.StatusOK, -1, true, conn.site.Encoding
	if hosts := h.header["Host"]; len(hosts) != 0 {
		r.host = hosts[0]
	}
	if conn.site.Proxies.trusts(conn.peer) {
		r.forwarded = conn.site.Proxies.read(r.Header)
	}
	if !r.isInner() {
		conn.running++
	}
}

// isInner reports whether the request is that of a [ResourceHandler], for which the site has
// another one.
func (r *Request) isInner() bool {
	_, inner := r.carrier.(*handlerCarrier)
	return inner
}

// begin finds the resource. It renders a resource that streams, and collects the content
// for any other.
func (r *Request) begin() {
	if hosts := r.Header["Host"]; r.host == "" && len(hosts) != 0 && r.Version != "HTTP/1.0" {
		r.refuse(http.StatusBadRequest, "the Host of the request is empty") // an http URL has a host (RFC 9110, section 4.2.1)
		return
	}
	if r.Site.Root == nil {
		(&HandlerResource{Handler: r.Site.Handler}).Render(r)
		return
	}
	r.beginAt(r.Site.Root)
}

// beginAt is begin in the tree of root.
func (r *Request) beginAt(root Resource) {
	root = r.enter(root)
	if h, ok := root.(*HandlerResource); ok { // it needs neither Prepath, Postpath nor Args
		h.Render(r)
		return
	}
	if r.URI == "*" {
		r.answerForServer()
		return
	}
	if err := r.parseTarget(); err != nil {
		r.refuseFor(err)
		return
	}
	if p := try(func() { r.findResource(root) }); p != nil {
		r.panicked(p, "a resource")
		return
	}
	if r.streams || r.Method == http.MethodConnect {
		r.render()
		return
	}
	if r.announced > r.Site.maxContent() {
		r.tooLarge()
		return
	}
	r.DeliverContent(keptContent{r})
}

// findResource sets resource and streams.
func (r *Request) findResource(root Resource) {
	r.resource = getChildForRequest(root, r)
	s, ok := r.resource.(StreamingResource)
	r.streams = ok && s.StreamsContent()
}

// answerForServer answers a request for "*", the server itself (RFC 9110, section 9.3.7).
func (r *Request) answerForServer() {
	if r.Method != http.MethodOptions {
		r.SetResponseCode(http.StatusMethodNotAllowed)
		r.SetHeader("Allow", http.MethodOptions)
	}
	r.Finish()
}

// parseTarget sets the fields that come from the target.
func (r *Request) parseTarget() (err error) {
	path, query, _ := strings.Cut(r.URI, "?")
	if r.Method == http.MethodConnect && !strings.HasPrefix(path, "/") {
		path = ""
	} else if !strings.HasPrefix(path, "/") {
		_, rest, _ := strings.Cut(path, "://")
		r.host, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	r.Path = path
	r.setSegments(path)
	if r.Args, err = form.Values(query, r.Site.maxFields()); err != nil {
		return fmt.Errorf("the query of the request: %w", err)
	}
	return nil
}

// render makes the resource answer, and finishes the response unless it stays open.
func (r *Request) render() {
	var p *panics.Recovered
	r.timed("a resource", func() { p = try(func() { render(r.resource, r) }) })
	if p != nil {
		r.panicked(p, "a resource")
		return
	}
	r.rendering = false
	switch {
	case r.over():
	case !r.notDoneYet && !r.producer.Taken():
		r.Finish()
	case len(r.buffered) != 0:
		r.sendKept(false)
	}
}

// try calls f, and returns the panic that has ended it, or nil.
func try(f func()) (p *panics.Recovered) {
	defer func() {
		if v := recover(); v != nil {
			recovered := panics.NewRecovered(1, v)
			p = &recovered
		}
	}()
	f()
	return nil
}

// panicked logs a panic and ends the response, or only aborts it for
// [http.ErrAbortHandler].
func (r *Request) panicked(p *panics.Recovered, place string) {
	if p.Value == http.ErrAbortHandler {
		r.abort()
		return
	}
	err := originOf(p)
	slog.Error("web: panic in "+place, "method", r.Method, "uri", r.shownURI(), "panic", fmt.Sprint(err.Value), "at", err.Place(), "stack", err.Trace())
	r.fail()
}

// caught is deferred by a carrier around a function of the program. A panic there ends the request: the transport, which
// knows nothing of requests, would lose the connection without an answer.
func (r *Request) caught() {
	if v := recover(); v != nil {
		r.recovered(v)
	}
}

// recovered ends the request after a panic with v, which the caller has recovered.
func (r *Request) recovered(v any) {
	p := panics.NewRecovered(2, v)
	r.panicked(&p, "a resource")
}

// originOf returns the value and the stack of the panic that p began with: code that waits
// for others, such as conc's WaitGroup, panics again with what it has recovered.
func originOf(p *panics.Recovered) *deferred.PanicError {
	for {
		switch v := p.Value.(type) {
		case *panics.Recovered:
			p = v
		case *panics.ErrRecovered:
			p = &v.Recovered
		case *deferred.PanicError:
			return v
		default:
			e := deferred.NewPanicError(p.Value) // so that a Census knows it
			e.Stack = p.Stack
			return e
		}
	}
}

// What a program may ask.

// GetHeader returns the last value of a received header, or "". Header has all values.
func (r *Request) GetHeader(name string) string {
	values := r.Header.Values(name)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// GetCookie returns the value of a received cookie, without a pair of quotes around it. ok
// is false if there is none. If several have the name, the first counts: its path is the
// longest (RFC 6265, section 5.4).
//
// GetCookie reads whatever browsers send, and so more than the cookies of net/http: JSON,
// commas, backslashes and UTF-8.
func (r *Request) GetCookie(name string) (value string, ok bool) {
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			n, value, found := strings.Cut(pair, "=")
			if !found || strings.Trim(n, " \t") != name {
				continue
			}
			value = strings.Trim(value, " \t")
			if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			return value, true
		}
	}
	return "", false
}

// GetUser returns the user in the Authorization header (RFC 7617), or "".
func (r *Request) GetUser() string {
	user, _, _ := (&http.Request{Header: r.Header}).BasicAuth()
	return user
}

// GetPassword returns the password in the Authorization header (RFC 7617), or "".
func (r *Request) GetPassword() string {
	_, password, _ := (&http.Request{Header: r.Header}).BasicAuth()
	return password
}

// GetClientAddress returns the address of the other end of the connection: the client's
// or a proxy's. If it is one of the site's [Proxies], it returns the address of the proxy's
// client.
func (r *Request) GetClientAddress() net.Addr {
	if f := r.forwarded; f != nil && f.client != nil {
		return f.client
	}
	return r.conn.peer
}

// GetHost returns the server's own address on the connection.
func (r *Request) GetHost() net.Addr { return r.conn.local }

// GetRequestHostname returns the host that the request names, without a port, or "". The
// client chooses the name: do not trust it.
func (r *Request) GetRequestHostname() string {
	return (&url.URL{Host: r.requestHost()}).Hostname()
}

// IsSecure reports whether the request came over TLS: to the server, or to one of the site's
// [Proxies] that says so.
func (r *Request) IsSecure() bool {
	if f := r.forwarded; f != nil && f.proto != "" {
		return f.proto == "https"
	}
	return r.conn.tls != nil
}

// Started returns when the request's head was received, by Clock.
func (r *Request) Started() time.Time { return r.started }

// Clock returns the clock for the request's time limits: the Site's, or else the reactor.
func (r *Request) Clock() reactor.Clock { return r.conn.clock }

// PrePathURL returns the URL of the resource that is searched or rendered: the request's
// URL without the segments in Postpath. The host is the one that the client named.
func (r *Request) PrePathURL() string { return r.URLPath().String() }

// URLPath is PrePathURL as a [url.URL].
func (r *Request) URLPath() *url.URL {
	u := &url.URL{Scheme: "http", Host: r.requestHost(), Path: "/"}
	if r.IsSecure() {
		u.Scheme = "https"
	}
	if u.Host == "" {
		u.Host = r.conn.local.String()
	}
	escaped := make([]string, len(r.Prepath))
	for i, segment := range r.Prepath {
		escaped[i] = url.PathEscape(segment)
	}
	u.Path += strings.Join(r.Prepath, "/")
	u.RawPath = "/" + strings.Join(escaped, "/")
	return u
}
