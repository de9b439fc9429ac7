package testing_test

import (
	"testing"

	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// TestWhatIsTheLibrary: the report of a failure without a test's line names the nearest line of the program,
// and none through which the library calls back.
func TestWhatIsTheLibrary(t *testing.T) {
	for _, test := range []struct {
		function, file string
		library        bool
	}{
		{"github.com/seed-7c003b53/gotreq/treq/client.(*HTTPClient).Get", "./treq/client/client.go", true},
		{"main.main", "./treq/client/client.go", true}, // an inlined function
		{"main.main", "./examples/get/main.go", false},
		{"main.main", "/home/me/main.go", false},
		{"an.example/conc.Do", "/home/me/conc.go", false},
		{"github.com/sourcegraph/conc/panics.(*Catcher).Try", "/mod/conc/panics/panics.go", true},
		{"github.com/sourcegraph/other.Do", "/mod/other/other.go", false},
		{"", "", true},
		{"runtime.goexit", "/go/src/runtime/asm_amd64.s", true},
		{"iter.Pull[...].func1", "/go/src/iter/iter.go", true},
		{"testing.tRunner", "/go/src/testing/testing.go", true},
		{"net/http.(*Server).Serve", "/go/src/net/http/server.go", false},
		{"sort.Slice", "/go/src/sort/slice.go", false},
	} {
		if got := treqtesting.IsLibrary(test.function, test.file); got != test.library {
			t.Errorf("%s in %s: %v, want %v", test.function, test.file, got, test.library)
		}
	}
}
