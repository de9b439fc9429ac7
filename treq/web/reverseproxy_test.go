package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/loopback"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// hintingServer answers each request with two interim responses and a response.
func hintingServer(t *testing.T) (url string) {
	return "http://" + loopback.Serve(t, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: b\r\n\r\n"+
			"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
	})
}

// TestReverseProxyOnOneLoop: a httputil.ReverseProxy in a thread passes interim responses on,
// although its agent and its server have the same loop.
func TestReverseProxyOnOneLoop(t *testing.T) {
	upstream := urls.MustParse(hintingServer(t))
	address := listen(t, func(r reactor.Reactor) reactor.Factory {
		proxy := httputil.NewSingleHostReverseProxy(upstream)
		proxy.Transport = agent.NewRoundTripper(r, agent.New(r, agent.Config{}))
		return &web.Site{Root: &web.HandlerResource{InThreads: true, Handler: proxy}}
	})
	informed := ""
	req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			informed += fmt.Sprint(code, header["Link"])
			return nil
		},
	}), "GET", "http://"+address+"/", nil)
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if string(body) != "hello" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	want(t, informed, "103 [a]103 [b]")
}
