package testing

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// This file holds how a test learns of what goes wrong while the reactor works on
// its behalf: between the line of the test and what has to be reported, there is
// all of the client, the reactor and the server.

// report fails t because of message, in the name of the line that made the request.
// When t is over it logs the message: a test that is over cannot fail.
func report(t testing.TB, message string) {
	message = fmt.Sprintf("%s: %s\n", caller(), strings.TrimRight(message, "\n"))
	defer func() {
		if p := recover(); p != nil {
			slog.Error("testing: a request after the test's end", "test", t.Name(), "message", message)
		}
	}()
	// Not Errorf, which would name this line: Helper is for functions that can say
	// it of themselves.
	fmt.Fprint(t.Output(), message)
	t.Fail()
}

// caller returns the line of a test's file that led here, as "file:line". If none
// did, because a coroutine or a timer has made the request, it is the nearest line
// that is not this library's, and else "?".
func caller() string {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	nearest := "?"
	for {
		frame, more := frames.Next()
		line := fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		switch {
		case strings.HasSuffix(frame.File, "_test.go"):
			return line
		case nearest == "?" && !isLibrary(frame):
			nearest = line
		}
		if !more {
			return nearest
		}
	}
}

// isLibrary reports whether a frame is in this library, or in what Go puts between
// it and others. The file tells: a function that was inlined has its caller's name.
func isLibrary(frame runtime.Frame) bool {
	if path, ours := strings.CutPrefix(frame.File, root); ours {
		return !strings.HasPrefix(path, "examples/")
	}
	pkg, _, _ := strings.Cut(frame.Function, ".")
	if strings.HasPrefix(frame.Function, "github.com/sourcegraph/conc/") {
		return true // our callbacks are called through it
	}
	return pkg == "" || pkg == "runtime" || pkg == "iter" || pkg == "testing"
}

// root is the folder of this module, with a slash, as frames have it.
var root = func() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(file, "treq/testing/report.go")
}()
