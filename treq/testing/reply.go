package testing

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has the replies of stubbed servers.

// A Reply is the response to a request. Code, Headers and Body are its content, and arrive at
// once. The other fields are for tests of what a slow or broken server causes. They follow the
// clock that [StubTreq.Advance] moves in one step, and [memory.Reactor.RunFor] from one time to
// the next.
//
//	Reply{Body: "late", Delay: time.Minute}
//	Reply{Body: "first,", Pieces: []Piece{{time.Second, "second,"}, {time.Second, "third"}}}
//	Reply{Body: "and then", Ending: Stall}
//	Reply{Headers: http.Header{"Content-Length": {"100"}}, Body: "only a part", Ending: BreakOff}
//	Reply{Ending: HangUp}
type Reply struct {
	// Code is the status. 0 means 200.
	Code int
	// Headers are the headers. If there is no Content-Type, the server adds one. A
	// Content-Length that is more than the body needs a Stall or a BreakOff.
	Headers http.Header
	// Body is the body, or the beginning of one that Pieces continue. It is sent with the
	// head.
	Body string

	// Delay is the time before the head.
	Delay time.Duration
	// Pieces are sent after Body, one after the other. Unless Headers have a Content-Length, an
	// HTTP/1.1 server sends them in chunks.
	Pieces []Piece
	// Ending says what comes after the last piece.
	Ending Ending
}

// A Piece is a part of the body of a [Reply].
type Piece struct {
	// After is the time since the piece before, or since the head.
	After time.Duration
	// Data is the text of the piece.
	Data string
}

// An Ending is the end of a [Reply].
type Ending int

const (
	// Finish ends a complete response. It is the default.
	Finish Ending = iota
	// Stall sends nothing more: the body never ends.
	Stall
	// BreakOff ends the connection before the body is complete; over HTTP/2, the stream.
	BreakOff
	// NoAnswer never answers: not even the head is sent.
	NoAnswer
	// HangUp ends the connection before the head; over HTTP/2, the stream. A client sends an
	// idempotent request once more if that connection was not new.
	HangUp
)

// String returns the name of the constant.
func (e Ending) String() string {
	if names := [...]string{"Finish", "Stall", "BreakOff", "NoAnswer", "HangUp"}; e >= 0 && int(e) < len(names) {
		return names[e]
	}
	return "Ending(" + strconv.Itoa(int(e)) + ")"
}

func (r Reply) status() int { return cmp.Or(r.Code, http.StatusOK) }

// body returns the whole body.
func (r Reply) body() string {
	var b strings.Builder
	b.WriteString(r.Body)
	for _, p := range r.Pieces {
		b.WriteString(p.Data)
	}
	return b.String()
}

// length returns the Content-Length in the headers, or -1.
func (r Reply) length() (int64, error) {
	values := canonical(r.Headers)["Content-Length"]
	if len(values) == 0 {
		return -1, nil
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 0 || len(values) > 1 {
		return -1, fmt.Errorf("the reply's Content-Length: %q is not a number of bytes", strings.Join(values, ", "))
	}
	return n, nil
}

// isWhole reports whether the head and the whole body are sent together.
func (r Reply) isWhole() bool { return len(r.Pieces) == 0 && r.Ending == Finish }

// isBodiless reports whether responses with the code of r have no body.
func (r Reply) isBodiless() bool {
	return r.Code == http.StatusNoContent || r.Code == http.StatusNotModified
}

// check returns an error if no server can send r.
func (r Reply) check() error {
	if r.Code != 0 && (r.Code < 200 || r.Code > 999) {
		return fmt.Errorf("the reply's Code: %d is not the status of a response", r.Code)
	}
	if r.Delay < 0 {
		return fmt.Errorf("the reply's Delay: %v is negative", r.Delay)
	}
	for i, p := range r.Pieces {
		if p.After < 0 {
			return fmt.Errorf("the reply's Pieces: %v, the After of piece %d of %d, is negative", p.After, i+1, len(r.Pieces))
		}
	}
	switch r.Ending {
	case Finish, Stall, BreakOff:
		return r.checkBody()
	case NoAnswer, HangUp:
		return r.checkSilent()
	}
	return fmt.Errorf("the reply's Ending: there is no %v", r.Ending)
}

// checkBody checks the body of a reply that has a head.
func (r Reply) checkBody() error {
	size := int64(len(r.body()))
	length, err := r.length()
	switch bodiless := r.isBodiless(); {
	case err != nil:
		return err
	case bodiless && r.Body != "":
		return fmt.Errorf("the reply's Body: a %d has none", r.Code)
	case bodiless && len(r.Pieces) != 0:
		return fmt.Errorf("the reply's Pieces: a %d has no body", r.Code)
	case bodiless && r.Ending != Finish:
		return fmt.Errorf("the reply's Ending: a %d has no body for a %v", r.Code, r.Ending)
	case length < 0:
		return nil
	case size > length:
		return fmt.Errorf("the reply's Content-Length: %d, but the body has %d bytes", length, size)
	case r.Ending == Finish && size != 0 && size < length:
		return fmt.Errorf("the reply's Content-Length: %d, but the body has %d bytes; a Stall or a BreakOff ends such a body", length, size)
	case r.Ending != Finish && size == length:
		return fmt.Errorf("the reply's Ending: the body has all %d bytes of its Content-Length, so nothing is left for a %v", length, r.Ending)
	}
	return nil
}

// checkSilent checks a reply that has no head.
func (r Reply) checkSilent() error {
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"Code", r.Code != 0},
		{"Headers", len(r.Headers) != 0},
		{"Body", r.Body != ""},
		{"Pieces", len(r.Pieces) != 0},
		{"Delay", r.Delay != 0 && r.Ending == NoAnswer},
	} {
		if field.set {
			return fmt.Errorf("the reply's Ending: a %v sends nothing, so there is no use for the %s", r.Ending, field.name)
		}
	}
	return nil
}

