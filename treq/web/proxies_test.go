package web_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// memoryPeers are the addresses of clients in memory.
var memoryPeers = netip.MustParsePrefix("10.0.0.1/32")

// named returns proxies with the addresses of clients in memory, and some more.
func named(headers ...string) web.Proxies {
	return web.Proxies{Headers: headers, Addresses: []netip.Prefix{
		memoryPeers, netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8:1::/48"),
	}}
}

// seen says what a site makes of a request: address, scheme, host.
func seen(req *web.Request) {
	fmt.Fprint(req, req.GetClientAddress(), " ", strings.TrimSuffix(req.PrePathURL(), "/"), " ", req.GetRequestHostname())
}

var (
	forFor  = []string{"X-Forwarded-For"}
	forAll  = []string{"X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Host", "X-Forwarded-Port"}
	forRFC  = []string{"Forwarded"}
	noPeer  = "10.0.0.1:49152"
	ordered = strings.Repeat("10.1.0.1, ", 999)
)

// TestForwarded checks what headers of a proxy mean.
func TestForwarded(t *testing.T) {
	for _, test := range []struct {
		name    string
		counts  []string // Proxies.Headers
		headers []string
		want    string
	}{
		{"none", nil, nil, noPeer + " http://an.example an.example"},
		{"default", nil, []string{"X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Forwarded-Port: 5"},
			"192.0.2.7:0 https://an.example an.example"},
		{"a port", forFor, []string{"X-Forwarded-For: 192.0.2.7:4711"}, "192.0.2.7:4711 http://an.example an.example"},
		{"IPv6", forFor, []string{"X-Forwarded-For: 2001:db8::1"}, "[2001:db8::1]:0 http://an.example an.example"},
		{"IPv6 in brackets", forFor, []string{"X-Forwarded-For: [2001:db8::1]"}, "[2001:db8::1]:0 http://an.example an.example"},
		{"IPv6 and port", forFor, []string{"X-Forwarded-For: [2001:db8::1]:80"}, "[2001:db8::1]:80 http://an.example an.example"},
		{"IPv4 in IPv6", forFor, []string{"X-Forwarded-For: ::ffff:192.0.2.7"}, "192.0.2.7:0 http://an.example an.example"},
		{"the last untrusted", forFor, []string{"X-Forwarded-For: 1.1.1.1, 192.0.2.7"}, "192.0.2.7:0 http://an.example an.example"},
		{"through trusted", forFor, []string{"X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.1.2.3,10.1.0.9:80 , ::ffff:10.1.1.1"}, "192.0.2.7:0 http://an.example an.example"},
		{"all trusted", forFor, []string{"X-Forwarded-For: 10.1.2.3, 10.1.0.9"}, "10.1.2.3:0 http://an.example an.example"},
		{"several lines", forFor, []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 192.0.2.7, 10.1.0.1", "X-Forwarded-For: 10.1.0.9"}, "192.0.2.7:0 http://an.example an.example"},
		{"unknown", forFor, []string{"X-Forwarded-For: 1.1.1.1, unknown"}, noPeer + " http://an.example an.example"},
		{"unknown before a proxy", forFor, []string{"X-Forwarded-For: 1.1.1.1, unknown, 10.1.0.9"}, "10.1.0.9:0 http://an.example an.example"},
		{"garbage", forFor, []string{"X-Forwarded-For: 1.1.1.1, <script>, 10.1.0.9"}, "10.1.0.9:0 http://an.example an.example"},
		{"empty", forFor, []string{"X-Forwarded-For:"}, noPeer + " http://an.example an.example"},
		{"a zone", forFor, []string{"X-Forwarded-For: fe80::1%eth0"}, noPeer + " http://an.example an.example"},
		{"text after brackets", forFor, []string{"X-Forwarded-For: [2001:db8::1]80"}, noPeer + " http://an.example an.example"},
		{"unbalanced", forFor, []string{"X-Forwarded-For: [2001:db8::1"}, noPeer + " http://an.example an.example"},
		{"a thousand", forFor, []string{"X-Forwarded-For: 192.0.2.7, " + ordered + "10.1.0.1"}, "192.0.2.7:0 http://an.example an.example"},
		{"all", forAll, []string{"X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: HTTPS", "X-Forwarded-Host: b.example", "X-Forwarded-Port: 443"},
			"192.0.2.7:0 https://b.example b.example"},
		{"another port", forAll, []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: b.example", "X-Forwarded-Port: 8443"}, noPeer + " https://b.example:8443 b.example"},
		{"two ports", forAll, []string{"X-Forwarded-Host: b.example:81", "X-Forwarded-Port: 82"}, noPeer + " http://b.example:81 b.example"},
		{"a port of IPv6", forAll, []string{"X-Forwarded-Host: [::1]", "X-Forwarded-Port: 82"}, noPeer + " http://[::1]:82 ::1"},
		{"a bad port", forAll, []string{"X-Forwarded-Port: 82x"}, noPeer + " http://an.example an.example"},
		{"port 0", forAll, []string{"X-Forwarded-Port: 0"}, noPeer + " http://an.example an.example"},
		{"a bad host", forAll, []string{"X-Forwarded-Host: a/b"}, noPeer + " http://an.example an.example"},
		{"a bad scheme", forAll, []string{"X-Forwarded-Proto: javascript"}, noPeer + " http://an.example an.example"},
		{"lists", forAll, []string{"X-Forwarded-Proto: https, http", "X-Forwarded-Host: evil, b.example"}, noPeer + " http://b.example b.example"},
		{"wss", forAll, []string{"X-Forwarded-Proto: wss"}, noPeer + " https://an.example an.example"},
		{"the other kind", forRFC, []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "Forwarded: for=192.0.2.7"}, "192.0.2.7:0 http://an.example an.example"},
		{"the other kind too", forAll, []string{"X-Forwarded-For: 192.0.2.7", "Forwarded: for=1.1.1.1;proto=https;host=evil"}, "192.0.2.7:0 http://an.example an.example"},

		{"Forwarded", forRFC, []string{`Forwarded: for=192.0.2.7;proto=https;host=b.example;by=10.1.0.9`}, "192.0.2.7:0 https://b.example b.example"},
		{"Forwarded, case and quotes", forRFC, []string{`forwarded: By="[::1]:80"; FOR="192.0.2.7:80" ;Proto="HTTPS";Host="b.example:8443"`}, "192.0.2.7:80 https://b.example:8443 b.example"},
		{"Forwarded, IPv6", forRFC, []string{`Forwarded: for="[2001:db8:cafe::17]:4711"`}, "[2001:db8:cafe::17]:4711 http://an.example an.example"},
		{"Forwarded, a hidden port", forRFC, []string{`Forwarded: for="[2001:db8:cafe::17]:_p"`}, "[2001:db8:cafe::17]:0 http://an.example an.example"},
		{"Forwarded, escapes", forRFC, []string{`Forwarded: for="192\.0.2\.7";host="b.ex\ample"`}, "192.0.2.7:0 http://b.example b.example"},
		{"Forwarded, hops", forRFC, []string{`Forwarded: for=1.1.1.1;host=evil, for=192.0.2.7;proto=https;host=b.example`, `Forwarded: for=10.1.0.3;proto=http;host=inner`}, "192.0.2.7:0 https://b.example b.example"},
		{"Forwarded, all trusted", forRFC, []string{`Forwarded: for=10.1.0.4;proto=https, for=10.1.0.3;proto=http`}, "10.1.0.4:0 https://an.example an.example"},
		{"Forwarded, unknown", forRFC, []string{`Forwarded: for=1.1.1.1, for=unknown;proto=https`}, noPeer + " https://an.example an.example"},
		{"Forwarded, hidden", forRFC, []string{`Forwarded: for=_hidden, for=10.1.0.3;proto=https`}, "10.1.0.3:0 http://an.example an.example"},
		{"Forwarded, an open quote", forRFC, []string{`Forwarded: for="1.1.1.1;proto=https, for=192.0.2.7`}, "192.0.2.7:0 http://an.example an.example"},
		{"Forwarded, an open quote before a proxy", forRFC, []string{`Forwarded: for="1.1.1.1, for=10.1.0.3`}, "10.1.0.3:0 http://an.example an.example"},
		{"Forwarded, an escaped quote", forRFC, []string{`Forwarded: for="a\", for=1.1.1.1, for=192.0.2.7`}, "192.0.2.7:0 http://an.example an.example"},
		{"Forwarded, an escaped quote outside quotes", forRFC, []string{`Forwarded: for=1.1.1.1, for=192.0.2.7;ext=a\"`}, noPeer + " http://an.example an.example"},
		{"Forwarded, a comma in quotes", forRFC, []string{`Forwarded: for=1.1.1.1, for=192.0.2.7;ext="a, for=2.2.2.2;b"`}, "192.0.2.7:0 http://an.example an.example"},
		{"Forwarded, twice", forRFC, []string{`Forwarded: for=1.1.1.1;for=192.0.2.7`}, noPeer + " http://an.example an.example"},
		{"Forwarded, no for", forRFC, []string{`Forwarded: proto=https`}, noPeer + " https://an.example an.example"},
		{"Forwarded, garbage", forRFC, []string{`Forwarded: garbage`}, noPeer + " http://an.example an.example"},
		{"Forwarded, empty", forRFC, []string{`Forwarded:`}, noPeer + " http://an.example an.example"},
		{"Forwarded, a thousand", forRFC, []string{`Forwarded: for=192.0.2.7, ` + strings.Repeat("for=10.1.0.1, ", 999) + `for=10.1.0.1`}, "192.0.2.7:0 http://an.example an.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, &web.Site{Root: web.RenderFunc(seen), Proxies: named(test.counts...)})
			want(t, body(s.get("/", test.headers...)), test.want)

			// From anybody else, the same headers mean nothing.
			s.site.Proxies.Addresses = s.site.Proxies.Addresses[1:]
			want(t, body(s.get("/", test.headers...)), "10.0.0.1:49153 http://an.example an.example")
		})
	}
}

