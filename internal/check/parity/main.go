// Parity sends the same requests through Python's treq and through this module's client
// to the same servers. It compares what the servers received and what the callers got.
//
// It prints a line for each case. The numbers in it are those of the differences in the
// table of docs/parity.md that occur. A case is "same" if it has no other differences than
// those that every case may have. Parity prints each difference that is not listed, and then
// fails. It also fails if a listed difference does not occur.
//
// If treq is not installed, parity says so and does nothing.
//
// Usage:
//
//	go run ./internal/check/parity [-v] [pattern of cases]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/seed-7c003b53/gotreq/internal/testkit/python"
)

func main() {
	verbose := flag.Bool("v", false, "print the listed differences too")
	flag.Parse()
	pattern := flag.Arg(0)
	ok, err := run(os.Stdout, pattern, *verbose)
	switch {
	case errors.Is(err, python.ErrNoTreq):
		fmt.Println("parity: skipped:", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	case !ok:
		os.Exit(1)
	}
}

// run compares the cases that match pattern. It reports whether the differences are those
// listed.
func run(w io.Writer, pattern string, verbose bool) (ok bool, err error) {
	servers, err := StartServers()
	if err != nil {
		return false, err
	}
	defer servers.Close()
	treq, err := StartTreq(servers.pem)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, treq.Close()) }()
	ours, err := StartOurs(servers.roots)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()

	fmt.Fprintln(w, "comparing with", treq.Version)
	r := report{w: w, verbose: verbose, occurs: make([]bool, len(differences))}
	for _, c := range cases {
		if !matches(pattern, c.Name) {
			continue
		}
		here, err := servers.Outcome(c, ours.Run)
		if err != nil {
			return false, fmt.Errorf("%s: ours: %w", c.Name, err)
		}
		there, err := servers.Outcome(c, treq.Run)
		if err != nil {
			return false, fmt.Errorf("%s: treq: %w", c.Name, err)
		}
		r.add(c.Name, compare(c.Name, there, here))
	}
	return r.end(pattern == ""), nil
}

// A report prints the result of each case, and counts.
type report struct {
	w       io.Writer
	verbose bool
	occurs  []bool // for each of differences: whether it occurred

	same, listed, unlisted int // cases
}

// add prints the result of a case.
func (r *report) add(name string, all []Mismatch) {
	var numbers []int
	own, unlisted := false, 0
	for _, m := range all {
		i := listed(m)
		if i < 0 {
			unlisted++
			continue
		}
		r.occurs[i] = true
		own = own || differences[i].Cases != ""
		if !slices.Contains(numbers, i+1) {
			numbers = append(numbers, i+1)
		}
	}
	slices.Sort(numbers)
	verdict := "same   "
	switch {
	case unlisted != 0:
		verdict = "differs"
		r.unlisted++
	case own:
		verdict = "listed "
		r.listed++
	default:
		r.same++
	}
	fmt.Fprintln(r.w, verdict, name, numbers)
	for _, m := range all {
		if r.verbose || listed(m) < 0 {
			fmt.Fprintf(r.w, "        %s\n          treq %s\n          ours %s\n", m.Field, m.Treq, m.Ours)
		}
	}
}

// end prints the totals. complete means that no case was left out.
func (r *report) end(complete bool) (ok bool) {
	gone := 0
	for i, occurs := range r.occurs {
		if !occurs && complete {
			gone++
			fmt.Fprintf(r.w, "listed difference %d does not occur: %s: %s\n", i+1, differences[i].Cases, differences[i].Field)
		}
	}
	fmt.Fprintf(r.w, "%d cases: %d same, %d with listed differences, %d with others\n",
		r.same+r.listed+r.unlisted, r.same, r.listed, r.unlisted)
	return r.unlisted == 0 && gone == 0
}
