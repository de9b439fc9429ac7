package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestHTTPBinOverHTTP2: httpbin answers over HTTP/2 as under net/http. The questions are those of
// TestHTTPBinAsUnderNetHTTP that net/http's client can put.
func TestHTTPBinOverHTTP2(t *testing.T) {
	bin := httpbin.New(httpbin.WithHostname("bin"))
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	theirs := httptest.NewUnstartedServer(bin)
	theirs.Config.Protocols = protocols
	theirs.Start()
	defer theirs.Close()
	ours := listen(t, siteOf(bin))
	inThreads := listen(t, func(reactor.Reactor) reactor.Factory {
		return &web.Site{Root: &web.HandlerResource{InThreads: true, Handler: bin}}
	})
	transport := &http.Transport{Protocols: protocols, DisableCompression: true}
	defer transport.CloseIdleConnections()
	put := func(t *testing.T, q question, address string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest(q.method, "http://"+address+q.path, strings.NewReader(q.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "an.example"
		for _, h := range q.headers {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Add(name, value)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		if resp.ProtoMajor != 2 {
			t.Errorf("the response is of %s", resp.Proto)
		}
		return resp, string(text)
	}
	asked := 0
	for _, q := range questions {
		if !strings.HasPrefix(q.path, "/") || q.path == "/websocket/echo" || slices.Contains(q.headers, "Transfer-Encoding: chunked") || slices.Contains(q.headers, "Connection: close") {
			continue
		}
		asked++
		t.Run(q.method+" "+q.path, func(t *testing.T) {
			wanted, wantedBody := put(t, q, theirs.Listener.Addr().String())
			for name, address := range map[string]string{"loop": ours, "threads": inThreads} {
				got, gotBody := put(t, q, address)
				switch q.path {
				case "/status/304": // over HTTP/2, net/http does not leave out a Content-Type that means nothing
					wanted.Header.Del("Content-Type")
				case "/html": // over HTTP/2, net/http learns the length of bodies of up to 4 KiB
					wanted.Header.Del("Content-Length")
					wanted.ContentLength = -1
				}
				compare(t, name, got, gotBody, wanted, wantedBody)
			}
		})
	}
	if asked < len(questions)*8/10 {
		t.Errorf("%d of %d questions", asked, len(questions))
	}
}
