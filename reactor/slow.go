package reactor

import (
	"fmt"
	"log/slog"
	"time"
)

// This file warns of callbacks that hold the loop for long.

// debugSlow is the bound of WarnSlow with deferred.SetDebugging. It is that of asyncio.
const debugSlow = 100 * time.Millisecond

// WarnSlow makes the loop log a warning, by package slog, of each callback that takes d or longer. The
// warning names the function, or the type and the method of the protocol or producer, and says how long it
// took. While a callback runs, nothing else does: work that takes long belongs into [DeferToThread], or into
// small steps.
//
// Without WarnSlow, or with 0, the bound is 100 ms while deferred.SetDebugging is on, and otherwise there
// are no warnings. A negative d turns them off for good. Of callbacks that call each other, the innermost
// that is slow by itself is warned of. Handlers of Deferreds and coroutines belong to the callback that
// runs them. Time is that of the loop's clock: on a reactor in memory, a callback takes as long as its own
// calls of Advance.
func (l *Loop) WarnSlow(d time.Duration) {
	l.check("WarnSlow")
	l.slow = d
	l.setWatch()
}

func warnSlow(kind string, name fmt.Stringer, took time.Duration) {
	slog.Warn("reactor: a callback held the loop for long", "callback", name.String(), "of", kind, "took", took)
}
