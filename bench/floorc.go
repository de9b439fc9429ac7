package main

import (
	_ "embed"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// This file compiles and starts the floor in C.

//go:embed c/floor.c
var floorSource string

// cCompiler returns the path of a C compiler, or "", and says it if there is none.
var cCompiler = sync.OnceValue(func() string {
	for _, name := range []string{"gcc", "cc", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	fmt.Fprintln(os.Stderr, "bench: no C compiler: the floor in C is left out")
	return ""
})

// floorCommand returns the command that runs t, which makes plain requests. The first time, it compiles the program to
// dir.
func floorCommand(dir string, t *task) (*exec.Cmd, error) {
	program := filepath.Join(dir, "floor")
	if _, err := os.Stat(program); err != nil {
		compile := exec.Command(cCompiler(), "-O2", "-x", "c", "-", "-o", program)
		compile.Stdin, compile.Stderr = strings.NewReader(floorSource), os.Stderr
		if err := compile.Run(); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddrPort(u.Host)
	if err != nil {
		return nil, err
	}
	h := hopsOf(t)[0]
	number := func(n int64) string { return fmt.Sprint(n) }
	return exec.Command(program, number(int64(at.Port())), number(int64(t.Connections)), number(t.Warm),
		number(int64(t.Duration)), number(h.length), string(h.request)), nil
}
