// Package progress draws progress bars on a terminal.
package progress

import (
	"fmt"
	"os"
	"strings"
)

// A Bar is a line of standard output. If that is not a terminal, nothing is drawn.
type Bar struct {
	total, done int64 // bytes
	drawn       int   // the percentage on the terminal
	shown       bool
}

// NewBar returns a Bar for total bytes. A negative total is unknown: no bar is drawn.
func NewBar(total int64) *Bar {
	out, err := os.Stdout.Stat()
	return &Bar{total: total, drawn: -1, shown: err == nil && out.Mode()&os.ModeCharDevice != 0}
}

// Add adds n bytes to those that are done.
func (b *Bar) Add(n int) {
	b.done += int64(n)
	if !b.shown || b.total <= 0 {
		return
	}
	percent := int(100 * b.done / b.total)
	if percent == b.drawn {
		return
	}
	b.drawn = percent
	fmt.Printf("\r[%-50s] %3d%%", strings.Repeat("#", percent/2), percent)
	if b.done == b.total {
		fmt.Println()
	}
}
