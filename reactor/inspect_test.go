package reactor_test

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// shown is an object with a text to show. Its padding keeps it out of the tiny allocator, which
// frees several objects together.
type shown struct {
	text string
	_    [64]byte
}

func (s *shown) write(w io.Writer) { io.WriteString(w, s.text) }

// add adds an object that shows text.
func addShown(r reactor.Reactor, text string) *shown {
	s := &shown{text: text}
	reactor.AddInspectable(r, s, (*shown).write)
	return s
}

// What inspectables write is complete lines, in the order of AddInspectable; those that write
// nothing are left out, and a panic does not hide the others.
func TestInspect(t *testing.T) {
	r := memory.New()
	if got := reactor.Inspect(r); got != nil {
		t.Errorf("a new reactor shows %q", got)
	}
	all := []*shown{addShown(r, "one\n"), addShown(r, ""), addShown(r, "two")}
	bad := &shown{text: "before"}
	reactor.AddInspectable(r, bad, func(s *shown, w io.Writer) { s.write(w); panic("bad") })
	all = append(all, bad, addShown(r, "three\nlines\n"))
	want := []string{"one\n", "two\n", "before\npanic while this was written: bad\n", "three\nlines\n"}
	if got := reactor.Inspect(r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	all[1].text = "now"
	if got := reactor.Inspect(r); !slices.Equal(got, slices.Insert(want, 1, "now\n")) {
		t.Errorf("got %q", got)
	}
	runtime.KeepAlive(all)
}

// An inspectable keeps nothing alive, and a dead one disappears.
func TestInspectableIsWeak(t *testing.T) {
	r := memory.New()
	keep := addShown(r, "kept")
	addShown(r, "dropped")
	for range 3 {
		runtime.GC()
	}
	if got := reactor.Inspect(r); !slices.Equal(got, []string{"kept\n"}) {
		t.Errorf("got %q", got)
	}
	runtime.KeepAlive(keep)
}

// Reactors that make objects for ever keep a bounded number of dead ones, although nobody looks.
func TestInspectablesDoNotPileUp(t *testing.T) {
	r := memory.New()
	keep := addShown(r, "kept")
	for range 20 {
		for range 32 {
			addShown(r, "dropped")
		}
		runtime.GC()
	}
	if n := reactor.InspectableCount(r); n > 200 {
		t.Errorf("%d inspectables are left of 1", n)
	}
	runtime.KeepAlive(keep)
}

// Misuse says what is wrong.
func TestAddInspectableMisuse(t *testing.T) {
	r := memory.New()
	for name, add := range map[string]func(){
		"a nil object":   func() { reactor.AddInspectable(r, nil, (*shown).write) },
		"a nil function": func() { reactor.AddInspectable(r, &shown{}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				want := "reactor: AddInspectable of a nil *reactor_test.shown, or with a nil function"
				if got := fmt.Sprint(recover()); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}()
			add()
		})
	}
}
