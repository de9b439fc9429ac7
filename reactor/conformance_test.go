package reactor_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file runs one suite of cases against every reactor and, where a case is
// about connections, every kind of connection. The cases are in the files
// conformance_*_test.go.

// A conformanceCase sets up a program on the fixture's reactor, runs it and checks
// the result.
type conformanceCase struct {
	name string
	on   kinds
	test func(f *fixture)
}

// kinds is a set of kinds of connections.
type kinds uint8

const (
	tcp4 kinds = 1 << iota
	tcp6
	overUNIX
	overTLS
	overLane // a stream of HTTP/2: package duplex
	none     // not about connections; run once

	tcp     = tcp4 | tcp6
	plain   = tcp | overUNIX
	anyKind = plain | overTLS | overLane
)

var kindNames = []struct {
	kinds
	name string
}{{tcp4, "tcp4"}, {tcp6, "tcp6"}, {overUNIX, "unix"}, {overTLS, "tls"}, {overLane, "stream"}, {none, "loop"}}

// A loop is a reactor that can be closed.
type loop interface {
	reactor.Reactor
	DelayedCalls() []reactor.DelayedCall
	Close() error
}

// systemPoller is the name of New's poller.
var systemPoller = map[bool]string{true: "epoll", false: "system"}[runtime.GOOS == "linux"]

var reactors = []struct {
	name string
	new  func() loop
}{
	{systemPoller, func() loop { return reactor.New() }},
	{"portable", func() loop { return reactor.NewPortable() }},
	{"memory", func() loop { return memory.New() }},
}

var conformance = []struct {
	topic string
	cases []conformanceCase
}{
	{"stream", streamCases},
	{"ending", endingCases},
	{"producer", producerCases},
	{"sending", sendingCases},
	{"late", lateCases},
	{"connect", connectCases},
	{"accept", acceptCases},
	{"panic", panicCases},
	{"time", timeCases},
	{"threads", threadCases},
	{"context", contextCases},
	{"life", lifeCases},
}

func TestConformance(t *testing.T) {
	for _, r := range reactors {
		for _, topic := range conformance {
			for _, c := range topic.cases {
				for _, k := range kindNames {
					if c.on&k.kinds == 0 {
						continue
					}
					t.Run(r.name+"/"+k.name+"/"+topic.topic+"/"+c.name, func(t *testing.T) {
						f := newFixture(t, r.new, k.kinds)
						c.test(f)
						f.finish()
					})
				}
			}
		}
	}
}

// A fixture is a reactor and a kind of connection. In every case, it checks that no
// protocol is called out of order and that nothing is left open
// at the end.
type fixture struct {
	testing.TB
	loop
	kind   kinds
	memory *memory.Reactor // the reactor, if it is one in memory
	probes []*probe
	log    *logtest.Log

	goroutines, descriptors int // before
	untilLost               bool
	systemBuffers           bool     // probes have buffers as large as the system makes them
	closers                 []func() // close other resources of the case
}

func newFixture(t testing.TB, newLoop func() loop, kind kinds) *fixture {
	if kind == tcp6 {
		needIPv6(t)
	}
	f := &fixture{TB: t, kind: kind, log: logtest.Capture(t), goroutines: runtime.NumGoroutine(), descriptors: openDescriptors()}
	f.loop = newLoop()
	f.memory, _ = f.loop.(*memory.Reactor)
	return f
}

func needIPv6(t testing.TB) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6: ", err)
	}
	l.Close()
}

// run runs the reactor until Stop.
func (f *fixture) run() {
	f.Helper()
	if f.memory == nil { // the reactor in memory stops when nothing is left to do
		watchdog := f.CallLater(10*time.Second, func() {
			f.Error("the reactor still runs after 10 s")
			f.Stop()
		})
		defer func() {
			if watchdog.Active() {
				watchdog.Cancel()
			}
		}()
	}
	if err := f.Run(); err != nil {
		f.Fatal("Run:", err)
	}
}

// runUntilLost runs the reactor until all probes have lost their connections.
func (f *fixture) runUntilLost() {
	f.Helper()
	f.untilLost = true
	f.run()
	f.untilLost = false
}

