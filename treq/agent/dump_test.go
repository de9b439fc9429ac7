package agent_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// dumped returns an agent that shows what its connections carry, and the text.
func dumped(t *testing.T, config agent.DumpConfig) (*world, *bytes.Buffer) {
	w := newWorld(t, agent.PoolConfig{})
	text := new(bytes.Buffer)
	config.To = text
	w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Dump: &config})
	return w, text
}

func wantDump(t *testing.T, text *bytes.Buffer, want ...string) {
	t.Helper()
	if got := text.String(); got != strings.Join(want, "\n")+"\n" {
		t.Errorf("got\n%swant\n%s", got, strings.Join(want, "\n"))
	}
	text.Reset()
}

// TestDump has a whole conversation: two requests on a connection, one with a body.
func TestDump(t *testing.T) {
	w, text := dumped(t, agent.DumpConfig{})
	d := w.send(newRequest("GET", "http://a.example/a?token=s3cret&b=c", "Authorization", "Bearer s3cret", "X-Plain", "ä\tb"))
	// The head comes byte by byte, with an interim response before it.
	for _, b := range []byte("HTTP/1.1 103 Early Hints\r\nLink: <http://u:s3cret@a/>\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=s3cret;\r\n b=s3cret\r\nContent-Length: 5\r\n\r\n") {
		w.Conn(0).Send(string(b))
	}
	resp := deferredtest.SuccessResultOf(t, d)
	w.Conn(0).Send("he")
	w.Conn(0).Send("llo")
	w.wantBody(resp, "hello")
	req := newRequest("POST", "http://a.example/")
	req.Body = request.Bytes("password=s3cret")
	d = w.send(req)
	w.Conn(0).Send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	deferredtest.SuccessResultOf(t, d)
	w.r.Pump()
	wantDump(t, text,
		"[1] connected to 192.0.2.1:80",
		"[1] > GET /a?token=xxxxx&b=c HTTP/1.1",
		"[1] > Host: a.example",
		"[1] > Authorization: Bearer xxxxx",
		"[1] > X-Plain: ä\tb",
		"[1] >",
		"[1] < HTTP/1.1 103 Early Hints",
		"[1] < Link: <http://u:xxxxx@a/>",
		"[1] <",
		"[1] < HTTP/1.1 200 OK",
		"[1] < Set-Cookie: a=xxxxx;",
		"[1] <  xxxxx",
		"[1] < Content-Length: 5",
		"[1] <",
		"[1] < (5 bytes)",
		"[1] > POST / HTTP/1.1",
		"[1] > Host: a.example",
		"[1] > Content-Length: 15",
		"[1] >",
		"[1] > (15 bytes)",
		"[1] < HTTP/1.1 204 No Content",
		"[1] < Connection: close",
		"[1] <",
		"[1] closed: connection was closed cleanly",
	)
}

// TestDumpShows has what a config can ask for.
func TestDumpShows(t *testing.T) {
	w, text := dumped(t, agent.DumpConfig{Bodies: true, ShowSecrets: true})
	req := newRequest("POST", "http://a.example/", "Authorization", "Basic s3cret")
	req.Body = request.Bytes("a=\x00\xff\nb\r\n")
	d := w.send(req)
	w.Conn(0).Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	deferredtest.SuccessResultOf(t, d)
	wantDump(t, text,
		"[1] connected to 192.0.2.1:80",
		"[1] > POST / HTTP/1.1",
		"[1] > Host: a.example",
		"[1] > Content-Length: 8",
		"[1] > Authorization: Basic s3cret",
		"[1] >",
		`[1] > a=\x00\xff`,
		"[1] > b",
		"[1] < HTTP/1.1 200 OK",
		"[1] < Transfer-Encoding: chunked",
		"[1] <",
		"[1] < 5",
		"[1] < hello",
		"[1] < 0",
		"[1] <",
	)

	w, text = dumped(t, agent.DumpConfig{Secrets: []string{"X-Mine", "page"}})
	d = w.send(newRequest("GET", "http://a.example/?page=s3cret", "X-Mine", "s3cret"))
	w.Conn(0).Send(okHello)
	deferredtest.SuccessResultOf(t, d)
	if got := text.String(); strings.Contains(got, "s3cret") || strings.Count(got, "xxxxx") != 2 {
		t.Errorf("got %s", got)
	}
}

