package response_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A source is the agent's end of a body. As the body's transport it records the calls.
type source struct {
	*response.Body
	asked      []string
	cooperator *task.Cooperator
}

func (s *source) Cooperator() *task.Cooperator { return s.cooperator }

func (s *source) PauseProducing()  { s.asked = append(s.asked, "pause") }
func (s *source) ResumeProducing() { s.asked = append(s.asked, "resume") }
func (s *source) StopProducing()   { s.asked = append(s.asked, "stop") }

// wantAsked checks the calls of the transport after the last wantAsked.
func (s *source) wantAsked(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(s.asked, " "); got != want {
		t.Errorf("the transport was asked to %q, want %q", got, want)
	}
	s.asked = nil
}

// send writes pieces of the body.
func (s *source) send(pieces ...string) {
	for _, p := range pieces {
		// A connection reuses its buffer.
		data := []byte(p)
		s.Write(data)
		clear(data)
	}
}

// sendAll writes pieces and ends the body.
func (s *source) sendAll(pieces ...string) {
	s.send(pieces...)
	s.End(response.ErrDone)
}

// newResponse returns a response and the source of its body. contentType may be empty.
func newResponse(contentType string) (*response.Response, *source) {
	s := &source{cooperator: task.NewCooperator(task.NewClock(), task.CooperatorConfig{})}
	s.Body = response.NewBody(s)
	r := response.New(s.Body)
	r.Code = 200
	r.Header = http.Header{}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r, s
}

// A reader is a BodyProtocol that records its calls, and calls functions of the test.
type reader struct {
	response.BodyTransport
	told   []string // "made", the data, the reason of the end
	onMade func()
	onData func(data string)
	onLost func()
}

func (r *reader) ConnectionMade(t response.BodyTransport) {
	r.BodyTransport = t
	r.told = append(r.told, "made")
	call(r.onMade)
}

func (r *reader) DataReceived(data []byte) {
	r.told = append(r.told, string(data))
	if r.onData != nil {
		r.onData(string(data))
	}
}

func (r *reader) ConnectionLost(reason error) {
	r.told = append(r.told, reason.Error())
	call(r.onLost)
}

func call(f func()) {
	if f != nil {
		f()
	}
}

// want checks all calls of the reader.
func (r *reader) want(t *testing.T, told ...string) {
	t.Helper()
	got, want := strings.Join(r.told, "|"), strings.Join(told, "|")
	if got != want {
		t.Errorf("the reader was told\n%s\nwant\n%s", got, want)
	}
}

const (
	done    = "the response is complete"
	aborted = "the response failed: connection was aborted"
)
