package agent_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// decodingInTurns is like decoding, but the body has a loop. A call of turn runs one turn
// of the loop.
func decodingInTurns(t *testing.T, contentEncoding string) (r *response.Response, body *bodytest.Source, turn func() (more bool)) {
	t.Helper()
	r, body = decoding(t, contentEncoding, agent.DecoderConfig{MaxExpansion: -1})
	clock := task.NewClock()
	body.Tasks = task.NewCooperator(clock, task.CooperatorConfig{
		Scheduler:            func(f func()) reactor.DelayedCall { return clock.CallLater(time.Nanosecond, f) },
		TerminationPredicate: func() func() bool { return func() bool { return true } },
	}) // one step in each turn
	body.Init(body)
	return r, body, func() bool {
		clock.Advance(time.Nanosecond)
		return len(clock.DelayedCalls()) != 0
	}
}

// turnsMost bounds the bytes that one turn may decode.
const turnsMost = 600 << 10

// TestDecodeInTurns checks that each turn decodes a limited number of bytes, and that the
// connection is paused until all are decoded.
func TestDecodeInTurns(t *testing.T) {
	for _, coding := range []string{"gzip", "br", "zstd", "deflate"} {
		t.Run(coding, func(t *testing.T) {
			before := coroutines()
			r, body, turn := decodingInTurns(t, coding)
			const size = 4 << 20
			k := new(bodytest.Reader)
			r.DeliverBody(k)
			data := zeros(coding, size)
			resumed := body.Resumed
			body.Write(data[:len(data)/2])
			body.Write(data[len(data)/2:]) // the server sent it before the pause
			if len(k.Got) > turnsMost || body.Paused != 1 {
				t.Errorf("%d bytes were decoded in one turn; paused %d times", len(k.Got), body.Paused)
			}
			body.End(response.ErrDone)
			turns, last := 1, len(k.Got)
			for more := true; more; turns++ {
				if body.Resumed != resumed {
					t.Fatalf("resumed in turn %d", turns)
				}
				more = turn()
				if n := len(k.Got) - last; n > turnsMost {
					t.Errorf("%d bytes were decoded in turn %d", n, turns)
				}
				last = len(k.Got)
			}
			isDone(t, k, response.ErrDone)
			if len(k.Got) != size || turns < size/turnsMost {
				t.Errorf("%d bytes were decoded in %d turns", len(k.Got), turns)
			}
			noneLeft(t, before)
		})
	}
}

// TestDecodeResumesAfterTurns checks that the connection is resumed when all bytes are
// decoded.
func TestDecodeResumesAfterTurns(t *testing.T) {
	r, body, turn := decodingInTurns(t, "gzip")
	k := new(bodytest.Reader)
	r.DeliverBody(k)
	resumed := body.Resumed
	data := zeros("gzip", 2<<20)
	body.Write(data)
	for turn() {
	}
	if len(k.Got) != 2<<20 || body.Resumed != resumed+1 {
		t.Errorf("%d bytes; resumed %d times", len(k.Got), body.Resumed-resumed)
	}
	body.End(response.ErrDone)
	isDone(t, k, response.ErrDone)
}

// TestDecodeNothingInTurns checks that the bytes of inner stages count as work.
func TestDecodeNothingInTurns(t *testing.T) {
	r, body, turn := decodingInTurns(t, "void, gzip")
	k := new(bodytest.Reader)
	r.DeliverBody(k)
	body.Write(zeros("gzip", 4<<20))
	body.End(response.ErrDone)
	turns := 1
	for turn() {
		turns++
	}
	if isDone(t, k, response.ErrDone); turns < 5 {
		t.Errorf("%d turns", turns)
	}
}

// TestDecodeEndsInTurns checks that an early end of the decoding leaves no task and no
// coroutine.
func TestDecodeEndsInTurns(t *testing.T) {
	errBoom := errors.New("boom")
	for name, test := range map[string]struct {
		end  func(k *bodytest.Reader, body *bodytest.Source, turn func() bool)
		want error
	}{
		"stopped": {func(k *bodytest.Reader, body *bodytest.Source, turn func() bool) { k.StopProducing() }, errAborted},
		"paused and resumed": {func(k *bodytest.Reader, body *bodytest.Source, turn func() bool) {
			k.PauseProducing()
			n := len(k.Got)
			turn()
			if turn() || len(k.Got) != n {
				panic("the decoding continues while the reader is paused")
			}
			k.ResumeProducing()
			body.End(response.ErrDone)
		}, response.ErrDone},
		"the reader panics": {func(k *bodytest.Reader, body *bodytest.Source, turn func() bool) {
			k.OnData = func(string) { panic(errBoom) }
		}, errBoom},
		"cut short": {func(k *bodytest.Reader, body *bodytest.Source, turn func() bool) { body.End(errAborted) }, errAborted},
	} {
		t.Run(name, func(t *testing.T) {
			deferred.FailOnUnhandled(t)
			before := coroutines()
			r, body, turn := decodingInTurns(t, "gzip")
			k := new(bodytest.Reader)
			r.DeliverBody(k)
			body.Write(zeros("gzip", 4<<20))
			test.end(k, body, turn)
			for turn() {
			}
			isDone(t, k, test.want)
			noneLeft(t, before)
		})
	}
}

// TestDecodeSmallAtOnce checks that a small body is decoded within one turn.
func TestDecodeSmallAtOnce(t *testing.T) {
	r, body, _ := decodingInTurns(t, "gzip")
	plain := bytes.Repeat([]byte("abc"), 100_000)
	k := new(bodytest.Reader)
	r.DeliverBody(k)
	body.Write(coded("gzip", plain))
	body.End(response.ErrDone)
	isDone(t, k, response.ErrDone)
	if !bytes.Equal(k.Got, plain) {
		t.Errorf("%d bytes were decoded", len(k.Got))
	}
}

// TestDecodeWithoutACooperator checks that a body without a Cooperator fails before any
// byte is decoded.
func TestDecodeWithoutACooperator(t *testing.T) {
	r, body := decoding(t, "gzip", agent.DecoderConfig{})
	body.Tasks = nil
	body.Init(body)
	content := r.Content()
	body.Write(coded("gzip", []byte("text")))
	if err := deferredtest.FailureResultOf(t, content); !errors.Is(err, request.ErrNoCooperator) {
		t.Errorf("failed with %v", err)
	}
	if body.Stopped != 1 {
		t.Errorf("the connection was closed %d times", body.Stopped)
	}
}
