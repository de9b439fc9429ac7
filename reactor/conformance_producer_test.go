package reactor_test

import (
	"errors"
	"math"
	"runtime"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// Producers and their pauses.
var producerCases = []conformanceCase{
	{"push, paused and resumed", anyKind, pushPausedAndResumed},
	{"push, stopped by the loss", anyKind, pushStopped},
	{"push, after an abort", anyKind, pushAfterAbort},
	{"pull", anyKind, pullProducer},
	{"pull without data at first", anyKind, pullWithNothing},
	{"pull, stopped by the loss", anyKind, pullStopped},
	{"registered twice", anyKind, registeredTwice},
	{"registered by accident", anyKind, registeredByAccident},
	{"the Transport as its own producer", anyKind, transportAsProducer},
	{"registered after the loss", anyKind, registeredAfterLoss},
	{"registered while much data is unsent", anyKind, registeredWhileMuchWaits},
	{"LoseConnection waits for the producer", anyKind, func(f *fixture) { loseWaitsForProducer(f, reactor.Transport.LoseConnection) }},
	{"LoseWriteConnection waits for the producer", anyKind, func(f *fixture) { loseWaitsForProducer(f, reactor.Transport.LoseWriteConnection) }},
	{"unregistered and another registered", anyKind, anotherProducer},
	{"memory stays flat", anyKind, memoryStaysFlat},
}

// A source is a push and a pull producer of a number of bytes.
type source struct {
	f      *fixture
	to     reactor.Consumer
	left   int
	chunk  []byte
	done   func() // after the last chunk
	paused bool

	pauses, resumes, stops int
}

func (f *fixture) source(to reactor.Consumer, size, chunk int) *source {
	return &source{f: f, to: to, left: size, chunk: make([]byte, chunk)}
}

// push writes until it is paused.
func (s *source) push() {
	for !s.paused && s.left > 0 {
		s.write()
	}
}

func (s *source) write() {
	n := min(len(s.chunk), s.left)
	s.left -= n
	s.to.Write(s.chunk[:n])
	if s.left == 0 {
		s.to.UnregisterProducer()
		if s.done != nil {
			s.done()
		}
	}
}

func (s *source) PauseProducing() {
	if s.pauses++; s.paused {
		s.f.Error("paused twice")
	}
	s.paused = true
}

func (s *source) ResumeProducing() {
	s.resumes++
	s.paused = false
	s.push()
}

func (s *source) StopProducing() {
	if s.stops++; s.stops > 1 {
		s.f.Error("stopped twice")
	}
	s.paused = true
}

// A pullSource writes one chunk a call.
type pullSource struct{ *source }

func (s pullSource) ResumeProducing() {
	s.resumes++
	s.write()
}

// pauseFor pauses p for a while.
func pauseFor(p *probe, d time.Duration) {
	p.PauseProducing()
	p.f.CallLater(d, func() { p.ResumeProducing() })
}

func pushPausedAndResumed(f *fixture) {
	size := tooMuch + 1<<20
	client, server := f.probe("client"), f.probe("server")
	var s *source
	client.made = func() {
		s = f.source(client, size, 10_000)
		s.done = func() { client.LoseConnection() }
		if err := client.RegisterProducer(s); err != nil {
			f.Error(err)
		}
		s.push()
	}
	server.made = func() { pauseFor(server, time.Millisecond) }
	got := 0
	server.data = func(data []byte) {
		got += len(data)
		server.got.Reset()
	}
	f.join(client, server)
	f.runUntilLost()
	if got != size || s.left != 0 {
		f.Errorf("got %d bytes, want %d; %d not written", got, size, s.left)
	}
	// The last write may exceed the limit.
	if s.pauses == 0 || s.resumes < s.pauses-1 || s.resumes > s.pauses || s.stops != 0 {
		f.Errorf("paused %d times, resumed %d, stopped %d", s.pauses, s.resumes, s.stops)
	}
}

func pushStopped(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	var s *source
	client.made = func() {
		s = f.source(client, 1<<30, 100_000)
		client.RegisterProducer(s)
		s.push()
	}
	client.lost = func(error) {
		if s.stops != 1 {
			f.Errorf("stopped %d times before ConnectionLost", s.stops)
		}
	}
	server.data = func([]byte) { server.AbortConnection() }
	f.join(client, server)
	f.runUntilLost()
	if s.stops != 1 || s.left == 0 {
		f.Errorf("stopped %d times, %d bytes left", s.stops, s.left)
	}
}

func pushAfterAbort(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	var s *source
	server.made = func() {
		s = f.source(server, math.MaxInt, 100_000) // would keep the loop busy for ever
		server.RegisterProducer(s)
		server.AbortConnection()
		s.push()
	}
	f.join(client, server)
	f.runUntilLost()
	if s.pauses != 1 || s.stops != 1 {
		f.Errorf("paused %d times, stopped %d", s.pauses, s.stops)
	}
}

func pullProducer(f *fixture) {
	const size, chunk = 1 << 20, 10_000
	client, server := f.probe("client"), f.probe("server")
	var s *source
	client.made = func() {
		s = f.source(client, size, chunk)
		client.RegisterPullProducer(pullSource{s})
		client.LoseConnection()
	}
	f.join(client, server)
	f.runUntilLost()
	if got := server.got.Len(); got != size {
		f.Errorf("got %d bytes, want %d", got, size)
	}
	if want := (size + chunk - 1) / chunk; s.resumes != want {
		f.Errorf("resumed %d times, want %d", s.resumes, want)
	}
	server.lostFor(reactor.ErrConnectionDone)
}

// lateSource is a pull producer that writes some time after ResumeProducing.
type lateSource struct {
	*source
	asked int
}

func (s *lateSource) ResumeProducing() {
	s.asked++
	s.f.CallLater(2*time.Millisecond, s.write)
}

func pullWithNothing(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	var s *lateSource
	client.made = func() {
		s = &lateSource{source: f.source(client, 500, 100)}
		client.RegisterPullProducer(s)
		client.LoseConnection()
	}
	f.join(client, server)
	f.runUntilLost()
	if got := server.got.Len(); got != 500 || s.asked != 5 {
		f.Errorf("got %d bytes after asking %d times, want 500 and 5", got, s.asked)
	}
}

func pullStopped(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	var s *source
	client.made = func() {
		s = f.source(client, 1<<30, 10_000)
		client.RegisterPullProducer(pullSource{s})
	}
	server.data = func([]byte) { server.AbortConnection() }
	f.join(client, server)
	f.runUntilLost()
	if s.stops != 1 || s.left == 0 {
		f.Errorf("stopped %d times, %d bytes left", s.stops, s.left)
	}
}

func registeredTwice(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		first, second := f.source(client, 1, 1), f.source(client, 1, 1)
		for _, c := range []struct {
			name string
			err  error
			want error
		}{
			{"push", client.RegisterProducer(first), nil},
			{"push after push", client.RegisterProducer(second), reactor.ErrProducerRegistered},
			{"pull after push", client.RegisterPullProducer(second), reactor.ErrProducerRegistered},
		} {
			if !errors.Is(c.err, c.want) {
				f.Errorf("%s: %v, want %v", c.name, c.err, c.want)
			}
		}
		client.UnregisterProducer()
		client.UnregisterProducer()
		if err := client.RegisterPullProducer(pullSource{second}); err != nil {
			f.Error(err)
		}
		if err := client.RegisterProducer(first); !errors.Is(err, reactor.ErrProducerRegistered) {
			f.Errorf("push after pull: %v", err)
		}
		client.LoseConnection()
	}
	f.join(client, server)
	f.runUntilLost()
	if server.got.Len() != 1 {
		f.Errorf("got %d bytes", server.got.Len())
	}
}