// iterateUntil calls Iterate until done.
func (f *fixture) iterateUntil(done func() bool) {
	f.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); {
		if err := f.Iterate(time.Second); err != nil {
			f.Fatal("Iterate:", err)
		}
		if time.Now().After(end) {
			f.Fatal("the condition did not become true within 20 s")
		}
	}
}

// finish makes the checks that follow every case.
func (f *fixture) finish() {
	f.Helper()
	if err := f.Close(); err != nil {
		f.Error("Close:", err)
	}
	for _, closeIt := range f.closers {
		closeIt()
	}
	for _, p := range f.probes {
		if p.wasMade && len(p.reasons) != 1 {
			f.Errorf("%s lost its connection %d times: %v", p.name, len(p.reasons), p.reasons)
		}
	}
	if text := f.log.Take(); text != "" {
		f.Errorf("logged:\n%s", text)
	}
	if n := len(f.DelayedCalls()); n != 0 {
		f.Errorf("%d delayed calls are left", n)
	}
	// A goroutine that is about to end may still be counted.
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > f.goroutines && time.Now().Before(end); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > f.goroutines {
		stacks := make([]byte, 1<<20)
		f.Errorf("%d goroutines, %d before\n%s", n, f.goroutines, stacks[:runtime.Stack(stacks, true)])
	}
	if n := openDescriptors(); n > f.descriptors {
		f.Errorf("%d descriptors, %d before", n, f.descriptors)
	}
}

// openDescriptors returns the number of the process's open descriptors, or 0 if it
// is unknown.
func openDescriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// Connections.

// listen listens with the fixture's kind of connection.
func (f *fixture) listen(factory reactor.Factory) reactor.Port {
	f.Helper()
	port, err := f.listenOn(f.anAddress(), factory)
	if err != nil {
		f.Fatal(err)
	}
	return port
}

// anAddress returns an address to listen on.
func (f *fixture) anAddress() string {
	switch f.kind {
	case overUNIX:
		return filepath.Join(tempDir(f), "s")
	case tcp6:
		return "[::1]:0"
	}
	return "127.0.0.1:0"
}

// tempDir is like T.TempDir, which makes paths that are too long for sockets.
func tempDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (f *fixture) listenOn(address string, factory reactor.Factory) (reactor.Port, error) {
	switch f.kind {
	case overUNIX:
		return f.ListenUNIX(address, factory)
	case overTLS:
		_, server := sharedTLS()
		factory = reactor.TLSServer(f, reactor.TLSConfig{Config: server}, factory)
	case overLane:
		factory = laneFactory(factory, false)
	}
	return f.ListenTCP(address, factory)
}

// connect connects to a port that listen returned.
func (f *fixture) connect(port reactor.Port, factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return f.connectTo(port.Addr().String(), factory, reactor.ConnectConfig{})
}

func (f *fixture) connectTo(address string, factory reactor.Factory, config reactor.ConnectConfig) *deferred.Deferred[reactor.Protocol] {
	switch f.kind {
	case overUNIX:
		return f.ConnectUNIX(address, factory, config)
	case overTLS:
		client, _ := sharedTLS()
		factory = reactor.TLSClient(f, reactor.TLSConfig{Config: client}, factory)
	case overLane:
		factory = laneFactory(factory, true)
	}
	return f.ConnectTCP(address, factory, config)
}

// join makes a connection between two protocols.
func (f *fixture) join(client, server reactor.Protocol) reactor.Port {
	f.Helper()
	port := f.listen(build(server))
	f.connectProbe(port, client)
	return port
}

// connectProbe connects a probe. A reset that immediately follows the connection may
// make the attempt fail, which the probe records as a loss.
func (f *fixture) connectProbe(port reactor.Port, client reactor.Protocol) {
	f.connect(port, build(client)).AddErrback(func(err error) (reactor.Protocol, error) {
		if !errors.Is(err, reactor.ErrConnectionReset) {
			f.Error(err)
		}
		client.ConnectionLost(err)
		return nil, nil
	})
}

// sharedTLS returns configurations for all tests, since making a key takes
// time.
var sharedTLS = sync.OnceValues(tlsConfigs)

// tooMuch is more bytes than the buffers between two probes hold.
const tooMuch = 1 << 20