// TestForwardedPortAlone checks that a port makes no host where a client of HTTP/1.0 named none.
func TestForwardedPortAlone(t *testing.T) {
	s := serve(t, &web.Site{Root: web.RenderFunc(seen), Proxies: named(forAll...)})
	want(t, body(s.ask("GET / HTTP/1.0\r\nX-Forwarded-Port: 82\r\n\r\n")), noPeer+" http://192.0.2.1:80 ")
}

// TestForwardedToHandlers checks an http.Handler's request, the log and the cookies of sessions.
func TestForwardedToHandlers(t *testing.T) {
	var log strings.Builder
	site := &web.Site{Proxies: named(forAll...), AccessLog: func(req *web.Request) { log.Write(web.CommonLog(req)) }}
	site.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, port, err := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprint(w, host, " ", port, " ", err, " ", r.Host, " ", r.TLS == nil, " ", r.URL, " ", web.FromContext(r.Context()).IsSecure())
	})
	s := serve(t, site)
	const headers = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b.example\r\n"
	want(t, body(s.get("/a", strings.Split(headers, "\r\n")[:3]...)), "192.0.2.7 0 <nil> b.example true /a true")
	// The host of a target is what the client has sent to the proxy, or the proxy to us.
	want(t, body(s.ask("GET http://inner/a HTTP/1.1\r\nHost: inner\r\n"+headers+"\r\n")), "192.0.2.7 0 <nil> b.example true http://inner/a true")
	want(t, log.String(), "192.0.2.7 - - [01/Jan/1970:00:00:00 +0000] \"GET /a HTTP/1.1\" 200 40\n"+
		"192.0.2.7 - - [01/Jan/1970:00:00:00 +0000] \"GET http://inner/a HTTP/1.1\" 200 52\n")

	site.Handler, site.Root = nil, web.RenderFunc(func(req *web.Request) { req.GetSession() })
	cookie := header(s.get("/", "X-Forwarded-Proto: https"), "Set-Cookie")
	want(t, strings.HasPrefix(cookie, "GOTREQ_SECURE_SESSION=") && strings.Contains(cookie, "; Secure"), true)
	want(t, strings.HasPrefix(header(s.get("/", "X-Forwarded-Proto: http"), "Set-Cookie"), "GOTREQ_SESSION="), true)
}

