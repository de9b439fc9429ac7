// Package python finds a Python with treq, for tests that compare it with ours.
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

// WithTreq returns an interpreter that can import treq. If the environment has the
// variable PYTHON, it names the interpreter. Otherwise it is the first such python3 on
// the path or in /usr/bin, which a version manager may hide. The error is [ErrNoTreq].
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

// hasTreq reports whether the interpreter name can import treq.
func hasTreq(name string) bool {
	program := "import importlib.util as u; raise SystemExit(u.find_spec('treq') is None)"
	return exec.Command(name, "-I", "-c", program).Run() == nil
}
