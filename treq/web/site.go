package web

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/sourcegraph/conc/panics"
)

// A Site serves HTTP/1.1 to the connections of a port, or of memory. It is
// twisted.web.server.Site.
//
// For now it calls its handler when a request has come whole, and sends the
// response when the handler has returned, so that the handler must not wait for
// anything that the loop is to bring.
type Site struct {
	handler http.Handler
	scratch []byte // heads are put together in it
}

// NewSite returns a Site whose requests handler answers, on the loop's
// goroutine.
func NewSite(handler http.Handler) *Site { return &Site{handler: handler} }

// BuildProtocol returns the protocol of a connection with peer.
func (s *Site) BuildProtocol(peer net.Addr) reactor.Protocol {
	return &channel{site: s, peer: peer}
}

// A channel is the server's end of one connection, Twisted's HTTPChannel.
type channel struct {
	site      *Site
	peer      net.Addr
	transport reactor.Transport
	reader    http1.RequestReader
	body      []byte
	closing   bool
}

func (c *channel) ConnectionMade(t reactor.Transport) {
	c.transport = t
	c.reader.Start()
}

func (c *channel) ConnectionLost(error) {}

func (c *channel) DataReceived(data []byte) {
	for !c.closing {
		n, event, err := c.reader.Next(data)
		if err != nil {
			c.refuse(err)
			return
		}
		data = data[n:]
		switch event {
		case http1.NeedMore:
			return
		case http1.Head:
			c.body = nil
			if c.reader.Head().Expect100 {
				c.transport.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
			}
		case http1.Data:
			c.body = append(c.body, c.reader.Data()...)
		case http1.End:
			c.answer(c.reader.Head())
			c.reader.Start()
		}
	}
}

// refuse answers what is not a request, and closes the connection.
func (c *channel) refuse(err error) {
	code := http.StatusBadRequest
	if e, ok := err.(*http1.Error); ok {
		code = e.Kind.Status()
	}
	w := &writer{header: make(http.Header)}
	http.Error(w, err.Error(), code)
	c.send(w, &http1.RequestHead{Method: "GET", Version: http1.Version{Major: 1, Minor: 1}})
}

// answer has the handler answer the request.
func (c *channel) answer(head *http1.RequestHead) {
	w := &writer{header: make(http.Header)}
	req, err := c.request(head)
	if err != nil {
		c.refuse(err)
		return
	}
	if p := panics.Try(func() { c.site.handler.ServeHTTP(w, req) }); p != nil {
		if p.Value == http.ErrAbortHandler {
			c.closing = true
			c.transport.AbortConnection()
			return
		}
		slog.Error("web: panic in a handler", "url", req.URL.String(), "panic", p.Value, "stack", string(p.Stack))
		w = &writer{header: make(http.Header)}
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
	}
	c.send(w, head)
}

// request makes the request that a handler sees.
func (c *channel) request(head *http1.RequestHead) (*http.Request, error) {
	u, err := url.ParseRequestURI(head.Target)
	if err != nil {
		return nil, err
	}
	req := &http.Request{
		Method:        head.Method,
		URL:           u,
		RequestURI:    head.Target,
		Proto:         head.Version.String(),
		ProtoMajor:    int(head.Version.Major),
		ProtoMinor:    int(head.Version.Minor),
		Header:        head.Header,
		Host:          head.Header.Get("Host"),
		ContentLength: head.Length,
		Body:          io.NopCloser(bytes.NewReader(c.body)),
		Trailer:       c.reader.Trailer(),
		RemoteAddr:    c.peer.String(),
	}
	req.Header.Del("Host")
	return req, nil
}

// send sends what the handler wrote.
func (c *channel) send(w *writer, head *http1.RequestHead) {
	w.WriteHeader(http.StatusOK)
	length := int64(w.body.Len())
	if given, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil && (head.Method == "HEAD" || w.code == http.StatusNotModified) {
		length = given
	} else if w.code == http.StatusNotModified {
		length = -1 // the handler did not say how long the body would be
	}
	keepAlive := head.KeepAlive && w.header.Get("Connection") != "close"
	out, err := http1.AppendResponseHead(c.site.scratch[:0], &http1.ResponseHead{
		Version:   head.Version,
		Code:      w.code,
		Header:    w.header,
		Length:    length,
		KeepAlive: keepAlive,
	})
	if err != nil {
		slog.Error("web: a handler gave a response that cannot be sent", "error", err)
		c.closing = true
		c.transport.AbortConnection()
		return
	}
	c.site.scratch = out
	c.transport.Write(out)
	if head.Method != "HEAD" {
		c.transport.Write(w.body.Bytes())
	}
	if !keepAlive {
		c.closing = true
		c.transport.LoseConnection()
	}
}

// A writer keeps what a handler writes.
type writer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(code int) {
	if code < 100 || code > 999 {
		panic(fmt.Sprintf("web: status code %d", code))
	}
	if w.code == 0 && code >= 200 {
		w.code = code
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.code == http.StatusNoContent || w.code == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	if w.header.Get("Content-Type") == "" {
		w.header.Set("Content-Type", http.DetectContentType(p))
	}
	return w.body.Write(p)
}
