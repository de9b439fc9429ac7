package client_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// linesIn returns a logger to lines, with the time of each line.
func linesIn(lines *bytes.Buffer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: level}))
}

// TestLogOfAClient: the line of a request knows of everything that happens in the client.
func TestLogOfAClient(t *testing.T) {
	for _, test := range []struct {
		name    string
		options client.All
		run     func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d *deferred.Deferred[*response.Response])
		want    string // in the line
	}{
		{"complete", nil, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d *deferred.Deferred[*response.Response]) {
			s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
			text := deferredtest.SuccessResultOf(t, d).Text()
			r.Advance(2 * time.Second)
			s.Conn(0).Send("hello")
			deferredtest.SuccessResultOf(t, text)
		}, "level=INFO msg=request method=GET url=http://a.example/ status=200 tries=1 sent=0 received=5 "},
		{"a status that is an error", client.All{client.RaiseForStatus(true)}, func(t *testing.T, s *rawserver.Server, _ *memory.Reactor, d *deferred.Deferred[*response.Response]) {
			s.Conn(0).Send("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone")
			deferredtest.FailureResultOf(t, d)
		}, "level=WARN msg=request method=GET url=http://a.example/ status=404 tries=1 sent=0 received=4 "},
		{"Timeout", client.All{client.Timeout(2 * time.Second)}, func(t *testing.T, _ *rawserver.Server, r *memory.Reactor, d *deferred.Deferred[*response.Response]) {
			r.RunFor(2 * time.Second)
			deferredtest.FailureResultOf(t, d)
		}, `level=ERROR msg=request method=GET url=http://a.example/ error="no response for 2s (Timeout)" tries=1 sent=0 received=0 `},
		{"TotalTimeout in the body", client.All{client.TotalTimeout(2 * time.Second)}, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d *deferred.Deferred[*response.Response]) {
			s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
			text := deferredtest.SuccessResultOf(t, d).Text()
			r.RunFor(2 * time.Second)
			deferredtest.FailureResultOf(t, text)
		}, `level=ERROR msg=request method=GET url=http://a.example/ status=200 error="not complete after 2s (TotalTimeout)" tries=1 sent=0 received=2 `},
		{"a body that cannot be decoded", nil, func(t *testing.T, s *rawserver.Server, _ *memory.Reactor, d *deferred.Deferred[*response.Response]) {
			text := deferred.Then(d, (*response.Response).Text)
			s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")
			deferredtest.FailureResultOf(t, text)
		}, `level=ERROR msg=request method=GET url=http://a.example/ status=200 error="the response failed: decoding the body, which is coded in gzip: `},
		{"a body that is too large", client.All{client.MaxSize(3)}, func(t *testing.T, s *rawserver.Server, _ *memory.Reactor, d *deferred.Deferred[*response.Response]) {
			text := deferred.Then(d, (*response.Response).Text)
			s.Conn(0).Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
			deferredtest.FailureResultOf(t, text)
		}, `level=ERROR msg=request method=GET url=http://a.example/ status=200 error="the response failed: the body has more than 3 bytes (MaxSize)" tries=1 sent=0 received=5 `},
		{"cancelled", nil, func(t *testing.T, _ *rawserver.Server, _ *memory.Reactor, d *deferred.Deferred[*response.Response]) {
			d.Cancel()
			deferredtest.FailureResultOf(t, d)
		}, `level=INFO msg=request method=GET url=http://a.example/ error=cancelled tries=1 sent=0 received=0 `},
	} {
		for _, option := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				r := memory.New()
				s := rawserver.Listen(t, r, "80")
				var lines bytes.Buffer
				log := agent.LogConfig{Logger: linesIn(&lines, slog.LevelInfo)}
				options := test.options
				config := client.Config{Log: &log}
				if option {
					config.Log = &agent.LogConfig{Logger: slog.New(slog.DiscardHandler)}
					options = append(client.All{client.Log(agent.LogConfig{}), client.Log(log)}, options...)
				}
				c := client.New(r, config)
				d := c.Get("http://a.example/", options)
				r.Pump()
				if n := len(c.Pending()); n != 1 && !option {
					t.Errorf("%d are pending", n)
				}
				test.run(t, s, r, d)
				r.Pump()
				if got := lines.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, test.want) {
					t.Errorf("got  %swant %s", got, test.want)
				}
				if p := c.Pending(); p != nil {
					t.Errorf("pending: %v", p)
				}
			})
		}
	}
}

