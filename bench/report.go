package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/seed-7c003b53/gotreq/bench/figures"
)

// printScenario prints the figures of one scenario.
func printScenario(s *scenario, found *figures.Set) {
	fmt.Printf("\n%s (per %s, median of %d, least to most)\n", s.name, s.per(), len(found.Figures[0].Values))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "client\t")
	metrics := metricsOf(s, gotreqName)
	for i, m := range metrics {
		fmt.Fprintf(w, "%s\t", m.heading())
		if i == 0 {
			fmt.Fprint(w, "spread\t/ floor\t")
		}
	}
	fmt.Fprintln(w)
	for i := range found.Figures {
		client := found.Figures[i].Client
		if i != 0 && client == found.Figures[i-1].Client {
			continue
		}
		fmt.Fprintf(w, "%s\t", client)
		for i, m := range metrics {
			f := found.Get(s.name, client, m.heading()+"/")
			if f == nil {
				fmt.Fprint(w, "-\t")
				continue
			}
			fmt.Fprintf(w, "%.*f\t", m.digits, f.Median())
			if i == 0 {
				ratio := "-"
				if base := found.Get(s.name, floorName, f.Metric); base != nil {
					ratio = strconv.FormatFloat(f.Median()/base.Median(), 'f', 2, 64)
				}
				fmt.Fprintf(w, "%.*f-%.*f\t%s\t", m.digits, slices.Min(f.Values), m.digits, slices.Max(f.Values), ratio)
			}
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}
