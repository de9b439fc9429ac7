package task_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

type mainFunc = func(r reactor.Reactor) *deferred.Deferred[int]

func later(r reactor.Reactor, value int, err error) *deferred.Deferred[int] {
	return task.DeferLater(r, 2*second, func() (int, error) { return value, err })
}

func TestReactOn(t *testing.T) {
	for _, test := range []struct {
		name   string
		main   mainFunc
		status int
		stderr string        // text after the program's name; "": nothing is written
		took   time.Duration // for how long the reactor ran
	}{
		{"a value, later", func(r reactor.Reactor) *deferred.Deferred[int] { return later(r, 1, nil) }, 0, "", 2 * second},
		{"a value, at once", func(reactor.Reactor) *deferred.Deferred[int] { return deferred.Succeed(1) }, 0, "", 0},
		{"an error, later", func(r reactor.Reactor) *deferred.Deferred[int] { return later(r, 0, errTest) }, 1, errTest.Error(), 2 * second},
		{"an error, at once", func(reactor.Reactor) *deferred.Deferred[int] { return deferred.Fail[int](errTest) }, 1, errTest.Error(), 0},
		{"an error of several lines", func(reactor.Reactor) *deferred.Deferred[int] {
			return deferred.Fail[int](errors.Join(errTest, errors.New("and another\n")))
		}, 1, errTest.Error() + "; and another", 0},
		{"a panic", func(reactor.Reactor) *deferred.Deferred[int] { panic("boom") }, 1, "panic: boom", 0},
		{"a panic, later", func(r reactor.Reactor) *deferred.Deferred[int] {
			return later(r, 0, nil).AddCallback(func(int) (int, error) { panic("boom") })
		}, 1, "panic: boom", 2 * second},
		{"no Deferred", func(reactor.Reactor) *deferred.Deferred[int] { return nil }, 1, "the main function returned a nil Deferred", 0},
		{"a coroutine", func(r reactor.Reactor) *deferred.Deferred[int] {
			return deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, later(r, 0, errTest)) })
		}, 1, errTest.Error(), 2 * second},
		{"a status", func(r reactor.Reactor) *deferred.Deferred[int] { return later(r, 0, task.ExitStatus(23)) }, 23, "", 2 * second},
		{"a status of 0", func(reactor.Reactor) *deferred.Deferred[int] { return deferred.Fail[int](task.ExitStatus(0)) }, 0, "", 0},
		{"a status in another error", func(reactor.Reactor) *deferred.Deferred[int] {
			return deferred.Fail[int](fmt.Errorf("bad usage: %w", task.ExitStatus(2)))
		}, 2, "bad usage: exit status 2", 0},
		{"stopped before it fires", func(r reactor.Reactor) *deferred.Deferred[int] {
			r.CallLater(second, func() { r.Stop() })
			return later(r, 0, errTest)
		}, 0, "", second},
		{"stopped just before it fires", func(r reactor.Reactor) *deferred.Deferred[int] {
			d := deferred.New[int]()
			r.CallWhenRunning(func() {
				r.Stop()
				d.Callback(1)
			})
			return d
		}, 0, "", 0},
		{"stopped just before it fails", func(r reactor.Reactor) *deferred.Deferred[int] {
			d := deferred.New[int]()
			r.CallWhenRunning(func() {
				r.Stop()
				d.Errback(errTest)
			})
			return d
		}, 1, errTest.Error(), 0},
		{"stopped, with a Deferred that cannot be cancelled", func(r reactor.Reactor) *deferred.Deferred[int] {
			r.CallLater(second, func() { r.Stop() })
			return deferred.NewCancellable(func(d *deferred.Deferred[int]) { d.Errback(errTest) })
		}, 1, errTest.Error(), second},
		{"cancelled by itself", func(r reactor.Reactor) *deferred.Deferred[int] {
			d := later(r, 0, nil)
			r.CallLater(second, d.Cancel)
			return d
		}, 1, deferred.ErrCancelled.Error(), second},
		{"a reactor with nothing to do", func(reactor.Reactor) *deferred.Deferred[int] {
			return deferred.New[int]()
		}, 1, memory.ErrIdle.Error(), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			var stderr strings.Builder
			status := -1
			errs := unhandled(t, func() { status = task.ReactOn(r, test.main, &stderr) })
			if status != test.status {
				t.Errorf("status = %d, want %d", status, test.status)
			}
			want := ""
			if test.stderr != "" {
				want = filepath.Base(os.Args[0]) + ": " + test.stderr + "\n"
			}
			got := stderr.String()
			if strings.HasPrefix(test.stderr, "panic") {
				got = withoutTrace(t, got)
			}
			if got != want {
				t.Errorf("stderr: %q, want %q", got, want)
			}
			if took := r.Now().Sub(time.Unix(0, 0)); took != test.took {
				t.Errorf("the reactor ran for %v, want %v", took, test.took)
			}
			if r.Running() || len(r.DelayedCalls()) != 0 || len(errs) != 0 {
				t.Errorf("running: %v, timers left: %d, unhandled: %v", r.Running(), len(r.DelayedCalls()), errs)
			}
		})
	}
}

