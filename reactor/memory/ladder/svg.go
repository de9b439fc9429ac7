package ladder

import (
	"fmt"
	"html"
	"strings"
)

// This file draws a ladder as SVG.

// Sizes in pixels.
const (
	rowHeight  = 32
	lineAt     = 23 // of the arrow, below the top of its row
	gutter     = 92 // left of the first column, for the times, without half a box
	boxWidth   = 152
	boxHeight  = 46
	charWidth  = 6.9 // of the font for labels
	titleSpace = 44
)

// SVG returns the ladder as a picture. It needs no other file, has no scripts, and is dark or light as its
// viewer prefers. Pointing at a row shows its whole text.
func (l *Ladder) SVG() string {
	var b strings.Builder
	newDrawing(l, &b, false).draw()
	return b.String()
}

// A drawing is one SVG.
type drawing struct {
	*picture
	b      *strings.Builder
	title  string
	linked bool // each row leads to its events, on the same page
	gap    int  // from one column to the next
	top    int  // of the first row
	width  int
	height int
	y      map[*row]int // the lines of the rows that are drawn
}

func newDrawing(l *Ladder, b *strings.Builder, linked bool) *drawing {
	d := &drawing{picture: l.picture(), b: b, title: clean(l.Title), linked: linked, y: map[*row]int{}}
	n := max(1, len(d.columns))
	d.gap = max(230, min(470, 860/max(1, n-1)))
	d.width = gutter + boxWidth + (n-1)*d.gap + 20
	if n == 1 {
		d.width += 300 // for the labels of its marks
	}
	d.top = 20 + boxHeight + 14
	if d.title != "" {
		d.top += titleSpace
	}
	for i, it := range d.items {
		if it.row != nil {
			d.y[it.row] = d.top + i*rowHeight + lineAt
		}
	}
	d.height = d.top + len(d.items)*rowHeight + 24
	if d.hasFoot() {
		d.height += boxHeight + 8
	}
	return d
}

// hasFoot reports whether the names of the hosts stand below the rows, too.
func (d *drawing) hasFoot() bool { return len(d.items) > 16 }

// x returns where a column is.
func (d *drawing) x(column int) int { return gutter + boxWidth/2 + column*d.gap }

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(d.b, format, args...) }

func (d *drawing) draw() {
	name := d.title
	if name == "" {
		name = "What happens between hosts"
	}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" class="ladder" role="img" aria-label="%s" width="%d" height="%d" viewBox="0 0 %d %d">`+"\n",
		html.EscapeString(name), d.width, d.height, d.width, d.height)
	d.printf("<style>%s</style>\n", ladderStyle)
	d.printf(`<rect class="paper" width="%d" height="%d" rx="10"/>`+"\n", d.width, d.height)
	if d.title != "" {
		d.printf(`<text class="heading" x="24" y="40">%s</text>`+"\n", html.EscapeString(cut(d.title, (d.width-48)/9)))
	}
	bottom := d.top + len(d.items)*rowHeight + 10
	for i := range d.columns {
		d.life(i, bottom)
	}
	if len(d.items) == 0 {
		d.printf(`<text class="label quiet" x="24" y="%d">nothing happens</text>`+"\n", d.top-20)
	}
	for _, it := range d.items {
		if it.row != nil {
			d.lines(it.row)
		}
	}
	last := ""
	for i, it := range d.items {
		top := d.top + i*rowHeight
		d.open(i, it)
		d.printf(`<rect class="hit" x="8" y="%d" width="%d" height="%d" rx="5"/>`, top+2, d.width-16, rowHeight-2)
		if it.row == nil {
			d.hidden(it, top)
		} else {
			if at := it.row.at.String(); at != last {
				last = at
				d.printf(`<text class="at" x="%d" y="%d">%s</text>`, gutter-24, top+lineAt+4, at)
			}
			d.row(it.row)
		}
		d.close()
	}
	d.hosts(d.top - boxHeight - 14)
	if d.hasFoot() {
		d.hosts(bottom)
	}
	d.printf("</svg>\n")
}

// life draws the line of a column. It is dashed while the machine is stopped.
func (d *drawing) life(column, bottom int) {
	from, stopped := d.top-14, false
	piece := func(to int) {
		class := "life"
		if stopped {
			class = "life stopped"
		}
		d.printf(`<path class="%s" d="M%d %dV%d"/>`+"\n", class, d.x(column), from, to)
	}
	for i, it := range d.items {
		if now := it.end().isStopped(column); now != stopped {
			at := d.top + i*rowHeight + lineAt
			piece(at)
			from, stopped = at, now
		}
	}
	piece(bottom)
}

