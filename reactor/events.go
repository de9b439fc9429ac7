package reactor

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/timers"
)

// This file holds the two events of a loop's life, and the triggers that programs add to
// them.

// A SystemEvent is the start or the end of Run.
type SystemEvent uint8

const (
	// Startup is fired when Run begins.
	Startup SystemEvent = iota
	// Shutdown is fired after Stop, or a signal that stops the loop.
	Shutdown
)

// A Phase is the time of a trigger relative to its SystemEvent.
type Phase uint8

const (
	// Before the event. The event waits for the Deferreds of these triggers. At
	// Shutdown, ports and connections are still open.
	Before Phase = iota
	// During the event. At Shutdown, ports and connections are still open, and are closed
	// after the Deferreds of these triggers. At Startup, the loop is running after them.
	// Twisted ignores these Deferreds.
	During
	// After the event. At Shutdown, Run returns after these triggers.
	After
)

// A Trigger is a function that the loop calls at a SystemEvent. It may return nil. A
// trigger Before or During the event may return a Deferred for the event to wait for.
type Trigger func() *deferred.Deferred[deferred.None]

// A TriggerID identifies a trigger for RemoveSystemEventTrigger.
type TriggerID struct {
	event SystemEvent
	phase Phase
	id    int
}

// triggers are the triggers of all events and phases.
type triggers struct {
	last int
	at   [Shutdown + 1][After + 1]triggerList
}

// A triggerList has the triggers of one event and phase.
type triggerList struct {
	list    []trigger // sorted by id
	removed int       // number of removed triggers in list
}

type trigger struct {
	id int
	f  Trigger // nil after its removal
}

// find returns the index of the first trigger whose id is id or greater.
func (l *triggerList) find(id int) int {
	i, _ := slices.BinarySearchFunc(l.list, id, func(t trigger, id int) int { return t.id - id })
	return i
}

func (l *triggerList) remove(id int) {
	i := l.find(id)
	if i == len(l.list) || l.list[i].id != id || l.list[i].f == nil {
		return
	}
	l.list[i].f = nil
	if l.removed++; 2*l.removed > len(l.list) {
		l.list = slices.DeleteFunc(l.list, func(t trigger) bool { return t.f == nil })
		l.removed = 0
	}
}

// AddSystemEventTrigger makes the loop call f at event; see [Core].
func (l *Loop) AddSystemEventTrigger(phase Phase, event SystemEvent, f Trigger) TriggerID {
	l.check("AddSystemEventTrigger")
	if f == nil || event > Shutdown || phase > After {
		panic(fmt.Sprintf("reactor: AddSystemEventTrigger(%d, %d, %p)", phase, event, f))
	}
	l.triggers.last++
	id := TriggerID{event, phase, l.triggers.last}
	at := &l.triggers.at[event][phase]
	at.list = append(at.list, trigger{id.id, f})
	return id
}

// RemoveSystemEventTrigger removes a trigger; see [Core].
func (l *Loop) RemoveSystemEventTrigger(id TriggerID) {
	l.check("RemoveSystemEventTrigger")
	l.triggers.at[id.event][id.phase].remove(id.id)
}

// fire fires event. It calls the triggers Before and During the event, then act, then
// the triggers After the event, and finally done.
func (l *Loop) fire(event SystemEvent, act, done func()) {
	l.waitFor(event, Before, func() {
		if l.state() == idle {
			return // a trigger called Crash
		}
		l.waitFor(event, During, func() {
			act()
			l.callTriggers(event, After)
			done()
		})
	})
}

// waitFor calls the triggers of event and phase, and next when their Deferreds have fired,
// unless Crash is called meanwhile.
func (l *Loop) waitFor(event SystemEvent, phase Phase, next func()) {
	ended := l.callTriggers(event, phase)
	if ended.Called() {
		next()
		return
	}
	run := l.runCount
	// In a turn of its own: the last of the triggers may have ended within flush.
	ended.AddBoth(func(v []deferred.None, _ error) ([]deferred.None, error) {
		l.CallLater(0, func() {
			if l.state() != idle && l.runCount == run {
				next()
			}
		})
		return v, nil
	})
}

// callTriggers calls the triggers of event and phase in the order in which they were
// added. It returns a Deferred that fires after all Deferreds of the triggers. It logs a
// failure, which does not stop the event. Triggers may add and remove triggers.
func (l *Loop) callTriggers(event SystemEvent, phase Phase) *deferred.Deferred[[]deferred.None] {
	var waits []*deferred.Deferred[deferred.None]
	for t, ok := l.triggers.after(event, phase, 0); ok; t, ok = l.triggers.after(event, phase, t.id) {
		l.callNamed("a system event trigger", timers.FuncOf(t.f), func() {
			if d := t.f(); d != nil {
				waits = append(waits, d.AddErrback(logTrigger))
			}
		})
	}
	return deferred.GatherResults(waits)
}

// after returns the first trigger of event and phase with an id greater than id.
func (ts *triggers) after(event SystemEvent, phase Phase, id int) (t trigger, ok bool) {
	at := &ts.at[event][phase]
	for _, t := range at.list[at.find(id+1):] {
		if t.f != nil {
			return t, true
		}
	}
	return trigger{}, false
}

func logTrigger(err error) (deferred.None, error) {
	slog.Error("reactor: a system event trigger failed", "error", err)
	return deferred.None{}, nil
}
