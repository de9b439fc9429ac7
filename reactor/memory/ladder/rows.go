package ladder

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file makes the rows of a ladder from the events of a trace.

// A shape is what a row looks like.
type shape uint8

const (
	message shape = iota // an arrow from one column to another
	departs              // a message leaves, and arrives in a later row or never
	arrives              // a message arrives that has left in an earlier row
	mark                 // something happens in one column
	note                 // something happens at all hosts
)

// A tone is the kind of thing that a row shows; it decides its color.
type tone string

const (
	toneOpen   tone = "open" // a connection is opened
	toneData   tone = "data"
	toneEnd    tone = "end"   // a connection ends in order
	toneBad    tone = "bad"   // it is refused, or reset
	toneTime   tone = "time"  // a timer, or the test moves the clock
	toneQuiet  tone = "quiet" // a port listens, or a machine starts
	toneChoice tone = "choice"
	toneFail   tone = "fail" // the test fails
)

// matters reports whether a row of the tone explains the run: such a row is not left out, nor folded.
func (t tone) matters() bool { return t == toneChoice || t == toneFail }

// A row is a line of the ladder.
type row struct {
	at       time.Duration
	shape    shape
	tone     tone
	from, to int // columns; equal for a mark
	conn     int // number of the connection, or 0
	label    string
	known    bool // the label says what the bytes are
	timer    bool // the label is the number and the function of a timer
	bytes    int
	left     *row // for arrives: the row where the message left
	arrived  bool // for departs: it arrives in a later row
	refused  bool // for departs: the peer refuses it, as a later row says
	events   []int
	stopped  []bool // by column, which machines are stopped after the row; a missing one is not
	index    int    // in the rows
	removed  bool
}

// text is the label with the number of the connection.
func (r *row) text() string {
	if r.conn == 0 {
		return r.label
	}
	return fmt.Sprintf("#%d %s", r.conn, r.label)
}

// A pipe is one direction of a connection.
type pipe struct {
	unread []*written
	ends   []*row // half closes, closes and resets that the reader has not seen
	ended  bool   // a half close, a close or a reset was sent
}

// A written is a write that is not read yet.
type written struct {
	row    *row
	size   int
	left   int // bytes to be read
	pieces int
}

// A connection is what the builder knows of one.
type connection struct {
	stream
	hostPair
	opening  *row // the attempt to connect
	accepted *row // where it arrived
	pipes    [2]pipe
	closed   [2]bool // by the side that sends in this direction
	told     [2]bool // the side that sends in this direction has seen a reset
}

// A builder makes rows.
type builder struct {
	rows    []*row
	columns *columns
	pairs   map[int]hostPair
	conns   map[int]*connection
	last    []int // for each column, the index of its last row; -1 before
	barrier int   // the index of the last note; -1 before
	event   int   // the index of the present event
	at      time.Duration
	stopped []bool // that of the rows that are added now; never changed in place
}

// build returns the columns and the rows of trace.
func build(trace memory.Trace, names map[string]string) ([]column, []*row) {
	b := &builder{conns: map[int]*connection{}, barrier: -1}
	b.columns, b.pairs = findColumns(trace, names)
	for i, e := range trace {
		b.event, b.at = i, e.At
		b.add(e)
	}
	rows := b.rows[:0]
	for _, r := range b.rows {
		if !r.removed {
			r.index = len(rows)
			rows = append(rows, r)
		}
	}
	for _, r := range rows {
		if r.shape != departs || r.arrived || r.refused {
			continue
		}
		switch r.tone {
		case toneData:
			r.label += ", never read"
		case toneOpen:
			r.label += ", no answer"
		}
	}
	return b.columns.all, rows
}

func (b *builder) add(e memory.Event) {
	if e.Conn == 0 {
		b.addNote(e)
		return
	}
	c := b.conns[e.Conn]
	if c == nil {
		c = &connection{hostPair: b.pairs[e.Conn]}
		b.conns[e.Conn] = c
	}
	direction, me, peer := up, c.client, c.server
	if e.Side == memory.ServerSide {
		direction, me, peer = down, c.server, c.client
	}
	switch e.Kind {
	case "connect":
		c.opening = b.row(&row{shape: departs, tone: toneOpen, from: me, to: peer, conn: e.Conn, label: "connects to " + clean(e.Text)})
	case "accept":
		b.accept(c, e)
	case "connected":
		b.connected(c, e)
	case "failed":
		b.failed(c, e)
	case "write":
		label, known := c.describe(direction, e.N, e.Text)
		r := b.row(&row{shape: departs, tone: toneData, from: me, to: peer, conn: e.Conn, bytes: e.N, known: known, label: fmt.Sprintf("%s (%d B)", label, e.N)})
		c.pipes[direction].unread = append(c.pipes[direction].unread, &written{row: r, size: e.N, left: e.N})
	case "read":
		b.read(&c.pipes[1-direction], e, me, peer)
	case "end":
		c.told[direction] = c.told[direction] || e.Text != "EOF"
		b.end(&c.pipes[1-direction], e, me, peer)
	case "half close":
		b.sendEnd(c, direction, e, toneEnd, "ends its sending")
	case "close":
		b.sendEnd(c, direction, e, toneEnd, "closes")
	case "reset":
		b.sendEnd(c, direction, e, toneBad, "resets")
	default:
		b.addNote(e)
	}
}

