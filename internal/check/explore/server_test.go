package explore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has the server's side of a simulated request: as an http.Handler, as a resource that streams its content, and as
// one that gets it whole.

func (w *world) root(o *origin) web.Resource {
	root := &web.Node{}
	root.PutChild("handler", &web.HandlerResource{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c := w.callOf(o, r.URL.Path)
		c.handle(rw, r)
	})})
	root.PutChild("stream", &streaming{w: w, o: o})
	root.PutChild("resource", &whole{w: w, o: o})
	root.PutChild("echo", &echoing{w: w, o: o})
	return root
}

// callOf returns the call that has come to o: the path ends in its number.
func (w *world) callOf(o *origin, path string) *call {
	id, err := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil || id >= len(w.calls) || w.calls[id].at != o {
		panic(fmt.Sprintf("%s has come to %s", path, o.host))
	}
	return w.calls[id]
}

// served notes that the server begins c, and waits for the end.
func (c *call) served(req *web.Request) {
	w := c.w
	c.begun++
	w.counts.served++
	if c.begun > 1 {
		w.counts.again++
	}
	w.note("%d: begun at %s", c.id, c.at.host)
	req.NotifyFinish().AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		c.finished++
		w.note("%d: finished: %v", c.id, err)
		if err != nil && c.ends == "never" && c.kind != "handler" && req.Err() == nil {
			c.abort()
			req.Fail(err) // the client has ended its side: else the connection stays
		}
		return deferred.None{}, nil
	})
	c.secrets(req)
}

// secrets checks that what belongs to one origin has come to no other, and nothing of https in clear.
func (c *call) secrets(req *web.Request) {
	w := c.w
	if req.IsSecure() != (c.scheme == "https") {
		w.problem("request %d for %s has come over TLS: %t", c.id, c.url(), req.IsSecure())
	}
	// What a request has for its origin goes there, until a redirect leads to another one.
	for what, sent := range map[string]struct {
		given bool
		got   string
	}{"credentials": {c.auth, req.GetUser()}, "key": {c.apiKey, req.GetHeader("X-Api-Key")}} {
		want := ""
		if sent.given && !c.foreign() {
			want = c.realm()
		}
		if sent.got != want {
			w.problem("request %d: the %s of %q have come to %s, want those of %q", c.id, what, sent.got, c.realm(), want)
		}
	}
	if cookie, ok := req.GetCookie("origin"); ok && cookie != c.jar() {
		w.problem("request %d: the cookie %s has come to %s", c.id, cookie, c.jar())
	}
	if cookie, ok := req.GetCookie("secure"); ok && (cookie != c.jar() || !req.IsSecure()) {
		w.problem("request %d: the secure cookie %s has come to %s, over TLS %t", c.id, cookie, c.jar(), req.IsSecure())
	}
	p := c.user.proxy
	got, want := req.GetHeader("Proxy-Authorization"), ""
	if strings.HasPrefix(req.URI, "http://") && p != nil && p.scheme == "http" {
		want = p.authorization() // the proxy passes on what it gets
	}
	if got != want {
		w.problem("request %d: Proxy-Authorization %q has come to %s, want %q", c.id, got, c.at.host, want)
	}
	if host, _, _ := net.SplitHostPort(req.GetClientAddress().String()); (p == nil) != strings.HasPrefix(host, "10.0.1.") && (p == nil) != strings.HasPrefix(host, "fd00::1:") {
		w.problem("request %d has come from %s, with a proxy: %t", c.id, host, p != nil)
	}
}

// foreign reports whether a redirect on the way to c has led to another origin.
func (c *call) foreign() bool {
	for hop := c; hop.from != nil; hop = hop.from {
		if hop.realm() != hop.from.realm() {
			return true
		}
	}
	return false
}

// realm names the origin of c.
func (c *call) realm() string { return c.scheme + "-" + c.at.host }

// jar names the host of c and the jar of its client.
func (c *call) jar() string { return fmt.Sprintf("%s-%d-%d", c.at.host, c.user.number, c.client) }

