// Package inspect writes the sections of a dump: what is pending, as text for people, one line for
// each thing.
package inspect

import (
	"fmt"
	"io"
	"iter"
	"time"
)

// MaxLines bounds the lines of a section. A loop with a hundred thousand connections must not be
// held up for long by somebody who looks.
const MaxLines = 1000

// Section writes a heading with the number n of things, and a line for each of the first MaxLines of
// them. It writes nothing if n is 0.
func Section(w io.Writer, title string, n int, lines iter.Seq[string]) {
	if n == 0 {
		return
	}
	fmt.Fprintf(w, "%s (%d)\n", title, n)
	written := 0
	for line := range lines {
		if written == MaxLines {
			fmt.Fprintf(w, "  and %d more\n", n-written)
			break
		}
		fmt.Fprintf(w, "  %s\n", line)
		written++
	}
}

// Round returns d with at most four digits that matter, for a text: 1.234567891s is 1.235s.
func Round(d time.Duration) time.Duration {
	for unit := time.Duration(1); ; unit *= 10 {
		if d.Abs() < 10_000*unit || unit > time.Hour {
			return d.Round(unit)
		}
	}
}
