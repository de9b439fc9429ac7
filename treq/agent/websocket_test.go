package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/loopback"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
)

// TestWebSocket has a WebSocket library talk with its own server over NewRoundTripper.
func TestWebSocket(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			kind, data, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, data); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	l := background.Loop(t, nil)
	client := &http.Client{Transport: agent.NewRoundTripper(l, agent.New(l, agent.Config{Pool: agent.NewPool(l, agent.PoolConfig{})}))}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, server.URL, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("got %s", resp.Status)
	}
	c.SetReadLimit(-1)
	for _, size := range []int{0, 1, 1000, 1 << 20} {
		sent := bytes.Repeat([]byte("x"), size)
		if err := c.Write(ctx, websocket.MessageBinary, sent); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("of %d bytes, %d came back: %v", size, len(got), err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Error(err)
	}
}

// upgradingServer starts a server that upgrades each connection, and then calls serve.
func upgradingServer(t *testing.T, serve func(c net.Conn, r *bufio.Reader)) (url string) {
	t.Helper()
	return "http://" + loopback.Serve(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		readHead(r)
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: line\r\n\r\nearly ")
		serve(c, r)
	})
}

// upgrade sends a request for an upgrade, and returns the body of the response.
func upgrade(ctx context.Context, t *testing.T, l *reactor.Loop, url string) (io.ReadWriteCloser, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "line")
	resp, err := agent.NewRoundTripper(l, agent.New(l, agent.Config{})).RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || resp.StatusCode != 101 {
		t.Fatalf("%s: the body is a %T", resp.Status, resp.Body)
	}
	return body, nil
}

func TestUpgradedBody(t *testing.T) {
	l := background.Loop(t, nil)
	t.Run("both ways, to the server's end", func(t *testing.T) {
		url := upgradingServer(t, func(c net.Conn, r *bufio.Reader) {
			line, _ := r.ReadString('\n')
			io.WriteString(c, "you said "+line)
		})
		ctx, cancel := context.WithCancel(context.Background())
		body, err := upgrade(ctx, t, l, url)
		if err != nil {
			t.Fatal(err)
		}
		cancel() // as in net/http, the context ends with the response
		if n, err := io.WriteString(body, "hello\n"); n != 6 || err != nil {
			t.Errorf("wrote %d bytes: %v", n, err)
		}
		if got, err := io.ReadAll(body); string(got) != "early you said hello\n" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		if _, err := io.WriteString(body, "more"); err == nil {
			t.Error("a Write after the end succeeds")
		}
		body.Close()
	})
	t.Run("much, to a server that reads slowly", func(t *testing.T) {
		received := make(chan int64)
		proceed := make(chan bool)
		url := upgradingServer(t, func(c net.Conn, r *bufio.Reader) {
			<-proceed
			n, _ := io.Copy(io.Discard, r)
			received <- n
		})
		body, err := upgrade(context.Background(), t, l, url)
		if err != nil {
			t.Fatal(err)
		}
		const pieces, size = 512, 512 << 16
		var pieced atomic.Int32
		written := make(chan bool)
		go func() {
			for range pieces {
				if n, err := body.Write(make([]byte, size/pieces)); n != size/pieces || err != nil {
					t.Errorf("wrote %d bytes: %v", n, err)
				}
				pieced.Add(1)
			}
			close(written)
		}()
		for range 10 * pieces { // turns of the loop, each of which could send a piece
			on(l, func() {})
		}
		if n := pieced.Load(); n == pieces {
			t.Error("Write does not wait for a server that does not read")
		}
		close(proceed)
		<-written
		body.Close()
		if n := <-received; n != size {
			t.Errorf("the server received %d bytes", n)
		}
	})
	t.Run("Close ends Read and Write", func(t *testing.T) {
		ended := make(chan bool)
		defer close(ended)
		url := upgradingServer(t, func(net.Conn, *bufio.Reader) { <-ended })
		body, err := upgrade(context.Background(), t, l, url)
		if err != nil {
			t.Fatal(err)
		}
		errs := make(chan error, 2)
		go func() {
			_, err := io.ReadAll(body)
			errs <- err
		}()
		go func() {
			_, err := body.Write(make([]byte, 32<<20))
			errs <- err
		}()
		body.Close()
		for range 2 {
			if err := <-errs; !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("got %v", err)
			}
		}
		body.Close()
	})
	t.Run("on the loop's goroutine", func(t *testing.T) {
		url := upgradingServer(t, func(c net.Conn, r *bufio.Reader) { r.ReadByte() })
		body, err := upgrade(context.Background(), t, l, url)
		if err != nil {
			t.Fatal(err)
		}
		on(l, func() {
			if _, err := body.Write([]byte("x")); !errors.Is(err, reactor.ErrOnLoop) {
				t.Errorf("got %v", err)
			}
		})
		body.Close()
	})
	t.Run("not an upgrade", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "no") }))
		defer server.Close()
		resp, err := agent.NewRoundTripper(l, agent.New(l, agent.Config{})).RoundTrip(httptest.NewRequest("GET", server.URL, strings.NewReader("")))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := resp.Body.(io.Writer); ok {
			t.Errorf("the body of a %s is a %T", resp.Status, resp.Body)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	})
}
