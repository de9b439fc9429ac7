package protocols_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

var _ reactor.PullProducer = (*protocols.FileSender)(nil)

// TestFileSender sends files to a StringTransport, which the test asks for more.
func TestFileSender(t *testing.T) {
	const text = "Test content"
	for name, c := range map[string]struct {
		file      io.Reader
		chunk     int
		transform func([]byte) []byte
		values    []string // of the transport after each ResumeProducing
	}{
		"at once":            {strings.NewReader(text), 0, nil, []string{text, text}},
		"in chunks":          {strings.NewReader(text), 4, nil, []string{"Test", "Test con", text, text}},
		"empty":              {strings.NewReader(""), 0, nil, []string{""}},
		"end with the data":  {iotest.DataErrReader(strings.NewReader(text)), 0, nil, []string{text}},
		"transformed":        {strings.NewReader(text), 0, bytes.ToUpper, []string{"TEST CONTENT", "TEST CONTENT"}},
		"transformed longer": {strings.NewReader("ab"), 1, func(b []byte) []byte { return bytes.Repeat(b, 3) }, []string{"aaa", "aaabbb", "aaabbb"}},
		"some dropped":       {strings.NewReader("a--b"), 1, func(b []byte) []byte { return bytes.Trim(b, "-") }, []string{"a", "ab", "ab"}},
		"all dropped":        {strings.NewReader(text), 1, func([]byte) []byte { return nil }, []string{""}},
		"reads of nothing":   {io.MultiReader(&empties{99}, strings.NewReader(text)), 0, nil, []string{text, text}},
	} {
		t.Run(name, func(t *testing.T) {
			var transport memory.StringTransport
			sender := &protocols.FileSender{ChunkSize: c.chunk}
			d := sender.BeginFileTransfer(c.file, &transport, c.transform)
			if p, streaming := transport.Producer(); p != sender || streaming {
				t.Fatalf("the producer is %v, streaming %v", p, streaming)
			}
			for i, want := range c.values {
				deferredtest.NoResult(t, d)
				sender.ResumeProducing()
				if transport.Value() != want {
					t.Errorf("after step %d: %q, want %q", i, transport.Value(), want)
				}
			}
			if n := deferredtest.SuccessResultOf(t, d); n != int64(len(transport.Value())) {
				t.Errorf("fired with %d after %q", n, transport.Value())
			}
			if p, _ := transport.Producer(); p != nil {
				t.Error("still registered")
			}
			sender.ResumeProducing() // nothing any more
			sender.StopProducing()
		})
	}
}

// empties is a reader that returns nothing some times, and then ends.
type empties struct{ left int }

func (e *empties) Read([]byte) (int, error) {
	if e.left--; e.left < 0 {
		return 0, io.EOF
	}
	return 0, nil
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestFileSenderFails has the ways in which a transfer ends early. The FileSender is then
// unregistered, reads no more, and can send another file.
func TestFileSenderFails(t *testing.T) {
	broken := errors.New("a broken disk")
	for name, c := range map[string]struct {
		file      io.Reader
		transform func([]byte) []byte
		do        func(s *protocols.FileSender, d *deferred.Deferred[int64])
		err       error // nil for a panic
		sent      string
	}{
		"the file":             {file: iotest.ErrReader(broken), err: broken},
		"the file, later":      {file: io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), err: broken, sent: "half"},
		"an error with data":   {file: readFunc(func(p []byte) (int, error) { return copy(p, "last"), broken }), err: broken, sent: "last"},
		"nothing for ever":     {file: &empties{1 << 30}, err: io.ErrNoProgress},
		"a panic in Read":      {file: readFunc(func([]byte) (int, error) { panic("of the test") })},
		"a panic in transform": {file: strings.NewReader("x"), transform: func([]byte) []byte { panic("of the test") }},
		"stopped":              {file: strings.NewReader("x"), do: func(s *protocols.FileSender, _ *deferred.Deferred[int64]) { s.StopProducing() }, err: protocols.ErrTransferStopped},
		"cancelled":            {file: strings.NewReader("x"), do: func(_ *protocols.FileSender, d *deferred.Deferred[int64]) { d.Cancel() }, err: deferred.ErrCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			var transport memory.StringTransport
			sender := &protocols.FileSender{}
			d := sender.BeginFileTransfer(c.file, &transport, c.transform)
			if c.do != nil {
				c.do(sender, d)
			}
			for range 3 {
				sender.ResumeProducing()
			}
			err := deferredtest.FailureResultOf(t, d)
			if panicked := (*deferred.PanicError)(nil); c.err != nil && !errors.Is(err, c.err) || c.err == nil && !errors.As(err, &panicked) {
				t.Errorf("failed with %v, want %v", err, c.err)
			}
			if transport.Value() != c.sent {
				t.Errorf("sent %q, want %q", transport.Value(), c.sent)
			}
			if p, _ := transport.Producer(); name == "stopped" && p != nil {
				transport.UnregisterProducer() // by the consumer that stops its producer
			} else if p != nil {
				t.Error("still registered")
			}
			again := sender.BeginFileTransfer(strings.NewReader("again"), &transport, nil)
			sender.ResumeProducing()
			sender.ResumeProducing()
			if n := deferredtest.SuccessResultOf(t, again); n != 5 {
				t.Errorf("the next transfer sent %d bytes", n)
			}
		})
	}
}