func registeredAfterLoss(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() { client.AbortConnection() }
	f.join(client, server)
	if f.kind == overTLS { // the handshake of the server fails
		f.probes = f.probes[:1]
	}
	f.runUntilLost()
	push, pull := f.source(client, 1, 1), f.source(client, 1, 1)
	if err := client.RegisterProducer(push); err != nil || push.stops != 1 {
		f.Errorf("push: %v, stopped %d times", err, push.stops)
	}
	if err := client.RegisterPullProducer(pullSource{pull}); err != nil || pull.stops != 1 {
		f.Errorf("pull: %v, stopped %d times", err, pull.stops)
	}
}

func registeredWhileMuchWaits(f *fixture) {
	much, more := tooMuch, 1<<20
	client, server := f.probe("client"), f.probe("server")
	var s *source
	client.made = func() {
		client.Write(make([]byte, much))
		s = f.source(client, more, 10_000)
		s.done = func() { client.LoseConnection() }
		client.RegisterProducer(s)
		if !s.paused {
			f.Error("not paused")
		}
	}
	server.made = func() { pauseFor(server, time.Millisecond) }
	got := 0
	server.data = func(data []byte) {
		got += len(data)
		server.got.Reset()
	}
	f.join(client, server)
	f.runUntilLost()
	if got != much+more {
		f.Errorf("got %d bytes, want %d", got, much+more)
	}
}

func loseWaitsForProducer(f *fixture, lose func(reactor.Transport)) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		s := f.source(client, 1, 1)
		client.RegisterProducer(s)
		client.Write([]byte("first"))
		lose(client)
		f.CallLater(3*time.Millisecond, func() {
			client.Write([]byte(" second"))
			client.UnregisterProducer()
			client.Write([]byte(" too late"))
		})
	}
	f.join(client, server)
	f.runUntilLost()
	server.has("first second")
	server.lostFor(reactor.ErrConnectionDone)
	client.lostFor(reactor.ErrConnectionDone)
}