// withoutTrace checks that stderr has the place of a panic, and once its stack, and
// removes both.
func withoutTrace(t *testing.T, stderr string) string {
	t.Helper()
	first, trace, _ := strings.Cut(stderr, "\n")
	text, place, _ := strings.Cut(first, " at ")
	if !strings.HasPrefix(place, "react_test.go:") || !strings.HasPrefix(trace, "\ngoroutine ") ||
		strings.Count(trace, "[running]") != 1 || !strings.Contains(trace, place) {
		t.Errorf("no place or no stack in %s", stderr)
	}
	return text + "\n"
}

// React shuts down everything that the function started. The function's Deferred
// may fire during the shutdown, even after the time for the clean-up.
func TestReactOnShutsDown(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		status int
	}{
		{"value", nil, 0},
		{"error", errTest, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			status := task.ReactOn(r, func(r reactor.Reactor) *deferred.Deferred[int] {
				d := deferred.New[int]()
				listen(t, r)
				outcome.Of(r.ConnectTCP("127.0.0.1:80", (newLostProtocol(func() {
					d.Resolve(1, test.err)
				})), reactor.ConnectConfig{}))
				r.CallLater(second, func() { r.Stop() })
				return deferred.Go(func(co *deferred.Co) (int, error) {
					return deferred.Shield(co, func() (int, error) { return deferred.Await(co, d) })
				})
			}, io.Discard)
			if status != test.status {
				t.Errorf("status = %d, want %d", status, test.status)
			}
		})
	}
}