// TestMappedProxies checks the addresses of IPv4 in the form of IPv6.
func TestMappedProxies(t *testing.T) {
	for prefix, trusted := range map[string]bool{
		"10.0.0.1/32": true, "10.9.9.9/8": true, "::ffff:10.0.0.1/128": true, "::ffff:10.0.0.0/104": true, "0.0.0.0/0": true,
		"::ffff:11.0.0.0/104": false, "::/0": false, "10.0.0.2/32": false,
	} {
		s := serve(t, &web.Site{Root: web.RenderFunc(seen), Proxies: web.Proxies{Addresses: []netip.Prefix{netip.MustParsePrefix(prefix)}}})
		if got := body(s.get("/", "X-Forwarded-For: 192.0.2.7")); strings.HasPrefix(got, "192.0.2.7:0 ") != trusted {
			t.Errorf("%s: %q", prefix, got)
		}
	}
}

// TestForwardedOverUNIX checks that a UNIX socket is trusted only if asked for.
func TestForwardedOverUNIX(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		r := memory.New()
		site := &web.Site{Root: web.RenderFunc(seen), Proxies: web.Proxies{UNIX: trusted}}
		path := filepath.Join(t.TempDir(), "s")
		if _, err := r.ListenUNIX(path, site); err != nil {
			t.Fatal(err)
		}
		p := &peer{}
		r.ConnectUNIX(path, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }), reactor.ConnectConfig{})
		r.Pump()
		p.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"))
		r.Pump()
		if got := body(p.take()); strings.HasPrefix(got, "192.0.2.7:0 ") != trusted {
			t.Errorf("trusted %v: %q", trusted, got)
		}
	}
}

