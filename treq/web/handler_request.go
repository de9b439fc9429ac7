package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has the request of an http.Handler: its fields, its context and its body.

// makeRequest sets the handler's request.
func (inv *invocation) makeRequest() error {
	r := inv.req
	u, err := r.targetURL()
	if err != nil {
		return fmt.Errorf("the target of the request: %w", err)
	}
	if u.Host != "" {
		r.host = u.Host
	}
	inv.context = handlerContext{parent: r.Context(), inv: inv}
	hr := &inv.hr
	*hr = *template.WithContext(&inv.context)
	hr.Method = r.Method
	hr.URL = u
	hr.RequestURI = r.URI
	hr.Proto = r.Version
	hr.ProtoMajor, hr.ProtoMinor, _ = http.ParseHTTPVersion(r.Version)
	hr.Header = r.Header
	hr.Host = r.requestHost()
	hr.ContentLength = r.announced
	hr.Body = http.NoBody
	hr.Close = r.last
	hr.RemoteAddr = r.conn.remoteAddr
	if f := r.forwarded; f != nil && f.client != nil {
		hr.RemoteAddr = f.client.String()
	}
	hr.TLS = r.conn.tls
	if !r.contentOver {
		hr.Body = &inv.body
	}
	delete(hr.Header, "Host")
	_, chunked := hr.Header["Transfer-Encoding"]
	if chunked {
		hr.TransferEncoding = []string{"chunked"}
		delete(hr.Header, "Transfer-Encoding")
	}
	if chunked || hr.ProtoMajor == 2 && !r.contentOver {
		inv.body.announceTrailers(hr)
	}
	return nil
}

// template is an empty request to copy: Request.WithContext, which copies one, is the
// only way to attach a context.
var template http.Request

// targetURL returns the target as a URL. For CONNECT the URL has only a host, unless it is an extended one.
func (r *Request) targetURL() (*url.URL, error) {
	if path, query, _ := strings.Cut(r.URI, "?"); isPlainPath(path) {
		return &url.URL{Path: path, RawQuery: query, ForceQuery: query == "" && len(path) != len(r.URI)}, nil
	}
	if r.Method != http.MethodConnect || strings.HasPrefix(r.URI, "/") {
		return url.ParseRequestURI(r.URI)
	}
	u, err := url.ParseRequestURI("http://" + r.URI)
	if err == nil {
		u.Scheme = ""
	}
	return u, err
}

// isPlainPath reports whether path is one in which nothing is escaped, or would have to be: the parser
// of package url, which takes longer, does not change it.
func isPlainPath(path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '/' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// FromContext returns the [Request] of a handler, given the context of its http.Request;
// nil for another context. Only the ResponseWriter may write the response.
func FromContext(ctx context.Context) *Request {
	if inv, ok := ctx.Value(invocationKey{}).(*invocation); ok {
		return inv.req
	}
	return nil
}

// maxUnread is the number of unread bytes at which a body, or a hijacked connection, is
// paused.
const maxUnread = 64 << 10

// A requestBody is the body of a handler's request.
type requestBody struct {
	inv         *invocation
	delivered   bool          // the content is delivered to this body
	in          []byte        // bytes received but not read
	borrowed    bool          // in belongs to the carrier
	end         error         // the error after in; nil before the end
	closed      bool          // the handler has closed the body or returned
	interrupted bool          // Read returns at once, once, without bytes
	hr          *http.Request // the request to set trailers in; nil if there are none
}

// announceTrailers puts the names of the expected trailers into hr.Trailer, as net/http
// does.
func (b *requestBody) announceTrailers(hr *http.Request) {
	b.hr = hr
	names := hr.Header["Trailer"]
	if len(names) == 0 {
		return
	}
	delete(hr.Header, "Trailer")
	hr.Trailer = make(http.Header)
	for _, list := range names {
		for name := range strings.SplitSeq(list, ",") {
			hr.Trailer[http.CanonicalHeaderKey(strings.TrimSpace(name))] = nil
		}
	}
}

// Read waits for a part of the body. The first call starts the delivery of the body.
func (b *requestBody) Read(p []byte) (n int, err error) {
	if !b.inv.until(func() (done bool) {
		n, err, done = b.read(p)
		return done
	}) {
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// read returns the results of Read and true, or false if there is nothing to read yet.
func (b *requestBody) read(p []byte) (n int, err error, done bool) {
	r := b.inv.req
	switch {
	case b.closed:
		return 0, http.ErrBodyReadAfterClose, true
	case !b.delivered:
		b.delivered = true
		r.DeliverContent(b)
	case len(b.in) == 0 && b.end == nil:
		r.ResumeContent()
	}
	switch {
	case len(b.in) != 0:
		n = copy(p, b.in)
		b.in = b.in[n:]
		return n, nil, true
	case b.end != nil:
		b.setTrailers()
		return 0, b.end, true
	case len(p) == 0, b.interrupted:
		b.interrupted = false
		return 0, nil, true
	case b.inv.reading.passed(r.conn):
		return 0, errDeadline, true
	}
	return 0, nil, false
}

// setTrailers copies the received trailers into the handler's request.
func (b *requestBody) setTrailers() {
	trailer := b.inv.req.Trailer
	if b.hr == nil || len(trailer) == 0 {
		return
	}
	if b.hr.Trailer == nil {
		b.hr.Trailer = make(http.Header, len(trailer))
	}
	maps.Copy(b.hr.Trailer, trailer)
}

// Close drops the remaining body.
func (b *requestBody) Close() error {
	b.inv.do(func() { b.closed = true })
	return nil
}

// ContentReceived lets the handler read data; see [ContentReceiver].
func (b *requestBody) ContentReceived(data []byte) {
	switch {
	case b.closed:
		return
	case len(b.in) != 0:
		b.in = append(b.in, data...)
	default:
		b.in, b.borrowed = data, true
		b.inv.wake()
		if b.borrowed {
			b.borrowed = false
			b.in = append([]byte(nil), b.in...)
		}
	}
	if len(b.in) >= maxUnread {
		b.inv.req.PauseContent()
	}
}

// ContentEnded ends the body; see [ContentReceiver].
func (b *requestBody) ContentEnded(err error) {
	switch {
	case err == nil:
		b.end = io.EOF
	case errors.Is(err, wire.ErrPartialBody), b.inv.req.lost != nil:
		b.end = io.ErrUnexpectedEOF
	default:
		b.end = err
	}
	b.inv.wake()
}
