// Package daemon runs servers that are not ours, such as squid and nginx, for a test.
package daemon

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	// startTime bounds the wait for a program that starts.
	startTime = 30 * time.Second
	// endTime is the time that a program has to end by itself, and with it its children.
	endTime = 300 * time.Millisecond
)

// A Setup is what a program is configured with.
type Setup struct {
	// Dir is a folder for the program's files. A program that gives up the rights of the
	// user who started it can read it.
	Dir string

	t     testing.TB
	ports map[string]string
}

// Port returns the loopback port with a name of the test's choice, such as "http". It is free
// when Port first returns it. Start waits until the program listens on every port.
func (s *Setup) Port(name string) string {
	s.t.Helper()
	if s.ports[name] == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.t.Fatal(err)
		}
		defer l.Close()
		_, s.ports[name], _ = net.SplitHostPort(l.Addr().String())
	}
	return s.ports[name]
}

// File writes a file in Dir, and returns its path.
func (s *Setup) File(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.Dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// A Daemon is a running program.
type Daemon struct {
	t      testing.TB
	ports  map[string]string
	output *buffer
	ended  chan struct{} // closed when the program has ended
}

// Address returns the address of the port with a name that the Setup gave it.
func (d *Daemon) Address(name string) string {
	d.t.Helper()
	port, ok := d.ports[name]
	if !ok {
		d.t.Fatalf("no port is called %q", name)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// Output returns what the program has printed.
func (d *Daemon) Output() string { return d.output.String() }

// Path returns the path of a program. If it is not installed, Path skips the test.
func Path(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil { // a user's PATH may lack the folder of daemons
		path, err = exec.LookPath(filepath.Join("/usr/sbin", name))
	}
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed", name)
	}
	return path
}

// Start starts a program with the arguments that configure returns, waits until it listens
// on its ports, and kills it when the test ends. The program must stay in the foreground. If
// another process takes one of the ports first, Start tries again with others.
//
// Start skips the test if the program is not installed.
func Start(t testing.TB, name string, configure func(s *Setup) (args []string)) *Daemon {
	t.Helper()
	path := Path(t, name)
	var err error
	for range 3 {
		s := &Setup{Dir: folder(t), t: t, ports: map[string]string{}}
		var d *Daemon
		if d, err = start(t, path, s, configure(s)); err == nil {
			return d
		}
	}
	t.Fatalf("%s: %v", name, err)
	return nil
}

// folder returns a folder that every user can read, and which is removed after the test.
func folder(t testing.TB) string {
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func start(t testing.TB, path string, s *Setup, args []string) (*Daemon, error) {
	d := &Daemon{t: t, ports: s.ports, output: &buffer{}, ended: make(chan struct{})}
	for name := range d.ports {
		if c, err := net.Dial("tcp", d.Address(name)); err == nil {
			c.Close()
			return nil, fmt.Errorf("another process has taken port %s (%s)", d.ports[name], name)
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Dir, d.output, d.output
	lead(cmd)
	cmd.WaitDelay = time.Second // a child of the program may keep the output open
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait()
		close(d.ended)
	}()
	end := func() {
		interrupt(cmd.Process)
		select {
		case <-d.ended:
		case <-time.After(endTime):
			kill(cmd.Process)
			<-d.ended
		}
	}
	if err := d.wait(); err != nil {
		end()
		return nil, fmt.Errorf("%w\n%s", err, d.Output())
	}
	t.Cleanup(end)
	return d, nil
}

// wait waits until the program accepts connections on all of its ports.
func (d *Daemon) wait() error {
	for name := range d.ports {
		c, err := d.Dial(name)
		if err != nil {
			return err
		}
		c.Close()
	}
	return nil
}

// Dial connects to a port of the program. It waits until the program accepts the connection.
func (d *Daemon) Dial(name string) (net.Conn, error) {
	deadline := time.Now().Add(startTime)
	for {
		c, err := net.Dial("tcp", d.Address(name))
		if err == nil {
			return c, nil
		}
		select {
		case <-d.ended:
			return nil, fmt.Errorf("it ended before it listened on port %s (%s)", d.ports[name], name)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("it does not listen on port %s (%s) after %v", d.ports[name], name, startTime)
		}
	}
}

// A buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
