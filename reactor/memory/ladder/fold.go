package ladder

import (
	"cmp"
	"fmt"
	"strings"
)

// This file shortens a ladder: rows that repeat, and too many rows.

// A picture is what is drawn.
type picture struct {
	columns []column
	items   []item
	rows    []*row // all, with those that are not drawn
}

// An item is a row, or rows that are left out.
type item struct {
	row    *row
	hidden []*row // if row is nil
	period int    // how many rows the hidden ones repeat; 0 if they do not
}

// end returns the last row of the item.
func (it item) end() *row {
	if it.row != nil {
		return it.row
	}
	return it.hidden[len(it.hidden)-1]
}

// text is what the item says.
func (it item) text() string {
	if it.row != nil {
		return it.row.text()
	}
	bytes, choices := 0, 0
	for _, r := range it.hidden {
		bytes += r.bytes
		if r.tone.matters() {
			choices++
		}
	}
	n := len(it.hidden)
	var b strings.Builder
	switch {
	case it.period == 1:
		fmt.Fprintf(&b, "... %d more of these", n)
	case it.period > 1:
		fmt.Fprintf(&b, "... these %d rows %d times more", it.period, n/it.period)
	default:
		fmt.Fprintf(&b, "... %d rows are left out", n)
	}
	if choices != 0 {
		fmt.Fprintf(&b, ", %d of them choices", choices)
	}
	if bytes != 0 {
		fmt.Fprintf(&b, ", %d B", bytes)
	}
	if first, last := it.hidden[0].at, it.hidden[n-1].at; first != last {
		fmt.Fprintf(&b, ", until %v", last)
	}
	return b.String()
}

// picture returns what to draw.
func (l *Ladder) picture() *picture {
	columns, rows := build(l.trace, l.names)
	p := &picture{columns: columns, rows: rows}
	if l.Unfolded {
		for _, r := range rows {
			p.items = append(p.items, item{row: r})
		}
	} else {
		p.items = fold(rows)
	}
	p.items = bound(p.items, max(4, cmp.Or(l.MaxRows, defaultMaxRows)))
	return p
}

const (
	maxPeriod = 12 // rows that repeat together, at most
	minSaved  = 3  // rows that folding saves, at least
)

// fold replaces rows that repeat by an item that says so.
func fold(rows []*row) (items []item) {
	kinds := kindsOf(rows)
	for i := 0; i < len(rows); {
		period, times, saved := 0, 0, minSaved-1
		for p := 1; p <= maxPeriod && i+2*p <= len(rows); p++ {
			n := 1
			for same(kinds, i, i+n*p, p) {
				n++
			}
			if s := (n-1)*p - 1; s > saved {
				period, times, saved = p, n, s
			}
		}
		if period == 0 {
			items = append(items, item{row: rows[i]})
			i++
			continue
		}
		for _, r := range rows[i : i+period] {
			items = append(items, item{row: r})
		}
		items = append(items, item{hidden: rows[i+period : i+period*times], period: period})
		i += period * times
	}
	return items
}

// same reports whether n kinds from i on are those from j on.
func same(kinds []int, i, j, n int) bool {
	if j+n > len(kinds) {
		return false
	}
	for k := range n {
		if kinds[i+k] != kinds[j+k] {
			return false
		}
	}
	return true
}

// kindsOf numbers the rows, so that rows that look alike have one number. No row looks like a
// choice.
func kindsOf(rows []*row) []int {
	type kind struct {
		shape    shape
		tone     tone
		from, to int
		label    string
		choice   int
	}
	numbers := map[kind]int{}
	kinds := make([]int, len(rows))
	for i, r := range rows {
		k := kind{r.shape, r.tone, r.from, r.to, r.label, 0}
		switch {
		case r.tone.matters():
			k.choice = i + 1
		case r.timer:
			_, k.label, _ = strings.Cut(r.label, ": ")
		case r.tone == toneData && !r.known:
			k.label = "data"
		case r.tone == toneData:
			k.label, _, _ = strings.Cut(k.label, " (")
		}
		number, ok := numbers[k]
		if !ok {
			number = len(numbers)
			numbers[k] = number
		}
		kinds[i] = number
	}
	return kinds
}

// bound leaves out items in the middle, so that not more than n are left. It keeps choices, as far as
// they fit in a quarter of n.
func bound(items []item, n int) []item {
	if len(items) <= n {
		return items
	}
	keep := n / 4
	first := (n - keep) / 2
	last := len(items) - (n - keep - first)
	kept := items[:first:first]
	var hidden []*row
	flush := func() {
		if len(hidden) != 0 {
			kept = append(kept, item{hidden: hidden})
			hidden = nil
		}
	}
	for _, it := range items[first:last] {
		if it.row != nil && it.row.tone.matters() && keep >= 3 {
			keep -= 2 // it, and what is left out before it
			flush()
			kept = append(kept, it)
			continue
		}
		if it.row != nil {
			hidden = append(hidden, it.row)
		} else {
			hidden = append(hidden, it.hidden...)
		}
	}
	flush()
	return append(kept, items[last:]...)
}