// row adds r and returns it.
func (b *builder) row(r *row) *row {
	r.at, r.index, r.stopped = b.at, len(b.rows), b.stopped
	r.events = append(r.events, b.event)
	b.rows = append(b.rows, r)
	switch r.shape {
	case note:
		b.barrier = r.index
	case arrives:
		b.touch(r.to, r.index)
	default:
		b.touch(r.from, r.index)
	}
	return r
}

func (b *builder) touch(column, index int) {
	for len(b.last) <= column {
		b.last = append(b.last, -1)
	}
	b.last[column] = index
}

// lastOf returns the index of the last row of a column.
func (b *builder) lastOf(column int) int {
	if column >= len(b.last) {
		return b.barrier
	}
	return max(b.last[column], b.barrier)
}

// arrive lets the message of left arrive: in its own row, if the columns keep their order, or in
// a row of its own.
func (b *builder) arrive(left *row, label string) *row {
	if left.shape == departs && !left.arrived && left.at == b.at {
		switch {
		case b.lastOf(left.to) < left.index:
			b.touch(left.to, left.index)
			left.shape = message
			left.events = append(left.events, b.event)
			return left
		case b.lastOf(left.from) == left.index:
			return b.moveDown(left)
		}
	}
	left.arrived = true
	return b.row(&row{shape: arrives, tone: left.tone, from: left.from, to: left.to, conn: left.conn, left: left, label: label, known: left.known})
}

// moveDown makes left, the last row of its sender, the last row of all, and lets it arrive there.
func (b *builder) moveDown(left *row) *row {
	b.rows[left.index] = &row{removed: true}
	left.index, left.stopped = len(b.rows), b.stopped
	left.shape = message
	left.events = append(left.events, b.event)
	b.rows = append(b.rows, left)
	b.touch(left.from, left.index)
	b.touch(left.to, left.index)
	return left
}

func (b *builder) accept(c *connection, e memory.Event) {
	if c.opening == nil {
		c.accepted = b.row(&row{shape: mark, tone: toneOpen, from: c.server, to: c.server, conn: e.Conn, label: "accepts at " + clean(e.Text)})
		return
	}
	c.accepted = b.arrive(c.opening, "accepts at "+clean(e.Text))
}

func (b *builder) connected(c *connection, e memory.Event) {
	switch r := c.accepted; {
	case r == nil:
		b.row(&row{shape: mark, tone: toneOpen, from: c.client, to: c.client, conn: e.Conn, label: "is connected, and not accepted yet"})
	case r == c.opening && b.opensOnly(c.client, r): // all in one row
		r.events = append(r.events, b.event)
	default:
		b.row(&row{shape: arrives, tone: toneOpen, from: c.server, to: c.client, conn: e.Conn, left: r, label: "is connected"})
	}
}

// opensOnly reports whether a column has nothing after r but attempts to connect, all at the time of
// r. The answer to an attempt may be shown before others start.
func (b *builder) opensOnly(column int, r *row) bool {
	if r.at != b.at || b.barrier > r.index {
		return false
	}
	for _, after := range b.rows[r.index+1:] {
		if !after.removed && (after.from == column || after.to == column) && after.tone != toneOpen {
			return false
		}
	}
	return true
}

func (b *builder) failed(c *connection, e memory.Event) {
	if r := c.opening; r != nil && r.shape == departs {
		if b.opensOnly(c.client, r) {
			r.shape, r.tone, r.label = message, toneBad, r.label+": "+clean(e.Text)
			r.events = append(r.events, b.event)
			return
		}
		r.refused = strings.Contains(e.Text, "refused")
	}
	b.row(&row{shape: mark, tone: toneBad, from: c.client, to: c.client, conn: e.Conn, label: "cannot connect: " + clean(e.Text)})
}

// read lets what me reads arrive.
func (b *builder) read(p *pipe, e memory.Event, me, peer int) {
	n, writes := e.N, 0
	var last *row
	for n > 0 && len(p.unread) != 0 {
		w := p.unread[0]
		k := min(n, w.left)
		n, w.left = n-k, w.left-k
		writes++
		w.pieces++
		if w.left == 0 {
			p.unread = p.unread[1:]
		}
		last = b.piece(w, k)
	}
	switch {
	case last == nil:
		label, known := new(stream).describe(up, e.N, e.Text)
		b.row(&row{shape: mark, tone: toneData, from: me, to: me, conn: e.Conn, bytes: e.N, known: known, label: fmt.Sprintf("reads %s (%d B)", label, e.N)})
	case writes > 1:
		last.label += fmt.Sprintf(", %d writes read at once", writes)
	}
}

