package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"sync"
)

//go:embed pythontreq.py
var treqProgram string

// python returns an interpreter that has treq, the system's first, or "".
var python = sync.OnceValue(func() string {
	for _, path := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(path, "-I", "-c", "import treq").Run() == nil {
			return path
		}
	}
	fmt.Fprintln(os.Stderr, "bench: no Python with treq: it is left out")
	return ""
})

func havePythonTreq() bool { return python() != "" }

func treqCommand(task string) *exec.Cmd {
	return exec.Command(python(), "-I", "-c", treqProgram, task)
}
