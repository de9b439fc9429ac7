package testing

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
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
	for _, c := range o.census.CancelsIgnored() {
		o.note(IgnoredCancels, c.Type, fmt.Sprintf("a cancelled Deferred has a value all the same: %v", c))
	}
	for _, u := range o.census.Unhandled() {
		text := "nothing handles the error of a Deferred: " + deferred.Describe(u.Err)
		if u.Made != "" {
			text += "\nmade by:\n" + u.Made
		}
		o.note(UnhandledErrors, "", text)
	}
	for _, w := range o.census.Waiting() {
		o.note(WaitingDeferreds, w.Type, "a Deferred has not fired: "+w.Tree)
	}
	for _, left := range leftovers(o.r) {
		o.note(left.check, "", "left behind: "+left.what)
	}
}

// note adds a problem that a check has found, unless the check is off.
func (o *run) note(check Checks, key, text string) {
	if o.x.Unchecked&check == 0 {
		p := problemOf(text)
		p.check, p.key = check, key
		o.problems = append(o.problems, p)
	}
}

// leftovers returns what is open on r.
func leftovers(r *memory.Reactor) (left []problem) {
	for _, call := range r.DelayedCalls() {
		left = append(left, problem{check: PendingCalls, what: fmt.Sprint("a delayed call, ", call)})
	}
	return left
}
