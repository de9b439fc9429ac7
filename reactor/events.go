package reactor

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// This file holds the events of a loop's life: its start and its end, and what
// programs have called at them.

// A SystemEvent is the start or the end of a loop's run.
type SystemEvent uint8

const (
	// Startup happens when Run begins.
	Startup SystemEvent = iota
	// Shutdown happens after Stop, or a signal that stops the loop.
	Shutdown
)

// A Phase says when, around a SystemEvent, a trigger is called.
type Phase uint8

const (
	// Before the event. The event waits for the Deferreds that these triggers
	// return. Shutdown: everything still works.
	Before Phase = iota
	// During the event. Shutdown: after these, ports and connections are closed.
	During
	// After the event. Shutdown: Run returns after these.
	After
)

// A Trigger is what is called at a SystemEvent. It may return a Deferred to be
// waited for, Before the event, or nil.
type Trigger func() *deferred.Deferred[deferred.None]

// A TriggerID is what a trigger is removed by.
type TriggerID struct {
	event SystemEvent
	phase Phase
	id    int
}

// triggers are the triggers of all events and phases.
type triggers struct {
	last int
	at   [Shutdown + 1][After + 1][]trigger // in the order of their ids
}

type trigger struct {
	id int
	f  Trigger
}

// AddSystemEventTrigger has f called at event; see [Core].
func (l *Loop) AddSystemEventTrigger(phase Phase, event SystemEvent, f Trigger) TriggerID {
	if f == nil || event > Shutdown || phase > After {
		panic(fmt.Sprintf("reactor: AddSystemEventTrigger(%d, %d, %p)", phase, event, f))
	}
	l.triggers.last++
	id := TriggerID{event, phase, l.triggers.last}
	at := &l.triggers.at[event][phase]
	*at = append(*at, trigger{id.id, f})
	return id
}

// RemoveSystemEventTrigger undoes AddSystemEventTrigger; see [Core].
func (l *Loop) RemoveSystemEventTrigger(id TriggerID) {
	at := l.triggers.at[id.event][id.phase]
	for i, t := range at {
		if t.id == id.id {
			l.triggers.at[id.event][id.phase] = slices.Delete(at, i, i+1)
			return
		}
	}
}

// fire has event happen: it calls the triggers, and happen after those that
// come During it. then is called when all of it is over.
func (l *Loop) fire(event SystemEvent, happen, then func()) {
	run := l.runCount
	l.callTriggers(event, Before).AddBoth(func(v []deferred.None, _ error) ([]deferred.None, error) {
		if l.state == idle || l.runCount != run {
			return v, nil // it has crashed meanwhile
		}
		l.callTriggers(event, During)
		happen()
		l.callTriggers(event, After)
		then()
		return v, nil
	})
}

// callTriggers calls the triggers of event and phase, in the order they were
// added, and returns a Deferred for all that they returned. One that fails is
// logged, and keeps nothing from happening. They may add and remove others.
func (l *Loop) callTriggers(event SystemEvent, phase Phase) *deferred.Deferred[[]deferred.None] {
	var waits []*deferred.Deferred[deferred.None]
	for t, ok := l.triggers.after(event, phase, 0); ok; t, ok = l.triggers.after(event, phase, t.id) {
		guard("a system event trigger", func() {
			if d := t.f(); d != nil {
				waits = append(waits, d.AddErrback(logTrigger))
			}
		})
	}
	return deferred.GatherResults(waits)
}

// after returns the first trigger of event and phase with an id greater than id.
func (ts *triggers) after(event SystemEvent, phase Phase, id int) (t trigger, ok bool) {
	for _, t := range ts.at[event][phase] {
		if t.id > id {
			return t, true
		}
	}
	return trigger{}, false
}

func logTrigger(err error) (deferred.None, error) {
	slog.Error("reactor: a system event trigger failed", "error", err)
	return deferred.None{}, nil
}
