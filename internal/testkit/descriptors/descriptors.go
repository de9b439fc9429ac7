// Package descriptors tells tests which files the process has open.
package descriptors

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// In returns the names of the files that the process has open, removed or not, of folder
// and below it. It skips the test where the system does not tell.
func In(t testing.TB, folder string) (names []string) {
	t.Helper()
	const all = "/proc/self/fd"
	entries, err := os.ReadDir(all)
	if err != nil {
		t.Skip("SKIPPED: the system does not list the open files:", err)
	}
	for _, e := range entries {
		name, err := os.Readlink(filepath.Join(all, e.Name()))
		if err == nil && strings.HasPrefix(name+"/", folder+"/") {
			names = append(names, name)
		}
	}
	return names
}
