package bridge

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// Guard calls f, which is foreign code, and then calls done with its error. A panic of f is a
// [*deferred.PanicError]. A call of runtime.Goexit, as in the FailNow of a test, is
// [coro.ErrExited], and goes on when done has returned.
func Guard(f func() error, done func(error)) {
	err := coro.ErrExited
	defer func() {
		if v := recover(); v != nil {
			err = deferred.NewPanicError(v)
		}
		done(err)
	}()
	err = f()
}

// Close closes c on a goroutine of its own, since that may block. Nobody waits for the result:
// an error is ignored, a panic and a call of runtime.Goexit are logged.
func Close(c io.Closer) { go closeNow(c) }

func closeNow(c io.Closer) {
	Guard(c.Close, func(err error) {
		if p, ok := errors.AsType[*deferred.PanicError](err); ok {
			slog.Error("bridge: panic in the Close of a body", "panic", fmt.Sprint(p.Value), "at", p.Place(), "stack", p.Trace())
		} else if err == coro.ErrExited {
			slog.Error("bridge: the Close of a body called runtime.Goexit")
		}
	})
}
