package cookies_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"golang.org/x/net/publicsuffix"
)

var _ http.CookieJar = new(cookies.Jar)

// TestStored checks which cookies a response may set, and for which hosts.
func TestStored(t *testing.T) {
	for _, test := range []struct{ name, from, line, want string }{
		{"host only", "http://www.example.com/", "a=1", "a for www.example.com/"},
		{"capitals", "http://WWW.Example.COM/", "a=1", "a for www.example.com/"},
		{"dot at the end of the host", "http://example.com./", "a=1", "a for example.com/"},
		{"domain", "http://www.example.com/", "a=1; Domain=example.com", "a for .example.com/"},
		{"domain with dot", "http://www.example.com/", "a=1; domain=.Example.com", "a for .example.com/"},
		{"domain is the host", "http://example.com/", "a=1; Domain=example.com", "a for .example.com/"},
		{"domain empty", "http://www.example.com/", "a=1; Domain=", "a for www.example.com/"},
		{"domain a lone dot", "http://www.example.com/", "a=1; Domain=.", "a for www.example.com/"},
		{"the last domain counts", "http://www.example.com/", "a=1; Domain=other.org; Domain=example.com", "a for .example.com/"},
		{"another domain", "http://www.example.com/", "a=1; Domain=other.org", ""},
		{"a domain below", "http://example.com/", "a=1; Domain=www.example.com", ""},
		{"the end of a label", "http://badexample.com/", "a=1; Domain=example.com", ""},
		{"domain with dot at its end", "http://example.com/", "a=1; Domain=example.com.", ""},
		{"domain with two dots", "http://example.com/", "a=1; Domain=..example.com", ""},
		{"public suffix", "http://www.example.co.uk/", "a=1; Domain=co.uk", ""},
		{"private suffix", "http://me.github.io/", "a=1; Domain=github.io", ""},
		{"top level", "http://example.com/", "a=1; Domain=com", ""},
		{"a host that is a public suffix", "http://github.io/", "a=1; Domain=github.io", "a for github.io/"},
		{"one label", "http://localhost/", "a=1", "a for localhost/"},
		{"one label, domain", "http://localhost/", "a=1; Domain=localhost", "a for localhost/"},
		{"international", "http://bücher.example/", "a=1; Domain=bücher.example", "a for .xn--bcher-kva.example/"},
		{"IPv4", "http://127.0.0.1/", "a=1", "a for 127.0.0.1/"},
		{"IPv4 as domain", "http://127.0.0.1/", "a=1; Domain=127.0.0.1", "a for 127.0.0.1/"},
		{"part of an IPv4", "http://127.0.0.1/", "a=1; Domain=0.0.1", ""},
		{"IPv6 as domain", "http://[2001:db8::a]/", "a=1; Domain=2001:db8::a", "a for 2001:db8::a/"},
		{"part of an IPv6", "http://[2001:db8::a]/", "a=1; Domain=db8::a", ""},
		{"IPv6", "http://[::1]:8080/", "a=1", "a for ::1/"},
		{"not HTTP", "ftp://example.com/", "a=1", ""},
		{"no host", "http:///", "a=1", ""},

		{"default path", "http://h.example/a/b?c/d", "a=1", "a for h.example/a"},
		{"default path of a folder", "http://h.example/a/b/", "a=1", "a for h.example/a/b"},
		{"default path at the top", "http://h.example/a", "a=1", "a for h.example/"},
		{"default path, none", "http://h.example", "a=1", "a for h.example/"},
		{"path", "http://h.example/x", "a=1; Path=/a/b", "a for h.example/a/b"},
		{"path empty", "http://h.example/x/y", "a=1; Path=", "a for h.example/x"},
		{"path without slash", "http://h.example/x/y", "a=1; Path=a", "a for h.example/x"},
		{"the last path counts", "http://h.example/x/y", "a=1; Path=/a; Path=", "a for h.example/x"},

		{"Secure", "https://h.example/", "a=1; Secure", "a for h.example/"},
		{"Secure over http", "http://h.example/", "a=1; Secure", ""},
		{"Secure over http at port 443", "http://h.example:443/", "a=1; Secure", ""},
		{"Port", "http://h.example:1234/", "a=1;port=1234", "a for h.example:1234/"},
		{"Port quoted, several", "http://h.example/", `a=1; Port="80, 8080"`, "a for h.example:80,8080/"},
		{"Port without a value", "http://h.example/", "a=1; Port", "a for h.example:80/"},
		{"Port of another port", "http://h.example:4567/", "a=1;port=1234", ""},
		{"Port that is invalid", "http://h.example/", "a=1;port=x", ""},

		{"expired", "http://h.example/", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ""},
		{"expires now", "http://h.example/", "a=1; Expires=Sun, 01 Mar 2026 12:00:00 GMT", ""},
		{"expires soon", "http://h.example/", "a=1; Expires=Sun, 01 Mar 2026 12:00:01 GMT", "a for h.example/"},
		{"expires some time", "http://h.example/", "a=1; Expires=some time", "a for h.example/"},
		{"Max-Age 0", "http://h.example/", "a=1; Max-Age=0", ""},
		{"Max-Age before Expires", "http://h.example/", "a=1; Max-Age=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a for h.example/"},
		{"Max-Age before Expires, the other way", "http://h.example/", "a=1; Max-Age=-1; Expires=Fri, 01 Jan 2100 00:00:00 GMT", ""},
		{"Max-Age that is invalid", "http://h.example/", "a=1; Max-Age=+5", "a for h.example/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			jar, _ := newJar()
			receive(t, jar, test.from, test.line)
			if got := described(jar); got != test.want {
				t.Errorf("%s from %s: got %q, want %q", test.line, test.from, got, test.want)
			}
		})
	}
}

