package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/bench/figures"
)

// document runs the scenarios and puts the figures into the documents of the repository in root. Each scenario takes the
// place of its last run, as soon as it is over: so the whole can be run in parts, and go on after an interruption.
func document(o *options, root string) error {
	return keep(root, func(put func(*figures.Set) error) error {
		_, err := benchmark(o, put)
		return err
	})
}

// keep lets f put figures into the documents.
func keep(root string, f func(put func(*figures.Set) error) error) error {
	file := filepath.Join(root, figures.Kept)
	kept, err := figures.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		kept, err = &figures.Set{}, nil
	}
	if err != nil {
		return err
	}
	err = f(func(found *figures.Set) error {
		kept.Merge(found)
		return kept.WriteFile(file)
	})
	return errors.Join(err, kept.Document(root))
}

// about says how the figures are measured: the time, the machine and the versions.
func about(o *options) []string {
	lines := []string{
		time.Now().Format("January 2006"),
		fmt.Sprintf("Rounds of %v, or of a number of requests", o.duration),
		fmt.Sprintf("%s, %d cores", processor(), runtime.NumCPU()),
	}
	versions := []string{strings.Replace(runtime.Version(), "go", "Go ", 1)}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			switch name := filepath.Base(strings.TrimSuffix(dep.Path, "/v2")); name {
			case fasthttpName, restyName:
				versions = append(versions, name+" "+strings.TrimPrefix(dep.Version, "v"))
			}
		}
	}
	for _, other := range []struct {
		name string
		have bool
		cmd  []string
	}{
		{"Python's treq", havePythonTreq(), []string{python(), "-I", "-c", "import treq; print(treq.__version__)"}},
		{"Node", node() != "", []string{node(), "--version"}},
		{"gcc", strings.HasSuffix(cCompiler(), "gcc"), []string{cCompiler(), "-dumpfullversion"}},
	} {
		if !other.have {
			continue
		}
		if out, err := exec.Command(other.cmd[0], other.cmd[1:]...).Output(); err == nil {
			versions = append(versions, other.name+" "+strings.TrimPrefix(strings.TrimSpace(string(out)), "v"))
		}
	}
	return append(lines, strings.Join(versions, ", "))
}

var modelName = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)

// processor returns the name of the processor.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	if found := modelName.FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return runtime.GOARCH
}
