package reactor

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// This file dumps all loops of the process.

// dumpPatience is how long a dump waits for the loops to answer.
const dumpPatience = time.Second

// Dump writes to w what is pending on each loop of the process that is in Run, as [Loop.Dump] of
// the loop does. Any goroutine may call it.
//
// Each loop makes its text between two callbacks, and the caller's goroutine writes it, so a slow w
// holds up no loop. A loop that does not answer within a second, because a callback holds it, is
// shown by the stack of its goroutine, and by that of the coroutine that runs there. On the
// goroutine of a loop, Dump shows that loop at once, and waits there for the others.
//
// A loop that is not in Run, such as one in memory that a test turns, is not shown: it has a Dump of its own. The error is that of w.
func Dump(w io.Writer) error {
	if w == nil {
		panic("reactor: Dump to a nil Writer")
	}
	return dumpRuns(w, inRun.Range)
}

// dumpRuns is Dump of the loops that runs has, with the numbers of their Runs.
func dumpRuns(w io.Writer, runs iter.Seq2[any, any]) error {
	patience, cancel := context.WithTimeout(context.Background(), dumpPatience)
	defer cancel()
	var questions []*question
	for l, run := range runs {
		questions = append(questions, ask(l.(*Loop), run.(uint64)))
	}
	slices.SortFunc(questions, func(a, b *question) int { return cmp.Compare(a.run, b.run) })
	shown := 0
	for _, q := range questions {
		text := q.wait(patience)
		if text == "" {
			continue // the loop has ended
		}
		shown++
		if _, err := fmt.Fprintf(w, "== goroutine %d ==\n%s", q.goroutine, text); err != nil {
			return err
		}
	}
	if shown == 0 {
		_, err := io.WriteString(w, "no loop of this process is in Run\n")
		return err
	}
	return nil
}

// A question asks a loop for its text.
type question struct {
	name      string
	run       uint64 // the number of the loop's Run: the older one comes first
	goroutine uint64
	answer    chan string // gets the text
	ended     <-chan struct{}
	over      atomic.Bool // nobody waits for the answer
}

func ask(l *Loop, run uint64) *question {
	q := &question{name: l.name, run: run, goroutine: l.goroutine.Load(), answer: make(chan string, 1), ended: l.Ended()}
	if l.OnLoop() {
		q.answer <- l.pending()
		return q
	}
	l.CallFromThread(func() {
		if !q.over.Load() {
			q.answer <- l.pending()
		}
	})
	return q
}

// wait returns the answer, or the stack of the loop's goroutine if patience ends before; "" if the
// loop has ended.
func (q *question) wait(patience context.Context) string {
	select {
	case text := <-q.answer:
		return text
	default:
	}
	select {
	case text := <-q.answer:
		return text
	case <-q.ended:
		return ""
	case <-patience.Done():
	}
	q.over.Store(true)
	return fmt.Sprintf("%s: no answer for %v, since a callback holds it:\n%s", q.name, dumpPatience, coro.StackOf(q.goroutine))
}

// DumpOnSignal makes each of the signals write a [Dump] to w, until stop is called:
//
//	defer reactor.DumpOnSignal(os.Stderr, syscall.SIGUSR1)()
//
// With SIGQUIT, a dump takes the place of Go's own, which ends the program. On Windows, Go delivers
// [os.Interrupt] only. An error of w is logged. A goroutine of its own writes to w, one dump after
// the other; stop does not wait for one that has begun. Any goroutine may call DumpOnSignal and
// stop. DumpOnSignal panics without a signal: package os/signal would take all of them.
func DumpOnSignal(w io.Writer, signals ...os.Signal) (stop func()) {
	switch {
	case w == nil:
		panic("reactor: DumpOnSignal with a nil Writer")
	case len(signals) == 0:
		panic("reactor: DumpOnSignal without a signal; name one, such as syscall.SIGUSR1")
	}
	received := make(chan os.Signal, 1)
	signal.Notify(received, signals...)
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-received:
				dumpTo(w)
			case <-over:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(received)
		close(over)
	})
}

// dumpTo writes a dump to w, and logs an error or a panic of w.
func dumpTo(w io.Writer) {
	guard("the Writer of DumpOnSignal", func() {
		if err := Dump(w); err != nil {
			slog.Error("reactor: cannot write the dump of a signal", "error", err)
		}
	})
}
