package figures

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// This file says what moved between two programs. Noise makes each figure different each time, so a figure has moved
// only if its rounds agree that it has, and if it has moved by more than machines do by themselves.

const (
	// confidence is the least probability with which an interval has the true ratio. Since a run has many figures, one
	// of twenty would be found to have moved by chance with the usual 0.95.
	confidence = 0.99
	// leastPaired is the least change of a ratio between paired rounds that is reported.
	leastPaired = 0.02
	// leastKept is the same for rounds of two runs, hours apart, in which a machine may change.
	leastKept = 0.15
)

// A Change is how a figure differs between two programs.
type Change struct {
	Scenario, Client, Metric string
	Old, New                 float64 // medians
	Ratio                    float64 // new to old
	Least, Most              float64 // the interval of the ratio
	Moved                    bool    // beyond the noise
}

// Better reports whether the change is one for the better: what is counted per second may grow, and all else may shrink.
func (c *Change) Better() bool { return (c.Ratio < 1) != strings.HasPrefix(c.Metric, "rate") }

// Paired compares the rounds of two programs that ran in turn: the first round of one with the first of the other, and so
// on. It takes the median of their ratios, and the interval that has the true median with the given confidence whatever
// the noise is like: by the number of rounds on either side of it, as a sign test does.
func Paired(before, after *Set) []Change {
	return changes(before, after, func(old, new *Figure) Change {
		n := min(len(old.Values), len(new.Values))
		ratios := make([]float64, n)
		for i := range ratios {
			ratios[i] = ratio(new.Values[i], old.Values[i])
		}
		c := Change{Ratio: median(ratios)}
		c.Least, c.Most = signInterval(ratios)
		c.Moved = (c.Least > 1 || c.Most < 1) && math.Abs(c.Ratio-1) >= leastPaired
		return c
	})
}

// Unpaired compares two runs that did not take place at the same time. It compares the ratios to the floor of each run, where
// there is one, since the floor too depends on the hour. The interval is that of all ratios of a new round to an old one.
func Unpaired(before, after *Set) []Change {
	return changes(before, after, func(old, new *Figure) Change {
		was, is := toFloor(before, old), toFloor(after, new)
		c := Change{Ratio: ratio(median(is), median(was))}
		c.Least = ratio(slices.Min(is), slices.Max(was))
		c.Most = ratio(slices.Max(is), slices.Min(was))
		c.Moved = (c.Least > 1 || c.Most < 1) && math.Abs(c.Ratio-1) >= leastKept
		return c
	})
}

// toFloor returns the values of f as ratios to the floor's median if f is processor time, and as they are otherwise.
func toFloor(s *Set, f *Figure) []float64 {
	base := s.Get(f.Scenario, floor, f.Metric)
	if base == nil || f.Client == floor || !strings.HasPrefix(f.Metric, "cpu") {
		return f.Values
	}
	values := slices.Clone(f.Values)
	for i := range values {
		values[i] = ratio(values[i], base.Median())
	}
	return values
}

// ratio is a/b, and 1 for two figures that are both nothing.
func ratio(a, b float64) float64 {
	if a == b {
		return 1
	}
	return a / b
}

func changes(before, after *Set, compare func(old, new *Figure) Change) (all []Change) {
	for i := range after.Figures {
		new := &after.Figures[i]
		for j := range before.Figures {
			old := &before.Figures[j]
			if old.Scenario == new.Scenario && old.Client == new.Client && old.Metric == new.Metric {
				c := compare(old, new)
				c.Scenario, c.Client, c.Metric, c.Old, c.New = new.Scenario, new.Client, new.Metric, old.Median(), new.Median()
				all = append(all, c)
			}
		}
	}
	return all
}

// signInterval returns the interval of the median of values: it leaves out as many of the least and of the most values as
// the confidence allows. It has no bounds if there are too few values, which is so for fewer than eight.
func signInterval(values []float64) (least, most float64) {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	// The probability that k or fewer of n values lie below the median is that of k or fewer heads of n coins.
	out, outcomes, heads := 0, 1.0, 1.0
	for ; 2*heads/math.Pow(2, float64(n)) <= 1-confidence; out++ {
		outcomes *= float64(n-out) / float64(out+1)
		heads += outcomes
	}
	if out == 0 {
		return math.Inf(-1), math.Inf(1)
	}
	return sorted[out-1], sorted[n-out]
}

// PrintChanges prints what moved, and the main figure of each client in each scenario whether it moved or not. It returns
// the number of figures that are worse.
func PrintChanges(w io.Writer, all []Change) (worse int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\tclient\tmetric\told\tnew\tnew/old\tinterval\t")
	moved, before := 0, Change{}
	for _, c := range all {
		main := c.Scenario != before.Scenario || c.Client != before.Client
		before = c
		verdict := ""
		if c.Moved {
			moved++
			if verdict = "better"; !c.Better() {
				verdict = "WORSE"
				worse++
			}
		}
		if main || c.Moved {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.3f\t%.2f-%.2f\t%s\n", c.Scenario, c.Client, c.Metric, short(c.Old), short(c.New), c.Ratio, c.Least, c.Most, verdict)
		}
	}
	t.Flush()
	fmt.Fprintf(w, "\n%d figures were compared: %d moved beyond the noise, %d of them for the worse.\n", len(all), moved, worse)
	return worse
}
