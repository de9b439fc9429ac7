package reactor_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// Delayed calls.
var timeCases = []conformanceCase{
	{"in the order of their times", none, callsInOrder},
	{"never too early", none, neverTooEarly},
	{"Cancel, Reset and Delay", none, cancelResetDelay},
	{"calls without delay do not starve connections", tcp4 | overTLS, zeroDelays},
	{"calls scheduled by calls are made in a later turn", none, callsMadeByCalls},
}

func callsInOrder(f *fixture) {
	var got []string
	for _, ms := range []int{30, 10, 20, 0, 10, -5, 20} {
		name := fmt.Sprintf("%d/%d", ms, len(f.DelayedCalls()))
		f.CallLater(time.Duration(ms)*time.Millisecond, func() { got = append(got, name) })
	}
	f.CallLater(40*time.Millisecond, func() { f.Stop() })
	f.run()
	if want := "0/3 -5/5 10/1 10/4 20/2 20/6 30/0"; strings.Join(got, " ") != want {
		f.Errorf("called %v, want %s", got, want)
	}
}

func neverTooEarly(f *fixture) {
	began := f.Now()
	for _, delay := range []time.Duration{time.Microsecond, time.Millisecond, 1500 * time.Microsecond, 7 * time.Millisecond} {
		f.CallLater(delay, func() {
			if after := f.Now().Sub(began); after < delay || f.memory != nil && after != delay {
				f.Errorf("a call in %v was made after %v", delay, after)
			}
		})
	}
	f.CallLater(8*time.Millisecond, func() { f.Stop() })
	f.run()
}

func cancelResetDelay(f *fixture) {
	var got []string
	call := func(name string, ms int) reactor.DelayedCall {
		return f.CallLater(time.Duration(ms)*time.Millisecond, func() { got = append(got, name) })
	}
	cancelled, sooner, later, moved := call("cancelled", 1), call("sooner", 3600_000), call("later", 1), call("moved", 2)
	cancelled.Cancel()
	sooner.Reset(3 * time.Millisecond)
	later.Delay(10 * time.Millisecond)
	f.CallLater(0, func() {
		moved.Cancel()
		if moved.Active() || !sooner.Active() {
			f.Errorf("active: the cancelled %v, the other %v", moved.Active(), sooner.Active())
		}
		call("moved", 5)
	})
	f.CallLater(20*time.Millisecond, func() { f.Stop() })
	if n := len(f.DelayedCalls()); n != 5 {
		f.Errorf("%d delayed calls", n)
	}
	f.run()
	if want := []string{"sooner", "moved", "later"}; !slices.Equal(got, want) {
		f.Errorf("called %v, want %v", got, want)
	}
	if cancelled.Cancel() == nil || sooner.Reset(0) == nil || later.Delay(0) == nil {
		f.Error("calls that were made were moved")
	}
}

// zeroDelays has a call that schedules the next without delay, again and again, beside a
// connection.
func zeroDelays(f *fixture) {
	client, server := f.probe("client"), f.probe("server").echoes()
	client.made = func() { client.Write([]byte(".")) }
	client.data = func(data []byte) {
		if client.got.Len() == 100 {
			client.LoseConnection()
		} else {
			client.Write(data)
		}
	}
	turns := 0
	var again func()
	again = func() {
		if turns++; !client.isLost() && turns < 10_000_000 {
			f.CallLater(0, again)
		}
	}
	again()
	f.join(client, server)
	f.runUntilLost()
	if client.got.Len() != 100 || turns < 100 {
		f.Errorf("%d round trips and %d calls", client.got.Len(), turns)
	}
}

func callsMadeByCalls(f *fixture) {
	var got []string
	f.CallLater(0, func() {
		f.CallLater(0, func() {
			got = append(got, "third")
			f.Stop()
		})
		got = append(got, "first")
	})
	f.CallLater(0, func() { got = append(got, "second") })
	f.run()
	if want := []string{"first", "second", "third"}; !slices.Equal(got, want) {
		f.Errorf("called %v, want %v", got, want)
	}
}
