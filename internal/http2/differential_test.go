package http2_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file compares the machines with Go's own HTTP/2: what both make of the same frames, and what each makes of
// the other's messages.

// A verdict is what an endpoint makes of a peer's frames.
type verdict struct {
	connection string            // the error of the connection, or ""
	resets     map[uint32]string // the errors of streams
}

func (v verdict) String() string {
	if v.connection != "" {
		return "connection " + v.connection
	}
	var all []string
	for _, id := range slices.Sorted(maps.Keys(v.resets)) {
		all = append(all, fmt.Sprintf("%d %s", id, v.resets[id]))
	}
	if len(all) == 0 {
		return "ok"
	}
	return strings.Join(all, ", ")
}

// marked is the PING that ends what is sent to an endpoint: its answer says that all before it was read.
var marked = [8]byte{'m', 'a', 'r', 'k', 'e', 'd'}

// readVerdict reads what an endpoint sends until it has answered the marked PING, or has ended the connection.
func readVerdict(t testing.TB, in io.Reader) verdict {
	t.Helper()
	v := verdict{resets: map[uint32]string{}}
	framer := xhttp2.NewFramer(io.Discard, in)
	framer.SetMaxReadFrameSize(1<<24 - 1)
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			if v.connection == "" {
				v.connection = "closed"
			}
			return v
		}
		switch f := f.(type) {
		case *xhttp2.GoAwayFrame:
			if v.connection = f.ErrCode.String(); f.ErrCode != xhttp2.ErrCodeNo {
				return v
			}
		case *xhttp2.RSTStreamFrame:
			v.resets[f.StreamID] = f.ErrCode.String()
		case *xhttp2.PingFrame:
			if f.IsAck() && f.Data == marked {
				return v
			}
		}
	}
}

// theirServer is net/http's server with handler; it ends with the test.
func theirServer(t testing.TB, handler http.HandlerFunc) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler, Protocols: &http.Protocols{}, ErrorLog: log.New(io.Discard, "", 0)}
	s.Protocols.SetUnencryptedHTTP2(true)
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

// theirVerdict is that of net/http's server, whose handlers neither read nor answer.
func theirVerdict(t testing.TB, address string, data []byte) verdict {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		conn.Write(data)
		conn.Write(newFrames().ping(false, marked).take())
	}()
	return readVerdict(t, conn)
}

// ourVerdict is that of a Server whose program neither reads nor answers.
func ourVerdict(t testing.TB, data []byte) verdict {
	t.Helper()
	s := &http2.Server{}
	s.Init(http2.Config{Now: func() time.Time { return time.Unix(0, 0) }, ConnectProtocol: false, MaxStreams: 250})
	out := bytes.Clone(s.Output())
	data = append(bytes.Clone(data), newFrames().ping(false, marked).take()...)
	for {
		n, ev, err := s.Next(data)
		data = data[n:]
		if ev == http2.Head && err == nil {
			s.Accept(&http2.Stream{})
		}
		if err != nil || ev == http2.NeedMore {
			break
		}
	}
	return readVerdict(t, bytes.NewReader(append(out, s.Output()...)))
}

// A difference between net/http and this package is intended. A * in a pattern stands for anything.
type difference struct {
	of           string // the case, or program
	theirs, ours string // patterns of verdicts
	when         func(sent []frame) bool
	reason       string
}

// serverDifferences are those of servers. The sections are those of RFC 9113.
var serverDifferences = []difference{
	{of: "head: *", theirs: "ok", ours: "1 PROTOCOL_ERROR",
		reason: "A malformed request ends with RST_STREAM, as 8.1.1 has it. net/http has its handler answer 400, or lets the program see it."},
	{of: "head: scheme ftp", theirs: "1 PROTOCOL_ERROR", ours: "ok",
		reason: "A server may be asked for another scheme, as a proxy is (8.3.1)."},
	{of: "content-length less*", theirs: "ok", ours: "1 PROTOCOL_ERROR",
		reason: "The message is malformed (8.1.1). net/http tells the reader of the body, who here does not read."},
	{of: "data after reset", theirs: "1 STREAM_CLOSED", ours: "connection STREAM_CLOSED",
		reason: "The client knows that it has reset the stream: its frames cannot be late (5.1)."},
	{of: "headers after reset", theirs: "connection PROTOCOL_ERROR", ours: "connection STREAM_CLOSED", reason: "5.1 names the code."},
	{of: "padding of nothing", theirs: "connection closed", ours: "connection FRAME_SIZE_ERROR", reason: "4.2 names the code; net/http takes it for the end of the connection."},
	{of: "priority on itself", theirs: "1 PROTOCOL_ERROR", ours: "connection PROTOCOL_ERROR", reason: "RST_STREAM is not allowed on an idle stream (6.4)."},
	{of: "priority update of stream 0", theirs: "ok", ours: "connection PROTOCOL_ERROR", reason: "RFC 9218, section 7.1, wants it."},
	{of: "settings ack of nothing", theirs: "connection PROTOCOL_ERROR", ours: "ok", reason: "It does no harm; many are a flood."},

	{of: "program", theirs: "connection PROTOCOL_ERROR", when: settingsRepeat, reason: "net/http refuses SETTINGS that have a parameter twice. 6.5.3 lets the later one count."},
}

