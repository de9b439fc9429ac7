package origin_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
)

// TestOf has one origin in each row. No two rows have the same.
func TestOf(t *testing.T) {
	rows := [][]string{
		{
			"http://an.example", "HTTP://AN.Example/", "http://an.example:/", "http://an.example:80/a?b#c", "http://an.example:0080/",
			"http://user:pass@an.example/", "http://an.example./", "http://AN.EXAMPLE.:80/",
		},
		{"https://an.example", "https://an.example:443/", "https://an.example.:443/"},
		{"http://an.example:443"},
		{"https://an.example:80"},
		{"https://an.example:8443", "https://an.example:08443"},
		{"http://an.example:8443"},
		{"http://an.example:0", "http://an.example:000"},
		{"http://www.an.example"},
		{"http://an_example"},
		{
			"http://bücher.example/", "http://BÜCHER.example:80/", "http://xn--bcher-kva.example/", "http://XN--BCHER-KVA.example./",
			"http://b%C3%BCcher.example/", "http://b%c3%bccher.example./", "http://bu\u0308cher.example", "http://bücher。example",
		},
		{"http://bucher.example"},
		{"http://127.0.0.1", "http://127.0.0.1.:80"},
		{"http://[::ffff:127.0.0.1]", "http://[::FFFF:7f00:1]:80"},
		{"http://[::1]", "http://[::1]:80/", "http://[0:0:0:0:0:0:0:1]", "http://[0000::0001]"},
		{"http://[2001:db8::a]", "http://[2001:DB8:0:0::A]/"},
		{"http://[2001:db8::a]:81"},
		{"http://[fe80::1]"},
		{"http://[fe80::1%25eth0]", "http://[FE80:0::1%25eth0]:80"},
		{"http://[fe80::1%25ETH0]"}, // to the system this is another interface
		{"http://[fe80::1%25eth1]"},
		{"http://[fe80::1%25ü]"},
	}
	seen := make(map[origin.Origin]string)
	for _, row := range rows {
		first, err := origin.Of(urls.MustParse(row[0]))
		if err != nil {
			t.Fatalf("%s: %v", row[0], err)
		}
		if other := seen[first]; other != "" {
			t.Errorf("%s and %s are the same", row[0], other)
		}
		seen[first] = row[0]
		for _, rawURL := range row[1:] {
			if got, err := origin.Of(urls.MustParse(rawURL)); err != nil || got != first {
				t.Errorf("%s: got %v, %v, want %v as of %s", rawURL, got, err, first, row[0])
			}
		}
	}
}

// TestServer has the parts of a URL that are sent and connected to.
func TestServer(t *testing.T) {
	for _, test := range []struct{ url, header, connect, tls string }{
		{"http://an.example", "an.example", "an.example:80", "an.example"},
		{"HTTPS://An.Example:443", "an.example", "an.example:443", "an.example"},
		{"http://an.example:00", "an.example:0", "an.example:0", "an.example"},
		{"http://an.example:443", "an.example:443", "an.example:443", "an.example"},
		{"https://an.example:080", "an.example:80", "an.example:80", "an.example"},
		{"http://An.example.", "an.example.", "an.example.:80", "an.example"},
		{"https://an.example.:8443", "an.example.:8443", "an.example.:8443", "an.example"},
		{"http://bücher.example.", "xn--bcher-kva.example.", "xn--bcher-kva.example.:80", "xn--bcher-kva.example"},
		{"http://user:pass@127.0.0.1:8080/", "127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1"},
		{"http://[2001:DB8:0::A]", "[2001:db8::a]", "2001:db8::a:80", "2001:db8::a"},
		{"https://[fe80::1%25eth0]:1", "[fe80::1]:1", "fe80::1%eth0:1", "fe80::1"},
	} {
		s, err := origin.ServerOf(urls.MustParse(test.url))
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		if s.HostHeader() != test.header || s.Host+":"+s.Port != test.connect || s.TLSName() != test.tls {
			t.Errorf("%s: got %q, %v, %q; want %q, %q, %q", test.url, s.HostHeader(), s, s.TLSName(), test.header, test.connect, test.tls)
		}
	}
}

