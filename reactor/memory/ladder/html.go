package ladder

import (
	"fmt"
	"html"
	"strings"
)

// This file makes a page of a ladder.

// HTML returns the ladder as a page that needs no other file and has no scripts: the picture of
// [Ladder.SVG], and beside it all rows with their events. Choosing a row of the picture shows its events.
func (l *Ladder) HTML() string {
	var b strings.Builder
	d := newDrawing(l, &b, true)
	title := d.title
	if title == "" {
		title = "Ladder"
	}
	fmt.Fprintf(&b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"+
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"+
		"<meta name=\"color-scheme\" content=\"light dark\">\n<title>%s</title>\n<style>%s</style>\n</head>\n<body class=\"ladder\">\n<main>\n",
		html.EscapeString(title), pageStyle)
	d.draw()
	b.WriteString("</main>\n<aside>\n<h2>Events</h2>\n<p>Choose a row of the picture to find its events here.</p>\n")
	for i, it := range d.items {
		p := page{l, d.picture, &b}
		p.item(i, it)
	}
	b.WriteString("</aside>\n</body>\n</html>\n")
	return b.String()
}

// A page writes the list of events.
type page struct {
	*Ladder
	*picture
	b *strings.Builder
}

// maxHidden bounds the rows that are shown of those that are left out at one place.
const maxHidden = 200

func (p *page) item(i int, it item) {
	fmt.Fprintf(p.b, "<section id=\"row%d\">", i)
	defer p.b.WriteString("</section>\n")
	if it.row != nil {
		p.row(it.row)
		return
	}
	fmt.Fprintf(p.b, "<details><summary>%s</summary>", html.EscapeString(it.text()))
	for i, r := range it.hidden {
		if i == maxHidden {
			fmt.Fprintf(p.b, "<p>and %d more</p>", len(it.hidden)-i)
			break
		}
		p.row(r)
	}
	p.b.WriteString("</details>")
}

func (p *page) row(r *row) {
	fmt.Fprintf(p.b, "<h3 class=\"%s\"><time>%s</time> <b>%s</b> %s</h3><pre>", r.tone, r.at,
		html.EscapeString(p.where(r)), html.EscapeString(r.text()))
	for i, e := range r.events {
		if i != 0 {
			p.b.WriteString("\n")
		}
		p.b.WriteString(html.EscapeString(clean(p.trace[e].String())))
	}
	p.b.WriteString("</pre>")
}

// pageStyle is what a page has besides ladderStyle.
const pageStyle = `
*{box-sizing:border-box}
body{margin:0;height:100vh;display:grid;grid-template-columns:minmax(0,auto) minmax(300px,1fr);background:var(--paper);color:var(--ink)}
main,aside{overflow:auto;height:100vh}
main{padding:8px}
aside{border-left:1px solid var(--edge);padding:0 18px 60vh;background:var(--host)}
h2{font-size:16px;margin:22px 0 4px}
p{color:var(--muted);font-size:13px;margin:0 0 14px}
section{border-radius:7px;padding:7px 10px;scroll-margin-top:18px;border:1px solid transparent}
section:target{background:var(--paper);border-color:var(--c0);box-shadow:0 1px 6px #0002}
h3{font-size:13px;font-weight:500;margin:2px 0;overflow-wrap:anywhere}
h3.bad{color:var(--bad)}
h3.fail{color:var(--bad);font-weight:700}
h3.choice{color:var(--choice);font-weight:700}
time{color:var(--muted);font-variant-numeric:tabular-nums;margin-right:6px}
pre{font:11px/1.5 ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;margin:0;white-space:pre-wrap;overflow-wrap:anywhere;color:var(--muted)}
section:target pre{color:var(--ink)}
summary{font-size:13px;color:var(--muted);cursor:pointer}
@media(max-width:900px){body{grid-template-columns:none;height:auto}main,aside{height:auto}aside{border-left:0}}
`
