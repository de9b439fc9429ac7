package deferred

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// This file describes what Deferreds wait for.

const (
	maxLines   = 200 // of a text
	maxChain   = 16  // lines of one chain, half of them from each end
	maxMembers = 10  // of one group
)

// Tree says what d waits for, down to the root cause: the Deferred that nothing has fired. Each
// Deferred has a number, in the order in which they were made if [SetDebugging] was on, and
// then also the line that made it. A coroutine shows the line at which it waits. Long chains are
// cut. Only the goroutine of d's reactor may call Tree.
func Tree[T any](d *Deferred[T]) string {
	t := newTree()
	t.add(d)
	return t.String()
}

// A tree collects lines, so that it can number the Deferreds in them.
type tree struct {
	lines   []treeLine
	shown   map[dependency]*shownDeferred
	order   []*shownDeferred
	dropped int // lines beyond maxLines
	buffer  inspection
}

// shownDeferred is a Deferred in a text.
type shownDeferred struct {
	d      dependency
	made   uint64 // the order; 0: unknown
	number int
}

type treeLine struct {
	indent int
	before string
	shown  *shownDeferred // nil: none
	after  string
}

func newTree() *tree { return &tree{shown: make(map[dependency]*shownDeferred)} }

// number numbers the Deferreds, those whose order is not known last.
func (t *tree) number() {
	slices.SortStableFunc(t.order, func(a, b *shownDeferred) int { return cmp.Compare(a.made-1, b.made-1) })
	for i, s := range t.order {
		s.number = i + 1
	}
}

func (t *tree) String() string {
	t.number()
	var b strings.Builder
	for i, l := range t.lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		for range l.indent {
			b.WriteString("  ")
		}
		b.WriteString(l.before)
		if l.shown != nil {
			fmt.Fprintf(&b, "#%d ", l.shown.number)
		}
		b.WriteString(l.after)
	}
	if t.dropped > 0 {
		fmt.Fprintf(&b, "\n... and %d more", t.dropped)
	}
	return b.String()
}

// WriteTo writes the text and ends its last line.
func (t *tree) WriteTo(w io.Writer) (int64, error) {
	text := t.String()
	if text == "" {
		return 0, nil
	}
	n, err := io.WriteString(w, text+"\n")
	return int64(n), err
}

// add adds d and what it waits for.
func (t *tree) add(d dependency) { t.follow(d, 0) }

func (t *tree) full() bool { return len(t.lines) >= maxLines }

// follow describes the chain that begins at d.
func (t *tree) follow(d dependency, indent int) {
	length := 0
	for up := d; up != nil; up = up.upstream() {
		length++
	}
	for i := 0; d != nil; i, d = i+1, d.upstream() {
		if length > maxChain && i == maxChain/2 {
			skip := length - maxChain
			t.lines = append(t.lines, treeLine{indent: indent, after: fmt.Sprintf("... and so on: %d more, down to", skip)})
			for range skip {
				d = d.upstream()
			}
		}
		if t.full() {
			t.dropped++
			return
		}
		if !t.describe(d, indent) {
			return
		}
		indent++
	}
}

// describe adds the line of d. It reports whether what d waits for comes next.
func (t *tree) describe(d dependency, indent int) bool {
	i := &t.buffer
	if s := t.shown[d]; s != nil {
		t.lines = append(t.lines, treeLine{indent: indent, shown: s, after: "(see above)"})
		return false
	}
	d.inspect(i)
	s := &shownDeferred{d: d, made: i.made()}
	t.shown[d] = s
	t.order = append(t.order, s)
	text := typeName(d)
	source, flags, canceller, unhandled := i.source, i.flags, i.canceller, i.unhandled
	if place := i.debug.place(); place != "" {
		text += ", made by " + place
	}
	var next []string
	for _, l := range i.links {
		if o, ok := l.(ownedLink); !ok || o.owner() == nil {
			if ok {
				continue
			}
			if what := describeLink(l); what != "" && what != "dropCancelled" {
				next = append(next, what)
			}
		}
	}
	var what string
	var members []dependency
	if source != nil {
		var c *coroutine
		source.inspect(i)
		what, members = i.what, i.members
		for _, l := range i.links {
			if o, ok := l.(ownedLink); ok && o.owner() == d {
				if a, ok := l.(interface{ waiting() *coroutine }); ok {
					c = a.waiting()
				} else if how := describeLink(l); how != "" {
					text += ", of " + how
				}
				break
			}
		}
		if c != nil {
			text += ", of " + c.describe()
		}
	}
	switch flags & (coCancelled | coShielded) {
	case coCancelled:
		text += ", cancelled"
	case coShielded:
		text += ", in a Shield"
	case coCancelled | coShielded:
		text += ", cancelled, in a Shield"
	}
	if len(next) > 0 {
		text += ", then calls " + next[0]
		if len(next) > 1 {
			text += fmt.Sprintf(" and %d more", len(next)-1)
		}
	}
	line := treeLine{indent: indent, shown: s}
	switch {
	case flags&paused != 0:
		text += ": is paused"
	case source == nil && flags&called != 0 && unhandled != nil:
		text += ": has failed with an error that no handler has taken: " + unhandled.err.Error()
	case source == nil && flags&called != 0:
		text += ": has a result"
	case source == nil && flags&ofCoroutine != 0:
		text += ": is the result of a coroutine that runs"
	case source == nil && canceller != 0:
		text += ": nothing has fired it; Cancel calls " + describePC(canceller)
	case source == nil:
		text += ": nothing has fired it"
	case what != "":
		text += ": waits for " + what
		source = nil
	case members != nil:
		left := members[:0:0]
		for _, m := range members {
			m.inspect(i)
			if i.stuck() {
				left = append(left, m)
			}
		}
		line.after = text + fmt.Sprintf(": waits for %d of %d", len(left), len(members))
		t.lines = append(t.lines, line)
		for n, m := range left {
			if n == maxMembers {
				t.lines = append(t.lines, treeLine{indent: indent + 1, after: fmt.Sprintf("... and %d more", len(left)-n)})
				break
			}
			t.follow(m, indent+1)
		}
		return false
	default:
		text += " waits for"
	}
	line.after = text
	t.lines = append(t.lines, line)
	return source != nil
}

func (a *awaiter[T]) waiting() *coroutine { return (*coroutine)(a) }

// made returns the number of a Deferred in the order in which they were made, or 0.
func (i *inspection) made() uint64 {
	if i.debug == nil {
		return 0
	}
	return i.debug.made
}
