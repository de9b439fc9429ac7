package memory

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/timers"
)

// This file lets Choices order what is due at the same time.

// Tasks. The others are twice the number of a connection, plus 1 for the server's side.
const (
	loopTask   Task = 0       // the loop goes on: timers, calls and what was written have their turn
	portTask   Task = 1 << 32 // plus the number of the port
	threadTask Task = 2 << 32 // plus the number of the thread
	timerTask  Task = 3 << 32 // plus the number of the place that schedules the call

	machineTask Task = 4 << 32 // plus the number of a machine that has stopped
)

func sideTask(conn int, side Side) Task {
	if side == ServerSide {
		return Task(conn)<<1 | 1
	}
	return Task(conn) << 1
}

func (s *socket) task() Task   { return sideTask(s.number, s.side) }
func (p *pipe) task() Task     { return p.reader.task() }
func (a *Attempt) task() Task  { return sideTask(a.number, ServerSide) }
func (m answer) task() Task    { return sideTask(m.attempt.number, ClientSide) }
func (l *listener) task() Task { return portTask + Task(l.number) }
func (t *thread) task() Task   { return threadTask + Task(t.number) }

// window bounds the number of events among which one is picked.
const window = 64

// deliver delivers the queued events in an order of Choices: those of one task in their order.
// It may leave some for the next Wait, so that the loop has its turn before them. It delivers at
// least one, unless due is set: then a delayed call of the loop is due.
func (c *chooser) deliver(due bool) {
	n := c.net
	all := n.queue
	events := all
	n.queue, n.spare = n.spare, nil
	for len(events) != 0 {
		i := c.next(events, due)
		if i < 0 {
			break
		}
		due = true
		e := events[i]
		copy(events[1:i+1], events[:i])
		events[0] = nil
		events = events[1:]
		e.deliver()
	}
	left := all[:copy(all, events)]
	clear(all[len(left):])
	if len(left) == 0 {
		n.spare = left
		return
	}
	caused := n.queue
	n.queue = append(left, caused...)
	clear(caused)
	n.spare = caused[:0]
}

// next returns the index of the next event, or -1 if the loop goes on. mayLeave says whether it
// may.
func (c *chooser) next(events []event, mayLeave bool) int {
	c.tasks, c.at = c.tasks[:0], c.at[:0]
	for i, e := range events[:min(len(events), window)] {
		if t := e.task(); !slices.Contains(c.tasks, t) {
			c.tasks, c.at = append(c.tasks, t), append(c.at, i)
		}
	}
	if mayLeave {
		c.tasks, c.at = append(c.tasks, loopTask), append(c.at, -1)
	}
	got := c.pick(c.tasks)
	if got != 0 && c.net.tracing {
		before := "comes before " + describeTask(c.tasks[0])
		if e := sideOf(c.tasks[got]); e.Conn != 0 {
			e.Text = before
			c.note(e)
		} else {
			c.note(Event{Text: describeTask(c.tasks[got]) + " " + before})
		}
	}
	return c.at[got]
}

// describeTask describes a task whose events Wait delivers.
func describeTask(t Task) string {
	switch {
	case t == loopTask:
		return "a turn of the loop"
	case t >= machineTask:
		return "the end of a machine"
	case t >= threadTask:
		return fmt.Sprintf("what thread %d has done", t-threadTask)
	case t >= portTask:
		return fmt.Sprintf("port %d", t-portTask)
	}
	e := sideOf(t)
	return fmt.Sprintf("#%d %s", e.Conn, e.Side)
}

// sideOf returns an event of the connection that t belongs to, and of its side.
func sideOf(t Task) (e Event) {
	if t < portTask && t != loopTask {
		e.Conn, e.Side = int(t>>1), ClientSide
		if t&1 != 0 {
			e.Side = ServerSide
		}
	}
	return e
}

// TimerOrder makes the loop's delayed calls ask n for their order, if there are Choices.
func (n *network) TimerOrder() timers.Order {
	if n.chooser == nil {
		return nil
	}
	return n.chooser
}

// Pick returns the index of the delayed call that comes next.
func (c *chooser) Pick(calls []timers.Candidate) int {
	c.tasks = c.tasks[:0]
	for _, call := range calls {
		c.tasks = append(c.tasks, timerTask+Task(call.Place))
	}
	got := c.pick(c.tasks)
	if got != 0 && c.net.tracing {
		c.note(Event{Text: describeCall(calls[got].Call) + " comes before " + describeCall(calls[0].Call)})
	}
	return got
}

// describeCall says where a delayed call was scheduled.
func describeCall(call deferred.DelayedCall) string {
	frame, ok := timers.Maker(call)
	if !ok {
		return "a delayed call"
	}
	return fmt.Sprintf("the delayed call of %s:%d", filepath.Base(frame.File), frame.Line)
}

// A thread is a function of CallInThread, or the resolver's answer for a name. It runs on the loop
// in a later turn, as if another goroutine had worked until then.
type thread struct {
	chooser *chooser
	number  int
	name    string // that the resolver looks up; "" for CallInThread
	f       func()
}

func (t *thread) String() string {
	if t.name != "" {
		return fmt.Sprintf("thread %d, which looks up %s,", t.number, t.name)
	}
	return fmt.Sprintf("thread %d", t.number)
}

// inThread calls f as a thread. Any goroutine may call it.
func (c *chooser) inThread(name string, f func()) {
	c.waiting.Add(1)
	c.loop.CallFromThread(func() {
		c.waiting.Add(-1)
		c.threads++
		c.begin(&thread{c, c.threads, name, f})
	})
}

// begin runs t now, which is what happens without Choices, or later.
func (c *chooser) begin(t *thread) {
	n := c.net
	if by := c.someLatency(c.conditions.MaxLatency); by > 0 {
		if n.tracing {
			c.note(Event{Text: fmt.Sprintf("%v takes %v", t, by)})
		}
		n.later.CallLater(by, func() { n.post(t) })
		return
	}
	if len(n.queue) != 0 || c.waiting.Load() != 0 {
		c.tasks = append(c.tasks[:0], t.task(), loopTask)
		if c.pick(c.tasks) != 0 {
			if n.tracing {
				c.note(Event{Text: fmt.Sprintf("%v takes longer than others", t)})
			}
			n.post(t)
			return
		}
	}
	t.f()
}

func (t *thread) deliver() { t.chooser.loop.CallFromThread(t.f) }
