package peers_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A world has servers of http and https that proxies can reach, and their certificate, which
// is also that of a proxy of https.
type world struct {
	http, https string // the URLs
	cert        tls.Certificate
	roots       *x509.CertPool
	leaked      atomic.Value // the Proxy-Authorization that a server got
}

func newWorld(t *testing.T) *world {
	w := &world{}
	w.cert, w.roots = testcert.New("127.0.0.1", "localhost", "server.test", "proxy.test")
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if v := r.Header.Get("Proxy-Authorization"); v != "" {
			w.leaked.Store(v)
		}
		switch r.URL.Path {
		case "/large":
			io.Copy(rw, io.LimitReader(endless{}, size))
		case "/upload":
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(rw, n, err)
		case "/away":
			http.Redirect(rw, r, w.https+"/hello", http.StatusFound)
		default:
			fmt.Fprintf(rw, "%s %s", r.Method, r.URL.Path)
		}
	})
	plain, secure := httptest.NewUnstartedServer(handler), httptest.NewUnstartedServer(handler)
	w.http, w.https = "http://"+plain.Listener.Addr().String(), "https://"+secure.Listener.Addr().String()
	plain.Start() // only now: handler reads the URLs
	t.Cleanup(plain.Close)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{w.cert}}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	return w
}

// size is that of a large body.
const size = 3 << 20

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// named returns rawURL with a name, for which the proxy asks its hosts file.
func named(rawURL string) string { return strings.Replace(rawURL, "127.0.0.1", "server.test", 1) }

// pem returns the certificate and its key as haproxy reads them.
func (w *world) pem(t *testing.T) string {
	key, err := x509.MarshalPKCS8PrivateKey(w.cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.cert.Certificate[0]})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
}

// run makes requests with a new client, and returns what they lead to.
func run(t *testing.T, config agent.Config, requests func(c *client.HTTPClient) *deferred.Deferred[string]) (text string, failed error) {
	t.Helper()
	r := reactor.New()
	defer r.Close()
	r.InstallNameResolver(hosts{r.NameResolver()})
	if config.Pool == nil {
		config.Pool = agent.NewPool(r, agent.PoolConfig{})
	}
	c := client.New(r, client.Config{Agent: trailing{agent.New(r, config)}})
	r.CallWhenRunning(func() {
		requests(c).AddTimeout(30*time.Second, r, nil).AddBoth(func(s string, err error) (string, error) {
			text, failed = s, err
			r.Stop()
			return "", nil
		})
	})
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	return text, failed
}

// get makes a request for the code and the text of rawURL.
func get(rawURL string, options ...client.Option) func(c *client.HTTPClient) *deferred.Deferred[string] {
	return func(c *client.HTTPClient) *deferred.Deferred[string] {
		return deferred.Then(c.Get(rawURL, options...), answer)
	}
}

// answer reads the code and the text of resp, or the length of a long text.
func answer(resp *response.Response) *deferred.Deferred[string] {
	return resp.Text().AddCallback(func(text string) (string, error) {
		if len(text) > 1000 {
			text = fmt.Sprint(len(text), " bytes")
		}
		return fmt.Sprint(resp.Code, " ", text), nil
	})
}

// hosts is a resolver that knows the names of the tests.
type hosts struct{ others reactor.NameResolver }

