// Package python finds the Python that has treq, for tests that have it talk with
// ours.
package python

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoTreq says that treq is not installed.
var ErrNoTreq = errors.New("no Python here has treq (Debian: python3-treq)")

// WithTreq returns an interpreter that has treq, and so Twisted: the one that the
// variable PYTHON of the environment names, or else the first python3 on the path,
// or in /usr/bin, which a version manager may hide. It fails with [ErrNoTreq].
func WithTreq() (string, error) {
	if name := os.Getenv("PYTHON"); name != "" {
		if !hasTreq(name) {
			return "", fmt.Errorf("%w: PYTHON is %s, which has none", ErrNoTreq, name)
		}
		return name, nil
	}
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/bin") {
		if name := filepath.Join(folder, "python3"); hasTreq(name) {
			return name, nil
		}
	}
	return "", ErrNoTreq
}

// hasTreq reports whether name is an interpreter that has treq. A script that
// stands for an interpreter may not be one.
func hasTreq(name string) bool {
	program := "import importlib.util as u; raise SystemExit(u.find_spec('treq') is None)"
	return exec.Command(name, "-I", "-c", program).Run() == nil
}