// TestFileSenderTaken: a consumer has one producer, and a FileSender one transfer.
func TestFileSenderTaken(t *testing.T) {
	var transport, other memory.StringTransport
	var first, second protocols.FileSender
	d := first.BeginFileTransfer(strings.NewReader("first"), &transport, nil)
	deferredtest.FailureIs(t, second.BeginFileTransfer(strings.NewReader("second"), &transport, nil), reactor.ErrProducerRegistered)
	deferredtest.FailureIs(t, first.BeginFileTransfer(strings.NewReader("third"), &other, nil), protocols.ErrTransferring)
	first.ResumeProducing()
	first.ResumeProducing()
	deferredtest.SuccessResultOf(t, d)
	if transport.Value() != "first" || other.Value() != "" {
		t.Errorf("sent %q and %q", transport.Value(), other.Value())
	}
}

// A downloader is a protocol that sends a file and closes the connection.
type downloader struct {
	file   io.Reader
	sender protocols.FileSender
	sent   *deferred.Deferred[int64]
	end    func(reactor.Transport)
}

func (p *downloader) ConnectionMade(t reactor.Transport) {
	p.sent = p.sender.BeginFileTransfer(p.file, t, nil)
	p.sent.AddCallback(func(n int64) (int64, error) {
		t.LoseConnection()
		return n, nil
	})
	if p.end != nil {
		p.end(t)
	}
}
func (p *downloader) DataReceived([]byte)  {}
func (p *downloader) ConnectionLost(error) {}