// TestInvalidProxies checks that headers that cannot be read as asked are refused.
func TestInvalidProxies(t *testing.T) {
	for _, test := range []struct {
		headers []string
		want    string
	}{
		{nil, "web: Proxies.Addresses has an invalid prefix: was the error of netip.ParsePrefix dropped?"},
		{[]string{"Forwarded", "X-Forwarded-For"}, "web: Proxies.Headers has Forwarded and others: name only what the proxies set"},
		{[]string{"X-Real-Ip"}, `web: Proxies.Headers has "X-Real-Ip", which is neither Forwarded nor X-Forwarded-For, -Proto, -Host or -Port`},
	} {
		func() {
			defer func() { want(t, fmt.Sprint(recover()), test.want) }()
			proxies := web.Proxies{Headers: test.headers}
			if test.headers == nil {
				proxies.Addresses = make([]netip.Prefix, 1)
			}
			(&web.Site{Root: web.RenderFunc(hello), Proxies: proxies}).BuildProtocol(nil)
		}()
	}
}

// TestForwardedIsLinear checks that hostile headers cost no more than their length: with the
// square of it, this test would not end.
func TestForwardedIsLinear(t *testing.T) {
	const size = 1 << 20
	limits := wire.Limits{HeaderBytes: 2 * size}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto"} {
		for _, value := range []string{`\"`, `"\`, `"`, `,`, `;`, `\`, `a=";`, `10.1.0.1,`, `for=10.1.0.1,`, `for="`, `a=;`, `"",`} {
			s := serve(t, &web.Site{Root: web.RenderFunc(seen), Proxies: named(name), Limits: limits})
			got := s.ask("GET / HTTP/1.1\r\nHost: x\r\n" + name + ": " + strings.Repeat(value, size/len(value)) + "\r\n\r\n")
			if head(got) != "HTTP/1.1 200 OK" {
				t.Errorf("%s of %q: %.200q", name, value, got)
			}
		}
	}
}