// TestDumpOfJunk: whatever the server sends is shown, and bounded.
func TestDumpOfJunk(t *testing.T) {
	for _, test := range []struct{ junk, want string }{
		{"\x00\x01not HTTP\n", `[1] < \x00\x01not HTTP`},
		{"\r\n\r\nHTTP/1.1 200 OK\r\nX: \x1b[31m\r\n\r\n", `[1] < X: \x1b[31m`},
		{"HTTP/1.1 200 OK\r\nCookie: s3cret" + strings.Repeat("x", 70_000), "[1] < (70014 bytes)"},
		{"HTTP/1.1 200 OK\r\nSet-Cookie: a=s3cret", "[1] closed: "},
	} {
		w, text := dumped(t, agent.DumpConfig{})
		d := w.send(newRequest("GET", "http://a.example/"))
		for i := 0; i < len(test.junk); i += 10_000 {
			w.Conn(0).Send(test.junk[i:min(len(test.junk), i+10_000)])
		}
		w.Conn(0).Close()
		w.r.Pump()
		if d.Called() {
			d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
		}
		if got := text.String(); !strings.Contains(got, test.want) || strings.Contains(got, "s3cret") || strings.Count(got, "closed: ") != 1 {
			t.Errorf("%.30q: got\n%.2000s", test.junk, got)
		}
	}
}

// TestDumpAndThePool: an agent with a Dump does not use the connections of other agents, which
// show nothing.
func TestDumpAndThePool(t *testing.T) {
	w, text := dumped(t, agent.DumpConfig{})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	if text.Len() == 0 {
		t.Error("nothing was shown")
	}
	text.Reset()
	w.agent = agent.New(w.r, agent.Config{Pool: w.pool})
	w.exchange(newRequest("GET", "http://a.example/"), 1)
	if text.Len() != 0 {
		t.Errorf("got %s", text)
	}
}

// TestDumpOfATunnel shows the request to the proxy, without its password.
func TestDumpOfATunnel(t *testing.T) {
	r := memory.New()
	s := rawserver.Listen(t, r, "3128")
	text := new(bytes.Buffer)
	a, err := agent.NewProxyAgent(r, "http://user:s3cret@proxy.example:3128", agent.Config{Dump: &agent.DumpConfig{To: text}})
	if err != nil {
		t.Fatal(err)
	}
	d := a.Request(newRequest("GET", "https://a.example/"))
	r.Pump()
	s.Conn(0).Send("HTTP/1.1 407 Authenticate\r\nContent-Length: 2\r\n\r\nno")
	r.Pump()
	deferredtest.FailureResultOf(t, d)
	r.Pump()
	for _, want := range []string{
		"[1] connected to 192.0.2.1:3128\n[1] > CONNECT a.example:443 HTTP/1.1\n[1] > Host: a.example:443\n[1] > Proxy-Authorization: Basic xxxxx\n[1] >\n",
		"[1] < HTTP/1.1 407 Authenticate\n", "[1] < (2 bytes)\n[1] closed: ",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("without %q: %s", want, text)
		}
	}
}

// A badWriter panics.
type badWriter struct{}

func (badWriter) Write([]byte) (int, error) { panic("boom") }

// TestDumpPanics: a writer that panics harms no request.
func TestDumpPanics(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Dump: &agent.DumpConfig{To: badWriter{}}})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
}

// TestDumpOfALineCutShort: the last bytes before the end of a connection are shown, without
// their secrets.
func TestDumpOfALineCutShort(t *testing.T) {
	for _, test := range []struct{ sent, want string }{
		{"HTTP/1.1 200 O", "[1] < HTTP/1.1 200 O\n"},
		{"HTTP/1.1 200 OK\r\nSet-Cookie: a=s3cr", "[1] < HTTP/1.1 200 OK\n[1] < Set-Cookie: a=xxxxx\n"},
		{"HTTP/1.1 200 OK\r\nA: b\r\n\r", "[1] < HTTP/1.1 200 OK\n[1] < A: b\n"},
	} {
		w, text := dumped(t, agent.DumpConfig{})
		d := w.send(newRequest("GET", "http://a.example/"))
		w.Conn(0).Send(test.sent)
		w.Conn(0).Close()
		w.r.Pump()
		deferredtest.FailureResultOf(t, d)
		if got := text.String(); !strings.Contains(got, "[1] >\n"+test.want+"[1] closed: ") {
			t.Errorf("got\n%s", got)
		}
	}
}
