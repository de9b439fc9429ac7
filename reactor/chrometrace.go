package reactor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// This file writes what a loop does in the trace event format of Chrome.

// StartChromeTrace writes to w, until stop is called or the loop ends, what the loop does, in the trace
// event format of Chrome: as a JSON array. Perfetto (https://ui.perfetto.dev) and chrome://tracing show it.
//
//   - Each turn is a slice. In it, each callback is one with the name of its function, or of its protocol's
//     type and method. "events" are the slices of what the sockets bring. Between slices, the loop waits.
//   - Connections, attempts to connect, and the requests of package agent with their phases are spans.
//   - Counters show how many connections are open, and how many bytes were read and written.
//
// Times begin with 0 at the start of the trace, and are those of the loop's clock. So on a reactor in memory the
// trace of a program is the same each time.
//
// w is called on the loop's goroutine, with some kilobytes at a time: it should not block. The first error
// of w ends the trace, and stop returns it. stop writes the rest, and may be called again: it returns the
// same then. A loop has one trace at a time: StartChromeTrace panics if there is another, or if w is nil.
// A loop without a trace does not read the clock for it.
func (l *Loop) StartChromeTrace(w io.Writer) (stop func() error) {
	l.check("StartChromeTrace")
	switch {
	case w == nil:
		panic("reactor: StartChromeTrace with a nil Writer")
	case l.watch != nil && l.watch.trace != nil:
		panic("reactor: StartChromeTrace: this loop has a trace already; call the stop function of that one first")
	}
	if l.watch == nil {
		l.watch = &watch{loop: l}
	}
	t := &chromeTrace{loop: l, w: w, start: l.now(), connections: map[*connection]*Span{}}
	l.watch.trace = t
	t.buf = append(t.buf, '[')
	t.metadata("process_name", "reactor")
	t.metadata("thread_name", "loop")
	for c := range l.open.All() {
		t.opened(c)
	}
	t.count(true)
	return func() error {
		l.check("the stop function of StartChromeTrace")
		t.stop()
		return t.err
	}
}

// endTrace ends the trace, if there is one, because the loop ends.
func (l *Loop) endTrace() {
	if l.watch != nil && l.watch.trace != nil {
		l.watch.trace.stop()
	}
}

// A chromeTrace is a trace that is being written. Its methods do nothing for a nil one, and for
// one that has ended.
type chromeTrace struct {
	loop        *Loop
	w           io.Writer
	err         error
	start       time.Time
	buf         []byte
	events      int // number of events
	depth       int // number of slices that have begun, and not ended
	waiting     bool
	ended       bool
	counted     Stats // what the counters show
	spans       []*Span
	lastSpan    uint64
	connections map[*connection]*Span
}

func (t *chromeTrace) off() bool { return t == nil || t.ended }

// now returns the time since the start of the trace.
func (t *chromeTrace) now() time.Duration { return t.loop.now().Sub(t.start) }

// chromeFlushed is the size from which on buffered events are written.
const chromeFlushed = 8 << 10

// event writes an event, but for what more there is to it. rest is JSON that begins with a comma, or "".
func (t *chromeTrace) event(phase string, at time.Duration, rest string) {
	if t.events++; t.events > 1 {
		t.buf = append(t.buf, ',')
	}
	t.buf = append(t.buf, "\n{\"ph\":\""...)
	t.buf = append(t.buf, phase...)
	t.buf = append(t.buf, "\",\"pid\":1,\"tid\":1,\"ts\":"...)
	t.buf = strconv.AppendFloat(t.buf, float64(at)/1000, 'f', 3, 64) // microseconds
	t.buf = append(t.buf, rest...)
	t.buf = append(t.buf, '}')
	if len(t.buf) >= chromeFlushed {
		t.flush()
	}
}

// named is the JSON of a name and a category.
func named(name, category string) string {
	return `,"name":` + jsonOf(name) + `,"cat":` + jsonOf(category)
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // no text has an error
		return "null"
	}
	return string(text)
}

func (t *chromeTrace) metadata(key, name string) {
	t.event("M", 0, `,"name":`+jsonOf(key)+`,"args":{"name":`+jsonOf(name)+`}`)
}

// flush writes what is buffered. An error ends the trace.
func (t *chromeTrace) flush() {
	buf := t.buf
	t.buf = t.buf[:0]
	if err := t.write(buf); err != nil && t.err == nil {
		t.err = fmt.Errorf("reactor: writing the trace: %w", err)
		t.leave()
	}
}

func (t *chromeTrace) write(buf []byte) (err error) {
	if t.err != nil {
		return t.err
	}
	defer func() {
		if v := recover(); v != nil {
			err = deferred.NewPanicError(v)
		}
	}()
	n, err := t.w.Write(buf)
	if err == nil && n < len(buf) {
		err = io.ErrShortWrite
	}
	return err
}

// leave takes t from its loop.
func (t *chromeTrace) leave() {
	t.ended = true
	t.spans, t.connections = nil, nil
	if w := t.loop.watch; w != nil && w.trace == t {
		w.trace = nil
		t.loop.setWatch()
	}
}