// settingsRepeat reports whether a SETTINGS frame has a parameter twice.
func settingsRepeat(sent []frame) bool {
	for _, f := range sent {
		seen, twice := map[xhttp2.SettingID]bool{}, false
		if f.kind == xhttp2.FrameSettings {
			f.settings(func(id xhttp2.SettingID, _ uint32) { twice = twice || seen[id]; seen[id] = true })
		}
		if twice {
			return true
		}
	}
	return false
}

// allowed returns the reason for a difference, or "".
func allowed(differences []difference, of string, sent []frame, theirs, ours verdict) string {
	return allowedText(differences, of, sent, theirs.String(), ours.String())
}

func allowedText(differences []difference, of string, sent []frame, theirs, ours string) string {
	for _, d := range differences {
		if like(d.of, of) && like(d.theirs, theirs) && (d.ours == "" || like(d.ours, ours)) && (d.when == nil || d.when(sent)) {
			return d.reason
		}
	}
	return ""
}

// like reports whether text has the pattern, in which a * stands for anything.
func like(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for i, part := range parts[1:] {
		if i == len(parts)-2 {
			return strings.HasSuffix(text, part)
		}
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return text == ""
}

// serverRefusals are frames after a good beginning that at least one server refuses.
func serverRefusals() map[string]func(f *frames) {
	heads := map[string][]string{
		"no method":                  {":scheme", "http", ":path", "/", ":authority", "a"},
		"no scheme":                  {":method", "GET", ":path", "/", ":authority", "a"},
		"no path":                    {":method", "GET", ":scheme", "http", ":authority", "a"},
		"empty path":                 {":method", "GET", ":scheme", "http", ":path", "", ":authority", "a"},
		"two methods":                {":method", "GET", ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"},
		"two paths":                  {":method", "GET", ":scheme", "http", ":path", "/", ":path", "/", ":authority", "a"},
		"two authorities":            {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", ":authority", "a"},
		"pseudo after field":         {":method", "GET", ":scheme", "http", "x-a", "b", ":path", "/", ":authority", "a"},
		"unknown pseudo":             {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", ":x", "y"},
		"status in request":          {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", ":status", "200"},
		"upper case":                 {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "X-A", "b"},
		"empty name":                 {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "", "b"},
		"space in name":              {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "x a", "b"},
		"colon in name":              {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "x:a", "b"},
		"line break in value":        {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "x-a", "b\r\nc: d"},
		"NUL in value":               {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "x-a", "b\x00"},
		"connection":                 {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "connection", "close"},
		"transfer-encoding":          {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "transfer-encoding", "chunked"},
		"keep-alive":                 {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "keep-alive", "5"},
		"upgrade":                    {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "upgrade", "h2c"},
		"te":                         {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "te", "gzip"},
		"te trailers":                {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "te", "trailers"},
		"no authority":               {":method", "GET", ":scheme", "http", ":path", "/"},
		"authority with userinfo":    {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a@b"},
		"empty authority":            {":method", "GET", ":scheme", "http", ":path", "/", ":authority", ""},
		"line break in path":         {":method", "GET", ":scheme", "http", ":path", "/a\r\nb", ":authority", "a"},
		"space in path":              {":method", "GET", ":scheme", "http", ":path", "/a b", ":authority", "a"},
		"absolute path":              {":method", "GET", ":scheme", "http", ":path", "http://b/", ":authority", "a"},
		"path without slash":         {":method", "GET", ":scheme", "http", ":path", "a", ":authority", "a"},
		"asterisk":                   {":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "a"},
		"asterisk of GET":            {":method", "GET", ":scheme", "http", ":path", "*", ":authority", "a"},
		"space in method":            {":method", "G T", ":scheme", "http", ":path", "/", ":authority", "a"},
		"empty method":               {":method", "", ":scheme", "http", ":path", "/", ":authority", "a"},
		"scheme ftp":                 {":method", "GET", ":scheme", "ftp", ":path", "/", ":authority", "a"},
		"CONNECT with path":          {":method", "CONNECT", ":path", "/", ":authority", "a:1"},
		"CONNECT with scheme":        {":method", "CONNECT", ":scheme", "http", ":authority", "a:1"},
		"CONNECT without authority":  {":method", "CONNECT"},
		"CONNECT":                    {":method", "CONNECT", ":authority", "a:1"},
		"extended CONNECT unoffered": {":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "a"},
		"protocol of GET":            {":method", "GET", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "a"},
		"host differs":               {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "host", "b"},
		"host equal":                 {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "host", "a"},
		"content-length of END":      {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "content-length", "5"},
		"content-length bad":         {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "content-length", "x"},
		"content-lengths differ":     {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "content-length", "5", "content-length", "6"},
	}
	all := map[string]func(f *frames){}
	for name, fields := range heads {
		all["head: "+name] = func(f *frames) { f.headers(1, true, fields...) }
	}
	maps.Copy(all, map[string]func(f *frames){
		"good":                 func(f *frames) { f.get(1, "/") },
		"even stream":          func(f *frames) { f.get(2, "/") },
		"stream 0":             func(f *frames) { f.get(0, "/") },
		"stream going down":    func(f *frames) { f.post(5, "/").get(3, "/") },
		"stream again":         func(f *frames) { f.get(1, "/").get(1, "/") },
		"data on idle":         func(f *frames) { f.data(1, true, nil) },
		"data on stream 0":     func(f *frames) { f.data(0, true, nil) },
		"data after end":       func(f *frames) { f.get(1, "/").data(1, true, []byte("a")) },
		"data after trailers":  func(f *frames) { f.post(1, "/").headers(1, true, "x-a", "b").data(1, true, []byte("a")) },
		"data after reset":     func(f *frames) { f.post(1, "/").rst(1, 8).data(1, true, []byte("a")) },
		"headers after end":    func(f *frames) { f.get(1, "/").headers(1, true, "x-a", "b") },
		"headers after reset":  func(f *frames) { f.post(1, "/").rst(1, 8).headers(1, true, "x-a", "b") },
		"trailers without end": func(f *frames) { f.post(1, "/").headers(1, false, "x-a", "b") },
		"pseudo in trailers":   func(f *frames) { f.post(1, "/").headers(1, true, ":path", "/") },
		"content-length less":  func(f *frames) { f.post(1, "/", "content-length", "6").data(1, true, []byte("hello")) },
		"content-length more":  func(f *frames) { f.post(1, "/", "content-length", "4").data(1, true, []byte("hello")) },
		"content-length less, trailer": func(f *frames) {
			f.post(1, "/", "content-length", "6").data(1, false, []byte("hello")).headers(1, true, "x-a", "b")
		},
		"padding too long":           func(f *frames) { f.post(1, "/").raw(xhttp2.FrameData, xhttp2.FlagDataPadded, 1, []byte{5, 1, 2}) },
		"padding of nothing":         func(f *frames) { f.post(1, "/").raw(xhttp2.FrameData, xhttp2.FlagDataPadded, 1, nil) },
		"rst on idle":                func(f *frames) { f.rst(1, 8) },
		"rst on stream 0":            func(f *frames) { f.rst(0, 8) },
		"rst of 3 bytes":             func(f *frames) { f.post(1, "/").raw(xhttp2.FrameRSTStream, 0, 1, []byte{0, 0, 0}) },
		"rst twice":                  func(f *frames) { f.post(1, "/").rst(1, 8).rst(1, 8) },
		"window of 0":                func(f *frames) { f.post(1, "/").window(1, 0) },
		"window of 0 on connection":  func(f *frames) { f.window(0, 0) },
		"window of 3 bytes":          func(f *frames) { f.raw(xhttp2.FrameWindowUpdate, 0, 0, []byte{0, 0, 0}) },
		"window on idle":             func(f *frames) { f.window(1, 5) },
		"window on even idle":        func(f *frames) { f.window(2, 5) },
		"window overflow":            func(f *frames) { f.window(0, 1<<31-1) },
		"stream window overflow":     func(f *frames) { f.post(1, "/").window(1, 1<<31-1) },
		"window after reset":         func(f *frames) { f.post(1, "/").rst(1, 8).window(1, 5) },
		"settings of 5 bytes":        func(f *frames) { f.raw(xhttp2.FrameSettings, 0, 0, make([]byte, 5)) },
		"settings on a stream":       func(f *frames) { f.raw(xhttp2.FrameSettings, 0, 1, nil) },
		"settings ack with payload":  func(f *frames) { f.raw(xhttp2.FrameSettings, 1, 0, make([]byte, 6)) },
		"settings: push 2":           func(f *frames) { f.settings(xhttp2.Setting{ID: 2, Val: 2}) },
		"settings: window too large": func(f *frames) { f.settings(xhttp2.Setting{ID: 4, Val: 1 << 31}) },
		"settings: frame too small":  func(f *frames) { f.settings(xhttp2.Setting{ID: 5, Val: 16383}) },
		"settings: frame too large":  func(f *frames) { f.settings(xhttp2.Setting{ID: 5, Val: 1 << 24}) },
		"settings: unknown":          func(f *frames) { f.settings(xhttp2.Setting{ID: 99, Val: 1}) },
		"settings overflow a window": func(f *frames) {
			f.post(1, "/").window(1, 1<<31-1-65535).settings(xhttp2.Setting{ID: 4, Val: 65536})
		},
		"settings ack of nothing": func(f *frames) { f.ack().ack().ack() },
		"ping of 7 bytes":         func(f *frames) { f.raw(xhttp2.FramePing, 0, 0, make([]byte, 7)) },
		"ping on a stream":        func(f *frames) { f.raw(xhttp2.FramePing, 0, 1, make([]byte, 8)) },
		"ping ack of nothing":     func(f *frames) { f.ping(true, [8]byte{1}) },
		"priority on itself":      func(f *frames) { f.framer.WritePriority(1, xhttp2.PriorityParam{StreamDep: 1}) },
		"priority on stream 0":    func(f *frames) { f.framer.WritePriority(0, xhttp2.PriorityParam{StreamDep: 1}) },
		"priority of 4 bytes":     func(f *frames) { f.raw(xhttp2.FramePriority, 0, 1, make([]byte, 4)) },
		"priority of a head on itself": func(f *frames) {
			f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, EndStream: true, EndHeaders: true, Priority: xhttp2.PriorityParam{StreamDep: 1},
				BlockFragment: f.encode(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a")})
		},
		"priority update":             func(f *frames) { f.framer.WritePriorityUpdate(1, "u=1") },
		"priority update of stream 0": func(f *frames) { f.raw(0x10, 0, 0, make([]byte, 4)) },
		"push promise": func(f *frames) {
			f.framer.WritePushPromise(xhttp2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		},
		"goaway on a stream": func(f *frames) { f.raw(xhttp2.FrameGoAway, 0, 1, make([]byte, 8)) },
		"goaway of 7 bytes":  func(f *frames) { f.raw(xhttp2.FrameGoAway, 0, 0, make([]byte, 7)) },
		"unknown frame":      func(f *frames) { f.raw(99, 0xff, 1, []byte("abc")) },
		"unknown frame in a block": func(f *frames) {
			f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
			f.raw(99, 0, 1, nil)
		},
		"data in a block": func(f *frames) {
			f.post(1, "/")
			f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 3, BlockFragment: []byte{0x82}})
			f.data(1, false, nil)
		},
		"continuation of another": func(f *frames) {
			f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
			f.framer.WriteContinuation(3, true, nil)
		},
		"continuation of nothing": func(f *frames) { f.framer.WriteContinuation(1, true, nil) },
		"altsvc":                  func(f *frames) { f.raw(0xa, 0, 0, []byte("\x00\x01ah3=\":443\"")) },
		"frame too large":         func(f *frames) { f.post(1, "/").data(1, true, make([]byte, 1<<20+1)) },
		"hpack: index 0":          func(f *frames) { f.headerBlock(1, true, []byte{0x80}) },
		"hpack: index too high":   func(f *frames) { f.headerBlock(1, true, []byte{0xff, 0x00}) },
		"hpack: table too large":  func(f *frames) { f.headerBlock(1, true, []byte{0x3f, 0xe2, 0x1f}) },
		"hpack: late table size":  func(f *frames) { f.headerBlock(1, true, []byte{0x82, 0x20}) },
		"hpack: cut":              func(f *frames) { f.headerBlock(1, true, []byte{0x82, 0x86, 0x84, 0x41, 0x0a}) },
		"hpack: huge integer": func(f *frames) {
			f.headerBlock(1, true, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
		},
		"hpack: bad huffman":       func(f *frames) { f.headerBlock(1, true, []byte{0x82, 0x86, 0x84, 0x41, 0x84, 0xff, 0xff, 0xff, 0xff}) },
		"hpack: error in trailers": func(f *frames) { f.post(1, "/").headerBlock(1, true, []byte{0x80}) },
	})
	return all
}

// TestServerRefusalsEqual compares which frames a Server and net/http's server refuse, and how.
func TestServerRefusalsEqual(t *testing.T) {
	release := make(chan bool)
	address := theirServer(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	cases := serverRefusals()
	differ := 0
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		f := opened(true).ack()
		cases[name](f)
		data := f.take()
		theirs, ours := theirVerdict(t, address, data), ourVerdict(t, data)
		if theirs.String() == ours.String() {
			continue
		}
		differ++
		if reason := allowed(serverDifferences, name, nil, theirs, ours); reason == "" {
			t.Errorf("%s: net/http says %v, the machine %v", name, theirs, ours)
		}
	}
	t.Logf("%d cases, %d intended differences", len(cases), differ)
}

// TestServerProgramsEqual does the same for random programs. Where a program breaks rules, a Server may refuse it in
// another way, or because of another fault of it, but it takes nothing that net/http does not.
func TestServerProgramsEqual(t *testing.T) {
	if raceEnabled {
		t.Skip("net/http's server of Go 1.26 has a data race between SETTINGS and a response")
	}
	release := make(chan bool)
	address := theirServer(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	const programs = 300
	random := rand.New(rand.NewPCG(1, 2))
	differ := map[string]int{}
	for n := range programs {
		choices := make([]byte, 10+random.IntN(100))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		polite := n%2 == 0
		data := programmed(true, polite, choices, 4096)
		theirs, ours := theirVerdict(t, address, data), ourVerdict(t, data)
		if theirs.String() == ours.String() || !polite && ours.String() != "ok" {
			continue
		}
		sent, _ := cut(bytes.TrimPrefix(data, []byte(xhttp2.ClientPreface)))
		reason := allowed(serverDifferences, "program", sent, theirs, ours)
		if differ[reason]++; reason == "" {
			t.Errorf("polite %v, %q: net/http says %v, the machine %v\n%s", polite, choices, theirs, ours, showFrames(data))
			if differ[""] > 5 {
				break
			}
		}
	}
	t.Logf("%d programs, differences: %v", programs, differ)
}

// clientRefusals are frames that answer a GET on stream 1, and that at least one client refuses. A WINDOW_UPDATE that makes
// a stream's window overflow is not among them: net/http's Transport of Go 1.26 locks itself out.
func clientRefusals() map[string]func(f *frames) {
	all := map[string]func(f *frames){}
	for name, fields := range map[string][]string{
		"good":                      {":status", "200", "a", "b"},
		"no status":                 {"a", "b"},
		"nothing":                   {},
		"status abc":                {":status", "abc"},
		"status 20":                 {":status", "20"},
		"two statuses":              {":status", "200", ":status", "200"},
		"status after field":        {"a", "b", ":status", "200"},
		"path in response":          {":status", "200", ":path", "/"},
		"upper case":                {":status", "200", "X-A", "b"},
		"empty name":                {":status", "200", "", "b"},
		"space in name":             {":status", "200", "x a", "b"},
		"line break in value":       {":status", "200", "x-a", "b\r\nc: d"},
		"NUL in value":              {":status", "200", "x-a", "b\x00"},
		"connection":                {":status", "200", "connection", "close"},
		"transfer-encoding":         {":status", "200", "transfer-encoding", "chunked"},
		"content-length of nothing": {":status", "200", "content-length", "5"},
		"content-length bad":        {":status", "200", "content-length", "x"},
		"content-lengths differ":    {":status", "200", "content-length", "5", "content-length", "6"},
		"interim with END_STREAM":   {":status", "103"},
	} {
		all["head: "+name] = func(f *frames) { f.headers(1, true, fields...) }
	}
	ok := func(f *frames) *frames { return f.headers(1, false, ":status", "200") }
	maps.Copy(all, map[string]func(f *frames){
		"status 101": func(f *frames) { f.headers(1, false, ":status", "101") },
		"content-length more": func(f *frames) {
			f.headers(1, false, ":status", "200", "content-length", "2").data(1, true, []byte("abc"))
		},
		"content-length less": func(f *frames) {
			f.headers(1, false, ":status", "200", "content-length", "5").data(1, true, []byte("abc"))
		},
		"data of 204":          func(f *frames) { f.headers(1, false, ":status", "204").data(1, true, []byte("abc")) },
		"data before the head": func(f *frames) { f.data(1, true, []byte("abc")) },
		"data after interim":   func(f *frames) { f.headers(1, false, ":status", "103").data(1, true, []byte("abc")) },
		"data on idle":         func(f *frames) { f.data(3, true, nil) },
		"data on stream 0":     func(f *frames) { f.data(0, true, nil) },
		"data after end":       func(f *frames) { ok(f).data(1, true, nil).data(1, true, []byte("a")) },
		"headers after end":    func(f *frames) { ok(f).data(1, true, nil).headers(1, true, "a", "b") },
		"headers on idle":      func(f *frames) { ok(f); f.headers(3, true, ":status", "200") },
		"headers on even":      func(f *frames) { ok(f); f.headers(2, true, ":status", "200") },
		"trailers without end": func(f *frames) { ok(f).headers(1, false, "a", "b") },
		"pseudo in trailers":   func(f *frames) { ok(f).headers(1, true, ":status", "200") },
		"push promise": func(f *frames) {
			f.framer.WritePushPromise(xhttp2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		},
		"push allowed":          func(f *frames) { ok(f); f.settings(xhttp2.Setting{ID: 2, Val: 1}) },
		"window of 0":           func(f *frames) { ok(f); f.window(1, 0) },
		"window of 0, all":      func(f *frames) { ok(f); f.window(0, 0) },
		"window overflow":       func(f *frames) { f.window(0, 1<<31-1) },
		"window on idle":        func(f *frames) { ok(f); f.window(3, 1) },
		"rst on idle":           func(f *frames) { ok(f); f.rst(3, 8) },
		"rst on stream 0":       func(f *frames) { f.rst(0, 8) },
		"goaway on a stream":    func(f *frames) { f.raw(xhttp2.FrameGoAway, 0, 1, make([]byte, 8)) },
		"ping of 7 bytes":       func(f *frames) { f.raw(xhttp2.FramePing, 0, 0, make([]byte, 7)) },
		"settings of 5 bytes":   func(f *frames) { f.raw(xhttp2.FrameSettings, 0, 0, make([]byte, 5)) },
		"settings: frame small": func(f *frames) { f.settings(xhttp2.Setting{ID: 5, Val: 100}) },
		"priority update":       func(f *frames) { ok(f); f.framer.WritePriorityUpdate(1, "u=1") },
		"continuation":          func(f *frames) { f.framer.WriteContinuation(1, true, nil) },
		"hpack: index 0":        func(f *frames) { f.headerBlock(1, true, []byte{0x80}) },
		"hpack: cut":            func(f *frames) { f.headerBlock(1, true, []byte{0x88, 0x41, 0x0a}) },
		"unknown frame":         func(f *frames) { ok(f); f.raw(99, 0xff, 1, []byte("abc")) },
		"frame too large":       func(f *frames) { ok(f).buf.Write([]byte{0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1}) },
		"interim responses":     func(f *frames) { f.headers(1, false, ":status", "103").headers(1, false, ":status", "100"); ok(f) },
	})
	return all
}

// clientDifferences are those of clients: what only one of them takes.
var clientDifferences = []difference{
	{of: "* after end", theirs: "ok", ours: "refused", reason: "The server may send nothing after END_STREAM (5.1). net/http drops it."},
	{of: "head: *", theirs: "ok", ours: "refused", reason: "The response is malformed (8.1.1, 8.2, 8.3)."},
	{of: "data of 204", theirs: "ok", ours: "refused", reason: "The response is malformed (8.1.1)."},
	{of: "* on idle", theirs: "ok", ours: "refused", reason: "The stream does not exist (5.1)."},
	{of: "priority update", theirs: "ok", ours: "refused", reason: "A server does not send it (RFC 9218, section 7.1)."},
	{of: "push allowed", theirs: "ok", ours: "refused", reason: "A server may not set ENABLE_PUSH to 1 (6.5.2)."},
	{of: "headers on even", theirs: "ok", ours: "refused", reason: "A server opens no streams (5.1.1). net/http drops the frame."},
}

// theirClientVerdict is "ok" if net/http's Transport gets a whole response of data, after which the connection ends.
func theirClientVerdict(t testing.TB, data []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirs, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	transport := &http.Transport{Protocols: &http.Protocols{}, DialContext: func(context.Context, string, string) (net.Conn, error) { return theirs, nil }}
	transport.Protocols.SetUnencryptedHTTP2(true)
	ours.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		framer := xhttp2.NewFramer(io.Discard, ours)
		io.ReadFull(ours, make([]byte, len(xhttp2.ClientPreface)))
		for {
			f, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if f.Header().Type == xhttp2.FrameHeaders {
				go io.Copy(io.Discard, ours)
				ours.Write(data)
				ours.(*net.TCPConn).CloseWrite()
				return
			}
		}
	}()
	// Without a head before DATA, net/http waits for ever.
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://an.example/", nil)
	resp, err := transport.RoundTrip(req)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err != nil {
		return "refused"
	}
	return "ok"
}

// ourClientVerdict is that of a Client.
func ourClientVerdict(t testing.TB, data []byte) string {
	t.Helper()
	c := &http2.Client{}
	c.Init(http2.Config{})
	c.Open(&http2.Stream{}, &http2.RequestHead{Method: "GET", Scheme: "http", Authority: "an.example", Path: "/", Header: http.Header{}}, true)
	headed, ended := false, false
	for {
		n, ev, err := c.Next(data)
		data = data[n:]
		switch {
		case err != nil || ev == http2.Reset:
			return "refused"
		case ev == http2.Head:
			headed = true
		case ev == http2.End:
			ended = true
		case ev == http2.NeedMore && headed && ended:
			return "ok"
		case ev == http2.NeedMore:
			return "refused"
		}
	}
}

// TestClientRefusalsEqual compares which responses a Client and net/http's Transport take.
func TestClientRefusalsEqual(t *testing.T) {
	log.SetOutput(io.Discard) // net/http says there what it refuses
	defer log.SetOutput(os.Stderr)
	cases := clientRefusals()
	differ, taken := 0, 0
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		f := opened(false).ack()
		cases[name](f)
		if !strings.HasPrefix(name, "head: ") {
			f.data(1, true, nil) // where the case has not ended the stream
		}
		data := f.take()
		theirs, ours := theirClientVerdict(t, data), ourClientVerdict(t, data)
		if ours == "ok" {
			taken++
		}
		if theirs == ours {
			continue
		}
		if differ++; allowedText(clientDifferences, name, nil, theirs, ours) == "" {
			t.Errorf("%s: net/http says %v, the machine %v", name, theirs, ours)
		}
	}
	t.Logf("%d cases, %d of them taken, %d intended differences", len(cases), taken, differ)
}

// A message is a request or a response, as either side sees it.
type message struct {
	method, path, host string
	code               int
	header, trailer    http.Header
	body               []byte
}

// equalMessages reports how two messages differ.
func equalMessages(t testing.TB, what string, got, want message) {
	t.Helper()
	if got.method != want.method || got.path != want.path || got.host != want.host || got.code != want.code {
		t.Errorf("%s: got %s %s of %s, %d, want %s %s of %s, %d", what, got.method, got.path, got.host, got.code, want.method, want.path, want.host, want.code)
	}
	if g, w := showHeader(got.header), showHeader(want.header); g != w {
		t.Errorf("%s: got the header %s, want %s", what, g, w)
	}
	if len(got.trailer)+len(want.trailer) > 0 && showHeader(got.trailer) != showHeader(want.trailer) {
		t.Errorf("%s: got the trailers %s, want %s", what, showHeader(got.trailer), showHeader(want.trailer))
	}
	if !bytes.Equal(got.body, want.body) {
		t.Errorf("%s: got a body of %d bytes, want %d, or others", what, len(got.body), len(want.body))
	}
}

// randomHeader returns fields that both sides keep as they are.
func randomHeader(r *rand.Rand, trailer bool) http.Header {
	h := http.Header{}
	for range r.IntN(8) {
		name := "X-" + strings.ToUpper(string(rune('a'+r.IntN(26)))) + strings.Repeat("y", r.IntN(30))
		for range 1 + r.IntN(3) {
			value := make([]byte, r.IntN(1+r.IntN(200)))
			for i := range value {
				value[i] = byte('!' + r.IntN(94))
			}
			h[name] = append(h[name], string(value))
		}
	}
	if !trailer && r.IntN(3) == 0 {
		h["Cookie"] = []string{"a=b; c=d; e=" + strconv.Itoa(r.IntN(1e9))}
	}
	return h
}

func randomBody(r *rand.Rand) []byte {
	b := make([]byte, []int{0, 1, 100, 20000, 200_000}[r.IntN(5)])
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// randomMessages returns a request, and the response to it.
func randomMessages(r *rand.Rand) (request, response message) {
	request = message{method: []string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "QUERY"}[r.IntN(7)], host: "an.example:81",
		path: "/" + strings.Repeat("a%20b", r.IntN(10)) + []string{"", "?a=b", "?", "?q=%22"}[r.IntN(4)], header: randomHeader(r, false)}
	response = message{code: []int{200, 201, 204, 304, 404, 500}[r.IntN(6)], header: randomHeader(r, true)}
	if request.method != "GET" && request.method != "HEAD" {
		if request.body = randomBody(r); len(request.body) > 0 && r.IntN(2) == 0 {
			request.trailer = http.Header{"X-Sum": {strconv.Itoa(r.IntN(1e9))}}
		}
	}
	if request.method != "HEAD" && response.code != 204 && response.code != 304 {
		if response.body = randomBody(r); r.IntN(2) == 0 {
			response.trailer = http.Header{"X-Sum": {strconv.Itoa(r.IntN(1e9))}, "X-Other": {"a", "b"}}
		}
	}
	return request, response
}

// A talker drives a machine over a socket.
type talker struct {
	conn net.Conn
	m    sharedMachine
	on   func(http2.Event)
	send map[*http2.Stream]*outgoing
}

// An outgoing is the body of a message that is being sent.
type outgoing struct {
	body    []byte
	trailer http.Header
}

// begin sends the body of a message.
func (k *talker) begin(s *http2.Stream, m message) {
	k.send[s] = &outgoing{m.body, m.trailer}
	k.proceed(s)
}

func (k *talker) proceed(s *http2.Stream) {
	o := k.send[s]
	switch {
	case len(o.body) > 0:
		k.m.Wait(s)
	default:
		k.m.WriteTrailer(s, o.trailer)
		delete(k.send, s)
	}
}

// flush writes what there is to write.
func (k *talker) flush() {
	for {
		s, n := k.m.Turn()
		if s == nil {
			break
		}
		o := k.send[s]
		n = min(n, len(o.body))
		last := n == len(o.body) && o.trailer == nil
		k.m.WriteData(s, o.body[:n], last)
		if o.body = o.body[n:]; last {
			delete(k.send, s)
			continue
		}
		k.proceed(s)
	}
	k.conn.Write(k.m.Output())
}

// read reads until done or the connection ends.
func (k *talker) read(done func() bool) error {
	buffer := make([]byte, 32<<10)
	k.flush()
	for !done() {
		n, err := k.conn.Read(buffer)
		if err != nil {
			return err
		}
		in := buffer[:n]
		for {
			used, ev, err := k.m.Next(in)
			in = in[used:]
			if err != nil {
				k.conn.Write(k.m.Output())
				return err
			}
			if ev == http2.NeedMore {
				break
			}
			k.on(ev)
		}
		k.flush()
	}
	return nil
}

// plain returns h without the fields that net/http adds.
func plain(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{"Host", "User-Agent", "Accept-Encoding", "Content-Length", "Date", "Content-Type", "Trailer", "X-Content-Type-Options"} {
		delete(h, name)
	}
	return h
}

// TestTheirRequests sends random requests of net/http's Transport to a Server.
func TestTheirRequests(t *testing.T) {
	requests := 300
	if raceEnabled {
		requests = 40
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var expected []message // by request, of the responses
	var got []message      // the requests
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			server := &http2.Server{}
			server.Init(http2.Config{})
			k := &talker{conn: conn, m: server, send: map[*http2.Stream]*outgoing{}}
			k.on = func(ev http2.Event) {
				s := server.Stream()
				switch ev {
				case http2.Head:
					h := server.Head()
					n, _ := strconv.Atoi(h.Header.Get("X-Number"))
					h.Header.Del("X-Number")
					got[n] = message{method: h.Method, path: h.Path, host: h.Header.Get("Host"), header: plain(h.Header)}
					server.Accept(&http2.Stream{Owner: n})
				case http2.Data:
					got[s.Owner.(int)].body = append(got[s.Owner.(int)].body, server.Data()...)
					server.Consumed(s, len(server.Data()))
				case http2.End:
					n := s.Owner.(int)
					got[n].trailer = server.Trailer()
					want := expected[n]
					length := int64(-1)
					if want.body == nil {
						length = 0
					}
					if n%2 == 0 {
						server.Inform(s, 103, http.Header{"Link": {"</a>"}})
					}
					if err := server.Respond(s, &http2.ResponseHead{Code: want.code, Header: want.header.Clone(), Length: length}, want.body == nil); err != nil {
						t.Errorf("Respond: %v", err)
					}
					if want.body != nil {
						k.begin(s, want)
					}
				case http2.Reset:
					t.Errorf("the Transport resets a stream: %v", server.StreamError())
				}
			}
			k.read(func() bool { return false })
			conn.Close()
		}
	})
	transport := &http.Transport{Protocols: &http.Protocols{}, DisableCompression: true}
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
	random := rand.New(rand.NewPCG(3, 4))
	var wanted []message
	for range requests {
		request, response := randomMessages(random)
		wanted, expected, got = append(wanted, request), append(expected, response), append(got, message{})
	}
	var group sync.WaitGroup
	limit := make(chan bool, 10)
	for n, want := range wanted {
		limit <- true
		group.Go(func() {
			defer func() { <-limit }()
			var body io.Reader
			if want.body != nil {
				body = struct{ io.Reader }{bytes.NewReader(want.body)} // of unknown length
				if n%2 == 0 && want.trailer == nil {
					body = bytes.NewReader(want.body)
				}
			}
			req, err := http.NewRequest(want.method, "http://an.example:81"+want.path, body)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header = want.header.Clone()
			req.Header.Set("X-Number", strconv.Itoa(n))
			req.Trailer = want.trailer
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Errorf("request %d: %v", n, err)
				return
			}
			content, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Errorf("request %d: %v", n, err)
			}
			resp.Body.Close()
			equalMessages(t, fmt.Sprintf("response %d", n), message{code: resp.StatusCode, header: plain(resp.Header), body: content, trailer: resp.Trailer}, expected[n])
		})
	}
	group.Wait()
	transport.CloseIdleConnections()
	l.Close()
	served.Wait()
	for n, want := range wanted {
		equalMessages(t, fmt.Sprintf("request %d", n), got[n], want)
	}
}

// TestOurRequests sends random requests of a Client to net/http's server.
func TestOurRequests(t *testing.T) {
	requests := 300
	if raceEnabled {
		requests = 40
	}
	random := rand.New(rand.NewPCG(5, 6))
	wanted, expected := make([]message, requests), make([]message, requests)
	got, answers := make([]message, requests), make([]message, requests)
	for n := range requests {
		wanted[n], expected[n] = randomMessages(random)
	}
	address := theirServer(t, func(w http.ResponseWriter, req *http.Request) {
		n, _ := strconv.Atoi(req.Header.Get("X-Number"))
		req.Header.Del("X-Number")
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("request %d: %v", n, err)
		}
		got[n] = message{method: req.Method, path: req.RequestURI, host: req.Host, header: plain(req.Header), body: body, trailer: req.Trailer}
		maps.Copy(w.Header(), expected[n].header)
		for name, values := range expected[n].trailer {
			w.Header()[http.TrailerPrefix+name] = values
		}
		if n%3 == 0 {
			w.WriteHeader(103)
		}
		w.WriteHeader(expected[n].code)
		w.Write(expected[n].body)
	})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := &http2.Client{}
	client.Init(http2.Config{})
	k := &talker{conn: conn, m: client, send: map[*http2.Stream]*outgoing{}}
	next, done := 0, 0
	open := func() {
		for ; next < requests && client.CanOpen() && next-done < 10; next++ {
			want := wanted[next]
			s := &http2.Stream{Owner: next}
			h := &http2.RequestHead{Method: want.method, Scheme: "http", Authority: want.host, Path: want.path, Header: want.header.Clone(), Length: int64(len(want.body))}
			h.Header.Set("X-Number", strconv.Itoa(next))
			if want.trailer != nil {
				h.Header.Set("Trailer", "X-Sum")
				h.Length = -1
			}
			if err := client.Open(s, h, len(want.body) == 0); err != nil {
				t.Errorf("request %d: %v", next, err)
				done++
				continue
			}
			if len(want.body) > 0 {
				k.begin(s, want)
			}
		}
	}
	k.on = func(ev http2.Event) {
		switch ev {
		case http2.Head:
			h := client.Head()
			a := &answers[client.Stream().Owner.(int)]
			a.code, a.header = h.Code, plain(h.Header)
		case http2.Data:
			s := client.Stream()
			answers[s.Owner.(int)].body = append(answers[s.Owner.(int)].body, client.Data()...)
			client.Consumed(s, len(client.Data()))
		case http2.End:
			answers[client.Stream().Owner.(int)].trailer = client.Trailer()
			done++
			open()
		case http2.Reset:
			t.Errorf("request %v: %v", client.Stream().Owner, client.StreamError())
			done++
			open()
		}
	}
	open()
	if err := k.read(func() bool { return done == requests }); err != nil {
		t.Fatalf("after %d responses: %v", done, err)
	}
	for n := range requests {
		equalMessages(t, fmt.Sprintf("request %d", n), got[n], wanted[n])
		equalMessages(t, fmt.Sprintf("response %d", n), answers[n], expected[n])
	}
}

func fieldBlocks() int {
	if raceEnabled {
		return 50
	}
	return 500
}

// TestFieldsEqual has hpack's own decoder read what a Client writes, and a Server what hpack's encoder writes, while
// the table grows and shrinks.
func TestFieldsEqual(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	client, server := &http2.Client{}, &http2.Server{}
	client.Init(http2.Config{})
	server.Init(http2.Config{MaxStreams: 10000})
	decoder := hpack.NewDecoder(4096, nil)
	f := opened(true).ack()
	for range fieldBlocks() {
		if random.IntN(10) == 0 {
			size := uint32(random.IntN(6000))
			if _, _, err := client.Next(opened(false, xhttp2.Setting{ID: xhttp2.SettingHeaderTableSize, Val: size}).take()); err != nil {
				t.Fatal(err)
			}
			decoder.SetAllowedMaxDynamicTableSize(size)
			f.enc.SetMaxDynamicTableSize(uint32(random.IntN(4097)))
		}
		request, _ := randomMessages(random)
		client.Output()
		s := &http2.Stream{}
		if err := client.Open(s, &http2.RequestHead{Method: request.method, Scheme: "http", Authority: request.host, Path: request.path, Header: request.header.Clone()}, true); err != nil {
			t.Fatal(err)
		}
		var block []byte
		all, _ := cut(client.Output())
		for _, f := range all {
			block = append(block, f.payload...)
		}
		fields, err := decoder.DecodeFull(block)
		if err != nil {
			t.Fatal(err)
		}
		sent := http.Header{}
		var pairs []string
		for _, field := range fields {
			pairs = append(pairs, field.Name, field.Value)
			if !field.IsPseudo() {
				sent.Add(field.Name, field.Value)
			}
		}
		if cookies := sent["Cookie"]; cookies != nil {
			sent["Cookie"] = []string{strings.Join(cookies, "; ")}
		}
		delete(sent, "Content-Length")
		if got, want := showHeader(sent), showHeader(request.header); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		client.Reset(s, wire.Cancel)

		f.headers(s.ID(), true, pairs...)
		in := f.take()
		for {
			n, ev, err := server.Next(in)
			in = in[n:]
			if err != nil {
				t.Fatal(err)
			}
			if ev == http2.Head {
				h := server.Head()
				server.Accept(&http2.Stream{})
				if got, want := showHeader(plain(h.Header)), showHeader(request.header); got != want || h.Path != request.path || h.Method != request.method {
					t.Fatalf("%s %s: got  %s\nwant %s", h.Method, h.Path, got, want)
				}
			}
			if ev == http2.NeedMore {
				break
			}
		}
		server.Output()
	}
}
