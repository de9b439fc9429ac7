package main

import (
	"fmt"
	"strings"
)

// table returns the differences as docs/parity.md lists them.
func table() string {
	var b strings.Builder
	b.WriteString("| # | cases | what differs | treq | ours | why |\n| --- | --- | --- | --- | --- | --- |\n")
	for i, d := range differences {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", i+1,
			list(d.Cases, "any"), list(d.Field, ""), list(d.Treq, "any"), list(d.Ours, "any"), cell(d.Reason))
	}
	return b.String()
}

// list returns the alternatives of pattern, one a line, or empty for the empty pattern.
func list(pattern, empty string) string {
	if pattern == "" {
		return empty
	}
	var all []string
	for p := range strings.SplitSeq(pattern, "|") {
		if p != none {
			p = "`" + p + "`"
		}
		all = append(all, p)
	}
	return strings.Join(all, "<br>")
}

func cell(text string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "|", `\|`).Replace(text)
}