// probeBuffer is the approximate size of the system's buffers between probes.
const probeBuffer = 64 << 10

// A probe is a protocol with the functions of the case. It checks the order of its
// calls.
type probe struct {
	reactor.Transport
	f    *fixture
	name string

	made func()
	data func(data []byte)
	lost func(reason error)

	got     bytes.Buffer
	wasMade bool
	reasons []error // of each ConnectionLost
}

func (f *fixture) probe(name string) *probe {
	p := &probe{f: f, name: name}
	f.probes = append(f.probes, p)
	return p
}

func (p *probe) ConnectionMade(t reactor.Transport) {
	if p.wasMade {
		p.f.Errorf("%s: ConnectionMade a second time", p.name)
	}
	p.Transport, p.wasMade = t, true
	if !p.f.systemBuffers {
		if err := reactor.LimitBuffers(t, probeBuffer); err != nil {
			p.f.Error(err)
		}
	}
	if p.made != nil {
		p.made()
	}
}

func (p *probe) DataReceived(data []byte) {
	if p.isLost() {
		p.f.Errorf("%s: DataReceived after ConnectionLost", p.name)
	}
	if len(data) == 0 {
		p.f.Errorf("%s: DataReceived with no data", p.name)
	}
	p.got.Write(data)
	if p.data != nil {
		p.data(data)
	}
}

func (p *probe) ConnectionLost(reason error) {
	p.reasons = append(p.reasons, reason)
	if p.f.untilLost && p.f.allLost() && p.f.Running() {
		p.f.Stop()
	}
	if p.lost != nil {
		p.lost(reason)
	}
}

func (p *probe) isLost() bool { return len(p.reasons) != 0 }

func (f *fixture) allLost() bool {
	for _, p := range f.probes {
		if !p.isLost() {
			return false
		}
	}
	return true
}

// lostFor checks the reason of the loss.
func (p *probe) lostFor(want error) {
	p.f.Helper()
	if len(p.reasons) != 1 || !isError(p.reasons[0], want) {
		p.f.Errorf("%s lost its connection for %v, want once for %v", p.name, p.reasons, want)
	}
}

func isError(err, want error) bool {
	// For an orderly end, the reason must be exactly ErrConnectionDone.
	return errors.Is(err, want) && (want != reactor.ErrConnectionDone || err == want)
}

// has checks the received data.
func (p *probe) has(want string) {
	p.f.Helper()
	if got := p.got.String(); got != want {
		p.f.Errorf("%s got %s, want %s", p.name, abridged(got), abridged(want))
	}
}

func abridged(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return strings.ReplaceAll(s, "\n", "|")
}

// echoes makes p send back the received data.
func (p *probe) echoes() *probe {
	p.data = func(data []byte) { p.Write(data) }
	return p
}

// A halfProbe is a probe of a HalfCloseableProtocol.
type halfProbe struct {
	*probe
	readLost, writeLost     func()
	readLosses, writeLosses int
}

func (f *fixture) halfProbe(name string) *halfProbe { return &halfProbe{probe: f.probe(name)} }

func (p *halfProbe) ReadConnectionLost() {
	if p.readLosses++; p.isLost() || p.readLosses > 1 {
		p.f.Errorf("%s: ReadConnectionLost for the %dth time, lost for %v", p.name, p.readLosses, p.reasons)
	}
	if p.readLost != nil {
		p.readLost()
	}
}

func (p *halfProbe) WriteConnectionLost() {
	if p.writeLosses++; p.isLost() || p.writeLosses > 1 {
		p.f.Errorf("%s: WriteConnectionLost for the %dth time, lost for %v", p.name, p.writeLosses, p.reasons)
	}
	if p.writeLost != nil {
		p.writeLost()
	}
}

// wantLog checks that the log contains all of texts, and has the given number of
// lines.
func (f *fixture) wantLog(lines int, texts ...string) {
	f.Helper()
	got := f.log.Take()
	if n := strings.Count(got, "\n"); n != lines {
		f.Errorf("logged %d lines, want %d:\n%s", n, lines, got)
	}
	for _, text := range texts {
		if !strings.Contains(got, text) {
			f.Errorf("logged, without %q:\n%s", text, got)
		}
	}
}
