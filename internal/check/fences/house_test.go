package fences

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A room is a package of the house, or all packages below a folder.
type room struct {
	pkg  string // or "folder/...", whose packages may import each other
	uses string // the packages of ours that it imports outside its tests
}

// house lists the packages of the module, the lowest first. A package may import only
// packages above its own line: so the arrows of docs/architecture.md point down.
var house = []room{
	// Deferreds stand on coroutines alone, so that they can be used without the rest.
	{"internal/coro", ""},
	{"internal/sandbox", ""},
	{"deferred", "internal/coro"},
	{"deferred/deferredtest", "deferred"},

	// The foundations.
	{"internal/form", ""},
	{"internal/inspect", ""},
	{"internal/list", ""},
	{"internal/secret", ""},
	{"internal/origin", "internal/secret"},
	{"internal/pieces", ""},
	{"internal/producer", ""},
	{"internal/random", ""},
	{"internal/timers", "deferred"},

	// HTTP/1.1, which knows neither sockets nor Deferreds. Its limits and errors are
	// public, for the client and the server alike.
	{"treq/wire", ""},
	{"internal/http1", "internal/secret treq/wire"},
	{"internal/http2", "internal/http1 internal/list internal/secret treq/wire"},

	// The reactor knows nothing of HTTP.
	{"reactor", "deferred internal/coro internal/inspect internal/list internal/producer internal/random internal/sandbox internal/timers"},
	{"internal/handover", "reactor"},
	{"reactor/task", "deferred internal/inspect internal/list internal/timers reactor"},
	{"reactor/endpoints", "deferred internal/handover reactor"},
	{"reactor/memory", "deferred internal/list internal/producer internal/timers reactor"},
	{"reactor/memory/ladder", "reactor/memory"},
	{"internal/explore", "reactor/memory"},
	{"reactor/protocols", "deferred internal/handover internal/list internal/producer reactor"},
	{"internal/bridge", "deferred internal/coro reactor"},
	// A stream as a Transport.
	{"internal/duplex", "deferred internal/producer reactor treq/wire"},

	// What a request and its response are. Bodies are produced and read by
	// cooperative tasks.
	{"treq/request", "deferred internal/pieces internal/secret reactor/task"},
	{"treq/cookies", "internal/list internal/origin"},
	{"treq/response", "deferred internal/form internal/handover internal/list internal/origin internal/secret reactor reactor/task treq/cookies treq/request"},
	{"treq/auth", "deferred internal/list internal/origin internal/random treq/request treq/response"},
	{"treq/multipart", "deferred internal/random reactor/task treq/request"},

	// The client.
	{"treq/agent", "deferred internal/bridge internal/coro internal/duplex internal/handover internal/http1 internal/http2 internal/inspect internal/list internal/origin internal/pieces internal/secret reactor reactor/endpoints reactor/task treq/auth treq/cookies treq/request treq/response treq/wire"},
	{"treq/client", "deferred internal/origin internal/secret reactor reactor/task treq/agent treq/auth treq/cookies treq/multipart treq/request treq/response"},

	// The client for goroutines that wait.
	{"treq/blocking", "deferred internal/bridge internal/origin internal/secret reactor reactor/task treq/agent treq/client treq/cookies treq/request treq/response"},

	// The server needs nothing of the client. It shares the machine of HTTP/1.1 with it,
	// and therefore treq/wire, whose limits it lets its user set and whose errors it
	// answers.
	{"treq/web", "deferred internal/coro internal/duplex internal/form internal/handover internal/http1 internal/http2 internal/inspect internal/list internal/pieces internal/producer internal/random internal/secret reactor treq/wire"},
	{"treq/web/inspect", "reactor treq/web"},

	// The face, and what tests put in its place.
	{"treq", "deferred reactor treq/agent treq/auth treq/client treq/response"},
	{"treq/testing", "deferred internal/coro internal/explore internal/form internal/origin internal/sandbox internal/timers reactor reactor/endpoints reactor/memory reactor/memory/ladder reactor/task treq treq/agent treq/client treq/request treq/response treq/web"},

	// The outside: nothing above imports these but tests. Examples use what a user may
	// use.
	{"docs", ""},
	{"examples/...", public + " docs"},
	{"internal/testkit/...", public},
	{"bench/figures", ""},
	{"bench", public + " bench/figures internal/testkit/testcert"},
	{"bench/beside", public},
	{"internal/check/allocations", ""},
	{"internal/check/bigbody", public},
	{"internal/check/doccheck", ""},
	{"internal/check/explore", ""},
	{"internal/check/fences", ""},
	{"internal/check/h2spec", ""},
	{"internal/check/nethttp", public},
	{"internal/check/peers", ""},
	{"internal/check/parity", public + " internal/testkit/python internal/testkit/testcert"},
}

// public names every package that a user may import.
const public = "deferred/... reactor/... treq/..."

// tableName is the file that a message sends its reader to.
const tableName = "internal/check/fences/house_test.go"

// TestHouse: every package imports those packages of ours that its row names.
func TestHouse(t *testing.T) { report(t, checkHouse(house, readModule(t))) }

// checkHouse says where src departs from the rows of house.
func checkHouse(house []room, src source) (problems []string) {
	rowOf := func(pkg string) int {
		return slices.IndexFunc(house, func(r room) bool { return within(pkg, r.pkg) })
	}
	seen := make([]bool, len(house))
	imported := make([]map[string]bool, len(house))
	homeless := map[string]bool{}
	for _, f := range src {
		row := rowOf(f.pkg)
		if row < 0 {
			if !homeless[f.pkg] {
				homeless[f.pkg] = true
				problems = append(problems, fmt.Sprintf("%s: the package %s has no row in %s: add one, below the rows of all packages that it imports and above the rows of all that import it",
					f.name, f.pkg, tableName))
			}
			continue
		}
		seen[row] = true
		if f.test {
			continue
		}
		for _, i := range f.imports {
			target := rowOf(i.name)
			if target < 0 || target == row {
				continue // not ours, or in the same folder/...
			}
			if imported[row] == nil {
				imported[row] = map[string]bool{}
			}
			imported[row][i.name] = true
			switch {
			case withinAny(i.name, house[row].uses):
			case target > row:
				problems = append(problems, fmt.Sprintf("%s: %s imports %s, which is above it: pass what it needs in as an argument or a small interface, or move the code to a package above both",
					f.at(i), f.pkg, i.name))
			default:
				problems = append(problems, fmt.Sprintf("%s: %s imports %s, which its row in %s does not name: do without it, or add it to the row and say why in the commit",
					f.at(i), f.pkg, i.name, tableName))
			}
		}
	}
	for row, r := range house {
		if !seen[row] {
			problems = append(problems, fmt.Sprintf("%s: there is no package %s: take its row out", tableName, r.pkg))
			continue
		}
		for _, use := range strings.Fields(r.uses) {
			switch _, many := strings.CutSuffix(use, "/..."); {
			case many:
			case rowOf(use) < 0 || rowOf(use) > row:
				problems = append(problems, fmt.Sprintf("%s: the row of %s names %s, which no row above it has: arrows point down", tableName, r.pkg, use))
			case !imported[row][use]:
				problems = append(problems, fmt.Sprintf("%s: %s does not import %s: take that out of its row", tableName, r.pkg, use))
			}
		}
	}
	return problems
}
