//go:build unix

package reactor_test

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A signal writes a dump, one after the other, until stop is called.
func TestDumpOnSignal(t *testing.T) {
	l := reactor.New()
	l.CallLater(time.Hour, tick)
	inBackground(t, l)
	texts := make(chan string, 10)
	stop := reactor.DumpOnSignal(writerFunc(func(p []byte) (int, error) {
		texts <- string(p)
		return len(p), nil
	}), syscall.SIGUSR1, syscall.SIGUSR2)
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2} {
		syscall.Kill(syscall.Getpid(), s)
		for !strings.Contains(<-texts, "reactor_test.tick") { // another test's loop
		}
	}
	stop()
	stop()
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGUSR1) // which would end the test
	defer signal.Stop(caught)
	syscall.Kill(syscall.Getpid(), syscall.SIGUSR1)
	<-caught
	for len(texts) != 0 {
		if got := <-texts; strings.Contains(got, "reactor_test.tick") {
			t.Errorf("after stop: got %s", got)
		}
	}
}
