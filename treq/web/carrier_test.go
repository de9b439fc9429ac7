package web

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A stream is a carrier that records its calls. It has nothing in common with HTTP/1.1.
type stream struct {
	req     *Request
	said    []string
	blocked bool
	puller  reactor.PullProducer
	refuses error
}

func (s *stream) say(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

// take returns the calls recorded since the last take.
func (s *stream) take() string {
	said := strings.Join(s.said, "; ")
	s.said = nil
	return said
}

func (s *stream) writeHead(h responseHead, body []byte, last bool) error {
	s.say("head %d%v %d %v %q %v", h.code, h.header, h.length, h.bodiless, body, last)
	return s.refuses
}
func (s *stream) write(p []byte)                 { s.say("write %q", p) }
func (s *stream) inform(code int, h http.Header) { s.say("inform %d%v", code, h) }
func (s *stream) finish(trailer http.Header, cut bool) {
	s.say("finish %v %v", map[string][]string(trailer), cut)
	if !s.blocked {
		s.req.written()
	}
}
func (s *stream) abort()                      { s.say("abort") }
func (s *stream) full() bool                  { return s.blocked }
func (s *stream) pull(p reactor.PullProducer) { s.puller = p }
func (s *stream) resumeContent()              { s.say("resume") }
func (s *stream) pauseContent()               { s.say("pause") }
func (s *stream) hijack() (socket, bool)      { return socket{}, false }

// streamed returns a stream with a request for root.
func streamed(root Resource, method, target string, length int64) *stream {
	s := &stream{}
	address := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	conn := &connection{site: &Site{Root: root}, local: address, peer: address, remoteAddr: address.String(), clock: memory.New()}
	s.req = newRequest(conn, s, &requestHead{
		method: method, target: target, version: "HTTP/2.0", header: http.Header{"Host": {"an.example"}}, length: length,
	})
	s.req.ResponseHeader["Date"] = nil
	s.req.ResponseHeader["Content-Type"] = nil
	s.req.begin()
	return s
}

// expect fails the test if got is not wanted.
func expect(t *testing.T, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Errorf("got  %s\nwant %s", got, wanted)
	}
}

// TestAnotherCarrier checks that a Request works with a carrier other than HTTP/1.1.
func TestAnotherCarrier(t *testing.T) {
	logtest.Capture(t)
	const header = "map[Content-Type:[] Date:[]]"
	echo := RenderFunc(func(req *Request) { req.Content.WriteTo(req) })
	s := streamed(echo, "POST", "/", 4)
	expect(t, s.take(), "resume")
	s.req.contentReceived([]byte("ab"))
	s.req.contentReceived([]byte("cd"))
	s.req.contentEnd(nil)
	expect(t, s.take(), "head 200"+header+` 4 false "abcd" true; finish map[] false`)

	s = streamed(echo, "POST", "/", 4)
	s.req.contentLost(errContentTimeout)
	expect(t, s.take(), "resume; head 408map[Connection:[close] Content-Type:[text/plain; charset=utf-8] Date:[Thu, 01 Jan 1970 00:00:00 GMT]]"+
		` 41 false "the content of the request took too long\n" true; finish map[] false`)

	later := RenderFunc(func(req *Request) { req.NotDoneYet() })
	s = streamed(later, "GET", "/", 0)
	s.req.ResponseHeader["Trailer"] = []string{"X-Sum"}
	s.req.WriteString("ab")
	s.req.WriteString("cd")
	s.req.ResponseHeader["X-Sum"] = []string{"9"}
	s.req.Finish()
	expect(t, s.take(), `head 200map[Content-Type:[] Date:[] Trailer:[X-Sum]] -1 false "ab" false; write "cd"; finish map[X-Sum:[9]] false`)

	s = streamed(later, "HEAD", "/", 0)
	s.req.ResponseHeader["Content-Length"] = []string{"3"}
	s.req.WriteString("abc")
	s.req.Finish()
	expect(t, s.take(), `head 200map[Content-Length:[3] Content-Type:[] Date:[]] 3 true "" false; finish map[] false`)

	s = streamed(later, "HEAD", "/", 0)
	s.req.ResponseHeader["Trailer"] = []string{"X-Sum"}
	s.req.ResponseHeader["X-Sum"] = []string{"9"}
	s.req.Finish()
	expect(t, s.take(), `head 200map[Content-Type:[] Date:[] Trailer:[X-Sum]] -1 true "" true; finish map[] false`)

	s = streamed(later, "GET", "/", 0)
	s.req.ResponseHeader["Content-Length"] = []string{"3"}
	s.req.WriteString("ab")
	s.req.Finish()
	expect(t, s.take(), `head 200map[Content-Length:[3] Content-Type:[] Date:[]] 3 false "ab" false; finish map[] true`)

	s = streamed(later, "GET", "/", 0)
	s.req.ResponseHeader["Content-Length"] = []string{"2"}
	s.req.ResponseHeader["Trailer"] = []string{"X-Sum"}
	s.req.ResponseHeader["X-Sum"] = []string{"9"}
	s.req.WriteString("ab")
	s.req.Finish()
	expect(t, s.take(), `head 200map[Content-Length:[2] Content-Type:[] Date:[] Trailer:[X-Sum]] 2 false "ab" false; finish map[X-Sum:[9]] false`) // the carrier knows whether it can send them

	s = streamed(later, "GET", "/", 0)
	s.refuses = errors.New("no")
	s.req.WriteString("ab")
	expect(t, s.take(), "head 200"+header+` -1 false "ab" false; abort`)
	if _, err := s.req.WriteString("cd"); err != ErrConnectionLost {
		t.Error(err)
	}
	s.req.connectionLost(reactor.ErrConnectionDone)
	expect(t, s.take(), "")

	s = streamed(later, "GET", "/", 0)
	s.refuses = errors.New("no")
	var ended []error
	s.req.NotifyFinish().AddBoth(func(n deferred.None, err error) (deferred.None, error) {
		ended = append(ended, err)
		return n, nil
	})
	s.req.Finish()
	expect(t, s.take(), "head 200"+header+` 0 false "" true; abort`)
	expect(t, fmt.Sprint(ended), "[]")
	s.req.connectionLost(io.EOF)
	expect(t, fmt.Sprint(ended), "[EOF]")
}