// open begins the group of the item with number i.
func (d *drawing) open(i int, it item) {
	what := it.text()
	if r := it.row; r != nil {
		what = r.at.String() + "  " + d.where(r) + "  " + what
	}
	if d.linked {
		d.printf(`<a href="#row%d">`, i)
	}
	d.printf(`<g class="row"><title>%s</title>`, html.EscapeString(what))
}

func (d *drawing) close() {
	d.printf("</g>")
	if d.linked {
		d.printf("</a>")
	}
	d.printf("\n")
}

// where names the hosts of r.
func (p *picture) where(r *row) string {
	switch {
	case r.shape == note:
		return ""
	case r.shape == mark:
		return clean(p.columns[r.from].name)
	}
	return clean(p.columns[r.from].name) + " → " + clean(p.columns[r.to].name)
}

func (d *drawing) hosts(y int) {
	for i, c := range d.columns {
		x := d.x(i)
		d.printf(`<g><title>%s</title><rect class="host" x="%d" y="%d" width="%d" height="%d" rx="8"/>`,
			html.EscapeString(clean(c.name+" "+c.addr)), x-boxWidth/2, y, boxWidth, boxHeight)
		at := y + 28
		if c.addr != "" {
			at = y + 20
			d.printf(`<text class="addr" x="%d" y="%d">%s</text>`, x, y+36, html.EscapeString(cut(clean(c.addr), 23)))
		}
		d.printf(`<text class="name" x="%d" y="%d">%s</text></g>`+"\n", x, at, html.EscapeString(cut(clean(c.name), 17)))
	}
}

// hidden draws what is left out.
func (d *drawing) hidden(it item, top int) {
	d.banner("fold", top, it.text())
}

