package deferred

import "testing"

// TestWhoseFunction checks which functions belong to the program, also in a program that was
// built with -trimpath, whose files do not tell where the standard library is.
func TestWhoseFunction(t *testing.T) {
	before := origins()
	t.Cleanup(func() { knownOrigins.Store(before) })
	const module = "example.com/ours"
	for _, program := range []struct {
		name   string
		origin origin
		users  map[[2]string]bool // by the names of a function and its file
	}{
		{"without paths", origin{module: module, main: "shop"}, map[[2]string]bool{
			{"example.com/ours.F", "example.com/ours/f.go"}:                       false,
			{"example.com/ours.(*T[...]).F", "example.com/ours/f.go"}:             false,
			{"example.com/ours/sub.F", "example.com/ours/sub/f.go"}:               false,
			{"example.com/ours/sub.TestF", "example.com/ours/sub/f_test.go"}:      true,
			{"example.com/ours/sub_test.TestF", "example.com/ours/sub/helper.go"}: true,
			{"example.com/ours-extras.F", "example.com/ours-extras/f.go"}:         true,
			{"example.com/other.F", "example.com/other/f.go"}:                     true,
			{"main.main", "shop/main.go"}:                                         true,
			{"shop.Open", "shop/open.go"}:                                         true,
			{"shop/cart.(*Cart).Add.func1", "shop/cart/add.go"}:                   true,
			{"shopping.F", "shopping/f.go"}:                                       false,
			{"strings.Repeat", "strings/strings.go"}:                              false,
			{"net/http.(*conn).serve", "net/http/server.go"}:                      false,
		}},
		{"of an unknown module", origin{module: module}, map[[2]string]bool{
			{"main.main", "main.go"}:                          true,
			{"example.com/other.F", "example.com/other/f.go"}: true,
			{"strings.Repeat", "strings/strings.go"}:          false,
		}},
		{"with paths", origin{module: module, main: "shop", goroot: "/go/src/"}, map[[2]string]bool{
			{"strings.Repeat", "/go/src/strings/strings.go"}: false,
			{"elsewhere.F", "/home/elsewhere/f.go"}:          true,
			{"shop/cart.Add", "/home/shop/cart/add.go"}:      true,
			{"example.com/ours.F", "/home/ours/f.go"}:        false,
			{"example.com/other.F", "/home/go/pkg/f.go"}:     true,
		}},
	} {
		knownOrigins.Store(&program.origin)
		for f, want := range program.users {
			if got := isUsers(f[0], f[1]); got != want {
				t.Errorf("%s: %s in %s: the program's %v, want %v", program.name, f[0], f[1], got, want)
			}
		}
	}
	for function, want := range map[string]bool{
		"runtime.goexit": true, "runtime/debug.Stack": true, "runtimes.F": false, "example.com/runtime.F": false, "main.main": false,
	} {
		if got := isRuntime(function); got != want {
			t.Errorf("%s: of the runtime %v, want %v", function, got, want)
		}
	}
}
