// Package bodytest has the two ends of a response's body for tests: the connection that
// it comes from, and its reader.
package bodytest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A Source is the connection that a body comes from. It records what it is asked.
type Source struct {
	*response.Body
	Tasks  *task.Cooperator
	OnStop func() // if set, is called by StopProducing

	Asked                    []string // "pause", "resume" and "stop"
	Paused, Resumed, Stopped int      // how often it was asked for each

	clock *task.Clock // of Tasks
}

// New returns a response, and the source of its body. headers are names and values in
// turn.
func New(code int, headers ...string) (*response.Response, *Source) {
	clock := task.NewClock()
	s := &Source{clock: clock, Tasks: task.NewCooperator(clock, task.CooperatorConfig{})}
	s.Body = response.NewBody(s)
	r := response.New(s.Body)
	r.Version, r.Code, r.Phrase = "HTTP/1.1", code, http.StatusText(code)
	r.Header = make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r, s
}

// Cooperator returns Tasks.
func (s *Source) Cooperator() *task.Cooperator { return s.Tasks }

// RunTasks runs the tasks of New's Cooperator until none is left.
func (s *Source) RunTasks() {
	for len(s.clock.DelayedCalls()) != 0 {
		s.clock.Advance(0)
	}
}

// PauseProducing records the call.
func (s *Source) PauseProducing() {
	s.Paused++
	s.Asked = append(s.Asked, "pause")
}

// ResumeProducing records the call.
func (s *Source) ResumeProducing() {
	s.Resumed++
	s.Asked = append(s.Asked, "resume")
}

// StopProducing records the call, and calls OnStop.
func (s *Source) StopProducing() {
	s.Stopped++
	s.Asked = append(s.Asked, "stop")
	if s.OnStop != nil {
		s.OnStop()
	}
}

// WantAsked checks what the Source was asked since the last WantAsked.
func (s *Source) WantAsked(t testing.TB, want string) {
	t.Helper()
	if got := strings.Join(s.Asked, " "); got != want {
		t.Errorf("the source was asked to %q, want %q", got, want)
	}
	s.Asked = nil
}

// Send writes pieces of the body, each in a buffer that is used again, as a
// connection's is.
func (s *Source) Send(pieces ...string) {
	for _, p := range pieces {
		data := []byte(p)
		s.Write(data)
		clear(data)
	}
}

// SendAll sends pieces, and ends the body.
func (s *Source) SendAll(pieces ...string) {
	s.Send(pieces...)
	s.End(response.ErrDone)
}
