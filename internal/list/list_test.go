package list_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/list"
)

// An item is in one list at a time by its place, and in another by its other place.
type item struct {
	name         string
	place, other list.Node[item]
}

// want checks the names of the elements of l.
func want(t *testing.T, l *list.List[item], names ...string) {
	t.Helper()
	var got []string
	for x := range l.All() {
		got = append(got, x.name)
		if x.place.In() != l {
			t.Errorf("%s is not in the list that it is in", x.name)
		}
	}
	if !slices.Equal(got, names) || l.Len() != len(names) {
		t.Errorf("got %d elements %q, want %q", l.Len(), got, names)
	}
	switch last := l.Last(); {
	case len(names) == 0 && last != nil, len(names) != 0 && (last == nil || last.name != names[len(names)-1]):
		t.Errorf("the last element is %v", last)
	}
}

func TestList(t *testing.T) {
	var l, second list.List[item]
	a, b, c := &item{name: "a"}, &item{name: "b"}, &item{name: "c"}
	want(t, &l)
	if a.place.Remove() || a.place.In() != nil {
		t.Error("an element is in a list before it is added")
	}
	for _, x := range []*item{a, b, c} {
		l.Push(&x.place, x)
	}
	want(t, &l, "a", "b", "c")
	l.Push(&a.place, a)
	want(t, &l, "b", "c", "a")
	l.Push(&a.place, a)
	want(t, &l, "b", "c", "a")
	if !c.place.Remove() || c.place.Remove() || c.place.In() != nil {
		t.Error("an element is removed other than once")
	}
	want(t, &l, "b", "a")
	second.Push(&b.place, b)
	want(t, &l, "a")
	want(t, &second, "b")
	a.place.Remove()
	want(t, &l)
	l.Push(&c.place, c)
	want(t, &l, "c")
	l.Insert(&a.place, a, &c.place)
	want(t, &l, "a", "c")
	l.Insert(&b.place, b, &c.place)
	want(t, &l, "a", "b", "c")
	want(t, &second)
	l.Insert(&c.place, c, &a.place)
	want(t, &l, "c", "a", "b")
}

// TestChangedByTheLoop: a loop over a list may remove its elements, and add others.
func TestChangedByTheLoop(t *testing.T) {
	var l list.List[item]
	items := [4]item{{name: "a"}, {name: "b"}, {name: "c"}, {name: "d"}}
	for i := range items[:3] {
		l.Push(&items[i].place, &items[i])
	}
	seen := ""
	for x := range l.All() {
		seen += x.name
		x.place.Remove()
		if x.name == "a" {
			l.Push(&items[3].place, &items[3])
		}
	}
	if seen != "abcd" || l.Len() != 0 {
		t.Errorf("the loop got %s, and left %d elements", seen, l.Len())
	}
	l.Push(&items[0].place, &items[0])
	l.Push(&items[1].place, &items[1])
	for range l.All() {
		break
	}
	want(t, &l, "a", "b")
}

// TestTwoPlaces: an element with two places is in two lists.
func TestTwoPlaces(t *testing.T) {
	var l, second list.List[item]
	a := &item{name: "a"}
	l.Push(&a.place, a)
	second.Push(&a.other, a)
	a.place.Remove()
	want(t, &l)
	if second.First() != a || second.Len() != 1 || a.other.In() != &second {
		t.Error("the element has left both lists")
	}
}

// TestLikeASlice does the same to lists and to slices.
func TestLikeASlice(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	items := make([]item, 10)
	for i := range items {
		items[i].name = string(rune('a' + i))
	}
	var lists [2]list.List[item]
	var slow [2][]string
	for range 10_000 {
		x, to := &items[random.IntN(len(items))], random.IntN(3)
		was := false
		for i, names := range slow {
			if at := slices.Index(names, x.name); at >= 0 {
				was = true
				slow[i] = slices.Delete(names, at, at+1)
			}
		}
		if to < 2 {
			slow[to] = append(slow[to], x.name)
			lists[to].Push(&x.place, x)
		} else if x.place.Remove() != was {
			t.Fatalf("Remove of %s gives %v", x.name, !was)
		}
		for i := range lists {
			want(t, &lists[i], slow[i]...)
		}
		if t.Failed() {
			return
		}
	}
}

// TestNothingIsAllocated: a list is for what happens often.
func TestNothingIsAllocated(t *testing.T) {
	var l list.List[item]
	a, b := &item{}, &item{}
	if n := testing.AllocsPerRun(100, func() {
		l.Push(&a.place, a)
		l.Push(&b.place, b)
		l.Push(&a.place, a)
		a.place.Remove()
		b.place.Remove()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
