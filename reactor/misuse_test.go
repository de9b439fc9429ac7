package reactor_test

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file calls what belongs to the loop's goroutine on other goroutines.

// wrongGoroutine is in the panic of such a call.
const wrongGoroutine = "must be called on the reactor's goroutine; from here use CallFromThread or BlockingCallFromThread"

// anyGoroutine are the methods that any goroutine may call.
var anyGoroutine = map[string]bool{
	"Threads.CallFromThread": true, "Threads.CallInThread": true, "Threads.SuggestThreadPoolSize": true,
	"Threads.OnLoop": true, "Threads.Ended": true,
	"Core.Run": true, "Core.Iterate": true, // fail with ErrAlreadyRunning
	"Core.Stop": true, "Core.Running": true,
	"Clock.Now": true, "Port.Addr": true, "Transport.Reactor": true,
}

// A called is a value whose methods the tests call.
type called struct {
	name  string // of its interface
	value any
	as    reflect.Type
}

// A target is a loop with everything that has methods.
type target struct {
	loop   loop
	values []called
}

func interfaceOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// newTarget connects two protocols on r, plain and over TLS.
func newTarget(t *testing.T, r loop) *target {
	t.Helper()
	client, server := sharedTLS()
	plainClient, plainServer, tlsClient, tlsServer := &recorder{}, &recorder{}, &recorder{}, &recorder{}
	plain, err := r.ListenTCP("127.0.0.1:0", build(plainServer))
	if err != nil {
		t.Fatal(err)
	}
	over, err := r.ListenTCP("127.0.0.1:0", reactor.TLSServer(r, reactor.TLSConfig{Config: server}, build(tlsServer)))
	if err != nil {
		t.Fatal(err)
	}
	r.ConnectTCP(plain.Addr().String(), build(plainClient), reactor.ConnectConfig{})
	r.ConnectTCP(over.Addr().String(), reactor.TLSClient(r, reactor.TLSConfig{Config: client}, build(tlsClient)), reactor.ConnectConfig{})
	pending := r.CallLater(time.Hour, func() {})
	for end := time.Now().Add(20 * time.Second); plainServer.t == nil || tlsServer.t == nil || plainClient.t == nil || tlsClient.t == nil; {
		if err := r.Iterate(time.Second); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatal("not connected")
		}
	}
	return &target{r, []called{
		{"Core", r, interfaceOf[reactor.Core]()},
		{"Clock", r, interfaceOf[reactor.Clock]()},
		{"Threads", r, interfaceOf[reactor.Threads]()},
		{"Contexts", r, interfaceOf[reactor.Contexts]()},
		{"TCP", r, interfaceOf[reactor.TCP]()},
		{"UNIX", r, interfaceOf[reactor.UNIX]()},
		{"Names", r, interfaceOf[reactor.Names]()},
		{"Random", r, interfaceOf[reactor.Random]()},
		{"Reactor", r, interfaceOf[interface{ Locals() *reactor.Locals }]()},
		{"Loop", r, interfaceOf[interface {
			DelayedCalls() []reactor.DelayedCall
			HandleSignals(on bool)
		}]()},
		{"Port", plain, interfaceOf[reactor.Port]()},
		{"DelayedCall", pending, interfaceOf[reactor.DelayedCall]()},
		{"Transport", plainClient.t, interfaceOf[reactor.Transport]()},
		{"Transport", tlsServer.t, interfaceOf[reactor.Transport]()},
	}}
}

// each calls f for each method of the target's values.
func (x *target) each(f func(name string, call func())) {
	for _, v := range x.values {
		for i := range v.as.NumMethod() {
			m := v.as.Method(i)
			method := reflect.ValueOf(v.value).MethodByName(m.Name)
			var args []reflect.Value
			for j := range m.Type.NumIn() {
				args = append(args, reflect.Zero(m.Type.In(j)))
			}
			f(v.name+"."+m.Name, func() {
				call := method.Call
				if m.Type.IsVariadic() {
					call = method.CallSlice
				}
				for _, result := range call(args) {
					if d, ok := result.Interface().(*deferred.Deferred[reactor.Protocol]); ok {
						d.AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
					}
				}
			})
		}
	}
}

// panicOf returns the text with which f panics, or "".
func panicOf(f func()) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint(v)
		}
	}()
	f()
	return ""
}

// wantDetected calls each method of x on this goroutine, which is not the loop's, after
// before.
func (x *target) wantDetected(t *testing.T, before func()) {
	x.each(func(name string, call func()) {
		if name == "Core.Stop" {
			return
		}
		before()
		got := panicOf(call)
		switch detected := strings.Contains(got, wrongGoroutine); {
		case detected && anyGoroutine[name]:
			t.Errorf("%s: panic: %s", name, got)
		case !detected && !anyGoroutine[name]:
			t.Errorf("%s: panic %q, want %q", name, got, wrongGoroutine)
		}
	})
}

