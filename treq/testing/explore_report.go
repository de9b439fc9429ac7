package testing

import (
	"fmt"
	"maps"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/memory/ladder"
)

// This file says in words what an exploration has come to.

// line returns the first line of the problem.
func (p problem) line() string {
	line, _, _ := strings.Cut(p.String(), "\n")
	return line
}

// finding returns f in the form for programs.
func (f *found) finding() *Finding {
	n := &Finding{
		Run: f.number, Seed: f.x.seed, Tape: f.last.tape.String(),
		Choices: f.last.choices(), Trace: f.last.story(), Waiting: f.last.tree,
	}
	for _, p := range f.last.problems {
		if text := p.String(); !slices.Contains(n.Failures, text) {
			n.Failures = append(n.Failures, text)
		}
	}
	if len(n.Failures) == 0 { // another run than the first one
		n.Failures = []string{f.first.problems[0].String()}
	}
	n.Report = f.report(n)
	return n
}

// choices returns the choices of the run that are not natural, in words.
func (o *run) choices() (words []string) {
	for _, e := range o.trace {
		if e.Kind == "choice" {
			e.Kind = ""
			words = append(words, e.String())
		}
	}
	if words != nil {
		return words
	}
	for i, p := range o.points {
		if p.Value != 0 {
			words = append(words, fmt.Sprintf("choice %d, of kind %v: %d of %d", i+1, p.Kind, p.Value, p.N-1))
		}
	}
	return words
}

// story returns the trace with the failures of the function in it. What comes after them says nothing
// about them.
func (o *run) story() (trace memory.Trace) {
	end := len(o.trace)
	if n := len(o.failures); n != 0 {
		end = max(o.returned, o.failures[n-1].at)
	}
	from := 0
	for _, f := range o.failures {
		at := max(from, min(f.at, end))
		trace = append(append(trace, o.trace[from:at]...), f.event)
		from = at
	}
	return append(trace, o.trace[from:end]...)
}

// names returns the names of the hosts for a ladder.
func (o *run) names() map[string]string {
	names := map[string]string{"10.0.0.1": "client", "fd00::1": "client"}
	maps.Copy(names, o.r.HostNames())
	return names
}

// report returns the text with which the test fails.
func (f *found) report(n *Finding) string {
	var b strings.Builder
	section := func(title, text string) {
		if text = strings.Trim(text, "\n"); text != "" {
			fmt.Fprintf(&b, "%s\n%s\n", title, indented(text))
		}
	}
	if f.number == 0 {
		fmt.Fprintf(&b, "Explore: the run with the tape of %s fails:\n", tapeVariable)
	} else if f.number > f.x.runs {
		fmt.Fprintf(&b, "Explore: after %d runs with seed %d:\n", f.number-1, f.x.seed)
	} else {
		fmt.Fprintf(&b, "Explore: run %d of %d fails, with seed %d:\n", f.number, f.x.runs, f.x.seed)
	}
	b.WriteString(indented(strings.Join(n.Failures, "\n")) + "\n")
	if len(f.last.problems) != 0 && f.last.problems[0].check&(OpenConnections|PendingCalls|PendingRequests) != 0 {
		fmt.Fprintf(&b, "This is left %v after the program was done. If it ends later by itself, set a longer Exploration.Settle.\n", max(0, f.x.Settle))
	}
	if f.differs != "" {
		section("The program is not deterministic: it does other things when the same choices are made again, so no run can be repeated. "+
			"The order of a map, the time, random numbers, a goroutine, or a variable that outlives the run may be the reason.", f.differs)
	}
	switch made := f.first.tape.Len(); {
	case f.number > f.x.runs: // two natural runs differ
	case len(n.Choices) == 0:
		b.WriteString("It fails without any fault and in the natural order.\n")
	case f.number == 0 || f.differs != "":
		section("The choices that are not natural:", strings.Join(n.Choices, "\n"))
	default:
		minimal := "none of them can be left out"
		if !f.minimal {
			minimal = "more may be to be left out"
		}
		section(fmt.Sprintf("The choices that matter, %d of %d (%s):", len(n.Choices), made, minimal), strings.Join(n.Choices, "\n"))
	}
	if f.blinded != "" {
		fmt.Fprintf(&b, "%s.\n", f.blinded)
	}
	section("What happened:", ladder.New(n.Trace, f.last.names()).Text())
	section("What waits:", n.Waiting)
	section("The log:", steady(f.last.tb.log.String()))
	section("Pictures of it:", strings.Join(f.x.draw(f.last, n), "\n"))
	section("To repeat this run:", f.x.command(n.Tape))
	return strings.TrimRight(b.String(), "\n")
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}

// command returns the command that repeats the run of a tape.
func (x *explorer) command(tape string) string {
	var patterns []string
	for _, name := range strings.Split(x.name, "/") {
		patterns = append(patterns, "^"+regexp.QuoteMeta(name)+"$")
	}
	pattern := "'" + strings.ReplaceAll(strings.Join(patterns, "/"), "'", `'\''`) + "'"
	flags := "-v -run " + pattern
	if strings.HasPrefix(x.name, "Benchmark") {
		flags = "-v -run '^$' -bench " + pattern
	}
	pkg := "."
	if info, ok := debug.ReadBuildInfo(); ok {
		if path, ok := strings.CutSuffix(info.Path, ".test"); ok && strings.Contains(path, "/") {
			pkg = path
		}
	}
	return fmt.Sprintf("%s=%s go test %s %s", tapeVariable, tape, flags, pkg)
}

// report fails the test if the exploration has found something, and logs how much it has tried.
func (x *explorer) report() {
	x.Helper()
	if x.summary.Finding != nil {
		x.Errorf("%s", x.summary.Finding.Report)
		return
	}
	if x.tape == nil {
		x.logSummary()
		x.checkPossible()
		x.checkSometimes()
	}
}

// logSummary logs how much the exploration has tried.
func (x *explorer) logSummary() {
	x.Helper()
	s := x.summary
	var b strings.Builder
	fmt.Fprintf(&b, "Explore: %d runs with seed %d, %d different ones", s.Runs, x.seed, s.Schedules)
	if s.Skipped != 0 {
		fmt.Fprintf(&b, ", %d skipped", s.Skipped)
	}
	if x.plan.Sampled() {
		b.WriteString("; too few for each single fault, cancel, delay and order")
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Choices)) {
		fmt.Fprintf(&b, "\n    %s: %d choices, %d not natural", kind, s.Choices[kind], s.Changes[kind])
	}
	for _, fault := range slices.Sorted(maps.Keys(s.Faults)) {
		fmt.Fprintf(&b, "\n    fault %s: %d", fault, s.Faults[fault])
	}
	for _, name := range slices.Sorted(maps.Keys(s.Sometimes)) {
		fmt.Fprintf(&b, "\n    %q: in %d runs", name, s.Sometimes[name])
	}
	x.Log(b.String())
}
