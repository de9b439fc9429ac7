package ladder

import (
	"strings"
)

// This file draws a ladder as text.

const (
	textWidth = 100 // of a line, unless there are many hosts
	minLabel  = 40  // columns of text that a label has at least
	lane      = 14  // columns of text from one host to the next, where there is room
	minLane   = 8
)

// Text returns the ladder as text, for the log of a test. Lines are up to 100 columns wide for up to
// four hosts. A message in flight is dotted: "├────··│" is one that leaves, "│··───>│" one that
// arrives, and "├────?  │" one that never does. Choices, and the failure of a test, begin with "!!". The
// line "╎" is that of a machine while it is stopped.
func (l *Ladder) Text() string {
	p := l.picture()
	if len(p.items) == 0 {
		return heading(clean(l.Title)) + "nothing happens\n"
	}
	t := newTextCanvas(p)
	var b strings.Builder
	b.WriteString(heading(clean(l.Title)))
	b.WriteString(t.header())
	last := ""
	for _, it := range p.items {
		at := ""
		if it.row != nil {
			if at = it.row.at.String(); at == last {
				at = ""
			} else {
				last = at
			}
		}
		b.WriteString(t.line(at, it))
	}
	return b.String()
}

func heading(title string) string {
	if title == "" {
		return ""
	}
	return title + "\n\n"
}

// A textCanvas knows where columns are in a line of text.
type textCanvas struct {
	columns []column
	lane    int // the distance of two columns
	first   int // where the first column is
}

func newTextCanvas(p *picture) *textCanvas {
	t := &textCanvas{columns: p.columns, lane: lane, first: 8}
	for _, it := range p.items {
		if it.row != nil {
			t.first = max(t.first, len([]rune(it.row.at.String()))+2)
		}
	}
	for _, c := range p.columns {
		t.lane = max(t.lane, width(clean(c.name))+2)
	}
	if n := len(p.columns); n != 0 {
		t.lane = max(minLane, min(t.lane, (textWidth-minLabel-t.first)/n))
	}
	return t
}

func (t *textCanvas) header() string {
	line := strings.Repeat(" ", t.first)
	for _, c := range t.columns {
		line += pad(cut(clean(c.name), t.lane-1), t.lane)
	}
	return strings.TrimRight(line, " ") + "\n"
}

// line draws one item.
func (t *textCanvas) line(at string, it item) string {
	lanes := []rune(strings.Repeat(strings.Repeat(" ", t.lane), len(t.columns)))
	for i := range t.columns {
		if lanes[i*t.lane] = '│'; it.end().isStopped(i) {
			lanes[i*t.lane] = '╎'
		}
	}
	label := it.text()
	if r := it.row; r != nil {
		t.draw(lanes, r)
		if r.tone.matters() {
			label = "!! " + label
		}
	} else {
		for i := range t.columns {
			lanes[i*t.lane] = '⋮'
		}
	}
	used := t.first + len(lanes)
	return strings.TrimRight(pad(at, t.first)+string(lanes)+cut(label, max(textWidth-used, minLabel)), " ") + "\n"
}

// draw draws r between the columns.
func (t *textCanvas) draw(lanes []rune, r *row) {
	from, to := r.from*t.lane, r.to*t.lane
	switch r.shape {
	case note:
		if r.tone.matters() {
			for i := range t.columns {
				lanes[i*t.lane] = '!'
			}
		}
	case mark:
		lanes[from] = '*'
		if r.tone == toneBad {
			lanes[from] = 'x'
		}
	default:
		t.arrow(lanes, r, from, to)
	}
}

// arrow draws the arrow of r. The half in which its message is in flight is dotted.
func (t *textCanvas) arrow(lanes []rune, r *row, from, to int) {
	step, start := 1, '├'
	if to < from {
		step, start = -1, '┤'
	}
	for i := from + step; i != to; i += step {
		before := (i-from)*step*2 < (to-from)*step
		switch {
		case r.shape == departs && !before && !r.arrived && !r.refused:
			if (i-from-step)*step*2 < (to-from)*step {
				lanes[i] = '?'
			}
		case r.shape == departs && !before, r.shape == arrives && before:
			if lanes[i] == ' ' {
				lanes[i] = '·'
			}
		case lanes[i] == '│', lanes[i] == '╎':
			lanes[i] = '┼'
		default:
			lanes[i] = '─'
		}
	}
	if r.shape != arrives {
		lanes[from] = start
	}
	if r.shape == departs || from == to {
		return
	}
	switch {
	case r.tone == toneBad:
		lanes[to-step] = 'x'
	case step > 0:
		lanes[to-step] = '>'
	default:
		lanes[to-step] = '<'
	}
}

// width returns the number of columns that s takes in a terminal.
func width(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth knows the wide characters of East Asia and emoji.
func runeWidth(r rune) int {
	switch {
	case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3, r >= 0xF900 && r <= 0xFAFF,
		r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60, r >= 0xFFE0 && r <= 0xFFE6, r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x3FFFD:
		return 2
	}
	return 1
}

// cut shortens s to n columns.
func cut(s string, n int) string {
	if width(s) <= n {
		return s
	}
	used := 0
	for i, r := range s {
		if used += runeWidth(r); used > n-1 {
			return s[:i] + "…"
		}
	}
	return s
}

func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-width(s)))
}
