package inspect_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/inspect"
)

func ExampleSection() {
	inspect.Section(os.Stdout, "timers", 2, slices.Values([]string{"in 1s: main.tick", "in 2s: main.tock"}))
	inspect.Section(os.Stdout, "ports", 0, slices.Values([]string{}))
	// Output:
	// timers (2)
	//   in 1s: main.tick
	//   in 2s: main.tock
}

// A section has a bounded number of lines, and says how many are left out.
func TestSectionIsBounded(t *testing.T) {
	for _, n := range []int{inspect.MaxLines, inspect.MaxLines + 1, inspect.MaxLines + 7} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var b strings.Builder
			inspect.Section(&b, "things", n, slices.Values(slices.Repeat([]string{"thing"}, n)))
			want := fmt.Sprintf("things (%d)\n", n) + strings.Repeat("  thing\n", inspect.MaxLines)
			if more := n - inspect.MaxLines; more > 0 {
				want += fmt.Sprintf("  and %d more\n", more)
			}
			if b.String() != want {
				t.Errorf("got %d bytes, want %d", b.Len(), len(want))
			}
		})
	}
}

func TestRound(t *testing.T) {
	for _, test := range []struct{ d, want time.Duration }{
		{0, 0}, {9999, 9999}, {10_004, 10_000}, {1234567891, 1235 * time.Millisecond},
		{-1234567891, -1235 * time.Millisecond}, {90 * time.Second, 90 * time.Second}, {1<<63 - 1, 1<<63 - 1},
	} {
		if got := inspect.Round(test.d); (got-test.want).Abs() > test.want.Abs()/1000 || test.d < 1<<62 && got != test.want {
			t.Errorf("%v: got %v, want %v", test.d, got, test.want)
		}
	}
}
