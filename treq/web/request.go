package web

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file holds what a request is: what came with it, and how it gets to the
// resource that answers it. How the response is put together is in response.go.

// A Request is a request and the response that is made to it. It is
// twisted.web.server.Request, and belongs to the loop's goroutine.
//
// The fields are the request's, but for ResponseHeader. Header is as it was
// received, with canonical names; Content, Args of a form, and Trailer are there
// once the content has come, that is, when the resource is rendered.
type Request struct {
	// Method is as on the wire: methods are case-sensitive.
	Method string
	// URI is the target of the request as on the wire, and Path what comes in it
	// before the "?", still escaped. If the target is a whole URL, Path is that of
	// the URL.
	URI, Path string
	// Version is "HTTP/1.1" or "HTTP/1.0".
	Version string
	// Prepath has the segments of the path that lead to the resource, and Postpath
	// those that are left, unescaped. A slash at the path's end makes an empty
	// segment.
	Prepath, Postpath []string
	// Args has the values of the query, and those of a form that was posted, which
	// take the place of the query's of the same name.
	Args url.Values
	// Header is what was received.
	Header http.Header
	// Content is what came after the head, whole.
	Content *bytes.Reader
	// Trailer is what came after a chunked content; nil if there was nothing.
	Trailer http.Header

	// ResponseHeader is what is to be sent. It can be changed until the head of the
	// response is written, and for trailers until Finish: those are the ones that
	// its Trailer names then, and those whose names begin with [http.TrailerPrefix].
	ResponseHeader http.Header

	// Site is the one that the request came to.
	Site *Site

	channel   *channel
	version   http1.Version
	host      string // of the URL or of Host
	announced int64  // length of the content; -1 if it was not said
	started   time.Time
	resource  Resource

	content         []byte // as far as it came
	receiver        ContentReceiver
	contentPaused   bool // nobody wants it for now
	contentOver     bool // all of it came, or will not come for contentErr
	contentErr      error
	expectsContinue bool // the client waits to be told to go on

	response
	session  *Session
	handling *exchange // the handler that answers, if one does
}

// A ContentReceiver is given the content of a request as it comes, by
// [Request.DeliverContent].
type ContentReceiver interface {
	// ContentReceived is called with the bytes that came. data is valid until it
	// returns.
	ContentReceived(data []byte)
	// ContentEnded is called once, last: with nil if all has come, else with what
	// was wrong.
	ContentEnded(err error)
}

func newRequest(c *channel, head *http1.RequestHead) *Request {
	r := &Request{
		Method:          head.Method,
		URI:             head.Target,
		Version:         "HTTP/1.1",
		Header:          head.Header,
		ResponseHeader:  make(http.Header, 4),
		Site:            c.site,
		channel:         c,
		version:         head.Version,
		announced:       head.Length,
		expectsContinue: head.Expect100,
		contentPaused:   true,
		contentOver:     head.Length == 0,
	}
	if head.Version.Minor == 0 {
		r.Version = "HTTP/1.0"
	}
	if hosts := head.Header["Host"]; len(hosts) != 0 {
		r.host = hosts[0]
	}
	if c.clock != nil {
		r.started = c.clock.Now()
	}
	r.response.start()
	return r
}

// begin finds the resource of a request whose head has come.
func (r *Request) begin() {
	if h, ok := r.Site.Root.(*HandlerResource); ok {
		h.Render(r)
		return
	}
	if r.URI == "*" {
		r.star()
		return
	}
	if !r.split() {
		r.refuse(http.StatusBadRequest, "the path of the request is not one")
		return
	}
	if p := protect(func() { r.resource = getChildForRequest(r.Site.Root, r) }); p != nil {
		r.panicked(p.AsError(), p.Stack)
		return
	}
	if s, ok := r.resource.(StreamingResource); ok && s.StreamsContent() {
		r.render()
		return
	}
	if r.announced > r.Site.maxContent() {
		r.tooLarge()
		return
	}
	r.DeliverContent(keptContent{r})
}

// star answers for the server itself (RFC 9110, section 9.3.7).
func (r *Request) star() {
	if r.Method != http.MethodOptions {
		r.SetResponseCode(http.StatusMethodNotAllowed)
		r.SetHeader("Allow", http.MethodOptions)
	}
	r.Finish()
}

// split takes the target apart.
func (r *Request) split() bool {
	path, query, _ := strings.Cut(r.URI, "?")
	if r.Method == http.MethodConnect {
		path = ""
	} else if !strings.HasPrefix(path, "/") {
		u, err := url.Parse(r.URI)
		if err != nil {
			return false
		}
		r.host = u.Host
		if path = u.EscapedPath(); path == "" {
			path = "/"
		}
	}
	r.Path = path
	r.Postpath = segments(path)
	r.Args, _ = url.ParseQuery(query) // what cannot be read is left out
	return true
}

