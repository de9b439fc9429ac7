package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/bench/figures"
)

// checkBounds measures what the wide bounds are of, and fails if one is not kept. A machine that is busy with something
// else may spoil a run, so what is not kept is measured once more.
func checkBounds(o *options) error {
	var missed []string
	for attempt := range 2 {
		scenarios, clients := figures.Needed(figures.Bounds)
		o.clients = clients
		o.match = regexp.MustCompile("^(" + strings.Join(escaped(scenarios), "|") + ")$")
		found, err := benchmark(o, nil)
		if err != nil {
			return err
		}
		missed = missed[:0]
		fmt.Println()
		for _, b := range figures.Bounds {
			line := b.Line(found)
			fmt.Println(line)
			if !b.Met(found) {
				missed = append(missed, line)
			}
		}
		if len(missed) == 0 {
			return nil
		}
		if attempt == 0 {
			fmt.Fprintf(os.Stderr, "bench: %d ratios are out of their bounds: once more, in case the machine was busy\n", len(missed))
		}
	}
	return fmt.Errorf("out of bounds, twice:\n%s", strings.Join(missed, "\n"))
}

func escaped(names []string) []string {
	names = slices.Clone(names)
	for i := range names {
		names[i] = regexp.QuoteMeta(names[i])
	}
	return names
}
