// Package progress draws how far something has come, for who watches.
package progress

import (
	"fmt"
	"os"
	"strings"
)

// A Bar is drawn on one line of standard output, if that is a terminal.
type Bar struct {
	total, done int64
	drawn       int // percent; what is drawn already need not be drawn again
	shown       bool
}

// NewBar returns a Bar for total bytes, which is negative if nobody knows.
func NewBar(total int64) *Bar {
	out, err := os.Stdout.Stat()
	return &Bar{total: total, drawn: -1, shown: err == nil && out.Mode()&os.ModeCharDevice != 0}
}

// Add says that n bytes more are done.
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
