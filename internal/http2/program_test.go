package http2_test

import (
	xhttp2 "golang.org/x/net/http2"
)

// This file turns any bytes into frames, so that a fuzzer which changes bytes gets deep: most frames of a program
// are well-formed, and name streams that exist.

// A program reads the choices that frames are made by.
type program struct {
	*frames
	choices  []byte
	client   bool     // the frames are a client's
	polite   bool     // nothing ends the connection, as far as the program knows
	open     []uint32 // of a polite one: the streams whose sides are open
	newest   uint32
	answered map[uint32]bool // by a server
	connects map[uint32]bool // of a client
}

func (p *program) next() int {
	if len(p.choices) == 0 {
		return 0
	}
	c := p.choices[0]
	p.choices = p.choices[1:]
	return int(c)
}

// programmed returns the frames of the program choices, of about limit bytes at most. A polite program sends what an
// honest peer could.
func programmed(client, polite bool, choices []byte, limit int) []byte {
	p := &program{frames: newFrames(), choices: choices, client: client, polite: polite}
	if client {
		p.buf.WriteString(xhttp2.ClientPreface)
	} else {
		p.newest = 11 // the requests that the client of the tests makes
		p.open = []uint32{1, 3, 5, 7, 9, 11}
	}
	if p.next()%8 != 7 || polite {
		p.randomSettings()
	}
	for len(p.choices) > 0 && p.buf.Len() < limit {
		if polite {
			p.politeStep()
		} else {
			p.step()
		}
	}
	return p.take()
}

// politeStep writes a frame of an honest peer.
func (p *program) politeStep() {
	c := p.next()
	at := 0
	if len(p.open) > 0 {
		at = p.next() % len(p.open)
	}
	end := c&16 != 0
	switch c % 10 {
	case 0, 1, 2:
		if p.client {
			p.newest += 1 + p.newest%2
			head := []int{0, 2, 3, 4, 5, 6, 8}[p.next()%7]
			p.headerBlock(p.newest, end, p.encode(requestHeads[head]...))
			if head == 6 {
				p.mark(&p.connects, p.newest)
			}
			if !end {
				p.open = append(p.open, p.newest)
			}
		} else if len(p.open) > 0 {
			p.answer(at, end)
		}
	case 3, 4:
		if len(p.open) > 0 && p.started(at) {
			p.data(p.open[at], end, make([]byte, sizes[p.next()%6]))
			p.close(at, end)
		}
	case 5:
		if len(p.open) > 0 && p.started(at) && !p.connects[p.open[at]] { // a tunnel has no trailers
			p.headers(p.open[at], true, "x-sum", "1")
			p.close(at, true)
		}
	case 6:
		if len(p.open) > 0 {
			p.rst(p.open[at], xhttp2.ErrCode(c>>4))
			p.close(at, true)
		}
	case 7:
		if len(p.open) > 0 && end {
			p.window(p.open[at], 1+p.number()%5000)
		} else {
			p.window(0, 1+p.number()%5000)
		}
	case 8:
		p.randomSettings()
	case 9:
		switch c >> 4 % 4 {
		case 0:
			p.ping(false, [8]byte{byte(c)})
		case 1:
			p.framer.WritePriority(p.newest+2, xhttp2.PriorityParam{StreamDep: p.newest, Weight: byte(c)})
		case 2:
			p.raw(0xbb, 0xff, p.newest, []byte("abc"))
		default:
			if p.client {
				p.framer.WritePriorityUpdate(p.newest|1, "u=1, i")
			}
		}
	}
}

// started reports whether the head of an open stream was sent.
func (p *program) started(at int) bool { return p.client || p.answered[p.open[at]] }

// answer sends a response, or an interim one.
func (p *program) answer(at int, end bool) {
	id := p.open[at]
	if p.answered[id] {
		return
	}
	head := responseHeads[[]int{0, 3, 4, 5, 0}[p.next()%5]]
	if head[1][0] == '1' {
		p.headers(id, false, head...)
		return
	}
	p.mark(&p.answered, id)
	p.headers(id, end, head...)
	p.close(at, end)
}

func (p *program) mark(m *map[uint32]bool, id uint32) {
	if *m == nil {
		*m = map[uint32]bool{}
	}
	(*m)[id] = true
}

