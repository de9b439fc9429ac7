package testing

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// This file checks that a run has left nothing behind, and says what two failures have in common.

// A problem is one reason why a run fails.
type problem struct {
	check  Checks // 0: the function's own failure
	place  string // the line of the function that says so, if any
	what   string // one line
	key    string // what the failure has in common with those of the same kind; "": what
	detail string // the lines after it
}

// String returns the problem as text.
func (p problem) String() string {
	text := p.what
	if p.place != "" {
		text = p.place + ": " + text
	}
	if p.detail != "" {
		text += "\n" + p.detail
	}
	return text
}

// problemOf returns the problem with a text.
func problemOf(text string) problem {
	what, detail, _ := strings.Cut(steady(strings.TrimRight(text, "\n")), "\n")
	return problem{what: what, detail: detail}
}

var (
	quoted  = regexp.MustCompile(`"(\\.|[^"\\])*"|'(\\.|[^'\\])*'` + "|`[^`]*`")
	numbers = regexp.MustCompile(`(0x[0-9a-fA-F]+|[0-9]+(\.[0-9]+)?)(ns|µs|us|ms|s|m|h)?([0-9.]+(ns|µs|us|ms|s|m|h))*`)
	series  = regexp.MustCompile(`#([ ,]+#)+`)
)

// sameAs reports whether two runs fail for the same reason. Numbers, times and quoted data may
// differ: they depend on the choices that the failure does not need.
func (p problem) sameAs(q problem) bool {
	return p.check == q.check && p.place == q.place && kindOf(cmp.Or(p.key, p.what)) == kindOf(cmp.Or(q.key, q.what))
}

func kindOf(text string) string {
	text = quoted.ReplaceAllString(text, `""`)
	text = numbers.ReplaceAllString(text, "#")
	return series.ReplaceAllString(text, "#")
}

// check notes what the run has left behind.
func (o *run) check() {
	if o.broken() {
		return
	}
	for _, p := range o.census.Panics() {
		o.note(Panics, "", "a callback panicked: "+deferred.Describe(p))
	}
	if given := o.r.GivenUp(); len(given) != 0 {
		for _, c := range o.census.CancelsIgnored() {
			if slices.Contains(given, c.Deferred) {
				kind, _, _ := strings.Cut(c.Type, " of the coroutine ")
				o.note(IgnoredCancels, kind, fmt.Sprintf("a cancel is ignored: %v", c))
			}
		}
	}
	for _, u := range o.census.Unhandled() {
		text := "nothing handles the error of a Deferred: " + deferred.Describe(u.Err)
		if u.Made != "" {
			text += "\nmade by:\n" + u.Made
		}
		o.note(UnhandledErrors, "", text)
	}
	if len(o.census.Waiting()) != 0 {
		for _, tree := range trees(o.census.String()) {
			o.note(WaitingDeferreds, typeOf(tree), "a Deferred has not fired: "+tree)
		}
	}
	for _, left := range o.r.Leftovers() {
		check, article := PendingRequests, ""
		switch left.Kind {
		case "connection", "producer":
			check, article = OpenConnections, "a "
		case "attempt to connect":
			check, article = OpenConnections, "an "
		case "delayed call":
			check, article = PendingCalls, "a "
		}
		o.note(check, "", fmt.Sprintf("left behind: %s%s", article, left))
	}
}

// trees returns the trees of a forest: each begins with a line that is not indented.
func trees(forest string) (trees []string) {
	for _, line := range strings.Split(forest, "\n") {
		if n := len(trees); n != 0 && strings.HasPrefix(line, " ") {
			trees[n-1] += "\n" + line
		} else {
			trees = append(trees, line)
		}
	}
	return trees
}

// typeOf returns the type of the Deferred at the root of a tree. What follows it depends on whether
// the lines are known where Deferreds were made.
func typeOf(tree string) string {
	line, _, _ := strings.Cut(tree, "\n")
	kind, _, _ := strings.Cut(strings.TrimLeft(line, "#0123456789 "), ",")
	kind, _, _ = strings.Cut(kind, ": ")
	return kind
}

// note adds a problem that a check has found, unless the check is off.
func (o *run) note(check Checks, key, text string) {
	if o.x.Unchecked&check == 0 {
		p := problemOf(text)
		p.check, p.key = check, key
		o.problems = append(o.problems, p)
	}
}
