package reactor_test

import (
	"context"
	"os"
	"os/exec"
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
