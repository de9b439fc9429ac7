package deferred

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
)

// This file describes what Deferreds wait for.

const (
	maxLines   = 500 // of a text
	maxChain   = 16  // lines of one chain, half of them from each end
	maxMembers = 10  // lines of one group
)

// Tree says what d waits for, down to the root cause, which is a Deferred that nothing has fired,
// a lock or the like. It is for the text of a test that fails:
//
//	#3 Deferred[int] of Map with main.parse (main.go:21), made in main.main (main.go:21), waits for
//	  #2 Deferred[string] of the coroutine main.fetch at main.go:34, made in main.main (main.go:20), waits for
//	    #1 Deferred[*response.Response], made in main.fetch (main.go:33), has not fired
//
// Only with [SetDebugging] is it known where a Deferred was made, and do the numbers say in which
// order. A long chain shows its ends, and a large group its first members. Tree belongs to the
// goroutine of d's reactor. The format may change.
func Tree[T any](d *Deferred[T]) string {
	t := newTree()
	t.follow(d, 0)
	return t.String()
}

// A tree collects the lines of a text, so that it can number the Deferreds in them.
type tree struct {
	lines   []treeLine
	shown   map[dependency]*shownDeferred
	unknown []*shownDeferred // those that have no number yet
	last    uint64           // the largest number
	dropped int              // trees beyond maxLines
	census  *Census          // knows numbers; nil: none
	i, at   inspection       // of a Deferred, and of what it waits for; the memory is used again
}

// shownDeferred is a Deferred in a text.
type shownDeferred struct{ number uint64 }

type treeLine struct {
	indent int
	shown  *shownDeferred // nil: none
	text   string
}

func newTree() *tree { return &tree{shown: make(map[dependency]*shownDeferred)} }

// String numbers what has no number, and returns the text without the end of its last line.
func (t *tree) String() string {
	for _, s := range t.unknown {
		t.last++
		s.number = t.last
	}
	t.unknown = nil
	var b strings.Builder
	for n, l := range t.lines {
		if n > 0 {
			b.WriteByte('\n')
		}
		for range l.indent {
			b.WriteString("  ")
		}
		if l.shown != nil {
			fmt.Fprintf(&b, "#%d ", l.shown.number)
		}
		b.WriteString(l.text)
	}
	if t.dropped > 0 {
		fmt.Fprintf(&b, "\n... and %d more", t.dropped)
	}
	return b.String()
}

// WriteTo writes the text, and nothing if nothing waits.
func (t *tree) WriteTo(w io.Writer) (int64, error) {
	if len(t.lines) == 0 {
		return 0, nil
	}
	n, err := io.WriteString(w, t.String()+"\n")
	return int64(n), err
}

// addTops adds what of ds something waits for, but only from the top: from d itself if a handler
// of the program waits for d, and from the Deferreds that wait for d and for which nothing waits.
func (t *tree) addTops(ds iter.Seq[dependency]) {
	tops := make(map[dependency]uint64) // with their numbers
	add := func(d dependency, i *inspection) {
		if tops[d] == 0 {
			tops[d] = max(1, t.number(d, i))
		}
	}
	for d := range ds {
		d.inspect(&t.i)
		if !t.i.stuck() || !t.i.awaited() {
			continue
		}
		below := false
		for _, l := range t.i.links {
			if o := ownerOf(l); o != nil {
				below = true
				if o.inspect(&t.at); len(t.at.links) == 0 || !t.at.awaited() {
					add(o, &t.at)
				}
			}
		}
		if !below {
			add(d, &t.i)
		}
	}
	for _, d := range slices.SortedFunc(maps.Keys(tops), func(a, b dependency) int { return cmp.Compare(tops[a], tops[b]) }) {
		switch {
		case t.shown[d] != nil:
		case len(t.lines) >= maxLines:
			t.dropped++
		default:
			t.follow(d, 0)
		}
	}
}

// follow adds the chain that begins with d.
func (t *tree) follow(d dependency, indent int) {
	length := 0
	for up := d; up != nil; up = up.upstream() {
		length++
	}
	for n := 0; d != nil; n++ {
		if length > maxChain && n == maxChain/2 {
			t.lines = append(t.lines, treeLine{indent: indent, text: fmt.Sprintf("... and %d more, the last of which waits for", length-maxChain)})
			for range length - maxChain {
				d = d.upstream()
			}
			indent++
		}
		d = t.add(d, indent)
		indent++
	}
}

