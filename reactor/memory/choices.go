package memory

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// This file says which choices a reactor in memory has, and who makes them.

// Choices makes the free choices of a [Reactor]: those that the network, the kernel or the
// scheduler makes for a real program. The same answers give the same run. The methods are
// called on the reactor's goroutine.
//
// package testing's Explore searches among Choices for those that break a program.
type Choices interface {
	// Choose returns a number from 0 to n-1. n is at least 2. 0 is always what happens without
	// Choices: bytes arrive whole and at once, and nothing fails.
	Choose(kind Choice, n int) int
	// Pick returns the index of the task that comes next. There are at least two, and they are in
	// the order in which they come without Choices. tasks is valid until Pick returns.
	Pick(tasks []Task) int
}

// A Choice is a kind of choice.
type Choice uint8

const (
	Order     Choice = iota // which of the tasks that are due at the same time comes next; see Pick
	Split                   // how many of its bytes a read gets, or a write takes
	Latency                 // how long a message, the answer of the resolver or a function of CallInThread takes
	Bandwidth               // how many bytes a second a connection carries
	Fault                   // whether something fails here, and what
	Detail                  // what more there is to know of a fault, such as how long it lasts
	Cancel                  // whether the program gives up a Deferred of MayCancel here
)

// A Task is what runs next, if it is picked: the events of one side of a connection have one
// number, and so have the delayed calls that one place of the program schedules, and each function
// of CallInThread. 0 is a turn of the loop: its delayed calls, and what was written, come before the
// events that are left. The numbers are the same each time the program makes the same run. Two
// delayed calls that one place scheduled at different times are two tasks with one number.
type Task uint64

// Conditions say what may differ from run to run, and what may fail. The zero value varies the
// order of what is due at the same time, and how bytes are split. Without [Choices], nothing
// varies.
type Conditions struct {
	// MaxLatency bounds the latency of a message. 0 means that each arrives at once.
	MaxLatency time.Duration
	// MinBandwidth bounds the bytes a second that a connection carries. 0 means that there is no
	// limit.
	MinBandwidth int
	// Whole keeps the bytes of one write together, as far as the reader's buffer has room.
	Whole bool
	// MayFail are the links that may fail. nil means none.
	MayFail []Link
	// Faults are the faults that may happen on these links. 0 means all but [WallClockJump].
	Faults Faults
	// MaxFaults bounds the number of faults in a run. 0 means 2.
	MaxFaults int
}

// A Link is a pair of hosts, each by its IP address, its name from AddHost, or "" for every host. The
// order does not matter.
type Link struct{ A, B string }

// Faults is a set of faults.
type Faults uint16

const (
	Refused       Faults = 1 << iota // an attempt to connect is refused
	Reset                            // a connection is reset: both sides see it
	HalfClosed                       // one side sees the end of what the other sends, which goes on
	Stalled                          // messages of a link are held for a while
	Cut                              // messages of a link are held for ever; an attempt to connect gets no answer
	NameNotFound                     // the resolver does not find a name of the link's hosts
	AcceptFails                      // a port cannot accept for a while
	Restart                          // a process stops, and starts again at its address; see Machine.Process
	WallClockJump                    // Now jumps; delayed calls do not
)

// A Config configures a [Reactor]. The zero value is that of [New].
type Config struct {
	// Choices makes the free choices. nil means none: each run is the same.
	Choices Choices
	// Conditions say what Choices may vary.
	Conditions Conditions
	// MaxTime bounds the time of the clock, since its start. What runs the loop panics beyond it,
	// since the loop would probably run for ever. 0 means no bound.
	MaxTime time.Duration
}

// NewReactor returns a reactor like that of [New], with a configuration. It panics if a number of
// the configuration is negative, or if a link's host is not a host.
//
// The hosts of Conditions.MayFail may get their names later. A name that no host has got when
// the program ends makes [Reactor.EndFaults] panic.
func NewReactor(config Config) *Reactor {
	config.check()
	return newReactor(config)
}

// check panics if c cannot be used.
func (c *Config) check() {
	for _, number := range []struct {
		name     string
		value    any
		negative bool
	}{
		{"Conditions.MaxLatency", c.Conditions.MaxLatency, c.Conditions.MaxLatency < 0},
		{"Conditions.MinBandwidth", c.Conditions.MinBandwidth, c.Conditions.MinBandwidth < 0},
		{"Conditions.MaxFaults", c.Conditions.MaxFaults, c.Conditions.MaxFaults < 0},
		{"MaxTime", c.MaxTime, c.MaxTime < 0},
	} {
		if number.negative {
			panic(fmt.Sprintf("memory: NewReactor with a negative %s: %v", number.name, number.value))
		}
	}
	if unknown := c.Conditions.Faults &^ allFaults; unknown != 0 {
		panic(fmt.Sprintf("memory: NewReactor with Conditions.Faults that do not exist: %#x", uint16(unknown)))
	}
	for _, l := range c.Conditions.MayFail {
		for _, host := range []string{l.A, l.B} {
			if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, ":/ ") {
				panic(fmt.Sprintf("memory: NewReactor with a Link of %q, which is not a host: "+
					"a host is an IP address without a port, a name of AddHost, or \"\" for every host", host))
			}
		}
	}
}

// String returns the name of k in lower case.
func (k Choice) String() string {
	if names := [...]string{"order", "split", "latency", "bandwidth", "fault", "detail", "cancel"}; int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("Choice(%d)", uint8(k))
}

const (
	allFaults     = WallClockJump<<1 - 1
	defaultFaults = allFaults &^ WallClockJump
)

// String returns the faults in words: "refused, reset".
func (f Faults) String() string {
	var names []string
	for i, name := range [...]string{"refused", "reset", "half-closed", "stalled", "cut", "name not found", "accept fails", "restart", "wall clock jump"} {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if unknown := f &^ allFaults; unknown != 0 {
		names = append(names, fmt.Sprintf("Faults(%#x)", uint16(unknown)))
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
