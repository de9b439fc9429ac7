package ladder_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/memory/ladder"
)

// hostile are texts that must not become more than text.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	"]]><b>&amp;&#60;",
	"</title></style><style>*{display:none}</style>",
	"one\ntwo\r\nthree\ttab",
	"\x00\x01\x1b[31mred\x7f",
	"\u202eright to left\u202c \u2066isolated\u2069 \u200e\u200f\u061c",
	"\u2028line\u2029paragraph\u0085next\ufeff\u200b\u00ad",
	"\xff\xfe not \xc3( UTF-8 \xed\xa0\x80",
	"\ufffe\uffff\U0001ffff",
	"a;b#35;c #quot; #lt;script#gt;",
	"end",
	"%%{init: {'theme':'dark'}}%% style x: fill#35; classDef y: z#35;",
	"Note over h0: wrap: nowrap: participant h9 as evil",
	"```\n# heading\n[link](javascript:alert(1)) $$x$$ `code` | table | __b__ **b** https://evil.example",
	"-->>h0: x", "%00", `\u202e`, "日本語 العربية עברית 👩‍👩‍👧",
	strings.Repeat("A", 400), strings.Repeat("<", 400),
}

// hostileLadders returns ladders with s in all places that hold text.
func hostileLadders(s string) (all []*ladder.Ladder) {
	quoted := strconv.Quote(s)
	for _, preview := range []string{quoted, quoted + "...", s, strconv.Quote("GET /" + s + " HTTP/1.1\r\n\r\n"), strconv.Quote("HTTP/1.1 " + s + "\r\n")} {
		l := ladder.New(memory.Trace{
			{Kind: "listen", Text: s},
			{Conn: 1, Kind: "connect", From: s, Text: "192.0.2.1:80"},
			{Conn: 1, Side: memory.ServerSide, Kind: "accept", Text: s},
			{Conn: 1, Side: memory.ClientSide, Kind: "connected", Text: "10.0.0.1:1"},
			{Conn: 1, Side: memory.ClientSide, Kind: "write", N: 7, Text: preview},
			{At: time.Second, Conn: 1, Side: memory.ServerSide, Kind: "read", N: 9, Text: preview},
			{Conn: 2, Kind: "connect", From: "10.0.0.1:2", Text: s},
			{Conn: 2, Side: memory.ClientSide, Kind: "failed", Text: s},
			{Conn: 3, Side: memory.Side(s), Kind: "read", N: 5, Text: preview},
			{Conn: 3, Side: memory.ServerSide, Kind: "end", Text: s},
			{Kind: "choice", Text: s},
			{Kind: "timer", N: 1, Func: s},
			{Kind: "stop", Text: s},
			{Kind: "stop", Text: "client" + s},
			{Kind: "start", Text: s},
			{Kind: "jump", Text: s},
			{Kind: "failure", Text: s},
			{Kind: "listen", Text: s, From: s},
			{Kind: "advance", Text: s},
			{Kind: s, Side: memory.Side(s), Text: s},
			{Conn: -4, Kind: "write", N: -5, Text: s},
		}, map[string]string{"192.0.2.1": s, "10.0.0.1": "client" + s})
		l.Title = s
		all = append(all, l)
	}
	return all
}

// isHidden reports whether r is a control, or changes the direction or the place of text.
func isHidden(r rune) bool { return r != '\n' && r != '\u00a0' && !strconv.IsPrint(r) }

func TestHostileTextStaysText(t *testing.T) {
	for _, s := range hostile {
		for _, l := range hostileLadders(s) {
			for suffix, draw := range formats {
				got := draw(l)
				if !utf8.ValidString(got) {
					t.Errorf("%s of %q is not UTF-8", suffix, s)
				}
				if i := strings.IndexFunc(got, isHidden); i >= 0 {
					t.Errorf("%s of %q has a character that is not to be shown: %q", suffix, s, got[max(0, i-20):i+4])
				}
			}
			checkText(t, s, l.Text())
			checkXML(t, s, l.SVG())
			checkHTML(t, s, l.HTML())
			checkMermaid(t, s, l.Mermaid())
		}
	}
}

// checkText: no text makes a line of its own. The lanes of each line are where they are in others.
func checkText(t *testing.T, s, got string) {
	t.Helper()
	_, body, _ := strings.Cut(got, "\n\n")
	for line := range strings.Lines(body[strings.Index(body, "\n")+1:]) {
		if !strings.ContainsAny(line, "│!⋮├┤*") {
			t.Errorf("of %q, this line has no lanes: %q", s, line)
		}
	}
}

