package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"

	"golang.org/x/sys/unix"
)

// This file starts the processes, each on one core.

// fail prints err and ends the process.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// cores returns the cores of the server and the client. They differ if the machine has two.
func cores() (server, client int) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		fail(err)
	}
	var found []int
	for i := 0; len(found) < min(2, all.Count()); i++ {
		if all.IsSet(i) {
			found = append(found, i)
		}
	}
	return found[0], found[len(found)-1]
}

// startOn starts cmd on some cores. A process inherits the affinity of the thread that starts
// it, and Go's runtime sets GOMAXPROCS from the affinity.
func startOn(cmd *exec.Cmd, cores ...int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	for _, core := range cores {
		some.Set(core)
	}
	if err := unix.SchedSetaffinity(0, &some); err != nil {
		return err
	}
	defer unix.SchedSetaffinity(0, &before)
	return cmd.Start()
}

// raiseFiles raises the limit of open files to its maximum.
func raiseFiles() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
}

// self returns a command that runs this program in another role.
func self(role string, arguments ...string) *exec.Cmd {
	path, err := os.Executable()
	if err != nil {
		fail(err)
	}
	cmd := exec.Command(path, append([]string{"-role", role}, arguments...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// runClient runs a task in a new process.
func (p *place) runClient(t *task) (r result, err error) {
	text, err := json.Marshal(t)
	if err != nil {
		return r, err
	}
	cmd, err := p.clientCommand(t, string(text))
	if err != nil {
		return r, err
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	cores := []int{p.clientCore}
	if t.Client == twoLoopsName {
		cores = append(cores, p.serverCore) // the server has nothing to do
	}
	if err := startOn(cmd, cores...); err != nil {
		return r, err
	}
	decodeErr := json.NewDecoder(out).Decode(&r)
	if err := cmd.Wait(); err != nil {
		return r, err
	}
	return r, decodeErr
}

// clientCommand returns the command that runs t, whose JSON is text.
func (p *place) clientCommand(t *task, text string) (*exec.Cmd, error) {
	switch t.Client {
	case floorCName:
		return floorCommand(p.dir, t)
	case treqName:
		return treqCommand(text), nil
	case v8Name:
		return promiseCommand(text), nil
	}
	return self("client", text), nil
}

// clientMain is the main function of a client process.
func clientMain(text string) error {
	raiseFiles()
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return err
	}
	do := clients[t.Client][t.Kind]
	if do == nil {
		return fmt.Errorf("client %s cannot run tasks of kind %s", t.Client, t.Kind)
	}
	// A program that writes no profile of its heap takes no samples of it.
	runtime.MemProfileRate = 0
	if t.AllocProfile != "" {
		runtime.MemProfileRate = 1
	}
	m := newMeter(&t)
	if err := profiled(&t, func() error { return do(&t, m) }); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m.result)
}

// profiled calls f and writes the profiles of the task.
func profiled(t *task, f func() error) error {
	if t.Profile != "" {
		out, err := os.Create(t.Profile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if err := f(); err != nil || t.AllocProfile == "" {
		return err
	}
	out, err := os.Create(t.AllocProfile)
	if err != nil {
		return err
	}
	defer out.Close()
	return pprof.Lookup("allocs").WriteTo(out, 0)
}