// send sends r as the response of req.
func (r Reply) send(req *web.Request) {
	if r.Delay == 0 && r.isWhole() {
		r.begin(req)
		return
	}
	req.NotDoneYet()
	if r.Ending == NoAnswer {
		return
	}
	s := &sending{reply: r, req: req}
	s.later(r.Delay, s.begin)
	req.NotifyFinish().AddErrback(func(error) (deferred.None, error) {
		if s.next.Active() {
			s.next.Cancel()
		}
		return deferred.None{}, nil
	})
}

// begin writes the head and the beginning of the body.
func (r Reply) begin(req *web.Request) {
	req.SetResponseCode(r.status())
	maps.Copy(req.ResponseHeader, canonical(r.Headers))
	if length, _ := r.length(); length < 0 && r.isWhole() && !r.isBodiless() {
		req.SetHeader("Content-Length", strconv.Itoa(len(r.Body))) // even if the resource was rendered before
	}
	req.WriteString(r.Body)
}

// A sending is a Reply that takes its time.
type sending struct {
	reply Reply
	req   *web.Request
	sent  int                 // number of pieces
	next  reactor.DelayedCall // sends the next part
	full  bool                // the client has to take something before the end
}

func (s *sending) later(delay time.Duration, f func()) { s.next = s.req.Clock().CallLater(delay, f) }

// begin sends what precedes the pieces.
func (s *sending) begin() {
	r := s.reply
	if r.Ending == HangUp {
		s.end()
		return
	}
	r.begin(s.req)
	if s.req.Method == http.MethodHead { // the head is all of the response
		s.sent = len(r.Pieces)
		if r.Ending == Stall {
			s.req.Finish()
			return
		}
	}
	s.proceed()
}

// proceed sends the next piece when its time has come, or the end.
func (s *sending) proceed() {
	if s.sent == len(s.reply.Pieces) {
		s.end()
		return
	}
	piece := s.reply.Pieces[s.sent]
	s.sent++
	s.later(piece.After, func() {
		s.req.WriteString(piece.Data)
		s.proceed()
	})
}

func (s *sending) end() {
	switch s.reply.Ending {
	case Finish:
		s.req.Finish()
	case BreakOff:
		s.req.RegisterProducer(s)
		if !s.full {
			s.abort()
		}
	case HangUp:
		s.abort()
	}
}

func (s *sending) abort() { s.req.Fail(http.ErrAbortHandler) }

// A sending that breaks off waits, as a producer, until the client has taken what was sent
// before: the end of the connection would drop the rest.

func (s *sending) PauseProducing() { s.full = true }

func (s *sending) ResumeProducing() {
	if s.full {
		s.full = false
		s.later(0, s.abort)
	}
}

func (s *sending) StopProducing() {}