// svgElements are those that an SVG has.
var svgElements = map[string]bool{"svg": true, "style": true, "rect": true, "text": true, "tspan": true, "path": true, "circle": true, "g": true, "title": true}

// checkXML: the SVG is XML, has only the elements of a ladder, and no handler or link.
func checkXML(t *testing.T, s, got string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(got))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Errorf("the SVG of %q is no XML: %v", s, err)
			return
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !svgElements[e.Name.Local] {
			t.Errorf("the SVG of %q has an element %s", s, e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") {
				t.Errorf("the SVG of %q has an attribute %s", s, a.Name.Local)
			}
		}
	}
}

var (
	tag       = regexp.MustCompile(`<[^>]*>`)
	pageTag   = regexp.MustCompile(`^</?(!DOCTYPE|html|head|meta|title|style|body|main|aside|h2|h3|p|section|details|summary|time|b|pre|svg|rect|text|tspan|path|circle|g|a)[ />]`)
	handler   = regexp.MustCompile(` on\w+=`)
	reference = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
)

// checkHTML: the page has only its own elements, no handlers, and leads nowhere else.
func checkHTML(t *testing.T, s, got string) {
	t.Helper()
	for _, g := range tag.FindAllString(got, -1) {
		if !pageTag.MatchString(g) || handler.MatchString(g) && !strings.Contains(g, "aria-label") {
			t.Errorf("the page of %q has %s", s, g)
		}
		for _, to := range reference.FindAllStringSubmatch(g, -1) {
			if !strings.HasPrefix(to[1], "#row") && !strings.HasPrefix(to[1], "http://www.w3.org/") {
				t.Errorf("the page of %q leads to %s", s, to[1])
			}
		}
	}
}

var mermaidLine = regexp.MustCompile(`^    (participant h\d+ as|Note over h\d+(,h\d+)?:|h\d+(->>|-->>|--\)|-x)h\d+:) ([A-Za-z0-9 ./?!,()=]|#\d+;|[^\x00-\x7f])*$`)

// checkMermaid: each line is one of a ladder, and none of the words of Mermaid are in a text.
func checkMermaid(t *testing.T, s, got string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if lines[0] != "sequenceDiagram" {
		t.Errorf("the diagram of %q begins with %q", s, lines[0])
	}
	for _, line := range lines[1:] {
		if !mermaidLine.MatchString(line) {
			t.Errorf("the diagram of %q has the line %q", s, line)
		}
		for _, word := range []string{"style", "classDef", "wrap", "end"} {
			if strings.Contains(line, word) {
				t.Errorf("the diagram of %q has %q: %s", s, word, line)
			}
		}
	}
}

// TestTheFailureOfATestStandsOut: Explore ends the trace of a run that fails with it.
func TestTheFailureOfATestStandsOut(t *testing.T) {
	got := ladder.New(memory.Trace{{Kind: "failure", Text: "a_test.go:12: got 3, want 2"}}, nil).Text()
	if !strings.Contains(got, "!! the test fails: a_test.go:12: got 3, want 2\n") {
		t.Errorf("got %s", got)
	}
}

func TestALongLadderIsBounded(t *testing.T) {
	var trace memory.Trace
	for i := range 5000 {
		at := time.Duration(i) * time.Millisecond
		trace = append(trace, memory.Event{At: at, Kind: "other", Text: fmt.Sprint(i)})
		if i%1000 == 500 {
			trace = append(trace, memory.Event{At: at, Kind: "choice", Text: fmt.Sprint("fault ", i)})
		}
	}
	l := ladder.New(trace, nil)
	l.MaxRows = 100
	got := l.Text()
	if n := strings.Count(got, "\n"); n > 101 || n < 80 {
		t.Errorf("%d lines, want about 100", n)
	}
	for i := 500; i < 5000; i += 1000 {
		if !strings.Contains(got, fmt.Sprintf("!! fault %d\n", i)) {
			t.Errorf("the choice at %d is left out:\n%s", i, got)
		}
	}
	if !strings.Contains(got, "rows are left out") || !strings.Contains(got, "other 4999\n") {
		t.Errorf("got\n%s", got)
	}
}