// TestSent checks which cookies are sent with a request, and in which order.
func TestSent(t *testing.T) {
	jar, _ := newJar()
	receive(t, jar, "https://www.example.com/",
		"host=1",
		"domain=2; Domain=example.com",
		"path=3; Path=/a/b",
		"folder=4; Path=/a/",
		"secure=5; Secure",
		"short=6; Path=/a",
		"port=7; Port=8443",
		"newer=8; Path=/a/b",
	)
	// The first "port" was refused: the response came from another port.
	receive(t, jar, "http://www.example.com:8443/", "port=7; Port")
	for _, test := range []struct{ to, want string }{
		{"http://www.example.com/", "host=1; domain=2"},
		{"http://www.example.com", "host=1; domain=2"},
		{"https://www.example.com/", "host=1; domain=2; secure=5"},
		{"HTTPS://WWW.EXAMPLE.COM./", "host=1; domain=2; secure=5"},
		{"http://www.example.com:8443/", "host=1; domain=2; port=7"},
		{"http://example.com/", "domain=2"},
		{"http://deep.www.example.com/", "domain=2"},
		{"http://badexample.com/", ""},
		{"http://www.example.com/a", "short=6; host=1; domain=2"},
		{"http://www.example.com/a/", "folder=4; short=6; host=1; domain=2"},
		{"http://www.example.com/a/b", "path=3; newer=8; folder=4; short=6; host=1; domain=2"},
		{"http://www.example.com/a/b/c?d", "path=3; newer=8; folder=4; short=6; host=1; domain=2"},
		{"http://www.example.com/a/bc", "folder=4; short=6; host=1; domain=2"},
		{"http://www.example.com/A/b", "host=1; domain=2"},
		{"ws://www.example.com/", ""},
		{"http://../", ""},
	} {
		if got := sent(t, jar, test.to); got != test.want {
			t.Errorf("to %s: got %q, want %q", test.to, got, test.want)
		}
	}
}

func TestIPDomainsAreExact(t *testing.T) {
	jar, _ := newJar()
	receive(t, jar, "http://127.0.0.1/", "a=1")
	receive(t, jar, "http://[::1]/", "b=2")
	for to, want := range map[string]string{
		"http://127.0.0.1:8080/": "a=1", "http://2.127.0.0.1/": "", "http://[::1]/": "b=2", "http://[0:0::1]/": "b=2", "http://[::2]/": "",
	} {
		if got := sent(t, jar, to); got != want {
			t.Errorf("to %s: got %q, want %q", to, got, want)
		}
	}
}