// TestServersDiffer: only requests to the same server share a connection.
func TestServersDiffer(t *testing.T) {
	of := func(rawURL string) origin.Server {
		s, err := origin.ServerOf(urls.MustParse(rawURL))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if a, b := of("http://an.example"), of("http://an.example."); a == b || a.Origin() != b.Origin() {
		t.Errorf("%v and %v", a, b)
	}
	if a, b := of("http://An.example/a"), of("http://user@an.example:80/b"); a != b {
		t.Errorf("%v and %v", a, b)
	}
}

func TestNoOrigin(t *testing.T) {
	for _, test := range []struct {
		url  *url.URL
		want error
		says string
	}{
		{nil, origin.ErrNoHost, ""},
		{urls.MustParse(""), origin.ErrSchemeNotSupported, `""`},
		{urls.MustParse("//an.example"), origin.ErrSchemeNotSupported, `""`},
		{urls.MustParse("ftp://an.example"), origin.ErrSchemeNotSupported, `"ftp"`},
		{urls.MustParse("javascript:alert(1)"), origin.ErrSchemeNotSupported, `"javascript"`},
		{urls.MustParse("http:///a"), origin.ErrNoHost, ""},
		{urls.MustParse("http://:80/"), origin.ErrNoHost, ""},
		{urls.MustParse("http:a"), origin.ErrNoHost, ""},
		{urls.MustParse("http://an.example:65536"), origin.ErrPort, "port 65536 is above 65535"},
		{urls.MustParse("http://an.example:99999999999999999999"), origin.ErrPort, "99999"},
		{urls.MustParse("http://."), origin.ErrHost, `"."`},
		{urls.MustParse("http://an..example"), origin.ErrHost, "an..example"},
		{urls.MustParse("http://.an.example"), origin.ErrHost, ".an.example"},
		{urls.MustParse("http://an.example.."), origin.ErrHost, "an.example.."},
		{urls.MustParse("http://ü..example"), origin.ErrHost, ""},
		{urls.MustParse("http://a%25b"), origin.ErrHost, "a%b"},
		{urls.MustParse("http://a<b"), origin.ErrHost, "a<b"},
		{urls.MustParse("http://-ü"), origin.ErrHost, "-ü"},
		{urls.MustParse("http://ü%25"), origin.ErrHost, "ü%"},
		{urls.MustParse("http://\uff0f"), origin.ErrHost, ""}, // a slash, to IDNA
		{urls.MustParse("http://%ff.example"), origin.ErrHost, "not UTF-8"},
		{&url.URL{Scheme: "http", Host: "a b"}, origin.ErrHost, "a b"},
		{&url.URL{Scheme: "http", Host: "a\r\nA: b"}, origin.ErrHost, ""},
		{&url.URL{Scheme: "http", Host: "a\x7f"}, origin.ErrHost, ""},
		{&url.URL{Scheme: "http", Host: `a"b`}, origin.ErrHost, `a\"b`},
		{&url.URL{Scheme: "http", Host: "a@b"}, origin.ErrHost, "a@b"},
		{&url.URL{Scheme: "http", Host: "a:port"}, origin.ErrHost, "a:port"},
		{&url.URL{Scheme: "http", Host: "a:b:80"}, origin.ErrHost, "a:b"},
		{&url.URL{Scheme: "http", Host: "0::"}, origin.ErrHost, "an IPv6 address stands in brackets: http://[0::]/"},
		{&url.URL{Scheme: "http", Host: "fe80::1:80"}, origin.ErrHost, "fe80"}, // without brackets
		{&url.URL{Scheme: "http", Host: "[::1"}, origin.ErrHost, ""},
		{&url.URL{Scheme: "http", Host: "[127.0.0.1]"}, origin.ErrHost, "127.0.0.1"},
		{&url.URL{Scheme: "http", Host: "[an.example]:80"}, origin.ErrHost, "an.example"},
		{&url.URL{Scheme: "http", Host: "[::x]"}, origin.ErrHost, "::x"},
	} {
		got, err := origin.Of(test.url)
		if got != (origin.Origin{}) || !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: got %v, %v, want %v with %s", test.url, got, err, test.want, test.says)
		}
	}
}

func TestHost(t *testing.T) {
	for name, want := range map[string]string{
		"An.Example": "an.example", "an.example.": "an.example", "bücher.example.": "xn--bcher-kva.example",
		"::0001": "::1", "FE80::1%eth0": "fe80::1%eth0", "127.0.0.1": "127.0.0.1", "localhost": "localhost",
	} {
		if got, err := origin.Host(name); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", ".", "a..b", "a b", "[::1]", "a:80", "::x", "a\x00", "a\u200d", "%zz"} {
		if got, err := origin.Host(name); !errors.Is(err, origin.ErrHost) {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
}

// TestAllocations: the agent calls ServerOf for each request.
func TestAllocations(t *testing.T) {
	for _, rawURL := range []string{"http://an.example/", "https://an.example.:8443/a?b", "http://127.0.0.1:8080/", "http://[2001:db8::a]:8080/"} {
		u := urls.MustParse(rawURL)
		if n := testing.AllocsPerRun(100, func() { origin.ServerOf(u) }); n != 0 {
			t.Errorf("%s: %v allocations", rawURL, n)
		}
	}
}

func BenchmarkServerOf(b *testing.B) {
	for _, rawURL := range []string{"http://an.example/", "http://127.0.0.1:8080/", "http://[::1]:8080/", "http://An.Example/", "http://bücher.example/"} {
		b.Run(strings.Trim(rawURL[len("http://"):], "/"), func(b *testing.B) {
			u := urls.MustParse(rawURL)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := origin.ServerOf(u); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