// banner draws text over all columns.
func (d *drawing) banner(class string, top int, text string) {
	left, right := d.x(0)-boxWidth/2, d.x(max(0, len(d.columns)-1))+boxWidth/2
	text = cut(text, int(float64(right-left-72)/charWidth)) // the bolt needs some room
	d.printf(`<rect class="banner %s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, class, left, top+8, right-left, rowHeight-10)
	x := (left + right) / 2
	d.printf(`<text class="label %s" x="%d" y="%d" text-anchor="middle">%s</text>`, class, x, top+lineAt, html.EscapeString(text))
	if class == "choice" || class == "fail" {
		d.printf(`<path class="bolt %s" transform="translate(%d %d)" d="M6 0L0 8H4L2 15L9 6H5Z"/>`, class, left+12, top+10)
	}
}

// class is that of what belongs to r, for its color.
func (r *row) class() string {
	if r.tone == toneData {
		return fmt.Sprintf("data c%d", r.conn%6)
	}
	return string(r.tone)
}

// lines draws the arrow of r. Arrows lie below all labels.
func (d *drawing) lines(r *row) {
	y, class := d.y[r], r.class()
	from, to, step := d.way(r)
	switch r.shape {
	case message:
		d.line(from, y, to-8*step, y, class)
		if r.tone != toneBad {
			d.head(to, y, float64(step), 0, class)
		}
	case departs:
		switch {
		case r.refused:
			d.line(from, y, to-8*step, y, class)
			d.head(to, y, float64(step), 0, class)
		case !r.arrived:
			d.line(from, y, (from+to)/2, y, class+" lost")
			d.printf(`<circle class="lostend %s" cx="%d" cy="%d" r="4"/>`, class, (from+to)/2+4*step, y)
		}
		d.printf(`<circle class="dot %s" cx="%d" cy="%d" r="2.5"/>`, class, from, y)
	case arrives:
		start, ok := d.start(r)
		if !ok {
			from = to - (to-from)/3
		}
		dx, dy := float64(to-from), float64(y-start)
		length := max(1, abs(dx)+abs(dy)) // near enough
		d.line(from, start, to-int(8*dx/length), y-int(8*dy/length), class)
		d.head(to, y, dx/length, dy/length, class)
	default:
		return
	}
	d.printf("\n")
}

// way returns where the columns of r are, and 1 if its arrow points to the right, else -1.
func (d *drawing) way(r *row) (from, to, step int) {
	from, to, step = d.x(r.from), d.x(r.to), 1
	if to < from {
		step = -1
	}
	return from, to, step
}

// start returns where the line of a message that arrives begins. ok is false if the row where it
// left is not drawn, or so far above that the line would cross too much.
func (d *drawing) start(r *row) (y int, ok bool) {
	y, ok = d.y[r.left]
	if !ok || d.y[r]-y > 12*rowHeight {
		return d.y[r] - rowHeight/2, false
	}
	return y, true
}

// row draws all of r but its arrow.
func (d *drawing) row(r *row) {
	y, class := d.y[r], r.class()
	from, to, step := d.way(r)
	anchor, back := "start", "end"
	if step < 0 {
		anchor, back = back, anchor
	}
	span := (to - from) * step
	switch r.shape {
	case note:
		banner := "time"
		if r.tone.matters() {
			banner = string(r.tone)
		}
		d.banner(banner, y-lineAt, r.text())
	case mark:
		d.mark(r, class, y)
	case message:
		if r.tone == toneBad {
			d.cross(to-13*step, y+3, class)
		}
		d.label(r, class, (from+to)/2, y-6, "middle", span-36)
	case departs:
		d.label(r, class, from+12*step, y-6, anchor, span*3/4)
	case arrives:
		start, ok := d.start(r)
		if ok && y-start <= 3*rowHeight && (r.tone == toneOpen || r.left.label == r.label || strings.HasPrefix(r.label, seesEnd)) {
			return // the label where it leaves is near
		}
		d.label(r, class+" late", to-16*step, y+12, back, span*2/3)
	}
}

// mark draws what happens in one column. The text stands where there is room.
func (d *drawing) mark(r *row, class string, y int) {
	x := d.x(r.from)
	if r.tone == toneBad {
		d.cross(x, y, class)
	} else {
		d.printf(`<circle class="dot %s" cx="%d" cy="%d" r="4.5"/>`, class, x, y-3)
	}
	room, anchor, at := d.gap-40, "start", x+14
	switch {
	case len(d.columns) == 1:
		room = 360
	case r.from == len(d.columns)-1:
		anchor, at = "end", x-14
	}
	d.label(r, class, at, y+1, anchor, room)
}

// label draws the label of r, with the number of the connection in front.
func (d *drawing) label(r *row, class string, x, y int, anchor string, room int) {
	d.printf(`<text class="label %s" x="%d" y="%d" text-anchor="%s">`, class, x, y, anchor)
	text := cut(r.text(), int(float64(room)/charWidth))
	if number, rest, ok := strings.Cut(text, " "); ok && r.conn != 0 {
		d.printf(`<tspan class="conn c%d">%s</tspan> %s`, r.conn%6, html.EscapeString(number), html.EscapeString(rest))
	} else {
		d.printf("%s", html.EscapeString(text))
	}
	d.printf("</text>")
}

func (d *drawing) cross(x, y int, class string) {
	d.printf(`<path class="cross %s" d="M%d %dl10 10m0 -10l-10 10"/>`, class, x-5, y-8)
}

func abs[T int | float64](n T) T { return max(n, -n) }

func (d *drawing) line(x1, y1, x2, y2 int, class string) {
	d.printf(`<path class="line %s" d="M%d %dL%d %d"/>`, class, x1, y1, x2, y2)
}

// head draws the head of an arrow that points in the direction (dx, dy).
func (d *drawing) head(x, y int, dx, dy float64, class string) {
	bx, by := float64(x)-10*dx, float64(y)-10*dy
	d.printf(`<path class="head %s" d="M%d %dL%.1f %.1fL%.1f %.1fZ"/>`, class, x, y, bx-4.5*dy, by+4.5*dx, bx+4.5*dy, by-4.5*dx)
}

// ladderStyle has the colors, for light and for dark.
const ladderStyle = `
.ladder{--paper:#fff;--ink:#1f2933;--muted:#7b8794;--faint:#e4e7eb;--host:#f5f7fa;--edge:#cbd2d9;--bad:#d64545;--fail:#b42318;--failtext:#fff;--choicebg:#fff3c4;--choice:#8d5a00;--choiceedge:#f0b429;--hit:#2f6fde1c;--c0:#2f6fde;--c1:#0c8a6a;--c2:#9446c9;--c3:#b45309;--c4:#c0267c;--c5:#0e7490;font-family:ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif}
@media(prefers-color-scheme:dark){.ladder{--paper:#11161d;--ink:#e4e9f0;--muted:#8793a3;--faint:#28303b;--host:#1b232d;--edge:#3a4654;--bad:#ff7b72;--fail:#a32a20;--failtext:#fff;--choicebg:#3a2d08;--choice:#ffd866;--choiceedge:#a87b12;--hit:#79aefc26;--c0:#79aefc;--c1:#4fd1a5;--c2:#cf9bf5;--c3:#f0a35e;--c4:#f58ac0;--c5:#5cc8dd}}
.ladder text{direction:ltr;unicode-bidi:isolate;white-space:pre}
.ladder .paper{fill:var(--paper)}
.ladder .heading{font-size:19px;font-weight:650;fill:var(--ink)}
.ladder .life{stroke:var(--edge);stroke-width:1.5;fill:none}
.ladder .life.stopped{stroke:var(--bad);stroke-dasharray:2 6}
.ladder .host{fill:var(--host);stroke:var(--edge);stroke-width:1.2}
.ladder .name{font-size:14px;font-weight:650;fill:var(--ink);text-anchor:middle}
.ladder .addr{font-size:10.5px;fill:var(--muted);text-anchor:middle;font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.ladder .at{font-size:11.5px;fill:var(--muted);text-anchor:end;font-variant-numeric:tabular-nums}
.ladder .label{font-size:11.5px;fill:var(--ink);font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.ladder .hit{fill:transparent}
.ladder .row:hover .hit,.ladder a:focus .hit{fill:var(--hit)}
.ladder .line{fill:none;stroke-width:1.6;stroke:var(--ink)}
.ladder .head{fill:var(--ink)}
.ladder .dot{fill:var(--ink)}
.ladder .lostend{fill:var(--paper);stroke-width:1.6;stroke:var(--ink)}
.ladder .line.lost{stroke-dasharray:2 4}
.ladder .line.open,.ladder .line.end{stroke:var(--muted);stroke-dasharray:6 4}
.ladder .head.open,.ladder .head.end,.ladder .dot.open,.ladder .dot.end,.ladder .dot.quiet,.ladder .label.open,.ladder .label.end,.ladder .label.quiet,.ladder .label.time,.ladder .label.fold,.ladder .label.late{fill:var(--muted)}
.ladder .line.bad,.ladder .cross{stroke:var(--bad)}
.ladder .cross{fill:none;stroke-width:2.4;stroke-linecap:round}
.ladder .label.bad{fill:var(--bad)}
.ladder .head.bad,.ladder .dot.bad{fill:var(--bad)}
.ladder .line.c0{stroke:var(--c0)}.ladder .line.c1{stroke:var(--c1)}.ladder .line.c2{stroke:var(--c2)}.ladder .line.c3{stroke:var(--c3)}.ladder .line.c4{stroke:var(--c4)}.ladder .line.c5{stroke:var(--c5)}
.ladder .lostend.c0{stroke:var(--c0)}.ladder .lostend.c1{stroke:var(--c1)}.ladder .lostend.c2{stroke:var(--c2)}.ladder .lostend.c3{stroke:var(--c3)}.ladder .lostend.c4{stroke:var(--c4)}.ladder .lostend.c5{stroke:var(--c5)}
.ladder .head.c0,.ladder .dot.c0,.ladder .conn.c0{fill:var(--c0)}.ladder .head.c1,.ladder .dot.c1,.ladder .conn.c1{fill:var(--c1)}.ladder .head.c2,.ladder .dot.c2,.ladder .conn.c2{fill:var(--c2)}.ladder .head.c3,.ladder .dot.c3,.ladder .conn.c3{fill:var(--c3)}.ladder .head.c4,.ladder .dot.c4,.ladder .conn.c4{fill:var(--c4)}.ladder .head.c5,.ladder .dot.c5,.ladder .conn.c5{fill:var(--c5)}
.ladder .conn{font-weight:700}
.ladder .banner{fill:var(--paper);stroke:var(--faint);stroke-width:1}
.ladder .banner.fold{stroke-dasharray:3 4;stroke:var(--edge)}
.ladder .banner.choice{fill:var(--choicebg);stroke:var(--choiceedge);stroke-width:1.4}
.ladder .label.choice{fill:var(--choice);stroke:none;font-weight:650}
.ladder .bolt{fill:var(--choice)}
.ladder .banner.fail{fill:var(--fail);stroke:var(--fail)}
.ladder .label.fail{fill:var(--failtext);stroke:none;font-weight:650}
.ladder .bolt.fail{fill:var(--failtext)}
.ladder .label.fold,.ladder .label.time{stroke:none}
`
