// Parity sends the same requests through Python's treq and through this module's client
// to the same servers. It compares what the servers received and what the callers got.
//
// It prints a line for each case. The numbers in it are those of the differences in the
// table of docs/parity.md that occur. A case is "same" if it has no other differences than
// those that every case may have. Parity prints each difference that is not listed, and then
// fails. It also fails if a listed difference does not occur.
//
// It makes the requests over HTTP/2 as well, of the cases that do not depend on the version, and
// compares again. [onlyHTTP1] has the other cases, and [http2Differences] what the version changes;
// -v prints the former.
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
	ours, err := StartOurs(servers.roots, nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	second, err := StartOurs(servers.roots, servers.fronts.at)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, second.Close()) }()

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
		if why := leftOut(c.Name); why != "" {
			r.leave(c.Name, why)
			continue
		}
		over2, err := servers.Outcome(c, second.Run)
		if err != nil {
			return false, fmt.Errorf("%s: ours over HTTP/2: %w", c.Name, err)
		}
		r.addHTTP2(c.Name, compare(c.Name, there, over2.inTermsOf(there)))
	}
	return r.end(pattern == ""), nil
}

// A report prints the result of each case, and counts.
type report struct {
	w       io.Writer
	verbose bool
	occurs  []bool // for each of differences: whether it occurred

	same, listed, unlisted int // cases

	left            []string // the cases that are for HTTP/1.1 only, with the reasons
	over2, differs2 int      // the cases over HTTP/2, and those of them with differences that are not listed
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

// leave notes that a case is for HTTP/1.1 only.
func (r *report) leave(name, why string) { r.left = append(r.left, name+": "+why) }

// addHTTP2 prints the result of a case over HTTP/2, if it differs in what is not listed and not the version's.
func (r *report) addHTTP2(name string, all []Mismatch) {
	r.over2++
	first := true
	for _, m := range all {
		if listed(m) >= 0 || byVersion(m) {
			continue
		}
		if first {
			r.differs2++
			fmt.Fprintln(r.w, "differs", name, "over HTTP/2")
			first = false
		}
		fmt.Fprintf(r.w, "        %s\n          treq %s\n          ours %s\n", m.Field, m.Treq, m.Ours)
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
	fmt.Fprintf(r.w, "%d cases over HTTP/2 too: %d as over HTTP/1.1, %d with other differences; %d for HTTP/1.1 only\n",
		r.over2, r.over2-r.differs2, r.differs2, len(r.left))
	if r.verbose {
		for _, left := range r.left {
			fmt.Fprintln(r.w, "       ", left)
		}
	}
	return r.unlisted == 0 && gone == 0 && r.differs2 == 0
}