// render has the resource answer.
func (r *Request) render() {
	if p := protect(r.renderResource); p != nil {
		r.panicked(p.AsError(), p.Stack)
		return
	}
	r.rendered()
}

func (r *Request) renderResource() { render(r.resource, r) }

// panicked ends a response because the user's code panicked with err.
func (r *Request) panicked(err error, stack []byte) {
	if cause := errors.Unwrap(err); cause == http.ErrAbortHandler {
		r.abort()
		return
	}
	slog.Error("web: panic in a resource", "method", r.Method, "uri", r.URI, "panic", err.Error(), "stack", string(stack))
	r.fail()
}

// refuse answers r with an error of its own, and then closes the connection.
func (r *Request) refuse(code int, text string) {
	if r.finished {
		return
	}
	r.channel.keepAlive = false
	if r.headSent {
		r.abort()
		return
	}
	r.reset()
	r.SetResponseCode(code)
	r.SetHeader("Content-Type", "text/plain; charset=utf-8")
	r.buffered = append(r.buffered, text...)
	r.buffered = append(r.buffered, '\n')
	r.Finish()
}

func (r *Request) tooLarge() {
	r.refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the content of the request is more than %d bytes", r.Site.maxContent()))
}

// The content.

// ContentLength returns how many bytes of content were announced: 0 if none were,
// -1 if it was not said how many.
func (r *Request) ContentLength() int64 { return r.announced }

// DeliverContent has the content of the request given to to, from now on and as
// it comes; see [StreamingResource]. If the client waits to be told to send it
// (RFC 9110, section 10.1.1) it is told so. It is to be called once, before the
// response is finished.
func (r *Request) DeliverContent(to ContentReceiver) {
	if r.receiver != nil {
		panic("web: DeliverContent a second time, or for a resource that does not stream")
	}
	c := r.channel
	r.receiver = to
	if r.contentOver {
		to.ContentEnded(r.contentErr)
		return
	}
	r.sendContinue()
	c.await(awaitContent, c.site.ContentTimeout, defaultTimeout)
	r.ResumeContent()
}

