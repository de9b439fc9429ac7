// Package figures is what becomes of the figures of a benchmark: a file that keeps them, what moved between two runs,
// the budgets, and the tables of the documents. It measures nothing.
package figures

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A Figure is what one client needed in one scenario, by one metric.
type Figure struct {
	Scenario, Client, Metric string
	// Values are those of the rounds, in their order. All clients of a scenario run in one round, one after another.
	Values []float64
}

// Median returns the median of the rounds.
func (f *Figure) Median() float64 { return median(f.Values) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// A Set is the figures of a run.
type Set struct {
	// About says how they were measured: lines of a name, a colon and a value.
	About   []string
	Figures []Figure
}

// Get returns the figure of a client in a scenario whose metric begins with metric, or nil.
func (s *Set) Get(scenario, client, metric string) *Figure {
	i := slices.IndexFunc(s.Figures, func(f Figure) bool {
		return f.Scenario == scenario && f.Client == client && strings.HasPrefix(f.Metric, metric)
	})
	if i < 0 {
		return nil
	}
	return &s.Figures[i]
}

// Merge puts the figures of newer into s. It takes out those that s had of the same scenarios.
func (s *Set) Merge(newer *Set) {
	s.About = newer.About
	for _, f := range newer.Figures {
		s.Figures = slices.DeleteFunc(s.Figures, func(old Figure) bool { return old.Scenario == f.Scenario })
	}
	s.Figures = append(s.Figures, newer.Figures...)
}

// floor is the client whose figures the ratios refer to.
const floor = "floor"

// Write writes a line for each figure, of fields with tabs between them: the scenario, the client, the metric, the
// median, its ratio to the floor's if it is processor time or "-", and the values of the rounds.
func (s *Set) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, line := range s.About {
		fmt.Fprintf(b, "# %s\n", line)
	}
	for _, f := range s.Figures {
		values := make([]string, len(f.Values))
		for i, v := range f.Values {
			values[i] = short(v)
		}
		ratio := "-"
		if base := s.Get(f.Scenario, floor, f.Metric); base != nil && strings.HasPrefix(f.Metric, cpu) {
			ratio = strconv.FormatFloat(f.Median()/base.Median(), 'f', 2, 64)
		}
		fmt.Fprintf(b, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Scenario, f.Client, f.Metric, short(f.Median()), ratio, strings.Join(values, " "))
	}
	return b.Flush()
}

// short writes a figure with as many digits as it may be worth.
func short(v float64) string {
	digits := 0
	switch {
	case v < 10:
		digits = 3
	case v < 1000:
		digits = 2
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// Read reads what Write writes. A line may end after the median, as older programs have it: that is the one value then.
func Read(r io.Reader) (*Set, error) {
	s := &Set{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if about, ok := strings.CutPrefix(lines.Text(), "# "); ok {
			s.About = append(s.About, about)
			continue
		}
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) < 4 {
			return nil, fmt.Errorf("%q is not a figure", lines.Text())
		}
		values := fields[3]
		if len(fields) > 5 {
			values = fields[5]
		}
		f := Figure{Scenario: fields[0], Client: fields[1], Metric: fields[2]}
		for _, text := range strings.Fields(values) {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", lines.Text(), err)
			}
			f.Values = append(f.Values, v)
		}
		if len(f.Values) == 0 {
			return nil, fmt.Errorf("%q has no value", lines.Text())
		}
		s.Figures = append(s.Figures, f)
	}
	return s, lines.Err()
}

// ReadFile reads a file of figures.
func ReadFile(name string) (*Set, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// WriteFile writes a file of figures.
func (s *Set) WriteFile(name string) error {
	var b strings.Builder
	if err := s.Write(&b); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}
