package agent_test

import (
	"crypto/tls"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
)

// TestGoexitInACallbackOfTLS: a callback that exits its goroutine fails the handshake, and
// the reactor goes on.
func TestGoexitInACallbackOfTLS(t *testing.T) {
	r, roots := secureSite(t)
	exits := true
	a := agent.New(r, agent.Config{TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: roots, VerifyConnection: func(tls.ConnectionState) error {
		if exits {
			runtime.Goexit()
		}
		return nil
	}})})
	d := a.Request(newRequest("GET", "https://a.example/"))
	r.Pump()
	err := deferredtest.FailureResultOf(t, d)
	if !strings.Contains(err.Error(), "runtime.Goexit") {
		t.Errorf("got %v", err)
	}
	exits = false
	d = a.Request(newRequest("GET", "https://a.example/"))
	r.Pump()
	deferredtest.SuccessResultOf(t, d)
}

// TestGoexitInADecoder: a decoder that exits its goroutine fails the body.
func TestGoexitInADecoder(t *testing.T) {
	for name, open := range map[string]func(r io.Reader) (io.ReadCloser, error){
		"Open": func(io.Reader) (io.ReadCloser, error) { runtime.Goexit(); return nil, nil },
		"Read": func(io.Reader) (io.ReadCloser, error) { return exiting{}, nil },
	} {
		s := &script{t: t}
		d := agent.NewContentDecoderAgent(s, agent.DecoderConfig{Decoders: []agent.Decoder{{Name: "odd", Open: open}}}).Request(newRequest("GET", "http://example.com/"))
		s.answer(whole(200, "x", "Content-Encoding", "odd"))
		var why *agent.DecodeError
		err := deferredtest.FailureResultOf(t, deferredtest.SuccessResultOf(t, d).Content())
		if !errors.As(err, &why) || why.Coding != "odd" || !strings.Contains(err.Error(), "runtime.Goexit") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

type exiting struct{}

func (exiting) Read([]byte) (int, error) { runtime.Goexit(); return 0, nil }
func (exiting) Close() error             { return nil }

// TestPanicInACallbackOfTLS: the log has the place of the panic, which leaves a coroutine.
func TestPanicInACallbackOfTLS(t *testing.T) {
	log := logtest.Capture(t)
	r, roots := secureSite(t)
	a := agent.New(r, agent.Config{TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: roots, VerifyConnection: func(tls.ConnectionState) error { panic("oops") }})})
	d := a.Request(newRequest("GET", "https://a.example/"))
	r.Pump()
	deferredtest.FailureResultOf(t, d)
	if got := log.Take(); strings.Count(got, "panic=oops at=goexit_test.go:") != 1 || strings.Count(got, "[running]") != 1 {
		t.Errorf("logged %s", got)
	}
}
