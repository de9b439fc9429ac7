package main

import (
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/bench/figures"
)

// TestNames: what the budgets, the bounds and the tables are of can be measured.
func TestNames(t *testing.T) {
	all := scenarios(addresses{}, "", "")
	for _, term := range figures.Terms() {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == term.Scenario })
		if i < 0 {
			t.Errorf("there is no scenario %q", term.Scenario)
			continue
		}
		_, isServer := servers[term.Client]
		if !slices.Contains(clientNames, term.Client) && !isServer {
			t.Errorf("there is no client %q", term.Client)
		}
		if !slices.ContainsFunc(metricsOf(&all[i], term.Client), func(m metric) bool { return m.name == term.Metric }) {
			t.Errorf("%v: there is no such metric", term)
		}
	}
}

func TestPartOf(t *testing.T) {
	for _, test := range []struct{ address, function, want string }{
		{"ffffffff81000000", "tcp_sendmsg", kernelPart},
		{"47e0", "runtime.mallocgcSmallScanNoHeader", "allocation and collection of garbage"},
		{"47e0", "runtime.mapassign_faststr", "maps, which are http.Header"},
		{"47e0", "internal/runtime/syscall.Syscall6", "Go's scheduler, entry to system calls, and the rest of the runtime"},
		{"47e0", modulePath + "reactor.(*Loop).turn", "the loop"},
		{"47e0", modulePath + "treq/agent.(*exchange).send", "agent, client, request, response, cookies"},
		{"47e0", modulePath + "internal/http1.(*Parser).Parse", "parsing the response, writing the request"},
		{"47e0", "strings.Index", restPart},
	} {
		if got := partOf(test.address, test.function); got != test.want {
			t.Errorf("%s is of %q, not of %q", test.function, got, test.want)
		}
	}
}