// content checks the content, or the beginning of it.
func (c *call) content(got []byte, complete bool) {
	want := c.upload
	if len(got) > len(want) || !bytes.Equal(got, want[:len(got)]) || complete && len(got) != len(want) {
		c.w.problem("request %d: the server has got %d bytes, complete %t, want %d", c.id, len(got), complete, len(want))
	}
}

// header sets the header of the response.
func (c *call) header(h http.Header) (status int) {
	h.Set("X-Id", fmt.Sprint(c.id))
	h.Add("Set-Cookie", "origin="+c.jar())
	h.Add("Set-Cookie", "secure="+c.jar()+"; Secure")
	if c.redirect != nil {
		h.Set("Location", c.redirect.url())
		return c.code
	}
	h.Set("Content-Type", "application/octet-stream")
	if c.coded {
		h.Set("Content-Type", "text/plain")
	}
	if c.length {
		h.Set("Content-Length", fmt.Sprint(len(c.body)))
	}
	if c.trailer {
		h.Set("Trailer", "X-Sum")
	}
	return c.status
}

// handle answers as an http.Handler.
func (c *call) handle(rw http.ResponseWriter, r *http.Request) {
	w, ctx := c.w, r.Context()
	c.served(web.FromContext(ctx))
	sleep := func(d time.Duration) bool {
		pause := deferred.New[deferred.None]()
		timer := c.at.machine.CallLater(d, func() { pause.Callback(deferred.None{}) })
		_, err := web.Await(ctx, pause)
		if timer.Active() {
			timer.Cancel()
		}
		return err == nil
	}
	for range c.informs {
		rw.Header().Set("Link", "</a>")
		rw.WriteHeader(http.StatusEarlyHints)
	}
	switch c.takes {
	case "all":
		got, err := io.ReadAll(r.Body)
		c.content(got, err == nil && !c.uploadFails())
		if err != nil {
			w.note("%d: content: %v", c.id, err)
			if c.ends == "never" && !c.uploadFails() { // what is not read hides that the client has gone
				c.abort()
				panic(http.ErrAbortHandler)
			}
			if ctx.Err() != nil {
				panic(http.ErrAbortHandler) // a client that has only ended its side would take a return for the end of the response
			}
		}
	case "some":
		got := make([]byte, len(c.upload)/2)
		n, _ := io.ReadFull(r.Body, got)
		c.content(got[:n], false)
	case "slow":
		var got []byte
		p := make([]byte, 200+c.turns*100)
		for {
			n, err := r.Body.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				c.content(got, err == io.EOF && !c.uploadFails())
				break
			}
			if !sleep(c.wait) {
				panic(http.ErrAbortHandler)
			}
		}
	}
	switch c.ends {
	case "early":
		c.abort()
		panic(http.ErrAbortHandler)
	case "never":
		for sleep(time.Minute) {
		}
		panic(http.ErrAbortHandler)
	}
	rw.WriteHeader(c.header(rw.Header()))
	if c.redirect != nil {
		return
	}
	body := c.body
	for len(body) > 0 {
		n := min(c.piece, len(body))
		if _, err := rw.Write(body[:n]); err != nil && r.Method != "HEAD" {
			panic(http.ErrAbortHandler)
		}
		body = body[n:]
		if c.wait > 0 {
			rw.(http.Flusher).Flush()
			if !sleep(c.wait) {
				panic(http.ErrAbortHandler)
			}
		}
		if c.ends == "abort" && len(body) > 0 && len(body)*2 < len(c.body) {
			c.abort()
			panic(http.ErrAbortHandler)
		}
	}
	if c.trailer {
		rw.Header().Set("X-Sum", fmt.Sprint(len(c.body)))
	}
}

func (c *call) abort() {
	c.aborted = true
	c.w.counts.resets++
}

func (c *call) uploadFails() bool { return c.produce == "fails" || c.produce == "short" }

// A whole is a resource that gets the whole content.
type whole struct {
	web.Leaf
	w *world
	o *origin
}