func anotherProducer(f *fixture) {
	client, server := f.probe("client"), f.probe("server")
	client.made = func() {
		first := f.source(client, 1<<20, 10_000)
		first.done = func() {
			second := f.source(client, 1<<20, 10_000)
			second.done = func() { client.LoseConnection() }
			client.RegisterPullProducer(pullSource{second})
		}
		client.RegisterProducer(first)
		first.push()
	}
	f.join(client, server)
	f.runUntilLost()
	if got := server.got.Len(); got != 2<<20 {
		f.Errorf("got %d bytes, want %d", got, 2<<20)
	}
}

// memoryStaysFlat pauses a consumer again and again while its peer sends more than
// any buffer holds.
func memoryStaysFlat(f *fixture) {
	size, most := 64<<20, 24<<20 // the system's own buffers may take some MiB
	if f.memory != nil {
		most = 1 << 20
	}
	switch {
	case raceEnabled && f.memory != nil:
		size = 16 << 20
	case raceEnabled:
		size = 32 << 20
	case f.kind == tcp4:
		size = 1 << 30
	}
	f.systemBuffers = true
	client, server := f.probe("client"), f.probe("server")
	got, inFlight := 0, 0
	s := f.source(client, size, 64<<10)
	client.made = func() {
		s.to = client
		s.done = func() { client.LoseConnection() }
		client.RegisterProducer(s)
		s.push()
	}
	heapBefore, heap := heapInUse(), 0
	pause := size / 8
	next := pause
	server.data = func(data []byte) {
		server.got.Reset()
		got += len(data)
		if got < next {
			return
		}
		next += pause
		server.PauseProducing()
		f.CallLater(2*time.Millisecond, func() {
			inFlight = max(inFlight, size-s.left-got)
			heap = max(heap, heapInUse()-heapBefore)
			server.ResumeProducing()
		})
	}
	f.join(client, server)
	f.runUntilLost()
	if got != size {
		f.Errorf("got %d bytes, want %d", got, size)
	}
	if inFlight > most {
		f.Errorf("%d bytes were on their way while the consumer was paused", inFlight)
	}
	if heap > 8<<20 {
		f.Errorf("the heap has grown by %d bytes", heap)
	}
}

func heapInUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A twoOfThree is a protocol that declares two of a producer's methods, and inherits the third.
type twoOfThree struct{ *probe }

func (twoOfThree) PauseProducing()  {}
func (twoOfThree) ResumeProducing() {}

// registeredByAccident registers protocols that embed their Transport. Nothing is registered,
// paused or stopped, and the connection goes on.
func registeredByAccident(f *fixture) {
	client, server := f.probe("client"), f.probe("server").echoes()
	client.made = func() {
		two := twoOfThree{client}
		for _, c := range []struct {
			err    error
			method string
			typ    string
		}{
			{client.RegisterProducer(client), "PauseProducing", "*reactor_test.probe"},
			{client.RegisterPullProducer(client), "ResumeProducing", "*reactor_test.probe"},
			{client.RegisterProducer(two), "StopProducing", "reactor_test.twoOfThree"},
			{client.RegisterPullProducer(two), "StopProducing", "reactor_test.twoOfThree"},
		} {
			var inherited *reactor.InheritedProducerError
			if !errors.As(c.err, &inherited) || inherited.Method != c.method || inherited.Type != c.typ {
				f.Errorf("registering by accident: %v, want an error about %s of %s", c.err, c.method, c.typ)
			}
		}
		client.Write(make([]byte, 128<<10)) // enough to pause a producer
	}
	client.data = func([]byte) {
		if client.got.Len() == 128<<10 {
			client.LoseConnection()
		}
	}
	f.join(client, server)
	f.runUntilLost()
	if client.got.Len() != 128<<10 {
		f.Errorf("received %d bytes", client.got.Len())
	}
	client.lostFor(reactor.ErrConnectionDone)
}

// transportAsProducer is an echo with back-pressure: the server receives no more than it can
// send.
func transportAsProducer(f *fixture) {
	const size = 2 << 20
	client, server := f.probe("client"), f.probe("server").echoes()
	server.made = func() {
		if err := server.RegisterProducer(server.Transport); err != nil {
			f.Error(err)
		}
	}
	client.made = func() { client.Write([]byte(numbers(size))) }
	client.data = func([]byte) {
		if client.got.Len() == size {
			server.UnregisterProducer()
			client.LoseConnection()
		}
	}
	f.join(client, server)
	f.runUntilLost()
	client.has(numbers(size))
}
