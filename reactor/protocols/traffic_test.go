package protocols_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// TestTrafficLog: the log shows each event, with the connection, the direction and the bytes.
func TestTrafficLog(t *testing.T) {
	r := policyReactor(t)
	var log strings.Builder
	vector := &halfParty{}
	vector.data = func(p *party, data []byte) {
		p.transport.WriteSequence(data, []byte("!"))
		p.transport.Write([]byte("\x00\"\\\r\n\t\x1b[31mé"))
	}
	serve(t, r, &protocols.TrafficLoggingFactory{Factory: builds(vector, &party{}, &party{}), Output: &log})
	half := &halfParty{}
	join(r, builds(half))
	half.transport.Write([]byte("here are some bytes"))
	r.Pump()
	half.transport.LoseWriteConnection()
	r.Pump()
	a, b := client(r), client(r)
	b.transport.Write([]byte("two"))
	r.Pump()
	a.transport.AbortConnection()
	r.Pump()
	b.transport.LoseConnection()
	r.Pump()
	want := `connection 1: made from 127.0.0.1:7 to 127.0.0.1:49152
connection 1: received 19 bytes: "here are some bytes"
connection 1: sends 20 bytes: "here are some bytes!"
connection 1: sends 13 bytes: "\x00\"\\\r\n\t\x1b[31m\xc3\xa9"
connection 1: received the end
connection 1: ends sending
connection 1: has sent all
connection 1: lost: connection was closed cleanly
connection 2: made from 127.0.0.1:7 to 127.0.0.1:49153
connection 3: made from 127.0.0.1:7 to 127.0.0.1:49154
connection 3: received 3 bytes: "two"
connection 2: lost: connection was reset by the peer
connection 3: lost: connection was closed cleanly
`
	if got := log.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := half.received.String(), "here are some bytes!\x00\"\\\r\n\t\x1b[31mé"; got != want {
		t.Errorf("the client got %q, want %q", got, want)
	}
}

// TestTrafficLogOfPanics: what a peer sends does not end a line by way of a panic either.
func TestTrafficLogOfPanics(t *testing.T) {
	r := policyReactor(t)
	var log strings.Builder
	server := &party{data: func(_ *party, data []byte) { panic("не " + string(data)) }}
	serve(t, r, &protocols.TrafficLoggingFactory{Factory: builds(server), Output: &log})
	client(r).transport.Write([]byte("x\nconnection 9: \x1b[31m\xff\""))
	r.Pump()
	want := `: lost: connection was lost: panic: не x\nconnection 9: \x1b[31m�"` + "\n"
	if got := log.String(); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant it to end in\n%s", got, want)
	}
}

