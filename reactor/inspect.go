package reactor

import (
	"fmt"
	"io"
	"strings"
	"weak"
)

// This file keeps a reactor's inspectables: the objects of other packages that show in a dump of
// the reactor what is pending in them.

// AddInspectable makes v, such as a pool of connections, take part in each dump of r: write
// writes what is pending in v, as lines of text, and writes nothing if nothing is. Objects appear
// in the order in which they were added. write runs on r's goroutine and must change nothing.
//
// The reference to v is weak: an object that the program no longer uses disappears. So write must
// not capture v. Until somebody asks for a dump, an inspectable costs nothing.
//
// AddInspectable panics if v or write is nil. The caller is on r's goroutine.
func AddInspectable[T any](r Reactor, v *T, write func(v *T, w io.Writer)) {
	if v == nil || write == nil {
		panic(fmt.Sprintf("reactor: AddInspectable of a nil %T, or with a nil function", v))
	}
	r.Locals().inspectables.add(&weakly[T]{weak.Make(v), write})
}

// An inspectable is an object that shows what is pending in it.
type inspectable interface {
	alive() bool
	write(w io.Writer)
}

// weakly is the inspectable of AddInspectable.
type weakly[T any] struct {
	object weak.Pointer[T]
	show   func(v *T, w io.Writer)
}

func (i *weakly[T]) alive() bool { return i.object.Value() != nil }

func (i *weakly[T]) write(w io.Writer) {
	if v := i.object.Value(); v != nil {
		i.show(v, w)
	}
}

// Inspect returns what each inspectable of r shows, in the order in which they were added.
// Those in which nothing is pending are left out. The caller is on r's goroutine.
func Inspect(r Reactor) []string { return r.Locals().inspectables.texts() }

// inspectables are the inspectables of a reactor. The zero value is empty.
type inspectables struct {
	all   []inspectable
	limit int // add removes the dead ones when there are so many
}

// minInspectables is the number of inspectables up to which the dead ones stay.
const minInspectables = 32

// add adds i. Each time their number has doubled, add removes the dead ones: a program that
// makes pools for ever does not grow.
func (s *inspectables) add(i inspectable) {
	if len(s.all) >= max(s.limit, minInspectables) {
		s.sweep()
		s.limit = 2 * len(s.all)
	}
	s.all = append(s.all, i)
}

// sweep removes the dead ones.
func (s *inspectables) sweep() {
	living := s.all[:0]
	for _, i := range s.all {
		if i.alive() {
			living = append(living, i)
		}
	}
	clear(s.all[len(living):])
	s.all = living
}

func (s *inspectables) texts() []string {
	s.sweep()
	var texts []string
	for _, i := range s.all {
		if text := textOf(i); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// textOf returns what i writes. Its last line is complete. A panic becomes a line: whoever asks for
// a dump wants to see the rest too.
func textOf(i inspectable) string {
	var b strings.Builder
	func() {
		defer func() {
			if v := recover(); v != nil {
				fmt.Fprintf(&b, "%vpanic while this was written: %v\n", lineEnd(b.String()), v)
			}
		}()
		i.write(&b)
	}()
	return b.String() + lineEnd(b.String())
}

// lineEnd returns what completes the last line of text.
func lineEnd(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return ""
	}
	return "\n"
}