func (r *whole) Render(req *web.Request) {
	c := r.w.callOf(r.o, req.Path)
	c.served(req)
	got, _ := io.ReadAll(req.Content)
	c.content(got, !c.uploadFails())
	c.respond(req)
}

// A streaming is a resource that gets the content piece by piece.
type streaming struct {
	web.Leaf
	w *world
	o *origin
}

func (r *streaming) StreamsContent() bool { return true }

func (r *streaming) Render(req *web.Request) {
	c := r.w.callOf(r.o, req.Path)
	c.served(req)
	req.NotDoneYet()
	if c.takes == "none" {
		c.respond(req)
		return
	}
	req.DeliverContent(&receiver{call: c, req: req})
}

// A receiver gets the content of a request.
type receiver struct {
	call *call
	req  *web.Request
	got  []byte
	ends int
	done bool // it has responded to a part
}

func (r *receiver) ContentReceived(data []byte) {
	c := r.call
	r.got = append(r.got, data...)
	if r.ends != 0 {
		c.w.problem("request %d: content after the end", c.id)
	}
	if c.takes == "slow" {
		r.req.PauseContent()
		c.at.machine.CallLater(c.wait, r.req.ResumeContent)
	}
	if c.takes == "some" && len(r.got)*2 >= len(c.upload) && !r.done {
		r.done = true
		c.respond(r.req)
	}
}

func (r *receiver) ContentEnded(err error) {
	c := r.call
	if r.ends++; r.ends > 1 {
		c.w.problem("request %d: the content has ended %d times", c.id, r.ends)
	}
	c.w.note("%d: content ended: %v", c.id, err)
	c.content(r.got, err == nil && !c.uploadFails())
	switch {
	case err == nil && !r.done:
		c.respond(r.req)
	case err != nil && r.req.Err() == nil: // it took too long, or the client has ended its side: it is for the resource to answer
		c.abort()
		r.req.Fail(err)
	}
}

var errServer = errors.New("the server gives up")

// respond answers as a resource.
func (c *call) respond(req *web.Request) {
	w := c.w
	req.NotDoneYet()
	switch c.ends {
	case "early":
		c.abort()
		req.Fail(errServer)
		return
	case "never":
		return
	}
	req.SetResponseCode(c.header(req.ResponseHeader))
	if c.redirect != nil {
		req.Finish()
		return
	}
	p := &pieces{call: c, req: req, rest: c.body}
	if c.pull {
		if err := req.RegisterPullProducer(p); err != nil {
			w.problem("request %d: RegisterPullProducer: %v", c.id, err)
		}
		return
	}
	p.push()
}

// A pieces writes a body.
type pieces struct {
	call  *call
	req   *web.Request
	rest  []byte
	ended bool
}

// write writes the next piece. It reports whether there are more.
func (p *pieces) write() bool {
	c := p.call
	if p.ended || p.req.Err() != nil {
		return false
	}
	n := min(c.piece, len(p.rest))
	if n > 0 {
		p.req.Write(p.rest[:n])
		p.rest = p.rest[n:]
	}
	switch {
	case p.req.Err() != nil:
		return false
	case c.ends == "abort" && len(p.rest) > 0 && len(p.rest)*2 < len(c.body):
		p.ended = true
		c.abort()
		if c.pull {
			p.req.UnregisterProducer()
		}
		p.req.Fail(errServer)
		return false
	case len(p.rest) != 0:
		return true
	}
	p.ended = true
	if c.trailer {
		p.req.ResponseHeader.Set("X-Sum", fmt.Sprint(len(c.body)))
	}
	if c.pull {
		p.req.UnregisterProducer()
	}
	p.req.Finish()
	return false
}

func (p *pieces) push() {
	for p.write() {
		if p.call.wait > 0 {
			p.call.at.machine.CallLater(p.call.wait, p.push)
			return
		}
	}
}

func (p *pieces) ResumeProducing() { p.write() }

func (p *pieces) StopProducing() { p.ended = true }