func (h hosts) LookupHost(name string) *deferred.Deferred[[]netip.Addr] {
	if strings.HasSuffix(name, ".test") {
		return deferred.Succeed([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	}
	return h.others.LookupHost(name)
}

// squid starts a squid that asks for the password of "me", which is "secret".
func squid(t *testing.T) *daemon.Daemon {
	const helper = "/usr/lib/squid/basic_ncsa_auth"
	if _, err := os.Stat(helper); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	return daemon.Start(t, "squid", func(s *daemon.Setup) []string {
		passwords := s.File("passwords", "me:$apr1$gotreq$.Bf13iiY.TDQ8r2mVKI3l/\n")
		return []string{"-N", "-f", s.File("squid.conf", fmt.Sprintf(`
http_port 127.0.0.1:%s
auth_param basic program %s %s
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
hosts_file %s
cache deny all
access_log none
cache_log /dev/null
pid_filename none
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
`, s.Port("proxy"), helper, passwords, s.File("hosts", "127.0.0.1 server.test\n")))}
	})
}

// haproxy starts a haproxy with the sections of a configuration that sections returns.
func haproxy(t *testing.T, sections func(s *daemon.Setup) string) *daemon.Daemon {
	return daemon.Start(t, "haproxy", func(s *daemon.Setup) []string {
		return []string{"-db", "-f", s.File("haproxy.cfg", `
global
    maxconn 100
defaults
    retries 0
    timeout connect 5s
    timeout client 30s
    timeout server 30s
`+sections(s))}
	})
}

// secured starts a haproxy that speaks TLS in front of the proxy at address.
func (w *world) secured(t *testing.T, address string) *daemon.Daemon {
	return haproxy(t, func(s *daemon.Setup) string {
		return fmt.Sprintf("listen proxy\n    mode tcp\n    bind 127.0.0.1:%s ssl crt %s\n    server one %s\n",
			s.Port("proxy"), s.File("cert.pem", w.pem(t)), address)
	})
}

// through checks everything that goes through the proxy at proxyURL: http and https, names
// and addresses, large bodies in both directions, and a redirect.
func (w *world) through(t *testing.T, proxyURL string) {
	t.Helper()
	config := agent.Config{Proxy: agent.ProxyURL(proxyURL), TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: w.roots})}
	var upload = client.Body(strings.Repeat("x", size))
	for _, site := range []string{w.http, w.https} {
		for path, want := range map[string]string{
			"/hello": "200 GET /hello", "/large": fmt.Sprint("200 ", size, " bytes"), "/away": "200 GET /hello",
		} {
			if got, err := run(t, config, get(site+path)); got != want || err != nil {
				t.Errorf("%s%s through %s: got %q, %v; want %q", site, path, proxyURL, got, err, want)
			}
		}
		got, err := run(t, config, func(c *client.HTTPClient) *deferred.Deferred[string] {
			return deferred.Then(c.Post(site+"/upload", upload), answer)
		})
		if want := fmt.Sprint("200 ", size, " <nil>"); got != want || err != nil {
			t.Errorf("an upload to %s through %s: got %q, %v; want %q", site, proxyURL, got, err, want)
		}
		w.curl(t, proxyURL, site+"/hello")
	}
	if leaked := w.leaked.Load(); leaked != nil {
		t.Errorf("the server got Proxy-Authorization %q", leaked)
	}
}

// curl checks that curl agrees that the request works.
func (w *world) curl(t *testing.T, proxyURL, target string) {
	t.Helper()
	name, err := exec.LookPath("curl")
	if err != nil {
		t.Log("SKIPPED: curl is not installed")
		return
	}
	out, err := exec.Command(name, "-sS", "-k", "--proxy-insecure", "--max-time", "20", "-x", proxyURL, target).CombinedOutput()
	if err != nil || string(out) != "GET /hello" {
		t.Errorf("curl -x %s %s: %q, %v", proxyURL, target, out, err)
	}
}

// TestSquid sends requests through a squid with a password, by URL and by the environment,
// and with a wrong password.
func TestSquid(t *testing.T) {
	address := squid(t).Address("proxy")
	w := newWorld(t)
	right, wrong := "http://me:secret@"+address, "http://me:wrong@"+address
	w.through(t, right)
	policy := agent.NewTLSPolicy(&tls.Config{RootCAs: w.roots})

	// A wrong password is the answer to a request that squid would forward, and an error of
	// a tunnel.
	config := agent.Config{Proxy: agent.ProxyURL(wrong), TLS: policy}
	if got, err := run(t, config, get(w.http+"/hello")); err != nil || !strings.HasPrefix(got, "407 ") {
		t.Errorf("got %.100q, %v; want a 407", got, err)
	}
	var refused *agent.ProxyError
	_, err := run(t, config, get(w.https+"/hello"))
	if !errors.As(err, &refused) || refused.Code != 407 || !strings.Contains(refused.Header.Get("Proxy-Authenticate"), "Basic") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v, want a ProxyError with a 407", err)
	}
	// What squid cannot reach is its 502 or 503.
	config.Proxy = agent.ProxyURL(right)
	if got, err := run(t, config, get("http://127.0.0.1:1/")); err != nil || !strings.HasPrefix(got, "503 ") {
		t.Errorf("got %.100q, %v; want a 503", got, err)
	}
	if _, err := run(t, config, get("https://127.0.0.1:1/")); !errors.As(err, &refused) || refused.Code != 503 {
		t.Errorf("got %v, want a ProxyError with a 503", err)
	}

	// The environment is asked only on request.
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
	t.Setenv("HTTP_PROXY", wrong)
	t.Setenv("ALL_PROXY", wrong)
	config.Proxy = nil
	for _, target := range []string{w.http, w.https} {
		if got, err := run(t, config, get(named(target)+"/hello")); err != nil || got != "200 GET /hello" {
			t.Errorf("without the environment: %q, %v", got, err)
		}
	}
	config.Proxy = agent.ProxyFromEnvironment
	if got, err := run(t, config, get(named(w.http)+"/hello")); err != nil || !strings.HasPrefix(got, "407 ") {
		t.Errorf("HTTP_PROXY: got %.100q, %v; want a 407", got, err)
	}
	if _, err := run(t, config, get(named(w.https)+"/hello")); !errors.As(err, &refused) {
		t.Errorf("ALL_PROXY: got %v, want a ProxyError", err)
	}
	t.Setenv("https_proxy", right)
	if got, err := run(t, config, get(named(w.https)+"/hello")); err != nil || got != "200 GET /hello" {
		t.Errorf("https_proxy: %q, %v", got, err)
	}
	t.Setenv("NO_PROXY", "server.test")
	if got, err := run(t, config, get(named(w.http)+"/hello")); err != nil || got != "200 GET /hello" {
		t.Errorf("NO_PROXY: %q, %v", got, err)
	}
}

