package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// A report prints the uses of names, and counts them.
type report struct {
	out   *bufio.Writer
	names *names

	files, unread, used int
	distinct            map[string]*found // by name
	noted               map[*entry]bool   // in the file: a note is printed once
}

// found is what is known of a name that was used.
type found struct {
	outcome outcome
	times   int
	where   string // the first
}

type outcome int

const (
	unknown outcome = iota // docs/names.md does not say
	reason                 // why nothing takes its place
	counterpart
)

func newReport(out io.Writer, n *names) *report {
	return &report{out: bufio.NewWriter(out), names: n, distinct: map[string]*found{}}
}

// mostProblems is how many problems of a file are printed.
const mostProblems = 3

// add prints the uses in a file.
func (r *report) add(s source) {
	r.files++
	file := printable(s.file)
	if s.err != nil {
		r.unread++
		fmt.Fprintf(r.out, "%s: cannot be read: %s\n", file, printable(s.err.Error()))
		return
	}
	problems := 0
	uses := findUses(r.names, s.src, s.path, func(line int, text string) {
		if problems++; problems <= mostProblems {
			fmt.Fprintf(r.out, "%s:%d: %s\n", file, line, text)
		}
	})
	if problems > mostProblems {
		fmt.Fprintf(r.out, "%s: %d more such places\n", file, problems-mostProblems)
	}
	if problems > 0 {
		r.unread++
	}
	r.noted = map[*entry]bool{}
	for _, u := range uses {
		r.use(fmt.Sprintf("%s:%d", file, u.line), u)
	}
}

// use prints one use.
func (r *report) use(where string, u use) {
	r.used++
	if len(u.entries) == 0 {
		outcome, says := unknown, "docs/names.md does not say"
		if u.private {
			outcome, says = reason, "none: it is private"
		}
		r.print(where, outcome, printable(u.text), says)
		r.count(printable(u.text), outcome, where)
		return
	}
	e := u.entries[0]
	says := e.here
	if e.note != "" && !r.noted[e] {
		r.noted[e] = true
		says += "; " + e.note
	}
	outcome := counterpart
	if e.none {
		outcome = reason
	}
	r.print(where, outcome, printable(u.text), says+others(u.entries))
	r.count(e.module+"."+e.name, outcome, where)
}

// others names the classes of all entries but the first, for a member that may be of any.
func others(entries []*entry) string {
	var classes []string
	for _, e := range entries[1:] {
		if e.here != entries[0].here {
			classes = append(classes, e.class())
		}
	}
	switch more := len(classes) - mostClasses; {
	case len(classes) == 0:
		return ""
	case more > 0:
		return fmt.Sprintf(" (or of %s or %d others)", strings.Join(classes[:mostClasses], ", "), more)
	default:
		return " (or of " + strings.Join(classes, ", ") + ")"
	}
}

// mostClasses is how many classes are printed that a member may be of.
const mostClasses = 3

func (r *report) print(where string, o outcome, text, says string) {
	mark := map[outcome]string{unknown: "? ", reason: "! ", counterpart: "  "}[o]
	fmt.Fprintf(r.out, "%s: %s%-36s %s\n", where, mark, text, says)
}

func (r *report) count(name string, o outcome, where string) {
	f := r.distinct[name]
	if f == nil {
		f = &found{where: where, outcome: o}
		r.distinct[name] = f
	}
	f.times++
}

// finish prints the counts.
func (r *report) finish() error {
	counts := map[outcome]int{}
	for _, f := range r.distinct {
		counts[f.outcome]++
	}
	fmt.Fprintf(r.out, "\n%s", many(r.files, "file"))
	if r.unread > 0 {
		fmt.Fprintf(r.out, ", of which %d could not be read, or not all of it", r.unread)
	}
	fmt.Fprintf(r.out, "\n%s of %s: %d have a counterpart, %d (!) a reason why there is none, %d (?) are unknown\n",
		many(r.used, "use"), many(len(r.distinct), "name"), counts[counterpart], counts[reason], counts[unknown])
	for _, list := range []struct {
		outcome outcome
		title   string
	}{{reason, "without a counterpart"}, {unknown, "unknown"}} {
		for _, name := range slices.SortedFunc(maps.Keys(r.distinct), cmp.Compare[string]) {
			if f := r.distinct[name]; f.outcome == list.outcome {
				fmt.Fprintf(r.out, "%s: %s, %s, first at %s\n", list.title, name, many(f.times, "use"), f.where)
			}
		}
	}
	return r.out.Flush()
}

// many returns n things.
func many(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprint(n, " ", thing)
}

// printable returns text as it may be printed: a file may have any name.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return unicode.ReplacementChar
		}
		return c
	}, text)
}
