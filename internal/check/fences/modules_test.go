package fences

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A module is code of others that ours may use.
type module struct {
	path string // of the module, or of those of its packages that may be used
	in   string // the packages of ours that import it outside tests; tests may everywhere
}

// modules are all the dependencies. Another one needs a reason in its commit.
var modules = []module{
	{"github.com/andybalholm/brotli", "treq/agent treq/web"},
	{"github.com/gofrs/flock", "deferred"},
	{"github.com/google/go-cmp", "treq/testing internal/check/parity"},
	{"github.com/klauspost/compress", "treq/agent treq/web"},
	{"github.com/sourcegraph/conc", "reactor treq/response treq/web"},
	{"golang.org/x/net/http/httpproxy", "treq/agent"},
	{"golang.org/x/net/http2/hpack", "internal/http2"},
	{"golang.org/x/net/http2", ""}, // the oracle of tests of HTTP/2
	{"golang.org/x/net/idna", "internal/origin"},
	{"golang.org/x/net/proxy", ""}, // the oracle of tests of SOCKS
	{"golang.org/x/net/publicsuffix", "treq/cookies"},
	{"golang.org/x/sync", "reactor"},
	{"golang.org/x/sys", "reactor"},
	{"golang.org/x/text", "treq/auth treq/response"},
	{"golang.org/x/time/rate", "treq/agent"},

	// A test has it speak WebSocket over our RoundTripper; no user of the library gets it.
	{"github.com/coder/websocket", ""},

	// Tests have it judge our HTTP/2, and speak with it.
	{"golang.org/x/net/http2", ""},

	// The server that examples and checks talk with; no user of the library gets it.
	{"github.com/mccutchen/go-httpbin/v2", "examples/internal/httpbin internal/check/parity"},
}

// modulesTable is the file that a message sends its reader to.
const modulesTable = "internal/check/fences/modules_test.go"

// TestModules: only the packages that a module's row names import it.
func TestModules(t *testing.T) { report(t, checkModules(modules, readModule(t))) }

// checkModules says where src departs from modules. It leaves out the packages with a go.mod
// of their own: bench measures other clients, internal/check/h2spec runs h2spec, and internal/check/nethttp programs that
// are written for net/http.
func checkModules(modules []module, src source) (problems []string) {
	imported := make([]map[string]bool, len(modules))
	for _, f := range src {
		if withinAny(f.pkg, "bench/... internal/check/h2spec/... internal/check/nethttp/...") {
			continue
		}
		for _, i := range f.imports {
			if domain, _, _ := strings.Cut(i.name, "/"); !strings.Contains(domain, ".") {
				continue // Go's own, or ours
			}
			row := slices.IndexFunc(modules, func(m module) bool { return within(i.name, m.path+"/...") })
			if row < 0 {
				problems = append(problems, fmt.Sprintf("%s: %s is of no module in %s: do without it, or add a row and give the reason in the commit",
					f.at(i), i.name, modulesTable))
				continue
			}
			if f.test {
				continue
			}
			if imported[row] == nil {
				imported[row] = map[string]bool{}
			}
			imported[row][f.pkg] = true
			if !withinAny(f.pkg, modules[row].in) {
				problems = append(problems, fmt.Sprintf("%s: %s imports %s, which is for %s: use it through them, or add the package to the row in %s",
					f.at(i), f.pkg, i.name, modules[row].in, modulesTable))
			}
		}
	}
	for row, m := range modules {
		for _, pkg := range strings.Fields(m.in) {
			if !imported[row][pkg] {
				problems = append(problems, fmt.Sprintf("%s: %s does not import %s: take it out of the row", modulesTable, pkg, m.path))
			}
		}
	}
	return problems
}
