package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestWebSocketLibrary: a WebSocket library at both ends, over the network and TLS. It does not know the version of HTTP: its
// request goes over the connection of HTTP/2 that another request has made, and over HTTP/1.1 before.
func TestWebSocketLibrary(t *testing.T) {
	for name, inThreads := range map[string]bool{"coroutines": false, "threads": true} {
		t.Run(name, func(t *testing.T) { testWebSocketLibrary(t, inThreads) })
	}
}

func testWebSocketLibrary(t *testing.T, inThreads bool) {
	cert, roots := testcert.New("localhost")
	versions := make(chan string, 10)
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			return
		}
		versions <- r.Proto
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"echo"}})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			kind, data, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if string(data) == "close" {
				c.Close(websocket.StatusGoingAway, "as asked")
				return
			}
			if err := c.Write(r.Context(), kind, data); err != nil {
				return
			}
		}
	})
	var port reactor.Port
	l := background.Loop(t, func(l *reactor.Loop) {
		site := &web.Site{Root: &web.HandlerResource{Handler: serve, InThreads: inThreads}, ShutdownTimeout: -1}
		var err error
		if port, err = l.ListenTCP("127.0.0.1:0", reactor.TLSServer(l, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{cert}}}, site)); err != nil {
			t.Fatal(err)
		}
	})
	url := "https://" + port.Addr().String() + "/"
	policy := agent.NewTLSPolicy(&tls.Config{RootCAs: roots, ServerName: "localhost"})
	pool := agent.NewPool(l, agent.PoolConfig{})
	client := &http.Client{Transport: agent.NewRoundTripper(l, agent.New(l, agent.Config{Pool: pool, TLS: policy}))}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dial := func() *websocket.Conn {
		c, resp, err := websocket.Dial(ctx, url+"ws", &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"echo"}})
		if err != nil {
			t.Fatal(err)
		}
		want(t, resp.StatusCode, http.StatusSwitchingProtocols)
		want(t, c.Subprotocol(), "echo")
		c.SetReadLimit(-1)
		return c
	}
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		c := dial()
		want(t, <-versions, version)
		for _, size := range []int{0, 1, 1000, 1 << 20} {
			sent := bytes.Repeat([]byte("x"), size)
			if err := c.Write(ctx, websocket.MessageBinary, sent); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("of %d bytes, %d came back: %v", size, len(got), err)
			}
		}
		ctx := c.CloseRead(ctx) // reads the answer to the ping
		if err := c.Ping(ctx); err != nil {
			t.Error(err)
		}
		if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Error(err)
		}
		c = dial() // the server closes
		<-versions
		c.Write(context.Background(), websocket.MessageText, []byte("close"))
		if _, _, err := c.Read(context.Background()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("%v", err)
		}
		resp, err := client.Get(url) // makes a connection of HTTP/2
		if err != nil {
			t.Fatal(err)
		}
		want(t, resp.Proto, "HTTP/2.0")
		resp.Body.Close()
	}
	if _, err := reactor.BlockingCallFromThread(ctx, l, func() *deferred.Deferred[deferred.None] { return pool.CloseCachedConnections() }); err != nil {
		t.Error(err)
	}
}
