package ladder_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/memory/ladder"
)

var update = flag.Bool("update", false, "write the ladders in testdata")

// formats are those of a Ladder, by the suffixes of their files.
var formats = map[string]func(*ladder.Ladder) string{
	".txt":  (*ladder.Ladder).Text,
	".svg":  (*ladder.Ladder).SVG,
	".html": (*ladder.Ladder).HTML,
	".mmd":  (*ladder.Ladder).Mermaid,
}

func TestLaddersAreThoseInTestdata(t *testing.T) {
	for _, story := range slices.Sorted(maps.Keys(stories)) {
		for suffix, draw := range formats {
			name := filepath.Join("testdata", story+suffix)
			got := draw(stories[story](t))
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatalf("%v; go test -update writes it", err)
			}
			if got != string(want) {
				t.Errorf("%s is another; go test -update writes it. Got\n%s\nwant\n%s", name, got, want)
			}
		}
	}
}

func TestALadderIsTheSameEachTime(t *testing.T) {
	for name, story := range stories {
		for suffix, draw := range formats {
			l := story(t)
			first := draw(l)
			if draw(l) != first || draw(story(t)) != first {
				t.Errorf("%s%s differs from one drawing to the next", name, suffix)
			}
		}
	}
}