func TestReplace(t *testing.T) {
	jar, clock := newJar()
	const u = "http://h.example/"
	receive(t, jar, u, "a=1", "b=1")
	clock.now = clock.now.Add(time.Hour)
	receive(t, jar, u, "a=2", "a=3; Path=/x", "a=4; Domain=h.example; Path=/x")
	if got, want := sent(t, jar, u+"x"), "a=4; a=2; b=1"; got != want {
		t.Errorf("got %q, want %q: a replaced cookie keeps its place", got, want)
	}
	receive(t, jar, u, "a=; Max-Age=0", "unknown=; Max-Age=0")
	if got, want := sent(t, jar, u+"x"), "a=4; b=1"; got != want {
		t.Errorf("after one was deleted: got %q, want %q", got, want)
	}
}

func TestExpiry(t *testing.T) {
	jar, clock := newJar()
	const u = "http://h.example/"
	receive(t, jar, u, "session=0", "ten=10; Max-Age=10", "date=20; Expires=Sun, 01 Mar 2026 12:00:20 GMT", "ever=1; Max-Age=99999999999999999999")
	for _, test := range []struct {
		after time.Duration
		want  string
	}{
		{0, "session=0; ten=10; date=20; ever=1"},
		{10*time.Second - 1, "session=0; ten=10; date=20; ever=1"},
		{10 * time.Second, "session=0; date=20; ever=1"},
		{20 * time.Second, "session=0; ever=1"},
		{50 * 365 * 24 * time.Hour, "session=0; ever=1"},
		{70 * 365 * 24 * time.Hour, "session=0"},
	} {
		clock.now = start.Add(test.after)
		if got := sent(t, jar, u); got != test.want {
			t.Errorf("after %v: got %q, want %q", test.after, got, test.want)
		}
		if got := strings.Count(test.want, "="); jar.Len() != got || len(jar.Names()) != got {
			t.Errorf("after %v: Len is %d and Names %v", test.after, jar.Len(), jar.Names())
		}
	}
}

// TestDeletionWithAnyClock checks that a cookie can be deleted on a clock that starts at
// zero.
func TestDeletionWithAnyClock(t *testing.T) {
	for _, now := range []time.Time{{}, time.Unix(0, 0), start} {
		jar := &cookies.Jar{Now: func() time.Time { return now }}
		receive(t, jar, "http://h.example/", "a=1", "a=; Max-Age=0")
		if jar.Len() != 0 {
			t.Errorf("at %v: %q is left", now, described(jar))
		}
	}
}

func TestTheWallClockIsTheDefault(t *testing.T) {
	var jar cookies.Jar
	receive(t, &jar, "http://h.example/", "a=1; Max-Age=3600", "b=2; Expires=Thu, 01 Jan 2015 00:00:00 GMT")
	if got, want := sent(t, &jar, "http://h.example/"), "a=1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHTTPLeavesSecureCookiesAlone(t *testing.T) {
	const (
		secure   = "s=secret; Secure; Path=/x; Domain=example.com"
		hostOnly = "s=secret; Secure; Path=/x"
	)
	for _, test := range []struct {
		secure, from, line string
		stored             bool
	}{
		{secure, "http://www.example.com/x", "s=evil; Path=/x; Domain=example.com", false},
		{secure, "http://www.example.com/x", "s=evil; Path=/x", false},
		{secure, "http://example.com/x", "s=evil; Secure; Path=/x/y", false},
		{secure, "http://example.com/x", "s=; Path=/x; Domain=example.com; Max-Age=0", false},
		{secure, "http://example.com/x", "s=other; Path=/", true},
		{secure, "http://example.com/x", "t=other; Path=/x", true},
		{secure, "http://other.com/x", "s=other; Path=/x", true},
		{secure, "https://example.com/x", "s=changed; Path=/x", true},
		// A cookie of www.example.com alone. Cookies of the domains above are
		// sent there too.
		{hostOnly, "http://www.example.com/x", "s=evil; Path=/x", false},
		{hostOnly, "http://www.example.com/x", "s=evil; Path=/x; Domain=example.com", false},
		{hostOnly, "http://example.com/x", "s=evil; Path=/x; Domain=example.com", false},
		{hostOnly, "http://api.example.com/x", "s=evil; Path=/x/y; Domain=example.com", false},
		{hostOnly, "http://deep.www.example.com/x", "s=evil; Path=/x; Domain=www.example.com", false},
		{hostOnly, "http://api.example.com/x", "s=other; Path=/x", true},
		{hostOnly, "http://example.com/x", "s=other; Path=/; Domain=example.com", true},
		{hostOnly, "http://badwww.example.com/x", "s=other; Path=/x", true},
	} {
		jar, _ := newJar()
		receive(t, jar, "https://www.example.com/", test.secure)
		before := fmt.Sprint(jar.Items())
		receive(t, jar, test.from, test.line)
		if stored := fmt.Sprint(jar.Items()) != before; stored != test.stored {
			t.Errorf("%s from %s after %s: stored is %v", test.line, test.from, test.secure, stored)
		}
	}
}