// TestReactOnCleansUp: a program whose reactor is stopped is cancelled while the reactor
// runs, and has time to clean up on it.
func TestReactOnCleansUp(t *testing.T) {
	stop := func(r reactor.Reactor) { r.Stop() }
	for _, test := range []struct {
		name    string
		stop    func(r reactor.Reactor)
		cleanUp func(co *deferred.Co, r reactor.Reactor) error
		status  int
		stderr  string // text after the program's name; "": nothing is written
		took    time.Duration
	}{
		{"that waits", stop, func(co *deferred.Co, r reactor.Reactor) error {
			_, err := deferred.Await(co, later(r, 1, nil))
			return err
		}, 0, "", 3 * second},
		{"that connects", stop, func(co *deferred.Co, r reactor.Reactor) error {
			_, err := deferred.Await(co, r.ConnectTCP("127.0.0.1:80", newLostProtocol(func() {}), reactor.ConnectConfig{}))
			return err
		}, 0, "", second},
		{"that fails", stop, func(co *deferred.Co, r reactor.Reactor) error {
			_, err := deferred.Await(co, later(r, 1, errTest))
			return err
		}, 1, errTest.Error(), 3 * second},
		{"that does not end", stop, func(co *deferred.Co, r reactor.Reactor) error {
			_, err := deferred.Await(co, deferred.New[int]())
			return err
		}, 1, "the reactor ended before the program had cleaned up, which may take 10s", 11 * second},
		{"that another trigger outlasts", func(r reactor.Reactor) {
			r.AddSystemEventTrigger(reactor.During, reactor.Shutdown, func() *deferred.Deferred[deferred.None] {
				return task.DeferLater(r, time.Minute, func() (deferred.None, error) { return deferred.None{}, nil })
			})
			r.Stop()
		}, func(co *deferred.Co, r reactor.Reactor) error {
			_, err := deferred.Await(co, task.DeferLaterValue(r, 30*second, 1))
			return err
		}, 0, "", 61 * second},
		{"that Crash cuts short", func(r reactor.Reactor) {
			r.CallLater(second, r.Crash)
			r.Stop()
		}, func(co *deferred.Co, r reactor.Reactor) error {
			_, err := deferred.Await(co, task.DeferLaterValue(r, 5*second, 1))
			return err
		}, 0, "", 2 * second},
		{"of none", func(r reactor.Reactor) { r.Crash() }, func(*deferred.Co, reactor.Reactor) error { return nil }, 0, "", second},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			var stderr strings.Builder
			status := task.ReactOn(r, func(r reactor.Reactor) *deferred.Deferred[int] {
				listen(t, r)
				r.CallLater(second, func() { test.stop(r) })
				return deferred.Go(func(co *deferred.Co) (int, error) {
					_, err := deferred.Await(co, deferred.New[int]())
					if !errors.Is(err, deferred.ErrCancelled) || !co.Cancelled() {
						t.Errorf("cancelled %v, %v", co.Cancelled(), err)
					}
					_, failed := deferred.Shield(co, func() (int, error) { return 0, test.cleanUp(co, r) })
					return 0, cmp.Or(failed, err)
				})
			}, &stderr)
			want := ""
			if test.stderr != "" {
				want = filepath.Base(os.Args[0]) + ": " + test.stderr + "\n"
			}
			took := r.Now().Sub(time.Unix(0, 0))
			if status != test.status || stderr.String() != want || took != test.took {
				t.Errorf("status %d, stderr %q, after %v; want %d, %q, %v", status, stderr.String(), took, test.status, want, test.took)
			}
			if left := r.DelayedCalls(); test.status == 0 && test.name != "that Crash cuts short" && len(left) != 0 {
				t.Errorf("timers left: %v", left)
			}
			status = task.ReactOn(r, func(reactor.Reactor) *deferred.Deferred[int] { return deferred.Succeed(1) }, &stderr)
			if status != 0 {
				t.Errorf("again: %d, %s", status, stderr.String())
			}
		})
	}
}

