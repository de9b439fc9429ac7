package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
)

// A report prints the figures of each scenario.
type report struct {
	tsv io.WriteCloser // nil without a file
}

func newReport(tsv string) (*report, error) {
	if tsv == "" {
		return &report{}, nil
	}
	f, err := os.Create(tsv)
	return &report{f}, err
}

func (r *report) close() {
	if r.tsv != nil {
		r.tsv.Close()
	}
}

// A figure summarizes the values of a metric in several rounds.
type figure struct{ median, least, most float64 }

func figureOf(values []float64) figure {
	slices.Sort(values)
	n := len(values)
	return figure{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}
}

// scenario prints the figures of one scenario.
func (r *report) scenario(s *scenario, names []string, results map[string][]result) {
	metrics := metricsOf(s)
	fmt.Printf("\n%s (per %s, median of %d, least to most)\n", s.name, s.per(), len(results[names[0]]))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "client\t")
	for i, m := range metrics {
		fmt.Fprintf(w, "%s\t", heading(m))
		if i == 0 {
			fmt.Fprint(w, "spread\t/ floor\t")
		}
	}
	fmt.Fprintln(w)
	floor := make([]float64, len(metrics))
	for _, name := range names {
		fmt.Fprintf(w, "%s\t", name)
		for i, m := range metrics {
			var values []float64
			for _, res := range results[name] {
				values = append(values, m.of(s, &res))
			}
			f := figureOf(values)
			if name == floorName {
				floor[i] = f.median
			}
			ratio := "-"
			if floor[i] != 0 && m.fewer {
				ratio = strconv.FormatFloat(f.median/floor[i], 'f', 2, 64)
			}
			shown := strconv.FormatFloat(f.median, 'f', m.digits, 64)
			if name == treqName && (m.name == allocsMetric.name || m.name == allocBytesMetric.name) {
				shown = "-" // Python does not count allocations
			}
			fmt.Fprintf(w, "%s\t", shown)
			if i == 0 {
				fmt.Fprintf(w, "%.*f-%.*f\t%s\t", m.digits, f.least, m.digits, f.most, ratio)
			}
			if r.tsv != nil && shown != "-" {
				fmt.Fprintf(r.tsv, "%s\t%s\t%s/%s\t%s\t%s\n", s.name, name, heading(m), s.per(), shown, ratio)
			}
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}

// heading returns the name of a metric with its unit.
func heading(m metric) string {
	if m.unit == "" {
		return m.name
	}
	return m.name + " " + m.unit
}