// piece lets k bytes of w arrive, and says which part of it they are.
func (b *builder) piece(w *written, k int) *row {
	short := w.row.label
	if k != w.size {
		short = fmt.Sprintf("%d B of %d B", k, w.size)
		if w.pieces > 1 {
			short = fmt.Sprintf("%d B more of %d B", k, w.size)
		}
	}
	r := b.arrive(w.row, short)
	if r == w.row && k != w.size {
		r.label += fmt.Sprintf(", %d B of them", k)
	}
	return r
}

// end lets the end arrive that me reads.
func (b *builder) end(p *pipe, e memory.Event, me, peer int) {
	if len(p.ends) == 0 {
		b.row(&row{shape: mark, tone: endTone(e.Text), from: me, to: me, conn: e.Conn, label: "sees: " + clean(e.Text)})
		return
	}
	sent := p.ends[0]
	p.ends = p.ends[1:]
	label := seesEnd
	if sent.tone == toneBad {
		label = "sees the reset"
	}
	r := b.arrive(sent, label)
	if tone := endTone(e.Text); tone != sent.tone {
		r.tone = tone
		r.label += ": " + clean(e.Text)
	}
}

func endTone(text string) tone {
	if text == "EOF" {
		return toneEnd
	}
	return toneBad
}

// sendEnd handles a half close, a close or a reset by the side that sends in direction.
func (b *builder) sendEnd(c *connection, direction int, e memory.Event, tone tone, label string) {
	me, peer := c.client, c.server
	if direction == down {
		me, peer = peer, me
	}
	p, closes := &c.pipes[direction], e.Kind != "half close"
	silent := closes && (c.closed[1-direction] || c.told[direction]) || p.ended && tone == toneEnd
	p.ended = true
	c.closed[direction] = c.closed[direction] || closes
	if !silent {
		p.ends = append(p.ends, b.row(&row{shape: departs, tone: tone, from: me, to: peer, conn: e.Conn, label: label}))
		return
	}
	// The peer is gone, or knows. A row that shows how the connection ends here shows this too.
	if i := b.lastOf(me); i >= 0 {
		if r := b.rows[i]; r.conn == e.Conn && r.at == b.at && (r.tone == toneEnd || r.tone == toneBad) {
			r.events = append(r.events, b.event)
			switch {
			case r.shape == mark:
				r.label += ", and closes"
			case r.to == me && !strings.HasSuffix(r.label, alsoCloses):
				r.label += alsoCloses
			}
			return
		}
	}
	b.row(&row{shape: mark, tone: toneEnd, from: me, to: me, conn: e.Conn, label: label})
}

const seesEnd = "sees the end"

const alsoCloses = "; the other side closes too"

// addNote handles an event of no connection, or of an unknown kind.
func (b *builder) addNote(e memory.Event) {
	r := &row{shape: note, tone: toneQuiet, conn: e.Conn}
	switch e.Kind {
	case "listen":
		r.shape, r.label = mark, "listens on "+clean(e.Text)
		at, ok := b.listensAt(cmp.Or(e.From, e.Text))
		if !ok {
			r.shape = note
			r.label = "a port " + r.label
		}
		r.from, r.to = at, at
	case "advance":
		r.tone, r.label = toneTime, "the clock moves by "+clean(e.Text)
	case "timer":
		r.tone, r.label, r.timer = toneTime, fmt.Sprintf("timer %d", e.N), true
		if e.Func != "" {
			r.label += ": " + clean(e.Func)
		}
	case "jump":
		r.tone, r.label = toneTime, "the wall clock jumps by "+clean(e.Text)
	case "stop":
		b.machine(r, e.Text, true)
	case "start":
		b.machine(r, e.Text, false)
	case "failure": // of Explore
		r.tone, r.label = toneFail, "the test fails: "+clean(e.Text)
	case "choice":
		r.tone, r.label = toneChoice, clean(e.Text)
	default:
		r.label = clean(strings.TrimSpace(strings.TrimPrefix(memory.Event{Kind: e.Kind, Side: e.Side, N: e.N, Text: e.Text}.String(), "0s")))
	}
	b.row(r)
}

// machine makes r say that the machine called name stops or starts.
func (b *builder) machine(r *row, name string, stops bool) {
	r.label = "starts"
	if stops {
		r.tone, r.label = toneBad, "stops"
	}
	column, ok := b.columns.byName[name]
	if !ok { // it has no connections
		r.label = clean(name) + " " + r.label
		return
	}
	r.shape, r.from, r.to = mark, column, column
	b.stopped = append(make([]bool, 0, len(b.columns.all)), b.stopped...)
	for len(b.stopped) <= column {
		b.stopped = append(b.stopped, false)
	}
	b.stopped[column] = stops
}

// isStopped reports whether the machine of a column is stopped after r.
func (r *row) isStopped(column int) bool { return column < len(r.stopped) && r.stopped[column] }

// listensAt returns the column of a port. A port at every address has one if one host has its
// connections.
func (b *builder) listensAt(address string) (column int, ok bool) {
	at, err := netip.ParseAddrPort(address)
	if err == nil && at.Addr().IsUnspecified() {
		return 0, false
	}
	return b.columns.server(address, ""), true
}