// TestReactOnCancelsAfterTriggers: the triggers Before the Shutdown event end, or end the
// program, before it is cancelled. Connections are closed after its clean-up.
func TestReactOnCancelsAfterTriggers(t *testing.T) {
	before := func(r reactor.Reactor, f func() *deferred.Deferred[none]) {
		r.AddSystemEventTrigger(reactor.Before, reactor.Shutdown, f)
	}
	for _, test := range []struct {
		name string
		main func(co *deferred.Co, r reactor.Reactor, note func(string)) (int, error)
		want string
	}{
		{"that wait", func(co *deferred.Co, r reactor.Reactor, note func(string)) (int, error) {
			defer note("main ends")
			before(r, func() *deferred.Deferred[none] {
				return task.DeferLater(r, second, func() (none, error) { note("trigger ends"); return none{}, nil })
			})
			r.CallLater(second, func() { r.Stop() })
			return deferred.Await(co, deferred.New[int]())
		}, "trigger ends, main ends, connections are closed"},
		{"that end the program", func(co *deferred.Co, r reactor.Reactor, note func(string)) (int, error) {
			done := deferred.New[int]()
			before(r, func() *deferred.Deferred[none] {
				done.Callback(1)
				return nil
			})
			r.CallLater(second, func() { r.Stop() })
			defer note("main ends")
			if _, err := deferred.Await(co, done); err != nil {
				return 0, err
			}
			_, err := deferred.Shield(co, func() (int, error) { return deferred.Await(co, later(r, 1, nil)) })
			note("cleaned up")
			return 1, err
		}, "cleaned up, main ends, connections are closed"},
		{"that wait for a program that calls Stop", func(co *deferred.Co, r reactor.Reactor, note func(string)) (int, error) {
			before(r, func() *deferred.Deferred[none] {
				return task.DeferLater(r, 3*second, func() (none, error) { note("trigger ends"); return none{}, nil })
			})
			r.Stop()
			v, err := deferred.Await(co, later(r, 1, nil))
			note(fmt.Sprint("main ends: ", err))
			return v, err
		}, "main ends: <nil>, trigger ends, connections are closed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			var notes []string
			note := func(what string) { notes = append(notes, what) }
			var stderr strings.Builder
			status := task.ReactOn(r, func(r reactor.Reactor) *deferred.Deferred[int] {
				listen(t, r)
				outcome.Of(r.ConnectTCP("127.0.0.1:80", newLostProtocol(func() { note("connections are closed") }), reactor.ConnectConfig{}))
				return deferred.Go(func(co *deferred.Co) (int, error) { return test.main(co, r, note) })
			}, &stderr)
			if got := strings.Join(notes, ", "); status != 0 || stderr.Len() != 0 || got != test.want {
				t.Errorf("status %d, stderr %q, notes: %s; want %s", status, stderr.String(), got, test.want)
			}
		})
	}
}

func TestReactOnRunningReactor(t *testing.T) {
	r := memory.New()
	var stderr strings.Builder
	status := -1
	r.CallWhenRunning(func() {
		status = task.ReactOn(r, func(reactor.Reactor) *deferred.Deferred[int] {
			t.Error("the function was called")
			return nil
		}, &stderr)
		if !r.Running() {
			t.Error("the reactor was stopped")
		}
		r.Stop()
	})
	noError(t, r.Run())
	if status != 1 || !strings.Contains(stderr.String(), reactor.ErrAlreadyRunning.Error()) {
		t.Errorf("status = %d, stderr: %s", status, stderr.String())
	}
}

func TestReactOnDebugging(t *testing.T) {
	deferred.SetDebugging(true)
	defer deferred.SetDebugging(false)
	var stderr strings.Builder
	task.ReactOn(memory.New(), func(reactor.Reactor) *deferred.Deferred[int] { panic("boom") }, &stderr)
	if !strings.Contains(stderr.String(), "TestReactOnDebugging") {
		t.Errorf("stderr shows no stack: %s", stderr.String())
	}
}

// An error that nothing handles is reported when React ends, and a coroutine that waits
// for ever is not.
func TestReactOnReportsUnhandledErrors(t *testing.T) {
	log := logtest.Capture(t)
	status := task.ReactOn(memory.New(), func(r reactor.Reactor) *deferred.Deferred[int] {
		deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, deferred.New[int]()) })
		deferred.Fail[int](errTest)
		return later(r, 1, nil)
	}, io.Discard)
	if got := log.Take(); status != 0 || strings.Count(got, "unhandled error in Deferred") != 1 || !strings.Contains(got, errTest.Error()) {
		t.Errorf("status = %d, logged %s", status, got)
	}
	deferred.UnwindAbandoned()
}

func listen(t *testing.T, r reactor.Reactor) {
	t.Helper()
	if _, err := r.ListenTCP("127.0.0.1:80", (newLostProtocol(func() {}))); err != nil {
		t.Fatal(err)
	}
}

