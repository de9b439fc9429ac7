package deferred

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
)

// This file tells the calls of a program's own code from those of this module and of Go's
// standard library. Tests, examples and commands of this module count as a program.

// isUsers reports whether a function belongs to the program's own code. function is its
// name with the path of its package, file the name of its file.
func isUsers(function, file string) bool {
	return !isOurs(function, file) && !isStandard(function, file)
}

// isOurs reports whether a function belongs to this module.
func isOurs(function, file string) bool {
	pkg := packageOf(function)
	return within(pkg, origins().module) && !strings.HasSuffix(pkg, "_test") && !strings.HasSuffix(file, "_test.go")
}

// isStandard reports whether a function belongs to Go's standard library.
func isStandard(function, file string) bool {
	pkg := packageOf(function)
	own := origins()
	if own.goroot != "" {
		return strings.HasPrefix(file, own.goroot)
	}
	// The program was built with -trimpath, so that only the path of the package tells.
	first, _, _ := strings.Cut(pkg, "/")
	return pkg != "main" && !strings.Contains(first, ".") && !(own.main != "" && within(pkg, own.main))
}

// isRuntime reports whether a function belongs to the Go runtime.
func isRuntime(function string) bool { return within(packageOf(function), "runtime") }

// packageOf returns the path of a function's package.
func packageOf(function string) string {
	name := strings.LastIndexByte(function, '/') + 1
	if dot := strings.IndexByte(function[name:], '.'); dot >= 0 {
		return function[:name+dot]
	}
	return function
}

// within reports whether pkg is the package or module root, or lies in it.
func within(pkg, root string) bool {
	rest, ok := strings.CutPrefix(pkg, root)
	return ok && (rest == "" || rest[0] == '/')
}

// An origin says where code comes from.
type origin struct {
	module string // the path of this module
	main   string // the path of the program's module; "" if unknown
	goroot string // where the files of the standard library are; "" if unknown
}

var knownOrigins atomic.Pointer[origin]

func origins() *origin {
	if o := knownOrigins.Load(); o != nil {
		return o
	}
	var pcs [2]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs[:])])
	system, _ := frames.Next() // runtime.Callers
	own, _ := frames.Next()    // this function
	o := &origin{
		module: strings.TrimSuffix(packageOf(own.Function), "/deferred"),
		goroot: strings.TrimSuffix(system.File, "runtime/extern.go"),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		o.main = info.Main.Path
	}
	knownOrigins.Store(o)
	return o
}

// withoutLine returns the name of a file without the line: "/src/main.go:85".
func withoutLine(file string) string { return file[:max(strings.LastIndexByte(file, ':'), 0)] }

// base returns the part of a path after the last slash.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
