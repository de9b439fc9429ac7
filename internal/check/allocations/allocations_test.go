//go:build !race

package allocations

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// document has the table.
const document = "../../../docs/performance.md"

// A count is what one use of something allocates.
type count struct{ allocations, bytes float64 }

// TestAllocations: each use allocates what its row says, and each row is of a use.
func TestAllocations(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := countsIn(string(text))
	if err != nil {
		t.Fatal(err)
	}
	rows, same := []string(nil), true
	for _, u := range uses {
		want, ok := wanted[u.name]
		delete(wanted, u.name)
		got := countOf(u.begin(t))
		if ok && got.is(want) {
			got = want
		} else {
			t.Errorf("%s: %v allocations of %v bytes, and the table says %v of %v", u.name, got.allocations, got.bytes, want.allocations, want.bytes)
			same = false
		}
		rows = append(rows, got.row(u.name))
	}
	for name := range wanted {
		t.Errorf("%s: %q: nothing measures it", document, name)
	}
	if !same {
		t.Errorf("the rows of %s are now\n%s", document, strings.Join(rows, "\n"))
	}
}

// countOf returns what one call of use allocates, in the mean of many.
func countOf(use func()) count {
	const uses = 1000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	// A collection empties pools, and what is made again would count.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range 100 {
		use()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range uses {
		use()
	}
	runtime.ReadMemStats(&after)
	return count{
		// The program does a few things of its own meanwhile, as does what grows slowly.
		math.Round(float64(after.Mallocs-before.Mallocs) / uses),
		math.Round(float64(after.TotalAlloc-before.TotalAlloc) / uses),
	}
}

// is reports whether the counts are the same: the bytes but for a hundredth, which is what grows slowly.
func (c count) is(want count) bool {
	return c.allocations == want.allocations && math.Abs(c.bytes-want.bytes) <= max(8, want.bytes/100)
}

func (c count) row(name string) string {
	return fmt.Sprintf("| %s | %.0f | %.0f |", name, c.allocations, c.bytes)
}

var table = regexp.MustCompile(`(?s)<!-- counted by internal/check/allocations -->\n(.*?)\n\n`)

// countsIn returns the counts of the table in text.
func countsIn(text string) (map[string]count, error) {
	found := table.FindStringSubmatch(text)
	if found == nil {
		return nil, fmt.Errorf("%s has no table of counts", document)
	}
	counts := map[string]count{}
	for _, line := range strings.Split(found[1], "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 3 {
			return nil, fmt.Errorf("%s: %q has not three cells", document, line)
		}
		var c count
		var err error
		for i, to := range []*float64{&c.allocations, &c.bytes} {
			if *to, err = strconv.ParseFloat(strings.ReplaceAll(cells[i+1], ",", ""), 64); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", document, line, err)
			}
		}
		counts[cells[0]] = c
	}
	return counts, nil
}

// TestCounts: more is found, fewer is found, and so are many bytes.
func TestCounts(t *testing.T) {
	var kept []any
	got := countOf(func() { kept = append(kept[:0], new([64]byte), new([32]byte)) })
	if got != (count{2, 96}) {
		t.Errorf("counted %v, not 2 of 96 bytes", got)
	}
	for want, same := range map[count]bool{
		{2, 96}: true, {1, 96}: false, {3, 96}: false, {2, 80}: false, {2, 112}: false,
	} {
		if got.is(want) != same {
			t.Errorf("%v is %v: %t", got, want, !same)
		}
	}
	counts, err := countsIn("<!-- counted by internal/check/allocations -->\n| what | a | b |\n| --- | --- | --- |\n" + count{3, 1000}.row("a `thing`") + "\n\nmore")
	if err != nil || len(counts) != 1 || counts["a `thing`"] != (count{3, 1000}) {
		t.Errorf("read %v, %v", counts, err)
	}
	if _, err := countsIn("no table"); err == nil {
		t.Error("a document without a table is accepted")
	}
}