// TestCallsFromTheWrongGoroutine calls each method of a loop, a port, a delayed call and a
// transport from another goroutine.
func TestCallsFromTheWrongGoroutine(t *testing.T) {
	for _, r := range reactors[:2] {
		for _, debug := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/asleep, debugging %v", r.name, debug), func(t *testing.T) {
				deferred.SetDebugging(debug)
				defer deferred.SetDebugging(false)
				x := newTarget(t, r.new())
				defer x.loop.Close()
				ended := x.runElsewhere(t)
				x.wantDetected(t, func() { untilAsleep(t, x.loop) })
				x.loop.Stop() // wakes the loop
				<-ended
			})
		}
		t.Run(r.name+"/in a turn, debugging", func(t *testing.T) {
			deferred.SetDebugging(true)
			defer deferred.SetDebugging(false)
			x := newTarget(t, r.new())
			defer x.loop.Close()
			ended := x.runElsewhere(t)
			busy, release := make(chan bool), make(chan bool)
			x.loop.CallFromThread(func() {
				close(busy)
				<-release
			})
			<-busy
			x.wantDetected(t, func() {})
			close(release)
			x.loop.Stop()
			<-ended
		})
	}
	t.Run("memory/in a turn, debugging", func(t *testing.T) {
		deferred.SetDebugging(true)
		defer deferred.SetDebugging(false)
		r := memory.New()
		x := newTarget(t, r)
		x.values = append(x.values, called{"memory", r, interfaceOf[interface {
			Pump()
			Advance(d time.Duration)
			RunFor(d time.Duration)
		}]()})
		r.CallLater(0, func() {
			done := make(chan bool)
			go func() {
				defer close(done)
				x.wantDetected(t, func() {})
			}()
			<-done
		})
		r.Pump()
	})
}

// runElsewhere runs the loop on another goroutine. Its watchdog is set up here, where
// nothing runs yet.
func (x *target) runElsewhere(t *testing.T) (ended chan bool) {
	began := make(chan bool)
	x.loop.CallWhenRunning(func() { close(began) })
	ended = make(chan bool)
	go func() {
		defer close(ended)
		if err := x.loop.Run(); err != nil {
			t.Error(err)
		}
	}()
	<-began
	return ended
}

func untilAsleep(t *testing.T, r loop) {
	t.Helper()
	l := r.(*reactor.Loop)
	for end := time.Now().Add(20 * time.Second); !l.Asleep(); {
		if time.Now().After(end) {
			t.Fatal("the loop does not sleep")
		}
		runtime.Gosched()
	}
}

// TestCallsFromTheRightGoroutine makes the same calls where they are allowed, while
// debugging: before Run, in a callback, in a coroutine, between two Runs, and after them.
func TestCallsFromTheRightGoroutine(t *testing.T) {
	deferred.SetDebugging(true)
	defer deferred.SetDebugging(false)
	for _, r := range reactors {
		t.Run(r.name, func(t *testing.T) {
			x := newTarget(t, r.new())
			defer x.loop.Close()
			check := func(where string) {
				x.each(func(name string, call func()) {
					if strings.HasPrefix(name, "Core.") || name == "Names.InstallNameResolver" {
						return
					}
					if got := panicOf(call); strings.Contains(got, wrongGoroutine) {
						t.Errorf("%s %s: %s", name, where, got)
					}
				})
			}
			elsewhere(func() { check("before Run, elsewhere") })
			for range 2 {
				x.loop.CallWhenRunning(func() {
					check("on the loop")
					goCoroutine(func() { check("in a coroutine") })
					x.loop.Stop()
				})
				if err := x.loop.Run(); err != nil {
					t.Fatal(err)
				}
				elsewhere(func() { check("after Run, elsewhere") })
			}
		})
	}
}

// TestStopFromElsewhere: Stop ends Run from any goroutine, whatever the loop is doing.
func TestStopFromElsewhere(t *testing.T) {
	for _, r := range reactors[:2] {
		for _, asleep := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/asleep %v", r.name, asleep), func(t *testing.T) {
				x := &target{loop: r.new()}
				defer x.loop.Close()
				if err := x.loop.Stop(); err != reactor.ErrNotRunning {
					t.Errorf("before Run: %v", err)
				}
				fired := false
				x.loop.AddSystemEventTrigger(reactor.During, reactor.Shutdown, func() *deferred.Deferred[deferred.None] {
					fired = true
					return nil
				})
				for range 50 {
					fired = false
					ended := x.runElsewhere(t)
					if asleep {
						untilAsleep(t, x.loop)
					}
					if !x.loop.Running() {
						t.Error("not running")
					}
					if err := x.loop.Stop(); err != nil {
						t.Error(err)
					}
					if err := x.loop.Stop(); err != reactor.ErrNotRunning {
						t.Errorf("a second time: %v", err)
					}
					<-ended
					if !fired || x.loop.Running() {
						t.Errorf("Shutdown fired %v, running %v", fired, x.loop.Running())
					}
				}
			})
		}
	}
}

// TestRunElsewhereWhileRunning: a running loop can neither be run nor iterated nor closed on
// another goroutine.
func TestRunElsewhereWhileRunning(t *testing.T) {
	for _, r := range reactors[:2] {
		t.Run(r.name, func(t *testing.T) {
			x := &target{loop: r.new()}
			defer x.loop.Close()
			ended := x.runElsewhere(t)
			for name, f := range map[string]func() error{
				"Run":     x.loop.Run,
				"Iterate": func() error { return x.loop.Iterate(0) },
				"Close":   x.loop.Close,
			} {
				untilAsleep(t, x.loop)
				if err := f(); !errors.Is(err, reactor.ErrAlreadyRunning) {
					t.Errorf("%s: %v", name, err)
				}
			}
			x.loop.Stop()
			<-ended
		})
	}
}
