package testing

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// This file reports failures at lines of the test. When a failure is found, the client, the
// reactor and the server are on the stack between it and the test.

// report fails t with message, at the line that made the request. If t has ended, and so
// can no longer fail, report logs the message.
func report(t testing.TB, message string) {
	message = fmt.Sprintf("%s: %s\n", caller(), strings.TrimRight(message, "\n"))
	defer func() {
		if p := recover(); p != nil {
			slog.Error("testing: a request after the test's end", "test", t.Name(), "message", message)
		}
	}()
	fmt.Fprint(t.Output(), message) // Errorf would name a line of this library
	t.Fail()
}

// caller returns the nearest line of a test's file on the stack, as "file:line". A request
// made by a coroutine or a timer may have none; caller then returns the nearest line
// outside this library, or else "?".
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

// isLibrary reports whether frame is in this library, or in a package through which the
// library is called or calls back. It looks at the file, since an inlined function has its
// caller's name.
func isLibrary(frame runtime.Frame) bool {
	if path, ours := strings.CutPrefix(frame.File, root); ours {
		return !strings.HasPrefix(path, "examples/")
	}
	pkg, _, _ := strings.Cut(frame.Function, ".")
	if strings.HasPrefix(frame.Function, "github.com/sourcegraph/conc/") {
		return true // callbacks run under its panic catcher
	}
	return pkg == "" || pkg == "runtime" || pkg == "iter" || pkg == "testing"
}

// root is the folder of this module, in the form of runtime.Frame.File, with a slash.
var root = func() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(file, "treq/testing/report.go")
}()
