package peers_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/reactor"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has clients of other people talk HTTP/2 with a Site.

// serveSite starts site, over TLS with config if it is not nil, and returns its URL.
func serveSite(t *testing.T, site *web.Site, config *tls.Config) string {
	t.Helper()
	var url string
	background.Loop(t, func(r *reactor.Loop) {
		var factory reactor.Factory = site
		scheme := "http://"
		if config != nil {
			factory, scheme = reactor.TLSServer(r, reactor.TLSConfig{Config: config}, site), "https://"
		}
		port, err := r.ListenTCP("127.0.0.1:0", factory)
		if err != nil {
			t.Fatal(err)
		}
		url = scheme + port.Addr().String()
	})
	return url
}

// serveOurs starts a Site with the handler of the exam.
func serveOurs(t *testing.T, config *tls.Config) string {
	t.Helper()
	return serveSite(t, &web.Site{Handler: http.HandlerFunc(examHandler), MaxContent: -1}, config)
}

// TestSite has net/http's client sit the exam with a Site.
func TestSite(t *testing.T) {
	var authority treqtesting.Authority
	for _, way := range ways(&authority) {
		sit(t, theirs(way.client), serveOurs(t, way.server), nil)
	}
}

// TestSiteAndClient has our client sit the exam with a Site.
func TestSiteAndClient(t *testing.T) {
	var authority treqtesting.Authority
	for _, way := range ways(&authority) {
		sit(t, ours(second(way.client), "HTTP/2.0"), serveOurs(t, way.server), nil)
	}
}

// TestSiteOdd has net/http's client, with odd settings, sit the exam with a Site.
func TestSiteOdd(t *testing.T) {
	url := serveOurs(t, nil)
	for name, settings := range few(oddClients) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sit(t, oddly(nil, settings), url, nil)
		})
	}
}

// TestSiteTrials has programs talk with a Site.
func TestSiteTrials(t *testing.T) {
	g := newTarget(t, serveOurs)
	t.Run("curl", g.curl)
	t.Run("nghttp", g.nghttp)
	t.Run("two settings", func(t *testing.T) { // net/http refuses a setting that comes twice
		g.try(t, []trial{{"nghttp -y -c 0 -c 65536 --encoder-header-table-size=0 -m 2 SECURE/hello", nil, `^GET helloGET hello$`}})
	})
	if *all {
		t.Run("h2load", g.load)
		t.Run("httpx", g.httpx)
	}
}

// TestSiteFronts has net/http sit the exam with a Site behind each of the fronts, which speak
// HTTP/2 to it.
func TestSiteFronts(t *testing.T) {
	long(t)
	var authority treqtesting.Authority
	plain, secure := serveOurs(t, nil), serveOurs(t, authority.ServerTLS("127.0.0.1"))
	for name, start := range fronts {
		for way, to := range map[string]backend{"plain": {plain: plain}, "TLS": {plain: plain, secure: secure}} {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				f := start(t, &authority, to, true)
				for url, config := range map[string]*tls.Config{f.plain: nil, f.secure: authority.ClientTLS()} {
					sit(t, theirs(config), url, f.except)
				}
			})
		}
	}
}

// TestChromium has Chromium load a page with many resources from a Site, and talk through a
// WebSocket on a stream of the same connection (RFC 8441).
func TestChromium(t *testing.T) {
	long(t)
	config, reports := chromiumTLS(), make(chan sighting, 1)
	sockets := make(chan string, 10)
	got := chromium(t, serveSite(t, &web.Site{Handler: seen(reports, sockets)}, config)+"/page?ws", config, reports)
	want := sighting{Texts: 50, Bytes: 50*20000 + 49*50/2, Echoed: 300_000, Messages: 20, Closed: 1000}
	if close(sockets); <-sockets != "HTTP/2.0" || len(sockets) != 0 {
		t.Error("the request of the WebSocket did not come once, over HTTP/2")
	}
	if protocols := got.Protocols; len(protocols) != 1 || protocols["h2"] < 52 {
		t.Errorf("the protocols are %v", protocols)
	}
	if got.Protocols = nil; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestSiteHuge has a huge body go both ways between net/http's client and a Site.
func TestSiteHuge(t *testing.T) {
	var authority treqtesting.Authority
	for _, way := range ways(&authority) {
		url := serveSite(t, &web.Site{Handler: http.HandlerFunc(hugeHandler), MaxContent: -1}, way.server)
		flat(t, 16<<20, func() { theirsHuge(t, way.client, url) })
		flat(t, 16<<20, func() { oursHuge(t, second(way.client), url, "HTTP/2.0") })
	}
}