// TestFileSenderOverAConnection: the reading goes no faster than the connection, and ends with
// it.
func TestFileSenderOverAConnection(t *testing.T) {
	text := strings.Repeat("0123456789", 30_000)
	for name, c := range map[string]struct {
		end func(reactor.Transport)
		err error
	}{
		"to its end":            {nil, nil},
		"aborted":               {reactor.Transport.AbortConnection, protocols.ErrTransferStopped},
		"lost at its beginning": {reactor.Transport.LoseConnection, nil}, // which waits for the producer
	} {
		t.Run(name, func(t *testing.T) {
			r := memory.New()
			defer r.Close()
			p, client := &downloader{file: strings.NewReader(text), end: c.end}, &memory.Recorder{}
			r.ListenTCP("192.0.2.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }))
			r.ConnectTCP("192.0.2.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return client }), reactor.ConnectConfig{})
			r.Pump()
			if c.err != nil {
				deferredtest.FailureIs(t, p.sent, c.err)
				return
			}
			if n := deferredtest.SuccessResultOf(t, p.sent); n != int64(len(text)) || string(client.Data) != text || client.Lost != reactor.ErrConnectionDone {
				t.Errorf("sent %d bytes, received %d, lost for %v", n, len(client.Data), client.Lost)
			}
		})
	}
}

// TestFileSenderCancelledWithin: Read and transform may cancel the transfer.
func TestFileSenderCancelledWithin(t *testing.T) {
	for _, place := range []string{"Read", "transform"} {
		var transport memory.StringTransport
		var d *deferred.Deferred[int64]
		cancel := func(in string) {
			if in == place {
				d.Cancel()
			}
		}
		sender := &protocols.FileSender{}
		d = sender.BeginFileTransfer(readFunc(func(p []byte) (int, error) {
			cancel("Read")
			return copy(p, "text"), nil
		}), &transport, func(chunk []byte) []byte {
			cancel("transform")
			return chunk
		})
		sender.ResumeProducing()
		deferredtest.FailureIs(t, d, deferred.ErrCancelled)
		if p, _ := transport.Producer(); p != nil || transport.Value() != "" {
			t.Errorf("cancelled in %s: sent %q, producer %v", place, transport.Value(), p)
		}
	}
}

// TestFileSenderDropsMuch: a transform that leaves nothing does not keep the loop from other work.
func TestFileSenderDropsMuch(t *testing.T) {
	const size = 1000
	drops := func([]byte) []byte { return nil }
	for name, c := range map[string]struct {
		clock bool // the sender's own, for a consumer that is no transport
		then  func(s *protocols.FileSender, d *deferred.Deferred[int64])
		read  int // in the end
		err   error
	}{
		"to its end":    {then: func(*protocols.FileSender, *deferred.Deferred[int64]) {}, read: size},
		"another clock": {clock: true, then: func(*protocols.FileSender, *deferred.Deferred[int64]) {}, read: size},
		"cancelled":     {then: func(_ *protocols.FileSender, d *deferred.Deferred[int64]) { d.Cancel() }, read: 64, err: deferred.ErrCancelled},
		"stopped":       {then: func(s *protocols.FileSender, _ *deferred.Deferred[int64]) { s.StopProducing() }, read: 64, err: protocols.ErrTransferStopped},
		"asked":         {then: func(s *protocols.FileSender, _ *deferred.Deferred[int64]) { s.ResumeProducing() }, read: size},
	} {
		t.Run(name, func(t *testing.T) {
			r := memory.New()
			read, transport := 0, &memory.StringTransport{On: r}
			file := readFunc(func(p []byte) (int, error) {
				if read == size {
					return 0, io.EOF
				}
				read++
				return 1, nil
			})
			sender, consumer := &protocols.FileSender{}, reactor.Consumer(transport)
			if c.clock {
				sender.Clock, consumer = r, struct{ reactor.Consumer }{&memory.StringTransport{}}
			}
			d := sender.BeginFileTransfer(file, consumer, drops)
			sender.ResumeProducing()
			deferredtest.NoResult(t, d)
			if read != 64 {
				t.Errorf("%d pieces in a turn", read)
			}
			c.then(sender, d)
			if n := len(r.DelayedCalls()); n > 1 || n == 1 && c.err != nil {
				t.Errorf("%d delayed calls", n)
			}
			r.Pump()
			if c.err != nil {
				deferredtest.FailureIs(t, d, c.err)
			} else if n := deferredtest.SuccessResultOf(t, d); n != 0 {
				t.Errorf("fired with %d", n)
			}
			if read != c.read || len(r.DelayedCalls()) != 0 {
				t.Errorf("%d pieces were read, want %d; %d delayed calls are left", read, c.read, len(r.DelayedCalls()))
			}
		})
	}
	// Without a clock, it goes on at once.
	sender := &protocols.FileSender{ChunkSize: 1}
	d := sender.BeginFileTransfer(strings.NewReader(strings.Repeat("x", size)), struct{ reactor.Consumer }{&memory.StringTransport{}}, drops)
	sender.ResumeProducing()
	deferredtest.SuccessResultOf(t, d)
}
