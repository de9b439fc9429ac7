package testing

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// This file is the testing.TB of one run of an exploration.

// A runTB is the t of one run. It keeps what a run reports: most runs are never heard of.
type runTB struct {
	testing.TB // the exploration's: for its private method
	x          *explorer
	run        *run
	verbose    bool // the log is wanted

	mu       sync.Mutex // a test may use its t on any goroutine
	over     bool
	failed   bool
	skipped  bool
	stopped  bool      // by FailNow or SkipNow
	failures []problem // in order
	skip     string
	log      bytes.Buffer
	unread   int // the end of log when it was last part of a failure
	cleanups []func()
	marks    map[string]bool
	context  context.Context
	cancel   context.CancelFunc
	dirs     int
}

var _ testing.TB = (*runTB)(nil)

// Name returns the name of the test.
func (t *runTB) Name() string { return t.x.name }

// Helper marks the calling function as one that failures do not happen in.
func (t *runTB) Helper() {
	var pc [1]uintptr
	if runtime.Callers(2, pc[:]) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.x.helpers[pc[0]]; !known {
		frame, _ := runtime.CallersFrames(pc[:]).Next()
		t.x.helpers[pc[0]] = frame.Function
	}
}

// place returns the line of the test that called a method of t.
func (t *runTB) place() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	t.mu.Lock()
	defer t.mu.Unlock()
	for place := ""; ; {
		frame, more := frames.Next()
		if !strings.Contains(frame.Function, "/treq/testing.(*runTB).") {
			line := fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
			place = cmp.Or(place, line)
			if !t.x.isHelper(frame.Function) {
				return line
			}
		}
		if !more {
			return place
		}
	}
}

// isHelper reports whether a function has called Helper.
func (x *explorer) isHelper(function string) bool {
	for _, name := range x.helpers {
		if name == function {
			return true
		}
	}
	return false
}

// say adds a line to the log. t.mu is locked.
func (t *runTB) say(place, text string) {
	if !t.verbose {
		return
	}
	fmt.Fprintf(&t.log, "%s: %s\n", place, strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    "))
	t.unread = t.log.Len()
}

// alive panics if the run is over. t.mu is locked.
func (t *runTB) alive(method string) {
	if t.over {
		panic("testing: " + method + " after its run of Explore has ended: a goroutine or a callback outlives the run")
	}
}

// fail notes a failure.
func (t *runTB) fail(place, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alive("a failure")
	t.failed = true
	p := problemOf(text)
	p.place = place
	t.failures = append(t.failures, p)
	t.run.fails(p)
}

func (t *runTB) stop() {
	t.mu.Lock()
	t.stopped = true
	t.mu.Unlock()
	runtime.Goexit()
}

func (t *runTB) Error(args ...any)                 { t.fail(t.place(), fmt.Sprintln(args...)) }
func (t *runTB) Errorf(format string, args ...any) { t.fail(t.place(), fmt.Sprintf(format, args...)) }

func (t *runTB) Fatal(args ...any) {
	t.fail(t.place(), fmt.Sprintln(args...))
	t.stop()
}

func (t *runTB) Fatalf(format string, args ...any) {
	t.fail(t.place(), fmt.Sprintf(format, args...))
	t.stop()
}

// Fail makes the run fail. What was written to Output since the last failure says why.
func (t *runTB) Fail() {
	place := t.place()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alive("a failure")
	text := strings.TrimRight(t.log.String()[t.unread:], "\n")
	t.unread = t.log.Len()
	if text == "" {
		if t.failed {
			return
		}
		text = place + ": Fail was called"
	}
	t.failed = true
	p := problemOf(text)
	if place, what, ok := strings.Cut(p.what, ": "); ok {
		p.place, p.what = place, what
	}
	t.failures = append(t.failures, p)
	t.run.fails(p)
}

func (t *runTB) FailNow() {
	t.Fail()
	t.stop()
}

func (t *runTB) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

func (t *runTB) Log(args ...any) {
	if t.verbose {
		t.note(t.place(), fmt.Sprintln(args...))
	}
}

func (t *runTB) Logf(format string, args ...any) {
	if t.verbose {
		t.note(t.place(), fmt.Sprintf(format, args...))
	}
}

func (t *runTB) note(place, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alive("Log")
	t.say(place, text)
}

// Output returns the writer of the run's log.
func (t *runTB) Output() io.Writer { return (*runOutput)(t) }

type runOutput runTB

func (o *runOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	(*runTB)(o).alive("Output")
	return o.log.Write(p)
}

// Attr does nothing: an attribute is the test's, and not that of one of its runs.
func (t *runTB) Attr(key, value string) {}

func (t *runTB) Skip(args ...any) { t.skipNow(t.place(), fmt.Sprintln(args...)) }

func (t *runTB) Skipf(format string, args ...any) { t.skipNow(t.place(), fmt.Sprintf(format, args...)) }

func (t *runTB) SkipNow() { t.skipNow(t.place(), "SkipNow was called") }

func (t *runTB) skipNow(place, text string) {
	t.mu.Lock()
	t.skipped = true
	t.skip = place + ": " + strings.TrimRight(text, "\n")
	t.mu.Unlock()
	t.stop()
}

func (t *runTB) Skipped() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.skipped
}

// Cleanup makes f one of the functions that are called when the program has come to rest, the last one first.
func (t *runTB) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alive("Cleanup")
	t.cleanups = append(t.cleanups, f)
}

// nextCleanup takes the function that comes next, or nil.
func (t *runTB) nextCleanup() (f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.cleanups); n != 0 {
		f = t.cleanups[n-1]
		t.cleanups = t.cleanups[:n-1]
	}
	return f
}

// Context returns a context that ends before the functions of Cleanup are called.
func (t *runTB) Context() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.context == nil {
		t.context, t.cancel = context.WithCancel(context.Background())
	}
	return t.context
}

func (t *runTB) endContext() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel != nil {
		t.cancel()
	}
}

// TempDir returns a new folder, whose name is the same in each run. It is removed when the run ends.
func (t *runTB) TempDir() string {
	base := t.x.tempDir()
	t.mu.Lock()
	t.dirs++
	dir := filepath.Join(base, fmt.Sprintf("%03d", t.dirs))
	t.mu.Unlock()
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatalf("TempDir: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("TempDir: %v", err)
		}
	})
	return dir
}

// Setenv sets an environment variable until the run ends.
func (t *runTB) Setenv(key, value string) {
	before, was := os.LookupEnv(key)
	if err := os.Setenv(key, value); err != nil {
		t.Fatalf("Setenv: %v", err)
	}
	t.Cleanup(func() {
		if was {
			os.Setenv(key, before)
		} else {
			os.Unsetenv(key)
		}
	})
}

// Chdir changes the working directory until the run ends.
func (t *runTB) Chdir(dir string) {
	before, err := os.Getwd()
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		t.Fatalf("Chdir: %v", err)
	}
	t.Setenv("PWD", dir)
	t.Cleanup(func() {
		if err := os.Chdir(before); err != nil {
			t.Errorf("Chdir: %v", err)
		}
	})
}

// mark notes a state of Sometimes.
func (t *runTB) mark(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.marks == nil {
		t.marks = map[string]bool{}
	}
	t.marks[name] = true
}