// TestTrafficLogOfEndings: the log shows how the protocol ends its connection.
func TestTrafficLogOfEndings(t *testing.T) {
	for _, test := range []struct {
		end  func(reactor.Transport)
		want string
	}{
		{reactor.Transport.LoseConnection, "connection 1: closes\nconnection 1: lost: connection was closed cleanly\n"},
		{reactor.Transport.StopProducing, "connection 1: closes\nconnection 1: lost: connection was closed cleanly\n"},
		{reactor.Transport.AbortConnection, "connection 1: aborts\nconnection 1: lost: connection was aborted\n"},
	} {
		var log strings.Builder
		p := &party{}
		f := &protocols.TrafficLoggingFactory{Factory: builds(p), Output: &log}
		below := &memory.StringTransport{}
		below.Protocol = f.BuildProtocol(nil)
		below.Protocol.ConnectionMade(below)
		log.Reset()
		test.end(p.transport)
		if got := log.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestTrafficLogIsBounded: no more than MaxLength bytes of a piece are shown.
func TestTrafficLogIsBounded(t *testing.T) {
	for _, test := range []struct {
		max    int
		pieces []string
		want   string
	}{
		{4, []string{"abcd"}, `4 bytes: "abcd"`},
		{4, []string{"abcdefgh"}, `8 bytes: "abcd" and 4 more`},
		{4, []string{"abc", "", "def", "ghi"}, `9 bytes: "abcd" and 5 more`},
		{4, []string{"abcd", "e"}, `5 bytes: "abcd" and 1 more`},
		{0, []string{strings.Repeat("x", 1030)}, `1030 bytes: "` + strings.Repeat("x", 1024) + `" and 6 more`},
		{-1, []string{strings.Repeat("x", 100_000)}, `100000 bytes: "` + strings.Repeat("x", 100_000) + `"`},
	} {
		var log strings.Builder
		p := &party{}
		f := &protocols.TrafficLoggingFactory{Factory: builds(p), Output: &log, MaxLength: test.max}
		f.BuildProtocol(nil).ConnectionMade(&memory.StringTransport{})
		var pieces [][]byte
		for _, piece := range test.pieces {
			pieces = append(pieces, []byte(piece))
		}
		log.Reset()
		p.transport.WriteSequence(pieces...)
		if got := log.String(); got != "connection 1: sends "+test.want+"\n" {
			t.Errorf("MaxLength %d: got %.100q, want %.100q", test.max, got, test.want)
		}
	}
}

// TestTrafficLogDestinations: without an Output, the lines go to the Logger, or else to slog's
// default. An Output that fails is reported once.
func TestTrafficLogDestinations(t *testing.T) {
	standard := logtest.Capture(t)
	var own logtest.Log
	logger := slog.New(slog.NewTextHandler(&own, nil))
	var output strings.Builder
	for _, test := range []struct {
		name                     string
		f                        *protocols.TrafficLoggingFactory
		output, logger, default_ bool
	}{
		{"none", &protocols.TrafficLoggingFactory{}, false, false, true},
		{"logger", &protocols.TrafficLoggingFactory{Logger: logger}, false, true, false},
		{"output", &protocols.TrafficLoggingFactory{Output: &output}, true, false, false},
		{"both", &protocols.TrafficLoggingFactory{Output: &output, Logger: logger}, true, true, false},
	} {
		standard.Take()
		own.Take()
		output.Reset()
		test.f.Factory = builds(&party{})
		test.f.BuildProtocol(nil).ConnectionMade(&memory.StringTransport{})
		const line = "connection 1: made from 10.0.0.1:12345 to 192.168.1.1:54321"
		for name, got := range map[string]struct {
			text string
			want bool
		}{"output": {output.String(), test.output}, "logger": {own.String(), test.logger}, "default": {standard.String(), test.default_}} {
			if strings.Contains(got.text, line) != got.want {
				t.Errorf("%s: the %s has %q", test.name, name, got.text)
			}
		}
	}
	standard.Take()
	p := &party{}
	f := &protocols.TrafficLoggingFactory{Factory: builds(p), Output: brokenWriter{}}
	f.BuildProtocol(nil).ConnectionMade(&memory.StringTransport{})
	p.transport.Write([]byte("x"))
	if got := standard.String(); strings.Count(got, "the disk is full") != 1 {
		t.Errorf("the log says %q", got)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

// TestResetCounter: connections are numbered from 1, and again after ResetCounter.
func TestResetCounter(t *testing.T) {
	var log strings.Builder
	f := &protocols.TrafficLoggingFactory{Factory: builds(&party{}, &party{}, &party{}), Output: &log}
	for range 2 {
		f.BuildProtocol(nil).ConnectionMade(&memory.StringTransport{})
	}
	f.ResetCounter()
	f.BuildProtocol(nil).ConnectionMade(&memory.StringTransport{})
	var numbers []string
	for line := range strings.Lines(log.String()) {
		number, _, _ := strings.Cut(strings.TrimPrefix(line, "connection "), ":")
		numbers = append(numbers, number)
	}
	if got := strings.Join(numbers, " "); got != "1 2 1" {
		t.Errorf("the connections are %s", got)
	}
}
