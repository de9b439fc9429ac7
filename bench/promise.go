package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"sync"
)

//go:embed promise.mjs
var promiseProgram string

// node returns the path of Node, or "", and says it if there is none.
var node = sync.OnceValue(func() string {
	path, err := exec.LookPath("node")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: no node: V8's Promise is left out")
	}
	return path
})

func promiseCommand(task string) *exec.Cmd {
	// -- keeps the task from being an option; the program takes it as its first argument.
	return exec.Command(node(), "--expose-gc", "--input-type=module", "-e", promiseProgram, "--", "-", task)
}
