package testing

import (
	"fmt"
	"strings"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file tells of an exploration that could not find anything.

// checkPossible fails the test if it asks for faults, cancels or latencies, and no run had a place
// for one.
func (x *explorer) checkPossible() {
	x.Helper()
	if x.summary.Runs == x.summary.Skipped {
		return
	}
	n := &x.Network
	for _, test := range []struct {
		kind   memory.Choice
		wanted bool
		what   string
		why    func() string
	}{
		{memory.Fault, len(n.MayFail) != 0 || n.Faults != 0 || n.MaxFaults != 0 || x.Strategies&EachFault != 0, "fail", x.noFault},
		{memory.Latency, n.MaxLatency != 0 || x.Strategies&EachDelay != 0, "be late", x.noLatency},
		{memory.Cancel, x.Strategies&EachCancel != 0, "be given up", noCancel},
	} {
		if test.wanted && x.summary.Choices[test.kind] == 0 {
			x.Errorf("Explore: nothing could %s in any of %d runs: %s", test.what, x.summary.Runs, test.why())
		}
	}
}

// useTheReactor says what a program may have forgotten.
const useTheReactor = "Does the program use the reactor that the function gets, and is it at work when the function returns?"

func (x *explorer) noFault() string {
	if len(x.Network.MayFail) == 0 {
		return "Network.MayFail is empty. Set it to the links that may fail."
	}
	var links []string
	for _, l := range x.Network.MayFail {
		links = append(links, fmt.Sprintf("%q to %q", l.A, l.B))
	}
	faults := "no fault"
	if x.Network.Faults != 0 {
		faults = "no fault of Network.Faults (" + x.Network.Faults.String() + ")"
	}
	return fmt.Sprintf("%s had a place on the links of Network.MayFail (%s), neither while the function ran nor in Exploration.Work after it. %s",
		faults, strings.Join(links, ", "), useTheReactor)
}

func (x *explorer) noLatency() string {
	if x.Network.MaxLatency == 0 {
		return "Network.MaxLatency is 0. Set it to the time that a message may take."
	}
	return "nothing was sent, although Network.MaxLatency is set. " + useTheReactor
}

func noCancel() string {
	return "no Deferred that waits was passed to Reactor.MayCancel, although EachCancel is asked for."
}