func TestLimits(t *testing.T) {
	jar, clock := newJar()
	jar.MaxPerDomain, jar.Max = 3, 5
	for i := range 3 {
		receive(t, jar, "http://a.example/", fmt.Sprintf("a%d=%d; Path=/%d", i, i, i))
	}
	sent(t, jar, "http://a.example/0") // a1 is now the least recently used cookie
	receive(t, jar, "http://a.example/", "a3=3; Path=/3")
	if got, want := described(jar), "a0 for a.example/0, a2 for a.example/2, a3 for a.example/3"; got != want {
		t.Errorf("per domain: got %q, want %q", got, want)
	}
	receive(t, jar, "http://b.example/", "b0=0", "b1=1; Max-Age=1", "b2=2")
	if got, want := described(jar), "a0 for a.example/0, a3 for a.example/3, b0 for b.example/, b1 for b.example/, b2 for b.example/"; got != want {
		t.Errorf("in all: got %q, want %q", got, want)
	}
	clock.now = clock.now.Add(time.Second)
	receive(t, jar, "http://c.example/", "c0=0")
	if got, want := described(jar), "a0 for a.example/0, a3 for a.example/3, b0 for b.example/, b2 for b.example/, c0 for c.example/"; got != want {
		t.Errorf("expired ones first: got %q, want %q", got, want)
	}

	jar, _ = newJar()
	for i := range 190 {
		receive(t, jar, "http://a.example/", fmt.Sprintf("a%d=", i))
	}
	if jar.Len() != 180 {
		t.Errorf("by default %d cookies are kept per domain", jar.Len())
	}
	for i := range 50_000 {
		receive(t, jar, fmt.Sprintf("https://%d.example/", i), "a=")
	}
	if jar.Len() != 50_180 {
		t.Errorf("by default %d cookies are kept", jar.Len())
	}
	for _, i := range []int{0, 25_000, 49_999} {
		if got := sent(t, jar, fmt.Sprintf("https://%d.example/", i)); got != "a=" {
			t.Errorf("host %d gets %q", i, got)
		}
	}

	jar, _ = newJar()
	jar.MaxPerDomain = -1
	for i := range 1000 {
		receive(t, jar, "http://a.example/", fmt.Sprintf("a%d=", i))
	}
	if jar.Len() != 1000 {
		t.Errorf("without a limit, %d cookies are kept per domain", jar.Len())
	}
}

func TestCopyAndMerge(t *testing.T) {
	jar, clock := newJar()
	receive(t, jar, "http://h.example/", "a=1; Max-Age=10", "b=2")
	other := jar.Copy()
	receive(t, jar, "http://h.example/", "a=changed", "c=3")
	other.Del("b")
	sent(t, other, "http://h.example/")
	if got, want := sent(t, jar, "http://h.example/"), "a=changed; b=2; c=3"; got != want {
		t.Errorf("the original: got %q, want %q", got, want)
	}
	if got, want := sent(t, other, "http://h.example/"), "a=1"; got != want {
		t.Errorf("the copy: got %q, want %q", got, want)
	}
	jar.Merge(other)
	if got, want := sent(t, jar, "http://h.example/"), "a=1; b=2; c=3"; got != want {
		t.Errorf("merged: got %q, want %q", got, want)
	}
	clock.now = clock.now.Add(10 * time.Second)
	if other.Len() != 0 {
		t.Error("the copy has another clock")
	}
	var empty cookies.Jar
	if empty.Copy().Len() != 0 || empty.Copy().Set("a", "1", cookies.Domain("h.example")) != nil {
		t.Error("the copy of an empty jar is not usable")
	}
}