// add adds the line of d, and the trees below it if d waits for a group. It returns the Deferred
// that d waits for and that has no line yet, or nil.
func (t *tree) add(d dependency, indent int) (next dependency) {
	if s := t.shown[d]; s != nil {
		t.lines = append(t.lines, treeLine{indent, s, typeName(d) + ", as above"})
		return nil
	}
	if len(t.lines) >= maxLines {
		t.dropped++
		return nil
	}
	name, state, next, left := t.describe(d)
	text := name + t.i.calls() + ", " + state
	t.lines = append(t.lines, treeLine{indent, t.show(d, &t.i), text})
	for n, m := range left {
		if n == maxMembers {
			t.lines = append(t.lines, treeLine{indent: indent + 1, text: fmt.Sprintf("... and %d more", len(left)-n)})
			break
		}
		t.follow(m, indent+1)
	}
	return next
}

// describe inspects d into t.i. It returns what d is and how it stands, and what d waits for: the
// next Deferred, or the members of a group.
func (t *tree) describe(d dependency) (name, state string, next dependency, members []dependency) {
	i, at := &t.i, &t.at
	d.inspect(i)
	*at = inspection{links: at.links[:0]}
	if i.source != nil {
		i.source.inspect(at)
	}
	name = nameOf(d, linkTo(d, at.links))
	if place := i.debug.place(); place != "" {
		name += ", made in " + place
	}
	if i.flags&coCancelled != 0 {
		name += ", cancelled"
	}
	if i.flags&coShielded != 0 {
		name += ", in a Shield"
	}
	switch {
	case i.flags&paused != 0:
		state = "is paused"
	case at.members != nil:
		all := len(at.members)
		members = t.stuck(at.members)
		state = fmt.Sprintf("waits for %d of %d", len(members), all)
	case at.what != "":
		state = "waits for " + at.what
	case i.source != nil:
		state, next = "waits for", i.source
	case i.unhandled != nil && i.unhandled.err != nil:
		state = "has failed: " + firstLine(i.unhandled.err)
	case i.flags&running != 0:
		state = "runs its handlers"
	case i.flags&called != 0:
		state = "has a result"
	case i.flags&ofCoroutine != 0:
		state = "has a coroutine that runs"
	case i.canceller != 0:
		state = "has not fired; Cancel calls " + describePC(i.canceller)
	default:
		state = "has not fired"
	}
	return name, state, next, members
}

// show makes d a Deferred that the text shows.
func (t *tree) show(d dependency, i *inspection) *shownDeferred {
	s := &shownDeferred{t.number(d, i)}
	if s.number == 0 {
		t.unknown = append(t.unknown, s)
	}
	t.last = max(t.last, s.number)
	t.shown[d] = s
	return s
}

// number returns the number of d, or 0 if that is not known.
func (t *tree) number(d dependency, i *inspection) uint64 {
	switch {
	case t.census != nil:
		return t.census.number(d)
	case i.debug != nil:
		return i.debug.number
	}
	return 0
}

// stuck returns those of ds whose handlers cannot run.
func (t *tree) stuck(ds []dependency) (left []dependency) {
	for _, d := range ds {
		if d.inspect(&t.at); t.at.stuck() {
			left = append(left, d)
		}
	}
	return left
}

// linkTo returns the link that gives the result to d, or nil.
func linkTo(d dependency, links []any) any {
	for _, l := range links {
		if ownerOf(l) == d {
			return l
		}
	}
	return nil
}

// nameOf returns the type of d, and what gives d its result: "Deferred[int] of Map with f". link
// is the link by which d waits, or nil.
func nameOf(d dependency, link any) string {
	text := typeName(d)
	if a, ok := link.(interface{ waiting() *coroutine }); ok {
		return text + " of " + a.waiting().describe()
	}
	if name, function := calls(link); function != "" {
		text += " of " + name + " with " + function
	}
	return text
}

// calls describes the handlers of the program that wait for the result.
func (i *inspection) calls() string {
	first, more := "", 0
	for _, l := range i.links {
		if _, ok := l.(owned); ok || !waits(l) {
			continue
		}
		name, function := calls(l)
		switch {
		case first != "":
			more++
		case function != "":
			first = ", then calls " + function
		default:
			first = ", then " + name
		}
	}
	if more > 0 {
		first += fmt.Sprintf(" and %d more", more)
	}
	return first
}

// firstLine returns the first line of an error's text.
func firstLine(err error) string {
	text, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return text
}