// protocol calls lost when it loses its connection.
type protocol struct{ lost func() }

func newLostProtocol(lost func()) reactor.FactoryFunc {
	return func(net.Addr) reactor.Protocol { return protocol{lost} }
}

func (protocol) ConnectionMade(reactor.Transport) {}
func (protocol) DataReceived([]byte)              {}
func (p protocol) ConnectionLost(error)           { p.lost() }

// TestReact runs the programs below, as processes of this test's binary.
func TestReact(t *testing.T) {
	for _, test := range []struct {
		program string
		status  int
		stderr  string
	}{
		{"ok", 0, ""},
		{"fails", 1, ": an error of the test\n"},
		{"exits", 23, ""},
		{"unhandled", 0, " ERROR unhandled error in Deferred error=\"an error of the test\"\n"},
		{"signalled", 0, "cleaning up\ncleaned up\n"},
		{"signalled twice", -1, "cleaning up\n"},
	} {
		t.Run(test.program, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && strings.HasPrefix(test.program, "signalled") {
				t.Skip("no program can signal itself")
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "REACT_PROGRAM="+test.program)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if err := cmd.Run(); cmd.ProcessState == nil {
				t.Fatal(err)
			}
			if status := cmd.ProcessState.ExitCode(); status != test.status {
				t.Errorf("status = %d, want %d", status, test.status)
			}
			got := strings.TrimPrefix(stderr.String(), filepath.Base(os.Args[0]))
			if test.program == "unhandled" {
				got = got[min(len(got), len("2006/01/02 15:04:05")):] // without the log's time
			}
			if got != test.stderr {
				t.Errorf("stderr: %q, want %q", stderr.String(), test.stderr)
			}
		})
	}
}

func TestMain(m *testing.M) {
	if program := os.Getenv("REACT_PROGRAM"); program != "" {
		task.React(func(r reactor.Reactor) *deferred.Deferred[int] {
			switch program {
			case "fails":
				return task.DeferLater(r, time.Millisecond, func() (int, error) { return 0, errTest })
			case "unhandled":
				deferred.Fail[int](errTest)
			case "exits":
				return deferred.Fail[int](task.ExitStatus(23))
			case "signalled", "signalled twice":
				return deferred.Go(func(co *deferred.Co) (int, error) { return 0, signalled(co, r, program) })
			}
			return task.DeferLaterValue(r, time.Millisecond, 1)
		})
	}
	os.Exit(m.Run())
}

// signalled waits for the signal that it sends to its own process, and cleans up.
func signalled(co *deferred.Co, r reactor.Reactor, program string) error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_, cancelled := deferred.Await(co, deferred.New[int]())
	fmt.Fprintln(os.Stderr, "cleaning up")
	_, err = deferred.Shield(co, func() (int, error) {
		if program == "signalled twice" {
			self.Signal(syscall.SIGTERM)
		}
		return deferred.Await(co, task.DeferLaterValue(r, 100*time.Millisecond, 1))
	})
	fmt.Fprintln(os.Stderr, "cleaned up")
	return cmp.Or(err, cancelled)
}

// A program is one call of React. It ends when the Deferred fires.
func ExampleReact() {
	run := func(r reactor.Reactor) *deferred.Deferred[string] {
		return task.DeferLater(r, time.Second, func() (string, error) {
			fmt.Println("a second later")
			return "", nil // an error goes to standard error, and the status is 1
		})
	}
	// func main() {
	task.React(run)
	// }
}

func ExampleReactOn() {
	r := memory.New() // its time passes without waiting
	status := task.ReactOn(r, func(r reactor.Reactor) *deferred.Deferred[string] {
		return task.DeferLater(r, time.Hour, func() (string, error) {
			fmt.Println("an hour later")
			return "", task.ExitStatus(3)
		})
	}, os.Stderr)
	fmt.Println("status", status)
	// Output:
	// an hour later
	// status 3
}
