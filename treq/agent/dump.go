package agent

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file shows what the connections of an agent carry.

// A DumpConfig says how an [Agent] shows what it sends and receives, as curl does with
// --trace-ascii: above TLS, so that it can be read.
//
//	[1] connected to 192.0.2.1:443
//	[1] > GET /a?token=xxxxx HTTP/1.1
//	[1] > Host: an.example
//	[1] >
//	[1] < HTTP/1.1 200 OK
//	[1] < Set-Cookie: session=xxxxx; Secure
//	[1] <
//	[1] < (1234 bytes)
//	[1] closed: connection was closed cleanly
//
// The number is that of the connection. Over HTTP/2, there is that of the stream too, as in
// [1.3], and the heads are shown as if they were text. Control characters, and bytes that are no UTF-8, are
// shown as \x00. The zero value works.
//
// It shows the request that opens a tunnel through a proxy too. After an upgrade to another
// protocol it shows nothing more.
type DumpConfig struct {
	// To gets the lines, one each Write, on the goroutine of the reactor, which waits for it.
	// Its errors are ignored. nil means os.Stderr.
	To io.Writer
	// Bodies shows the bodies too, as they are: in their codings and chunks, and with the
	// secrets in them. Without it, their sizes are shown.
	Bodies bool
	// Secrets are names of headers and of parameters of URLs whose values are hidden, besides
	// the well-known ones; see [LogConfig].
	Secrets []string
	// ShowSecrets hides nothing in the heads.
	ShowSecrets bool
}

// A dump writes what the connections of an agent carry.
type dump struct {
	DumpConfig
	connections int
}

func newDump(config *DumpConfig) *dump {
	if config == nil {
		return nil
	}
	d := &dump{DumpConfig: *config}
	d.To = cmp.Or[io.Writer](d.To, os.Stderr)
	return d
}

// connected begins to show a connection. It returns nil for a nil d.
func (d *dump) connected(t reactor.Transport) *dumpedConnection {
	if d == nil {
		return nil
	}
	d.connections++
	c := d.show(strconv.Itoa(d.connections))
	c.print("connected to " + t.Peer().String())
	return c
}

func (d *dump) show(name string) *dumpedConnection {
	c := &dumpedConnection{dump: d, name: name}
	c.sent, c.received = dumpedFlow{c: c, mark: '>'}, dumpedFlow{c: c, mark: '<'}
	return c
}

// A dumpedConnection shows one connection, or one stream of it. The methods of a nil
// dumpedConnection do nothing.
type dumpedConnection struct {
	*dump
	name           string // "1" for a connection, "1.3" for a stream
	sent, received dumpedFlow
}

func (c *dumpedConnection) print(text string) {
	guardLog(func() { fmt.Fprintf(c.To, "[%s] %s\n", c.name, text) })
}

// begin says that a request follows.
func (c *dumpedConnection) begin() {
	if c != nil {
		c.sent.begin()
		c.received.begin()
	}
}

func (c *dumpedConnection) write(pieces ...[]byte) {
	if c != nil {
		for _, data := range pieces {
			c.sent.add(data)
		}
	}
}

func (c *dumpedConnection) read(data []byte) {
	if c != nil && len(data) != 0 {
		c.sent.flush()
		c.received.add(data)
	}
}

// end says that the response is complete.
func (c *dumpedConnection) end() {
	if c != nil {
		c.sent.flush()
		c.received.flush()
	}
}

func (c *dumpedConnection) lost(reason error) {
	if c != nil {
		c.end()
		c.sent.cutShort()
		c.received.cutShort()
		c.print("closed: " + c.known().Text(reason.Error()))
	}
}

func (d *dump) known() secret.Names { return d.Secrets }

// A dumpedFlow shows one direction of a connection.
type dumpedFlow struct {
	c       *dumpedConnection
	mark    byte
	head    bool   // the head of a message is not over
	started bool   // its start line was shown
	interim bool   // it is followed by another head
	hidden  bool   // the last header is secret, and so is a line that continues it
	line    []byte // the beginning of a line of the head
	size    int64  // the bytes of the body that are not shown
}

func (f *dumpedFlow) begin() {
	f.flush()
	f.head, f.started, f.interim = true, false, false
}

// flush shows the size of the body.
func (f *dumpedFlow) flush() {
	if f.size > 0 {
		f.print(fmt.Sprintf("(%d bytes)", f.size))
		f.size = 0
	}
}

// cutShort shows a line of a head of which no more comes.
func (f *dumpedFlow) cutShort() {
	if line := strings.TrimRight(string(f.line), "\r\n"); line != "" {
		f.line = nil
		f.headLine(line)
	}
}

func (f *dumpedFlow) print(text string) {
	line := string(f.mark)
	if text != "" {
		line += " " + text
	}
	f.c.print(line)
}

// maxDumpedLine bounds a line of a head. What is longer counts as a body.
const maxDumpedLine = 64 << 10

// add shows the next bytes.
func (f *dumpedFlow) add(data []byte) {
	for f.head && len(data) != 0 {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			if f.line = append(f.line, data...); len(f.line) > maxDumpedLine {
				f.head, f.size, f.line = false, f.size+int64(len(f.line)), nil
			}
			return
		}
		line := append(f.line, data[:end]...)
		f.line, data = nil, data[end:]
		f.headLine(strings.TrimRight(string(line), "\r\n"))
	}
	if !f.c.Bodies {
		f.size += int64(len(data))
		return
	}
	for line := range bytes.Lines(data) {
		f.print(visible(string(bytes.TrimSuffix(line, []byte("\n")))))
	}
}

// headLine shows a line of a head.
func (f *dumpedFlow) headLine(line string) {
	switch {
	case line == "" && !f.started:
		return
	case line == "":
		f.print("")
		f.head, f.started = f.interim, false
		return
	case !f.started:
		f.started, f.hidden = true, false
		_, code, _ := strings.Cut(line, " ")
		f.interim = f.mark == '<' && strings.HasPrefix(code, "1") && !strings.HasPrefix(code, "101")
	}
	if f.c.ShowSecrets {
		f.print(visible(line))
		return
	}
	names := f.c.known()
	if line[0] == ' ' || line[0] == '\t' {
		if f.hidden {
			line = line[:1] + secret.Mask
		}
	} else {
		name, _, _ := strings.Cut(line, ":")
		f.hidden = names.Has(strings.TrimSpace(name))
	}
	f.print(visible(strings.TrimRight(names.Head(line), "\r\n")))
}

// visible returns s with its control characters and its bytes that are no UTF-8 as \x00. A CR
// at the end is left out.
func visible(s string) string {
	s = strings.TrimSuffix(s, "\r")
	if utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	var b strings.Builder
	for len(s) != 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1, unicode.IsControl(r) && r != '\t':
			for i := range n {
				fmt.Fprintf(&b, `\x%02x`, s[i])
			}
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