// TestAnEndedRequestLeavesItsCarrier checks that a request that has ended does not call
// its carrier: the carrier may have the next request by then.
func TestAnEndedRequestLeavesItsCarrier(t *testing.T) {
	for name, end := range map[string]func(*Request){
		"finished": (*Request).Finish,
		"aborted":  (*Request).abort,
		"lost":     func(r *Request) { r.connectionLost(reactor.ErrConnectionDone) },
	} {
		s := streamed(RenderFunc(func(req *Request) { req.NotDoneYet() }), "GET", "/", 0)
		if name == "aborted" {
			s.req.RegisterPullProducer(&counted{})
		}
		end(s.req)
		s.take()
		if name != "finished" { // a second Finish panics
			s.req.Finish()
		}
		p := &counted{req: s.req}
		before := s.puller
		s.req.UnregisterProducer()
		if s.puller != before {
			t.Errorf("%s: the carrier was told of the producer's end", name)
		}
		s.puller = nil
		s.req.PauseContent()
		s.req.ResumeContent()
		s.req.RegisterPullProducer(p)
		s.req.RegisterProducer(p)
		s.req.UnregisterProducer()
		s.req.Fail(io.EOF)
		s.req.abort()
		s.req.connectionLost(io.EOF)
		if said := s.take(); said != "" || s.puller != nil || p.stopped != 2 {
			t.Errorf("%s: %s; puller %v; stopped %d times", name, said, s.puller, p.stopped)
		}
	}
}

// A counted producer writes two pieces and counts the calls.
type counted struct {
	req                     *Request
	pieces, paused, stopped int
}

func (p *counted) PauseProducing() { p.paused++ }
func (p *counted) StopProducing()  { p.stopped++ }
func (p *counted) ResumeProducing() {
	if p.pieces++; p.pieces <= 2 {
		p.req.WriteString("piece")
		return
	}
	p.req.UnregisterProducer()
	p.req.Finish()
}

func TestPullFromAnotherCarrier(t *testing.T) {
	s := streamed(RenderFunc(func(req *Request) { req.RegisterPullProducer(&counted{req: req}) }), "GET", "/", 0)
	for s.puller != nil {
		s.puller.ResumeProducing()
	}
	expect(t, s.take(), `head 200map[Content-Type:[] Date:[]] -1 false "piece" false; write "piece"; finish map[] false`)
}

// TestProducerOfAFullCarrier checks that a producer is paused at once if the carrier is
// full.
func TestProducerOfAFullCarrier(t *testing.T) {
	s := streamed(RenderFunc(func(req *Request) { req.NotDoneYet() }), "GET", "/", 0)
	p := &counted{}
	s.blocked = true
	s.req.RegisterProducer(p)
	if p.paused != 1 {
		t.Errorf("paused %d times", p.paused)
	}
}

// TestHandlerOfAnotherCarrier checks that a handler sees the version of its carrier, and
// cannot hijack a connection that its carrier shares.
func TestHandlerOfAnotherCarrier(t *testing.T) {
	s := streamed(&HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _, err := http.NewResponseController(w).Hijack()
		w.WriteHeader(103)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d %s %s %s %v", r.Proto, r.ProtoMajor, r.Host, r.RemoteAddr, body, errors.Is(err, http.ErrNotSupported))
	})}, "POST", "/", -1)
	expect(t, s.take(), "inform 103map[Content-Type:[] Date:[]]; resume")
	s.req.contentReceived([]byte("ab"))
	s.req.contentEnd(nil)
	expect(t, s.take(), `resume; head 200map[Content-Type:[] Date:[]] 43 false "HTTP/2.0 2 an.example 192.0.2.1:443 ab true" true; finish map[] false`)

	s = streamed(&HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 10_000))
		io.WriteString(w, "end")
	})}, "GET", "/", 0)
	if !strings.HasSuffix(s.take(), `write "end"; finish map[] false`) {
		t.Error("the handler waited for a carrier that is not full")
	}
}
