// Parity makes one list of requests through Python's treq and through this
// module's client, to the same servers, and compares what the servers received
// and what the callers got.
//
// It prints a line for each case: same; or listed, with the numbers of the
// differences, in the table of docs/parity.md, that occur; or differs, and where.
// It fails if anything differs that is not listed, or does not differ that is.
// Where treq is not installed it says so and does nothing.
//
// Usage:
//
//	go run ./internal/parity [-v] [pattern of cases]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
)

func main() {
	verbose := flag.Bool("v", false, "print what is listed, too")
	flag.Parse()
	pattern := flag.Arg(0)
	ok, err := run(os.Stdout, pattern, *verbose)
	switch {
	case errors.Is(err, errNoTreq):
		fmt.Println("parity: skipped:", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	case !ok:
		os.Exit(1)
	}
}

// run compares the cases that match pattern and reports whether all is as
// listed.
func run(w io.Writer, pattern string, verbose bool) (ok bool, err error) {
	treq, err := StartTreq()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, treq.Close()) }()
	servers, err := StartServers()
	if err != nil {
		return false, err
	}
	defer servers.Close()
	ours, err := StartOurs()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()

	fmt.Fprintln(w, "comparing with", treq.Version)
	var number, same, known, unknown int
	occurs := make([]bool, len(differences))
	for _, c := range cases {
		if !matches(pattern, c.Name) {
			continue
		}
		number++
		outcome, err := servers.Outcome(c, ours.Run)
		if err != nil {
			return false, fmt.Errorf("%s: ours: %w", c.Name, err)
		}
		peer, err := servers.Outcome(c, treq.Run)
		if err != nil {
			return false, fmt.Errorf("%s: treq: %w", c.Name, err)
		}
		var numbers []int
		var unlisted []Mismatch
		mismatches := compare(c.Name, peer, outcome)
		for _, m := range mismatches {
			i := listed(m)
			if i < 0 {
				unlisted = append(unlisted, m)
				continue
			}
			occurs[i] = true
			numbers = appendNew(numbers, i+1)
		}
		if verbose {
			unlisted = mismatches
		}
		switch {
		case len(mismatches) == 0:
			same++
			fmt.Fprintf(w, "same     %s\n", c.Name)
		case len(unlisted) == 0:
			known++
			fmt.Fprintf(w, "listed   %s %v\n", c.Name, numbers)
		default:
			unknown++
			fmt.Fprintf(w, "differs  %s %v\n", c.Name, numbers)
			for _, m := range unlisted {
				fmt.Fprintf(w, "         %s\n           treq %s\n           ours %s\n", m.Field, m.Treq, m.Ours)
			}
		}
	}
	gone := 0
	for i, occurs := range occurs {
		if !occurs && pattern == "" {
			gone++
			fmt.Fprintf(w, "listed difference %d does not occur: %s: %s\n", i+1, differences[i].Cases, differences[i].Field)
		}
	}
	fmt.Fprintf(w, "%d cases: %d same, %d with listed differences, %d with others; %d of %d listed differences do not occur\n",
		number, same, known, unknown, gone, len(differences))
	return unknown == 0 && gone == 0, nil
}

func appendNew(list []int, n int) []int {
	if slices.Contains(list, n) {
		return list
	}
	return append(list, n)
}