// sendContinue tells the client to send the content, if it waits to be told.
func (r *Request) sendContinue() {
	if r.expectsContinue && !r.headSent && r.lost == nil {
		r.channel.transport.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	r.expectsContinue = false
}

// PauseContent stops the delivery of the content, down to the socket.
func (r *Request) PauseContent() {
	r.contentPaused = true
	if c := r.channel; c.awaiting == awaitContent {
		c.await(awaitNothing, 0, 0)
	}
}

// ResumeContent undoes PauseContent.
func (r *Request) ResumeContent() {
	if r.finished || r.lost != nil {
		return
	}
	r.contentPaused = false
	r.channel.consume()
}

func (r *Request) contentReceived(data []byte) { r.receiver.ContentReceived(data) }

func (r *Request) contentEnd(trailer http.Header) {
	r.Trailer = trailer
	r.contentOver = true
	r.receiver.ContentEnded(nil)
}

// contentLost ends the content because of err.
func (r *Request) contentLost(err error) {
	if r.contentOver {
		return
	}
	r.contentOver, r.contentErr = true, err
	if r.receiver != nil {
		r.receiver.ContentEnded(err)
	}
}

// keptContent is the receiver of the content for a resource that wants it whole.
type keptContent struct{ *Request }

func (r keptContent) ContentReceived(data []byte) {
	if int64(len(r.content))+int64(len(data)) > r.Site.maxContent() {
		r.tooLarge()
		return
	}
	r.content = append(r.content, data...)
}

func (r keptContent) ContentEnded(err error) {
	switch {
	case r.finished || r.lost != nil:
	case err == errContentTimeout:
		r.refuse(http.StatusRequestTimeout, err.Error())
	case err != nil:
		code := http.StatusBadRequest
		var e *wire.Error
		if errors.As(err, &e) {
			code = e.Kind.Status()
		}
		r.refuse(code, err.Error())
	default:
		if err := r.parseForm(); err != nil {
			r.refuse(http.StatusBadRequest, err.Error())
			return
		}
		r.Content = bytes.NewReader(r.content)
		r.render()
	}
}

// parseForm adds the values of a form to Args.
func (r *Request) parseForm() error {
	if r.Method != http.MethodPost || len(r.content) == 0 {
		return nil
	}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var form url.Values
	switch kind {
	case "application/x-www-form-urlencoded":
		form, _ = url.ParseQuery(string(r.content)) // what cannot be read is left out
	case "multipart/form-data":
		m, err := multipart.NewReader(bytes.NewReader(r.content), params["boundary"]).ReadForm(int64(len(r.content)) + 1)
		if err != nil {
			return fmt.Errorf("the form that was posted: %w", err)
		}
		form = m.Value
		for name, files := range m.File {
			for _, f := range files {
				text, err := readFormFile(f)
				if err != nil {
					return fmt.Errorf("the form that was posted: %w", err)
				}
				form[name] = append(form[name], text)
			}
		}
	}
	for name, values := range form {
		r.Args[name] = values
	}
	return nil
}

func readFormFile(h *multipart.FileHeader) (string, error) {
	f, err := h.Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(f)
	return b.String(), err
}

// What else is known of the request.

// GetHeader returns the last value of a header that was received, or "". It is
// Twisted's getHeader; r.Header has all of them.
func (r *Request) GetHeader(name string) string {
	values := r.Header.Values(name)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// GetCookie returns the value of a cookie that was received, and whether there
// was one.
func (r *Request) GetCookie(name string) (value string, ok bool) {
	for _, c := range (&http.Request{Header: r.Header}).CookiesNamed(name) {
		return c.Value, true
	}
	return "", false
}

// GetUser returns the user that Authorization names (RFC 7617), or "".
func (r *Request) GetUser() string {
	user, _, _ := (&http.Request{Header: r.Header}).BasicAuth()
	return user
}

// GetPassword returns the password that Authorization gives (RFC 7617), or "".
func (r *Request) GetPassword() string {
	_, password, _ := (&http.Request{Header: r.Header}).BasicAuth()
	return password
}

// GetClientAddress returns the address of the peer, which may be a proxy's.
func (r *Request) GetClientAddress() net.Addr { return r.channel.transport.Peer() }

// GetHost returns the address that the request came to.
func (r *Request) GetHost() net.Addr { return r.channel.transport.Host() }

// GetRequestHostname returns the name that the client called the host by,
// without the port, or "". It is the client's to say.
func (r *Request) GetRequestHostname() string { return (&url.URL{Host: r.host}).Hostname() }

// IsSecure reports whether the request came over TLS.
func (r *Request) IsSecure() bool { return r.channel.tls != nil }

// Started returns when the head of the request had come, by the reactor's clock.
// It is the zero time if that is not known.
func (r *Request) Started() time.Time { return r.started }

// Clock returns the reactor's clock, or nil if it is not known.
func (r *Request) Clock() reactor.Clock { return r.channel.clock }

// PrePathURL returns the URL of the resource that is being found or rendered: the
// request's, without what is in Postpath. Its host is the one the client named.
// It is Twisted's prePathURL.
func (r *Request) PrePathURL() string { return r.URLPath().String() }

// URLPath is PrePathURL, as a URL. It is Twisted's URLPath.
func (r *Request) URLPath() *url.URL {
	u := &url.URL{Scheme: "http", Host: r.host, Path: "/"}
	if r.IsSecure() {
		u.Scheme = "https"
	}
	if u.Host == "" {
		u.Host = r.GetHost().String()
	}
	escaped := make([]string, len(r.Prepath))
	for i, segment := range r.Prepath {
		escaped[i] = url.PathEscape(segment)
	}
	u.Path += strings.Join(r.Prepath, "/")
	u.RawPath = "/" + strings.Join(escaped, "/")
	return u
}

// NotifyFinish returns a Deferred that fires when the response has been written,
// and fails with what became of the connection if that is lost before, or if the
// client has ended its side of it. Each call returns another one.
//
// While the client sends much more after the request, its end is not seen. And
// that the response was written does not mean that it was received.
func (r *Request) NotifyFinish() *deferred.Deferred[deferred.None] {
	switch {
	case r.gone != nil:
		return deferred.Fail[deferred.None](r.gone)
	case r.finished:
		return deferred.Succeed(deferred.None{})
	}
	d := deferred.New[deferred.None]()
	r.notifications = append(r.notifications, d)
	return d
}

// notify fires what NotifyFinish returned.
func (r *Request) notify(err error) {
	waiting := r.notifications
	r.notifications = nil
	for _, d := range waiting {
		d.Resolve(deferred.None{}, err)
	}
}

// peerGone is called when the client has ended its side of the connection.
func (r *Request) peerGone(reason error) {
	if r.gone == nil && !r.finished {
		r.gone = reason
		r.notify(reason)
		if r.handling != nil {
			r.handling.peerGone()
		}
	}
}

// connectionLost is called when the connection has been lost.
func (r *Request) connectionLost(reason error) {
	if r.finished {
		return
	}
	r.lost = reason
	r.buffered = nil
	r.stopProducer()
	r.contentLost(reason)
	r.peerGone(reason)
	if r.handling != nil {
		r.handling.wake() // it logs when it is done
	} else {
		r.log()
	}
}

func (r *Request) log() {
	if r.Site.AccessLog != nil {
		r.Site.AccessLog(r)
	}
}

// hasToken reports whether one of the lists in values has the token, in any case.
func hasToken(values []string, token string) bool {
	return slices.ContainsFunc(values, func(value string) bool {
		return slices.ContainsFunc(strings.Split(value, ","), func(element string) bool {
			return strings.EqualFold(strings.TrimSpace(element), token)
		})
	})
}