// TestFromMap checks where the cookies of a map are sent. The cases are those of treq's
// tests of redirects, and of CVE-2022-23607.
func TestFromMap(t *testing.T) {
	for _, test := range []struct {
		origin string
		goes   []string
		not    []string
	}{
		{
			"http://example.com/some/path",
			[]string{"http://example.com/", "http://EXAMPLE.com:80/other", "https://example.com/"},
			[]string{"http://example.com:8080/", "https://example.com:8443/", "http://example.net/", "http://www.example.com/", "http://com/"},
		},
		{
			"https://example.org/",
			[]string{"https://example.org/redirected", "https://example.org:443/"},
			[]string{"http://example.org/", "http://example.org:443/", "https://example.org:8443/", "https://sub.example.org/"},
		},
		{
			"http://example.org:8080/redirected",
			[]string{"http://example.org:8080/"},
			[]string{"http://example.org/", "https://example.org/", "http://example.org:8081/"},
		},
		{"https://example.org:8443/", []string{"https://example.org:8443/"}, []string{"https://example.org/", "http://example.org:8443/"}},
		{"http://localhost/", []string{"http://localhost/"}, []string{"http://localhost.local/", "http://x.localhost/"}},
		{"http://[::1]:81/", []string{"http://[::1]:81/"}, []string{"http://[::1]/"}},
		{"http://127.0.0.1/", []string{"http://127.0.0.1/"}, []string{"http://127.0.0.2/"}},
	} {
		jar, err := cookies.FromMap(urls.MustParse(test.origin), map[string]string{"b": "2", "a": "1"})
		if err != nil {
			t.Errorf("for %s: %v", test.origin, err)
			continue
		}
		for _, to := range test.goes {
			if got, want := sent(t, jar, to), "a=1; b=2"; got != want {
				t.Errorf("for %s, to %s: got %q, want %q", test.origin, to, got, want)
			}
		}
		for _, to := range test.not {
			if got := sent(t, jar, to); got != "" {
				t.Errorf("for %s, to %s: got %q, want none", test.origin, to, got)
			}
		}
	}
	if _, err := cookies.FromMap(urls.MustParse("ftp://h.example/"), map[string]string{"a": "1"}); err == nil {
		t.Error("ftp has cookies")
	}
}

// TestServerReplacesMapped is a case of treq's test_cookies.
func TestServerReplacesMapped(t *testing.T) {
	jar, err := cookies.FromMap(urls.MustParse("https://h.example:8443/"), map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	receive(t, jar, "https://h.example:8443/", "a=c")
	if got := jar.Items(); len(got) != 1 || got[0].Value != "c" {
		t.Errorf("got %v", got)
	}
}

// TestAgainstNetHTTP compares the jar with that of net/http, which follows the same RFC.
func TestAgainstNetHTTP(t *testing.T) {
	hosts := []string{"example.com", "www.example.com", "a.www.example.com", "example.co.uk", "co.uk", "127.0.0.1", "localhost", "me.github.io"}
	paths := []string{"", "/a", "/a/b", "/ab"}
	attributes := []string{"", "; Path=/", "; Path=/a", "; Path=/a/", "; Domain=example.com", "; Domain=.www.example.com", "; Domain=co.uk", "; Domain=github.io", "; Domain=localhost", "; Domain=127.0.0.1", "; Max-Age=100", "; Max-Age=0"}
	for _, host := range hosts {
		for _, path := range paths {
			for i, attribute := range attributes {
				ours := new(cookies.Jar)
				theirs, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
				u := urls.MustParse("https://" + host + path)
				list := cookies.FromResponse(http.Header{"Set-Cookie": {
					"a=1" + attribute, "b=2" + attributes[(i+1)%len(attributes)], "c=3; Secure" + attribute,
				}})
				ours.SetCookies(u, list)
				theirs.SetCookies(u, list)
				for _, toHost := range hosts {
					for _, toPath := range paths {
						for _, scheme := range []string{"http", "https"} {
							to := urls.MustParse(scheme + "://" + toHost + toPath)
							if diff := cmp.Diff(theirs.Cookies(to), ours.Cookies(to)); diff != "" {
								t.Fatalf("set by %s with %q, sent to %s (-net/http +ours):\n%s", u, attribute, to, diff)
							}
						}
					}
				}
			}
		}
	}
}