// TestSquidOverTLS has a haproxy speak TLS in front of squid, so that https is TLS in TLS.
func TestSquidOverTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := w.secured(t, squid(t).Address("proxy")).Address("proxy")
	w.through(t, "https://me:secret@"+address)
	policy := agent.NewTLSPolicy(&tls.Config{RootCAs: w.roots})

	// The certificate must be for the name of the proxy.
	_, port, _ := net.SplitHostPort(address)
	config := agent.Config{Proxy: agent.ProxyURL("https://me:secret@proxy.test:" + port), TLS: policy}
	if got, err := run(t, config, get(w.https+"/hello")); err != nil || got != "200 GET /hello" {
		t.Errorf("got %q, %v", got, err)
	}
	config.Proxy = agent.ProxyURL("https://me:secret@other.test:" + port)
	if _, err := run(t, config, get(w.http+"/hello")); !errors.As(err, new(x509.HostnameError)) || !errors.As(err, new(*agent.ProxyError)) {
		t.Errorf("another name: %v", err)
	}
	config = agent.Config{Proxy: agent.ProxyURL("https://me:secret@" + address)}
	if _, err := run(t, config, get(w.http+"/hello")); !errors.As(err, new(x509.UnknownAuthorityError)) || !errors.As(err, new(*agent.ProxyError)) {
		t.Errorf("with the system's roots: %v", err)
	}
}

// socks checks a SOCKS5 server at address, which takes credentials, if it takes any.
func (w *world) socks(t *testing.T, credentials, address string) {
	t.Helper()
	for _, scheme := range []string{"socks5", "socks5h"} {
		w.through(t, scheme+"://"+credentials+address)
	}
	// A name that the SOCKS server looks up.
	config := agent.Config{Proxy: agent.ProxyURL("socks5h://" + credentials + address)}
	if got, err := run(t, config, get(strings.Replace(w.http, "127.0.0.1", "localhost", 1)+"/hello")); err != nil || got != "200 GET /hello" {
		t.Errorf("a name: %q, %v", got, err)
	}
	// A name that only this program knows.
	config.Proxy = agent.ProxyURL("socks5://" + credentials + address)
	if got, err := run(t, config, get(named(w.http)+"/hello")); err != nil || got != "200 GET /hello" {
		t.Errorf("a name of ours: %q, %v", got, err)
	}
	// A port that refuses.
	var failed *endpoints.SOCKS5Error
	if _, err := run(t, config, get("http://127.0.0.1:1/")); !errors.As(err, &failed) || !errors.Is(err, reactor.ErrConnectionRefused) {
		t.Errorf("a port that refuses: %v", err)
	}
}

func TestMicrosocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := func(args ...string) string {
		return daemon.Start(t, "microsocks", func(s *daemon.Setup) []string {
			return append([]string{"-i", "127.0.0.1", "-p", s.Port("socks")}, args...)
		}).Address("socks")
	}
	w.socks(t, "", start())
	locked := start("-u", "me", "-P", "se cret")
	w.socks(t, "me:se%20cret@", locked)
	for _, credentials := range []string{"", "me:wrong@", "you@"} {
		config := agent.Config{Proxy: agent.ProxyURL("socks5h://" + credentials + locked)}
		if _, err := run(t, config, get(w.http+"/hello")); !errors.Is(err, endpoints.ErrSOCKS5Auth) {
			t.Errorf("with %q: %v", credentials, err)
		}
	}
}