// TestLogOfRetries: each try has a line at Debug, and the line of the request counts them, also
// after a failure.
func TestLogOfRetries(t *testing.T) {
	for _, test := range []struct {
		answers []string // "" closes the connection
		want    []string
	}{
		{[]string{"503 No", "", "200 OK"}, []string{" msg=try method=GET url=http://a.example/ status=503 ", " msg=try method=GET url=http://a.example/ error=", " status=200 ",
			"level=INFO msg=request method=GET url=http://a.example/ status=200 tries=3 "}},
		{[]string{"", "", ""}, []string{" msg=try ", " msg=try ", " msg=try ", "level=ERROR msg=request method=GET url=http://a.example/ error=", " tries=3 "}},
	} {
		r := memory.New()
		s := rawserver.Listen(t, r, "80")
		answers := test.answers
		s.Accept = func(c *rawserver.Conn) {
			c.Data = func([]byte) {
				answer := answers[0]
				if answers = answers[1:]; answer == "" {
					c.LoseConnection()
				} else {
					c.Write([]byte("HTTP/1.1 " + answer + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
				}
			}
		}
		var lines bytes.Buffer
		c := client.New(r, client.Config{Log: &agent.LogConfig{Logger: linesIn(&lines, slog.LevelDebug)}})
		d := c.Get("http://a.example/", client.Retries(2))
		d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
		r.RunFor(time.Minute)
		deferredtest.SuccessResultOf(t, d)
		if got := lines.String(); strings.Count(got, "msg=try") != 3 || strings.Count(got, "msg=request ") != 1 {
			t.Errorf("got %s", got)
		}
		rest := lines.String()
		for _, want := range test.want {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Errorf("without %q: %s", want, lines.String())
			}
			rest = after
		}
	}
}

// TestLogIsTheSameEachRun: the lines have the times of the reactor.
func TestLogIsTheSameEachRun(t *testing.T) {
	run := func() string {
		r := memory.New()
		s := rawserver.Listen(t, r, "80")
		var lines bytes.Buffer
		c := client.New(r, client.Config{Log: &agent.LogConfig{Logger: linesIn(&lines, slog.LevelDebug), Bodies: 100}})
		d := c.Post("http://a.example/", client.BasicAuth("user", "s3cret"), client.Data(map[string]string{"password": "s3cret"}))
		r.Pump()
		r.Advance(time.Second)
		text := deferred.Then(d, (*response.Response).Text)
		s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=s3cret\r\n\r\nhello")
		deferredtest.SuccessResultOf(t, text)
		r.Pump()
		return lines.String()
	}
	first := run()
	if second := run(); first != second {
		t.Errorf("got\n%s\nand then\n%s", first, second)
	}
	for _, want := range []string{"level=DEBUG msg=try ", `request.Authorization="Basic xxxxx"`, "response.Set-Cookie=", `sent="password=xxxxx"`, "received=hello", "level=INFO msg=request "} {
		if !strings.Contains(first, want) {
			t.Errorf("without %s: %s", want, first)
		}
	}
	if strings.Contains(first, "s3cret") {
		t.Errorf("got %s", first)
	}
}

// TestTimedOption: only a request with the option, or one that is logged, has Times.
func TestTimedOption(t *testing.T) {
	discard := &agent.LogConfig{Logger: slog.New(slog.DiscardHandler)}
	var lines bytes.Buffer
	for _, test := range []struct {
		name    string
		config  client.Config
		options client.All
		want    bool
	}{
		{"neither", client.Config{}, nil, false},
		{"Timed", client.Config{}, client.All{client.Timed(true)}, true},
		{"Timed, and a log that is off", client.Config{Log: discard}, client.All{client.Timed(true)}, true},
		{"Timed, and a log", client.Config{Log: &agent.LogConfig{Logger: linesIn(&lines, slog.LevelInfo)}}, client.All{client.Timed(true)}, true},
		{"a log", client.Config{Log: &agent.LogConfig{Logger: linesIn(&lines, slog.LevelInfo)}}, nil, true},
		{"the last one wins", client.Config{}, client.All{client.Timed(true), client.Timed(false)}, false},
		{"a log that is off", client.Config{Log: discard}, nil, false},
	} {
		r := memory.New()
		s := rawserver.Listen(t, r, "80")
		c := client.New(r, test.config)
		start := r.Now()
		d := c.Get("http://a.example/", test.options)
		r.Pump()
		r.Advance(3 * time.Second)
		s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		resp := deferredtest.SuccessResultOf(t, d)
		if got := resp.Times; (got != nil) != test.want {
			t.Errorf("%s: got %+v", test.name, got)
		} else if test.want && (!got.Start.Equal(start) || got.Total != 3*time.Second) {
			t.Errorf("%s: got %+v", test.name, got)
		}
	}
}
