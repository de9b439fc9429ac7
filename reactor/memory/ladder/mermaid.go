package ladder

import (
	"fmt"
	"strings"
)

// This file writes a ladder in the language of Mermaid.

// maxMermaidLabel bounds the characters of a label. A longer one makes a diagram too wide.
const maxMermaidLabel = 72

// Mermaid returns the ladder as a sequence diagram of Mermaid, which GitHub renders in a code block of
// Markdown with the language mermaid. A message in flight has an open arrow head where it leaves, and a note
// where it arrives.
func (l *Ladder) Mermaid() string {
	p := l.picture()
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	switch {
	case len(p.columns) != 0:
	case len(p.items) == 0:
		b.WriteString("    participant h0 as nothing happens\n")
	default:
		b.WriteString("    participant h0 as the reactor\n")
	}
	for i, c := range p.columns {
		fmt.Fprintf(&b, "    participant h%d as %s\n", i, mermaidText(clean(c.name)))
	}
	if title := clean(l.Title); title != "" {
		fmt.Fprintf(&b, "    Note over %s: %s\n", p.span(), mermaidText(title))
	}
	last := "0s"
	for _, it := range p.items {
		if it.row == nil {
			fmt.Fprintf(&b, "    Note over %s: %s\n", p.span(), mermaidText(it.text()))
			continue
		}
		text := it.row.text()
		if at := it.row.at.String(); at != last {
			last = at
			text = at + ": " + text
		}
		b.WriteString("    " + p.mermaidRow(it.row, text) + "\n")
	}
	return b.String()
}

// span names the first and the last participant.
func (p *picture) span() string {
	if len(p.columns) < 2 {
		return "h0"
	}
	return fmt.Sprintf("h0,h%d", len(p.columns)-1)
}

func (p *picture) mermaidRow(r *row, text string) string {
	arrow := "->>"
	switch {
	case r.tone == toneBad:
		arrow = "-x"
	case r.shape == departs:
		arrow = "--)"
	case r.tone != toneData:
		arrow = "-->>"
	}
	switch r.shape {
	case note:
		if r.tone.matters() {
			text = "!! " + text
		}
		return fmt.Sprintf("Note over %s: %s", p.span(), mermaidText(text))
	case mark:
		return fmt.Sprintf("Note over h%d: %s", r.from, mermaidText(text))
	case arrives:
		return fmt.Sprintf("Note over h%d: %s", r.to, mermaidText(text+" (arrives)"))
	}
	return fmt.Sprintf("h%d%sh%d: %s", r.from, arrow, r.to, mermaidText(text))
}

// mermaidText writes s so that nothing of it is syntax of Mermaid, HTML or Markdown: all but letters,
// digits and a few marks become numbers of characters. Some words are syntax wherever they are, so their
// first letter does too.
func mermaidText(s string) string {
	s = cut(s, maxMermaidLabel)
	var b strings.Builder
	lower := strings.ToLower(s)
	for i, r := range s {
		switch {
		case i < len(lower) && startsKeyword(lower[i:]), r < 0x80 && !strings.ContainsRune(mermaidPlain, r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// mermaidPlain has the characters that are never syntax in a text.
const mermaidPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ./?!,()="

func startsKeyword(s string) bool {
	for _, word := range []string{"style", "classdef", "wrap", "nowrap", "end", "http"} {
		if strings.HasPrefix(s, word) {
			return true
		}
	}
	return false
}