func TestDante(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := daemon.Start(t, "danted", func(s *daemon.Setup) []string {
		return []string{"-p", filepath.Join(s.Dir, "pid"), "-f", s.File("danted.conf", fmt.Sprintf(`
logoutput: stderr
internal: 127.0.0.1 port = %s
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks block { from: 127.0.0.0/8 to: 127.0.0.0/8 port = 2 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 command: connect }
`, s.Port("socks")))}
	})
	address := d.Address("socks")
	w.socks(t, "", address)
	// What its rules forbid.
	config := agent.Config{Proxy: agent.ProxyURL("socks5h://" + address)}
	var failed *endpoints.SOCKS5Error
	if _, err := run(t, config, get("http://127.0.0.1:2/")); !errors.As(err, &failed) || failed.Reply != 2 {
		t.Errorf("a port that the rules forbid: %v", err)
	}
}

// TestHaproxy has our client talk with servers behind a haproxy that understands HTTP.
func TestHaproxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := haproxy(t, func(s *daemon.Setup) string {
		return fmt.Sprintf(`
frontend front
    mode http
    bind 127.0.0.1:%s
    bind 127.0.0.1:%s ssl crt %s alpn http/1.1
    use_backend none if { path /none }
    default_backend one
backend one
    mode http
    server one %s
backend none
    mode http
    server none 127.0.0.1:1
`, s.Port("http"), s.Port("https"), s.File("cert.pem", w.pem(t)), strings.TrimPrefix(w.http, "http://"))
	})
	config := agent.Config{TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: w.roots})}
	for _, site := range []string{"http://" + d.Address("http"), "https://" + d.Address("https")} {
		got, err := run(t, config, func(c *client.HTTPClient) *deferred.Deferred[string] {
			return deferred.Go(func(co *deferred.Co) (string, error) {
				var all []string
				for _, d := range []func() *deferred.Deferred[*response.Response]{
					func() *deferred.Deferred[*response.Response] { return c.Get(site + "/hello") },
					func() *deferred.Deferred[*response.Response] { return c.Get(site + "/large") },
					func() *deferred.Deferred[*response.Response] { return c.Get(site + "/none") },
					func() *deferred.Deferred[*response.Response] { return c.Head(site + "/hello") },
					func() *deferred.Deferred[*response.Response] {
						return c.Post(site+"/upload", client.Body(strings.Repeat("x", size)))
					},
					func() *deferred.Deferred[*response.Response] {
						return c.Post(site+"/upload", client.Data(io.LimitReader(endless{}, size))) // in chunks
					},
				} {
					text, err := deferred.Await(co, deferred.Then(d(), answer))
					if err != nil {
						return "", err
					}
					first, _, _ := strings.Cut(text, "\n")
					all = append(all, first)
				}
				return strings.Join(all, "|"), nil
			})
		})
		want := fmt.Sprintf("200 GET /hello|200 %d bytes|503 <html><body><h1>503 Service Unavailable</h1>|200 |200 %d <nil>|200 %d <nil>", size, size, size)
		if got != want || err != nil {
			t.Errorf("%s:\ngot  %q, %v\nwant %q", site, got, err, want)
		}
	}
}

// TestProxyOfEachHop: the requests of one client go to different proxies.
func TestProxyOfEachHop(t *testing.T) {
	t.Parallel()
	address := squid(t).Address("proxy")
	w := newWorld(t)
	locked := daemon.Start(t, "microsocks", func(s *daemon.Setup) []string {
		return []string{"-i", "127.0.0.1", "-p", s.Port("socks"), "-u", "me", "-P", "secret"}
	}).Address("socks")
	var chosen []string
	config := agent.Config{TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: w.roots}), Proxy: func(req *request.Request) (*url.URL, error) {
		u := &url.URL{Scheme: "http", User: url.UserPassword("me", "secret"), Host: address}
		if req.URL.Scheme == "https" {
			u.Scheme, u.Host = "socks5", locked
		}
		chosen = append(chosen, u.Scheme)
		return u, nil
	}}
	if got, err := run(t, config, get(w.http+"/away")); err != nil || got != "200 GET /hello" || fmt.Sprint(chosen) != "[http socks5]" {
		t.Errorf("got %q, %v by %v", got, err, chosen)
	}
}
