package reactor_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

func TestBackground(t *testing.T) {
	if os.Getenv("REACTOR_BACKGROUND_TWICE") != "" {
		r := reactor.Default()
		r.CallWhenRunning(func() {
			defer r.Stop()
			defer func() {
				if v := recover(); v != reactor.ErrAlreadyRunning {
					t.Errorf("Background panics with %v", v)
				}
			}()
			reactor.Background()
		})
		r.Run()
		return
	}
	var others sync.WaitGroup
	for range 4 { // ordinary goroutines
		others.Go(func() {
			r := reactor.Background()
			if r != reactor.Default() {
				t.Error("Background is not the default reactor")
			}
			began := time.Now()
			_, err := reactor.BlockingCallFromThread(context.Background(), r, func() *deferred.Deferred[int] {
				if !r.OnLoop() || !r.Running() {
					t.Error("not on the loop, or the loop is not running")
				}
				d := deferred.New[int]()
				r.CallLater(2*time.Millisecond, func() { d.Callback(1) })
				return d
			})
			if took := time.Since(began); err != nil || took < 2*time.Millisecond {
				t.Errorf("returned %v after %v", err, took)
			}
		})
	}
	others.Wait()
	if err := reactor.Background().Run(); err != reactor.ErrAlreadyRunning {
		t.Errorf("Run: %v", err)
	}
}

func TestBackgroundOfARunningLoop(t *testing.T) {
	c := exec.Command(os.Args[0], "-test.run=^TestBackground$", "-test.timeout=20s")
	c.Env = append(os.Environ(), "REACTOR_BACKGROUND_TWICE=1", "GORACE=atexit_sleep_ms=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestGoexitInTheBackground checks that nothing hangs after a callback of the background
// reactor has ended its goroutine.
func TestGoexitInTheBackground(t *testing.T) {
	if os.Getenv("REACTOR_BACKGROUND_GOEXIT") == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestGoexitInTheBackground$", "-test.timeout=20s")
		c.Env = append(os.Environ(), "REACTOR_BACKGROUND_GOEXIT=1", "GORACE=atexit_sleep_ms=0")
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "runtime.Goexit") {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	r := reactor.Background()
	listening := make(chan string, 1)
	exiting := make(chan struct{})
	var waits sync.WaitGroup
	waits.Go(func() { // a client of the loop's server
		conn, err := net.Dial("tcp", <-listening)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		close(exiting)
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading from the ended loop's server: %v", err)
		}
	})
	waits.Go(func() {
		_, err := reactor.BlockingCallFromThread(context.Background(), r, func() *deferred.Deferred[int] {
			port, err := r.ListenTCP("127.0.0.1:0", build(&echo{}))
			if err != nil {
				return deferred.Fail[int](err)
			}
			listening <- port.Addr().String()
			return deferred.New[int]()
		})
		if !errors.Is(err, reactor.ErrStopped) {
			t.Errorf("a call that waits: %v", err)
		}
	})
	<-exiting
	r.CallFromThread(runtime.Goexit)
	waits.Wait()
}

// TestGoexitBeforeTheBackgroundRuns: Background panics, rather than wait for what never comes.
func TestGoexitBeforeTheBackgroundRuns(t *testing.T) {
	if os.Getenv("REACTOR_BACKGROUND_EARLY_GOEXIT") == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestGoexitBeforeTheBackgroundRuns$", "-test.timeout=20s")
		c.Env = append(os.Environ(), "REACTOR_BACKGROUND_EARLY_GOEXIT=1", "GORACE=atexit_sleep_ms=0")
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "runtime.Goexit") {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	reactor.Default().CallWhenRunning(runtime.Goexit)
	for range 2 {
		func() {
			defer func() {
				if v := recover(); v != reactor.ErrStopped {
					t.Errorf("Background panics with %v", v)
				}
			}()
			reactor.Background()
		}()
	}
	if reactor.Default().Running() {
		t.Error("the reactor runs")
	}
}

// TestEndOfTheBackground: when a callback has exited, the reactor ends what is open on its own
// goroutine, before anybody else can run it.
func TestEndOfTheBackground(t *testing.T) {
	if os.Getenv("REACTOR_BACKGROUND_END") == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestEndOfTheBackground$", "-test.timeout=20s")
		c.Env = append(os.Environ(), "REACTOR_BACKGROUND_END=1", "GORACE=atexit_sleep_ms=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	deferred.SetDebugging(true) // methods check their goroutine
	r := reactor.Background()
	lost := 0 // Ended orders the accesses
	r.CallFromThread(func() {
		port, err := r.ListenTCP("127.0.0.1:0", build(&recorder{}))
		if err != nil {
			t.Error(err)
			return
		}
		client := &losing{lost: func() {
			lost++
			if !r.OnLoop() {
				t.Error("ConnectionLost is not on the loop")
			}
			elsewhere := make(chan error)
			go func() { elsewhere <- r.Run() }()
			if err := <-elsewhere; err != reactor.ErrAlreadyRunning {
				t.Errorf("Run meanwhile: %v", err)
			}
		}}
		r.ConnectTCP(port.Addr().String(), build(client), reactor.ConnectConfig{}).AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
			r.CallLater(0, runtime.Goexit)
			return p, nil
		})
	})
	<-r.Ended()
	if lost != 1 {
		t.Errorf("ConnectionLost was called %d times", lost)
	}
}

// losing is a protocol that waits for the loss.
type losing struct{ lost func() }

func (p *losing) ConnectionMade(reactor.Transport) {}
func (p *losing) DataReceived([]byte)              {}
func (p *losing) ConnectionLost(error)             { p.lost() }