// stop ends what has begun, and writes the end.
func (t *chromeTrace) stop() {
	if t.off() {
		return
	}
	t.close(0, t.now())
	for _, s := range slices.Clone(t.spans) {
		s.End()
	}
	t.count(false)
	if t.off() { // w failed
		return
	}
	t.leave()
	t.buf = append(t.buf, "\n]\n"...)
	t.flush()
}

// Slices.

// turnBegins begins the slice of a turn.
func (t *chromeTrace) turnBegins() {
	if t.off() {
		return
	}
	at := t.now()
	t.close(0, at)
	t.waiting = false
	t.slice("turn", "turn", at)
}

// turnEnds ends the slice of a turn, or that of the events of the poller.
func (t *chromeTrace) turnEnds() {
	if t.off() {
		return
	}
	if t.depth > 0 {
		t.close(0, t.now())
	}
	t.count(false)
}

func (t *chromeTrace) setWaiting(waiting bool) {
	if t != nil {
		t.waiting = waiting
	}
}

func (t *chromeTrace) slice(name, category string, at time.Duration) {
	t.depth++
	t.event("B", at, named(name, category))
}

// close ends slices until depth of them are left.
func (t *chromeTrace) close(depth int, at time.Duration) {
	for t.depth > depth {
		t.depth--
		t.event("E", at, "")
	}
}

// begin begins the slice of a callback. It returns the depth to give to end.
func (t *chromeTrace) begin(kind string, name fmt.Stringer, now time.Time) (depth int) {
	if t.off() {
		return 0
	}
	at := now.Sub(t.start)
	switch {
	case t.depth > 0:
	case t.waiting:
		t.slice("events", "turn", at)
	case t.loop.phase.Load() != outside: // the trace has begun in this turn
		t.slice("turn", "turn", at)
	}
	depth = t.depth
	t.slice(name.String(), kind, at)
	return depth
}

func (t *chromeTrace) end(depth int, now time.Time) {
	if !t.off() {
		t.close(depth, now.Sub(t.start))
	}
}

// count writes the counters that have changed, or all.
func (t *chromeTrace) count(all bool) {
	if t.off() {
		return
	}
	s := t.loop.stats
	s.Open = t.loop.open.Len()
	if all || s.Open != t.counted.Open {
		t.event("C", t.now(), `,"name":"connections","args":`+jsonOf(map[string]int{"open": s.Open}))
	}
	if all || s.BytesRead != t.counted.BytesRead || s.BytesWritten != t.counted.BytesWritten {
		t.event("C", t.now(), `,"name":"bytes","args":`+jsonOf(map[string]uint64{"read": s.BytesRead, "written": s.BytesWritten}))
	}
	t.counted = s
}

// Spans.

// A Span is something that lasts for several turns, in the trace of [Loop.StartChromeTrace]. The methods
// of a nil Span do nothing. It belongs to the loop's goroutine.
type Span struct {
	trace    *chromeTrace
	id       uint64
	name     string
	category string
	phase    string // the present phase; "" if there is none
	ended    bool
}

// TraceSpan begins a span in the trace of r's loop. It returns nil if there is no trace: then it allocates nothing,
// and does not ask name.
func TraceSpan(r Reactor, category string, name fmt.Stringer) *Span {
	l := r.Locals().loop
	if l == nil {
		return nil
	}
	return l.startSpan(category, name)
}

func (l *Loop) startSpan(category string, name fmt.Stringer) *Span {
	if l.watch == nil || l.watch.trace.off() {
		return nil
	}
	return l.watch.trace.span(category, name.String())
}

func (t *chromeTrace) span(category, name string) *Span {
	t.lastSpan++
	s := &Span{trace: t, id: t.lastSpan, name: name, category: category}
	t.spans = append(t.spans, s)
	s.event("b", name)
	return s
}

func (s *Span) event(phase, name string) {
	s.trace.event(phase, s.trace.now(), named(name, s.category)+`,"id":`+strconv.FormatUint(s.id, 10))
}

func (s *Span) over() bool { return s == nil || s.ended || s.trace.off() }

// Phase ends the present phase of the span, and begins the one called name. It does nothing if that is the
// present one.
func (s *Span) Phase(name string) {
	if s.over() || s.phase == name {
		return
	}
	s.endPhase()
	if s.phase = name; name != "" {
		s.event("b", name)
	}
}

func (s *Span) endPhase() {
	if s.phase != "" {
		s.event("e", s.phase)
		s.phase = ""
	}
}

// End ends the span.
func (s *Span) End() {
	if s.over() {
		return
	}
	s.endPhase()
	s.ended = true
	s.event("e", s.name)
	if t := s.trace; !t.off() { // its writer may have failed
		i, _ := slices.BinarySearchFunc(t.spans, s.id, func(s *Span, id uint64) int { return int(s.id) - int(id) })
		t.spans = slices.Delete(t.spans, i, i+1)
	}
}

// opened begins the span of a connection.
func (t *chromeTrace) opened(c *connection) {
	if !t.off() {
		t.connections[c] = t.span("connection", fmt.Sprint("connection ", c.socket.LocalAddr(), " - ", c.socket.RemoteAddr()))
	}
}

// closed ends the span of a connection.
func (t *chromeTrace) closed(c *connection) {
	if !t.off() {
		s := t.connections[c]
		delete(t.connections, c)
		s.End()
	}
}