// close forgets an open stream.
func (p *program) close(at int, end bool) {
	if end {
		p.open = append(p.open[:at:at], p.open[at+1:]...)
	}
}

// id chooses a stream, most often one that exists.
func (p *program) id() uint32 {
	c := p.next()
	switch c % 8 {
	case 0, 1, 2:
		return p.newest
	case 3, 4, 5:
		return max(1, p.newest-2*min(uint32(c>>3)%8, p.newest/2))
	case 6:
		return uint32(c >> 3)
	default:
		return p.newest + 2
	}
}

var (
	sizes   = []int{0, 1, 5, 10, 100, 300, 1000, 2000}
	numbers = []uint32{0, 1, 5, 100, 1000, 4096, 16384, 65535, 1 << 20, 1<<24 - 1, 1<<31 - 1, 1 << 31, 1<<32 - 1}
)

func (p *program) number() uint32 { return numbers[p.next()%len(numbers)] }

// The fields of heads: the first ones make a good head, the others any.
var (
	requestHeads = [][]string{
		{":method", "GET", ":scheme", "http", ":path", "/0", ":authority", "an.example"},
		{":method", "POST", ":scheme", "http", ":path", "/1", ":authority", "an.example", "content-length", "5"},
		{":method", "POST", ":scheme", "https", ":path", "/2", ":authority", "an.example:8080", "te", "trailers"},
		{":method", "GET", ":scheme", "http", ":path", "/3?a=b", ":authority", "an.example", "cookie", "a=b", "cookie", "c=d"},
		{":method", "PUT", ":scheme", "http", ":path", "/4", ":authority", "an.example", "expect", "100-continue"},
		{":method", "HEAD", ":scheme", "http", ":path", "/5", "host", "an.example", "priority", "u=1, i"},
		{":method", "CONNECT", ":authority", "an.example:443"},
		{":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/7", ":authority", "an.example"},
		{":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "an.example"},
	}
	responseHeads = [][]string{
		{":status", "200"},
		{":status", "200", "content-length", "5"},
		{":status", "204"},
		{":status", "404", "content-type", "text/plain", "set-cookie", "a=b", "set-cookie", "c=d"},
		{":status", "100"},
		{":status", "103", "link", "</a>"},
		{":status", "304", "content-length", "1000"},
		{":status", "500", "content-length", "0"},
		{":status", "101"},
	}
	looseFields = [][2]string{
		{"x-a", "b"}, {"x-b", ""}, {"content-length", "5"}, {"content-length", "10"}, {"content-length", "-1"}, {"connection", "close"},
		{"transfer-encoding", "chunked"}, {"te", "gzip"}, {"X-Upper", "a"}, {"", "a"}, {"x y", "a"}, {"x-v", "a\r\nb: c"}, {"x-v", "a\x00"}, {"x-v", " a"},
		{":path", "/a"}, {":status", "200"}, {":method", "GET"}, {":unknown", "a"}, {":path", ""}, {":path", "a b"}, {":authority", "a@b"}, {":authority", ""},
		{"host", "other.example"}, {"host", "an.example"}, {"cookie", "x=y; z"}, {"x-long", string(make([]byte, 40))}, {"x-long", "0123456789012345678901234567890123456789"},
		{"priority", "u=7"}, {"expect", "100-continue"}, {"upgrade", "h2c"}, {"keep-alive", "5"}, {"x-obs", "\xff\xfe"}, {":scheme", "ftp"}, {"grpc-status", "0"},
	}
	rawBlocks = []string{
		"\x80", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\x3f\xff\xff\xff\x7f", "\x20", "\x3f\xe1\x1f", "\xbe", "\x00\x81\xff\x00", "\x40\x85\xff\xff\xff\xff\xff\x01a", "\x00", "\x00\x7f",
	}
)

// fields chooses a head.
func (p *program) fields(trailers bool) []byte {
	c := p.next()
	heads := responseHeads
	if p.client {
		heads = requestHeads
	}
	var fields []string
	if !trailers {
		fields = append(fields, heads[c%len(heads)]...)
	}
	for range c >> 6 {
		loose := looseFields[p.next()%len(looseFields)]
		fields = append(fields, loose[:]...)
	}
	if c == 255 {
		return []byte(rawBlocks[p.next()%len(rawBlocks)])
	}
	return p.encode(fields...)
}

func (p *program) randomSettings() {
	var all []xhttp2.Setting
	seen := map[xhttp2.SettingID]bool{}
	for c := p.next(); c%4 != 0; c /= 4 {
		if p.polite {
			id := []xhttp2.SettingID{1, 3, 4, 6, 9}[p.next()%5]
			if v := p.number() % (1 << 20); id != 9 && (id != 6 || v > 1000) && !seen[id] {
				seen[id] = true
				all = append(all, xhttp2.Setting{ID: id, Val: v})
			}
			continue
		}
		all = append(all, xhttp2.Setting{ID: xhttp2.SettingID(p.next() % 10), Val: p.number()})
	}
	p.settings(all...)
}

// step writes a frame.
func (p *program) step() {
	switch c := p.next(); c % 16 {
	case 0, 1, 2: // a head
		id := p.newest
		if p.client && c%16 != 2 || p.newest == 0 {
			p.newest += 1 + p.newest%2
			id = p.newest
		} else if !p.client {
			id = p.id()
		}
		p.head(id, c, false)
	case 3: // trailers
		p.head(p.id(), c|16, true)
	case 4, 5, 6:
		p.data(p.id(), c&16 != 0, make([]byte, sizes[p.next()%len(sizes)]))
	case 7:
		p.padded(p.id(), c&16 != 0, make([]byte, sizes[p.next()%len(sizes)]), p.next())
	case 8:
		p.rst(p.id(), xhttp2.ErrCode(c>>4))
	case 9:
		if c&16 != 0 {
			p.window(0, p.number())
		} else {
			p.window(p.id(), p.number())
		}
	case 10:
		if c&16 != 0 {
			p.ack()
		} else {
			p.randomSettings()
		}
	case 11:
		p.ping(c&16 != 0, [8]byte{byte(c)})
	case 12:
		if c&16 != 0 {
			p.framer.WritePriority(p.id(), xhttp2.PriorityParam{StreamDep: p.id(), Weight: byte(c), Exclusive: c&32 != 0})
		} else {
			p.framer.WritePriorityUpdate(p.id(), []string{"u=1", "u=0, i", "u=9", "", "\x00", "i=?0", "u=3;x, i, z=(1 2)"}[c>>5%7])
		}
	case 13:
		switch c >> 4 % 4 {
		case 0:
			p.goaway(p.id(), xhttp2.ErrCode(p.next()%16), "why")
		case 1:
			p.raw(0xa, 0, p.id(), []byte("\x00\x00h3=\":443\""))
		case 2:
			p.framer.WritePushPromise(xhttp2.PushPromiseParam{StreamID: p.id(), PromiseID: uint32(p.next()), EndHeaders: true, BlockFragment: p.encode(requestHeads[0]...)})
		default:
			p.raw(xhttp2.FrameType(p.next()), 0xff, p.id(), []byte("abc"))
		}
	case 14: // any frame
		t, flags, id := xhttp2.FrameType(p.next()%12), xhttp2.Flags(p.next()), p.id()
		n := min(p.next()%32, len(p.choices))
		p.raw(t, flags, id, p.choices[:n])
		p.choices = p.choices[n:]
	case 15: // no frame
		if c == 255 {
			n := min(p.next()%16, len(p.choices))
			p.buf.Write(p.choices[:n])
			p.choices = p.choices[n:]
		}
	}
}

// head writes a head, perhaps in several frames.
func (p *program) head(id uint32, c int, trailers bool) {
	block := p.fields(trailers)
	end := c&16 != 0
	if c&32 == 0 {
		p.headerBlock(id, end, block)
		return
	}
	at := min(len(block), p.next()%32)
	p.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, EndStream: end, BlockFragment: block[:at], PadLength: uint8(c >> 5), Priority: xhttp2.PriorityParam{Weight: byte(c >> 6)}})
	if c&64 != 0 {
		p.framer.WriteContinuation(id, false, nil)
	}
	p.framer.WriteContinuation(id, c&192 != 192, block[at:])
}
