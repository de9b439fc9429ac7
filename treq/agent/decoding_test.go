package agent_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// decodingInTurns is decoding on a loop, of which turn runs a turn.
func decodingInTurns(t *testing.T, contentEncoding string) (r *response.Response, body *transport, turn func() (more bool)) {
	t.Helper()
	r, body = decoding(t, contentEncoding, agent.DecoderConfig{MaxExpansion: -1})
	clock := task.NewClock()
	body.cooperator = task.NewCooperator(clock, task.CooperatorConfig{
		Scheduler:            func(f func()) reactor.DelayedCall { return clock.CallLater(time.Nanosecond, f) },
		TerminationPredicate: func() func() bool { return func() bool { return true } },
	}) // a step a turn
	body.body.Init(body)
	return r, body, func() bool {
		clock.Advance(time.Nanosecond)
		return len(clock.DelayedCalls()) != 0
	}
}

// turnsMost is the most bytes that may be decoded in one turn.
const turnsMost = 600 << 10

// TestDecodeInTurns: each turn decodes a limited number of bytes, and the connection is
// paused until all are decoded.
func TestDecodeInTurns(t *testing.T) {
	for _, coding := range []string{"gzip", "br", "zstd", "deflate"} {
		t.Run(coding, func(t *testing.T) {
			before := coroutines()
			r, body, turn := decodingInTurns(t, coding)
			const size = 4 << 20
			k := &keeper{}
			r.DeliverBody(k)
			data := zeros(coding, size)
			resumed := body.resumed
			body.body.Write(data[:len(data)/2])
			body.body.Write(data[len(data)/2:]) // was read already
			if len(k.got) > turnsMost || body.paused != 1 {
				t.Errorf("%d bytes came in one turn; paused %d times", len(k.got), body.paused)
			}
			body.body.End(response.ErrDone)
			turns, last := 1, len(k.got)
			for more := true; more; turns++ {
				if body.resumed != resumed {
					t.Fatalf("resumed in turn %d", turns)
				}
				more = turn()
				if n := len(k.got) - last; n > turnsMost {
					t.Errorf("%d bytes came in turn %d", n, turns)
				}
				last = len(k.got)
			}
			isDone(t, k, response.ErrDone)
			if len(k.got) != size || turns < size/turnsMost {
				t.Errorf("%d bytes came in %d turns", len(k.got), turns)
			}
			noneLeft(t, before)
		})
	}
}

// TestDecodeResumesAfterTurns: the connection is resumed when all is decoded.
func TestDecodeResumesAfterTurns(t *testing.T) {
	r, body, turn := decodingInTurns(t, "gzip")
	k := &keeper{}
	r.DeliverBody(k)
	resumed := body.resumed
	data := zeros("gzip", 2<<20)
	body.body.Write(data)
	for turn() {
	}
	if len(k.got) != 2<<20 || body.resumed != resumed+1 {
		t.Errorf("%d bytes; resumed %d times", len(k.got), body.resumed-resumed)
	}
	body.body.End(response.ErrDone)
	isDone(t, k, response.ErrDone)
}

// TestDecodeNothingInTurns: the bytes of inner stages count as work, too.
func TestDecodeNothingInTurns(t *testing.T) {
	r, body, turn := decodingInTurns(t, "void, gzip")
	k := &keeper{}
	r.DeliverBody(k)
	body.body.Write(zeros("gzip", 4<<20))
	body.body.End(response.ErrDone)
	turns := 1
	for turn() {
		turns++
	}
	if isDone(t, k, response.ErrDone); turns < 5 {
		t.Errorf("%d turns", turns)
	}
}

// TestDecodeEndsInTurns: an early end of the decoding leaves no task and no coroutine.
func TestDecodeEndsInTurns(t *testing.T) {
	errBoom := errors.New("boom")
	for name, test := range map[string]struct {
		end  func(k *keeper, body *transport, turn func() bool)
		want error
	}{
		"stopped": {func(k *keeper, body *transport, turn func() bool) { k.from.StopProducing() }, errAborted},
		"paused and resumed": {func(k *keeper, body *transport, turn func() bool) {
			k.from.PauseProducing()
			n := len(k.got)
			turn()
			if turn() || len(k.got) != n {
				panic("it goes on while it is paused")
			}
			k.from.ResumeProducing()
			body.body.End(response.ErrDone)
		}, response.ErrDone},
		"the reader panics": {func(k *keeper, body *transport, turn func() bool) {
			k.react = func(*keeper) { panic(errBoom) }
		}, errBoom},
		"cut short": {func(k *keeper, body *transport, turn func() bool) { body.body.End(errAborted) }, errAborted},
	} {
		t.Run(name, func(t *testing.T) {
			deferred.FailOnUnhandled(t)
			before := coroutines()
			r, body, turn := decodingInTurns(t, "gzip")
			k := &keeper{}
			r.DeliverBody(k)
			body.body.Write(zeros("gzip", 4<<20))
			test.end(k, body, turn)
			for turn() {
			}
			isDone(t, k, test.want)
			noneLeft(t, before)
		})
	}
}

// TestDecodeSmallAtOnce: a small body is decoded without another turn.
func TestDecodeSmallAtOnce(t *testing.T) {
	r, body, _ := decodingInTurns(t, "gzip")
	plain := bytes.Repeat([]byte("abc"), 100_000)
	k := &keeper{}
	r.DeliverBody(k)
	body.body.Write(coded("gzip", plain))
	body.body.End(response.ErrDone)
	isDone(t, k, response.ErrDone)
	if !bytes.Equal(k.got, plain) {
		t.Errorf("%d bytes came", len(k.got))
	}
}

// TestDecodeWithoutACooperator fails at once, before anything is decoded.
func TestDecodeWithoutACooperator(t *testing.T) {
	r, body := decoding(t, "gzip", agent.DecoderConfig{})
	body.cooperator = nil
	body.body.Init(body)
	content := r.Content()
	body.body.Write(coded("gzip", []byte("text")))
	if err := deferredtest.FailureResultOf(t, content); !errors.Is(err, request.ErrNoCooperator) {
		t.Errorf("failed with %v", err)
	}
	if body.stopped != 1 {
		t.Errorf("the connection was closed %d times", body.stopped)
	}
}
