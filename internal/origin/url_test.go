package origin_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
)

// repairs are URLs and the host and target that are sent. treq 22.2 sends the same, except
// for the rows marked as ours.
var repairs = []struct{ url, host, target string }{
	{"http://x", "x", "/"},
	{"http://x?a=b", "x", "/?a=b"},
	{"http://x/a%2fb", "x", "/a%2fb"},
	{"http://x/?a&b=&=c&&d", "x", "/?a&b=&=c&&d"},
	{"http://x/?a=b%20c%2f%zz", "x", "/?a=b%20c%2f%zz"},
	{"http://x/?a=b+c", "x", "/?a=b+c"},
	{"http://x/a;b=c,d?x=1;y=2", "x", "/a;b=c,d?x=1;y=2"},
	{"http://x//a//b", "x", "//a//b"},
	{"http://x/a b\"<>[]\\^`{|}", "x", "/a%20b%22%3C%3E%5B%5D%5C%5E%60%7B%7C%7D"},
	{"http://x/?a b\"<>[]\\^`{|}", "x", "/?a%20b%22%3C%3E%5B%5D%5C%5E%60%7B%7C%7D"},
	{"http://x/!$&'()*+,-.:;=@_~?!$&'()*+,-./:;=@_~", "x", "/!$&'()*+,-.:;=@_~?!$&'()*+,-./:;=@_~"},
	{"http://x/ü?ü=é", "x", "/%C3%BC?%C3%BC=%C3%A9"},
	{"http://x/a|b?c", "x", "/a%7Cb?c"},
	{"http://bücher.example/", "xn--bcher-kva.example", "/"},
	{"http://BÜCHER.example:8080/", "xn--bcher-kva.example:8080", "/"},
	{"http://xn--bcher-kva.example/", "xn--bcher-kva.example", "/"},
	{"http://b%C3%BCcher.example./", "xn--bcher-kva.example.", "/"}, // ours
	{"http://ex%61mple%2ecom:8080/", "example.com:8080", "/"},       // ours
	{"http://b%C3%BC%63her.example/", "xn--bcher-kva.example", "/"}, // ours
	{"http://_a.ü_b.example/", "_a.xn--_b-wka.example", "/"},        // ours
	{"http://ｅｘ。example/", "ex.example", "/"},                       // ours
	{"http://[::1]:8080/", "[::1]:8080", "/"},                       // ours
	{"http://[fe80::1%25eth0]/", "[fe80::1%eth0]", "/"},             // ours
	{"http://[fe80::1%eth0]:80/%", "[fe80::1%eth0]:80", "/%25"},     // ours
	{"http://u:p@[fe80::1%ab0]/", "[fe80::1%ab0]", "/"},             // ours
	{"http://[fe80::1%2]/", "[fe80::1%2]", "/"},                     // ours
	{"http://[fe80::1%35]/", "[fe80::1%35]", "/"},                   // ours
	{"http://[fe80::1%2535]/", "[fe80::1%35]", "/"},                 // ours
	{"http://[fe80::1%41]:80/%", "[fe80::1%41]:80", "/%25"},         // ours
	{"http://[fe80::1%zz]/", "[fe80::1%zz]", "/"},                   // ours
	{"http://u%41:p@[fe80::1%35]:80/", "[fe80::1%35]:80", "/"},      // ours
	{"http://u:p%@[::1%41]/", "[::1%41]", "/"},                      // ours
	{"http://[fe80::1%25%33%35]/", "[fe80::1%35]", "/"},             // ours
	{"http://[%66e80::1]/", "[fe80::1]", "/"},                       // ours
	{"http://[%66e8%30::1%35]/", "[fe80::1%35]", "/"},               // ours
	{"http://[%66e80::1%25eth0]/", "[fe80::1%eth0]", "/"},           // ours
	// A stray % is encoded, as Python's requests does; treq sends it as it is.
	{"http://x/%zz", "x", "/%25zz"},
	{"http://x/100%", "x", "/100%25"},
	{"http://x/100%/%2", "x", "/100%25/%252"},
	{"http://x/%%41", "x", "/%25%41"},
	// Escapes stay, whatever else of the path needs one.
	{"http://x/é/a%2Fb", "x", "/%C3%A9/a%2Fb"},
	{"http://x/{a}/b%2f%2e%7Bc%7D", "x", "/%7Ba%7D/b%2f%2e%7Bc%7D"},
	{"http://x/a|b%2Fc d%41%", "x", "/a%7Cb%2Fc%20d%41%25"},
	{"http://x/%C3%BC%?a=%#b%", "x", "/%C3%BC%25?a=%"},
	{"http://x/%09%9a%Af%", "x", "/%09%9a%Af%25"},
	{"http://x#%zz", "x", "/"},
	{"http://x/a#b%#c", "x", "/a"},
	{"http://u s^e%r:p|w\"ü@x/", "x", "/"},
	{"http://u@ser@x/", "x", "/"},
}

func TestParse(t *testing.T) {
	for _, test := range repairs {
		u, err := origin.Parse(test.url)
		if err != nil {
			t.Errorf("%q: %v", test.url, err)
			continue
		}
		if u.Host != test.host || u.RequestURI() != test.target {
			t.Errorf("%q: got %q and %q, want %q and %q", test.url, u.Host, u.RequestURI(), test.host, test.target)
		}
		if again, err := origin.Parse(u.String()); err != nil || again.String() != u.String() {
			t.Errorf("%q became %q and that %v, %v", test.url, u, again, err)
		}
	}
}

// TestParseOnly has URLs that are valid only from a caller.
func TestParseOnly(t *testing.T) {
	for _, test := range []struct{ url, host, target string }{
		{"http://x/a/../b/./c", "x", "/a/../b/./c"},   // a Location loses the dots
		{"http://[fe80::1%25ü]/", "[fe80::1%ü]", "/"}, // ours
	} {
		u, err := origin.Parse(test.url)
		if err != nil || u.Host != test.host || u.RequestURI() != test.target {
			t.Errorf("%q: got %v, %v, want %q and %q", test.url, u, err, test.host, test.target)
		}
	}
}

// TestResolveRepairs: a Location gets the repairs of a caller's URL.
func TestResolveRepairs(t *testing.T) {
	base := urls.MustParse("http://x/base?query")
	for _, test := range repairs {
		locations := []string{test.url}
		if test.host == "x" && !strings.Contains(test.url, "@") && !strings.HasPrefix(test.target, "//") {
			locations = append(locations, strings.TrimPrefix(test.url, "http:"))
			if relative := strings.TrimPrefix(test.url, "http://x"); strings.HasPrefix(relative, "/") {
				locations = append(locations, relative)
			}
		}
		for _, location := range locations {
			u, err := origin.Resolve(base, location)
			if err != nil {
				t.Errorf("%q: %v", location, err)
				continue
			}
			if u.Host != test.host || u.RequestURI() != test.target {
				t.Errorf("%q: got %q and %q, want %q and %q", location, u.Host, u.RequestURI(), test.host, test.target)
			}
		}
	}
}

// TestRepairedUser: a user name and password arrive as they are written.
func TestRepairedUser(t *testing.T) {
	for _, test := range []struct{ url, user, password string }{
		{"http://u s^e%r:p|w\"ü%@x/", "u s^e%r", "p|w\"ü%"},
		{"http://u%40:%zz%7e@x/", "u@", "%zz~"},
		{"http://u@:p@x/", "u@", "p"},
	} {
		u, err := origin.Parse(test.url)
		if err != nil {
			t.Errorf("%q: %v", test.url, err)
			continue
		}
		if password, _ := u.User.Password(); u.User.Username() != test.user || password != test.password {
			t.Errorf("%q: got %q and %q", test.url, u.User.Username(), password)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ url, text string }{
		{"http://\u0000x/", "invalid control character"},
		{"http://x/\x7f", "invalid control character"},
		{"http://x/\n", "invalid control character"},
		{"http://a b/", "invalid character"},
		{"http:x", "http: is not followed by //"},
		{"mailto:me%zz", "mailto: is not followed by //"},
		{"http://-ü.example/", "host name"},
		{"http://%ff.example/", "not UTF-8"},
		{"http://%80/", "not UTF-8"},
		{"http://%zz.example/", `invalid URL escape "%zz"`},
		{"http://[::1/", "missing ']'"},
		{"http://me:secret@x:port/", "invalid port"},
		{"http://me:secret/x@y/", "invalid port"},
		{"http://good.example:secret\\@evil.example/", "invalid userinfo"},
		{"http://good.example\\@evil.example/", "invalid userinfo"},
		{"http://me:secret\x01@x/", "invalid control character"},
		{"a b:secret", "first path segment"},
		{":secret", "missing protocol scheme"},
		{"http://::1/", "an IPv6 address stands in brackets: http://[::1]/"},
		{"http://me:secret@2001:db8::abcd/x?y", "an IPv6 address stands in brackets: http://[2001:db8::abcd]/"},
		{"https://fe80::1%eth0", "an IPv6 address stands in brackets: https://[fe80::1%25eth0]/"},
	} {
		_, err := origin.Parse(test.url)
		if err == nil || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want %q", test.url, err, test.text)
		}
	}
}

// TestWire: a URL that was put together may lack the slash and the escapes of a parsed one.
func TestWire(t *testing.T) {
	bare := urls.MustParse("http://x")
	for _, test := range []struct {
		url  *url.URL
		want string
	}{
		{bare, "/"},
		{bare.JoinPath("a", "b c"), "/a/b%20c"},
		{bare.JoinPath("a/", "b%2Fc"), "/a/b%2Fc"},
		{&url.URL{Scheme: "http", Host: "x", Path: "a|b"}, "/a%7Cb"},
		{&url.URL{Scheme: "http", Host: "x", Path: "/a^b"}, "/a%5Eb"},
		{&url.URL{Scheme: "http", Host: "x", Path: "/a[b", RawPath: "/a[b"}, "/a%5Bb"},
		{&url.URL{Scheme: "http", Host: "x", Path: "/a/b[", RawPath: "/a%2Fb["}, "/a%2Fb%5B"},
		{&url.URL{Scheme: "http", Host: "x", Path: "/a/b|", RawPath: "/of%2Fanother|"}, "/a/b%7C"},
		{&url.URL{Scheme: "http", Host: "x", RawQuery: "a\x7f"}, "/?a%7F"},
	} {
		before := *test.url
		u, err := origin.Wire(test.url)
		if err != nil {
			t.Errorf("%v: %v", test.url, err)
			continue
		}
		if got := u.RequestURI(); got != test.want {
			t.Errorf("%v: got %q, want %q", test.url, got, test.want)
		}
		if *test.url != before {
			t.Errorf("%v: was changed", test.url)
		}
	}
}

// TestWireKeeps: a URL without a fault is not copied.
func TestWireKeeps(t *testing.T) {
	u := urls.MustParse("http://user@An.Example:80/a%2fb?c=%zz#d")
	if got, err := origin.Wire(u); got != u || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestResolve(t *testing.T) {
	for _, test := range []struct{ base, location, want string }{
		{"http://an.example/a/b?c#d", "", "http://an.example/a/b?c#d"},
		{"http://an.example/a/b?c#d", "e", "http://an.example/a/e#d"},
		{"http://an.example/a/b?c#d", "../e", "http://an.example/e#d"},
		{"http://an.example/a/b?c#d", "?e", "http://an.example/a/b?e#d"},
		{"http://an.example/a/b?c#d", "#e", "http://an.example/a/b?c#e"},
		{"http://an.example/a/b?c#d", "/e?%#%f%", "http://an.example/e?%#%25f%25"},
		{"http://an.example/a/b?c#d", "#", "http://an.example/a/b?c"},
		{"http://an.example/a/b?c#d", "/e#", "http://an.example/e"},
		{"http://an.example/#%2Fd", "/e", "http://an.example/e#%2Fd"},
		{"http://user@an.example/a", "/b", "http://user@an.example/b"},
		{"http://user@an.example/a", "//an.example/b", "http://an.example/b"},
		{"http://an.example/", "//u^%:p@an.example/b", "http://u%5E%25:p@an.example/b"},
		{"https://an.example/", "//another.example:80", "https://another.example:80"},
		{"http://an.example/", "HTTP://AN.example./", "http://AN.example./"},
		{"http://an.example/a", "//bücher.example/ü x", "http://xn--bcher-kva.example/%C3%BC%20x"},
		{"http://an.example/a/b", "1:2", "http://an.example/a/1:2"},
		{"http://an.example/a/b", "1://x/", "http://an.example/a/1://x/"},
		{"http://an.example/a/b", ":80/x", "http://an.example/a/:80/x"},
		{"http://an.example/é{", "b%2Fé%2f{", "http://an.example/b%2F%C3%A9%2f%7B"},
		{"http://an.example/a/b", "b c:d|e?f:g", "http://an.example/a/b%20c:d%7Ce?f:g"},
	} {
		got, err := origin.Resolve(urls.MustParse(test.base), test.location)
		if err != nil || got.String() != test.want {
			t.Errorf("%s, to %q: got %v, %v, want %s", test.base, test.location, got, err, test.want)
		}
	}
	if u, err := origin.Resolve(&url.URL{Scheme: "HTTP", Host: "x"}, "/a"); err != nil || u.String() != "http://x/a" {
		t.Errorf("a base in upper case: got %v, %v", u, err)
	}
}

func TestResolveErrors(t *testing.T) {
	base := urls.MustParse("http://an.example/a")
	for location, want := range map[string]error{
		"http:///path":          origin.ErrNoHost,
		"http:///%zz":           origin.ErrNoHost,
		"//":                    origin.ErrNoHost,
		"//?x":                  origin.ErrNoHost,
		"//#x":                  origin.ErrNoHost,
		"//u:p@":                origin.ErrNoHost,
		"//:80":                 origin.ErrNoHost,
		"https:?x":              origin.ErrNoHost,
		"http:a":                origin.ErrNoHost,
		"ftp://x":               origin.ErrSchemeNotSupported,
		"javascript:alert(1)":   origin.ErrSchemeNotSupported,
		"data:,%":               origin.ErrSchemeNotSupported,
		"http://an.example:a/":  origin.ErrPort,
		"//an.example:65536":    origin.ErrPort,
		"//0::":                 origin.ErrHost,
		"//a:b:80/":             origin.ErrHost,
		"//a%25b/":              origin.ErrHost,
		"//a%40b/":              nil,
		"//a%2Fb/":              nil,
		"//ü%40b/":              nil,
		"//ü／b/":                origin.ErrHost,
		"//ü b/":                nil,
		"//xn--a.ü/":            origin.ErrHost,
		"//-ü/":                 origin.ErrHost,
		"//[fe80::1%25ü]/":      origin.ErrHost,
		"//[fe80::1%]/":         nil,
		"//[fe80::1%25]/":       nil,
		"//[fe80::1%35%]/":      nil,
		"//[127.0.0.1%35]/":     nil,
		"//[::1":                nil,
		"/\x01":                 nil,
		"http://[v1.x]/":        nil,
		"//an.example\\@b/":     nil,
		"http://an.exa mple/":   nil,
		"http://me:secret\\@b/": nil,
	} {
		u, err := origin.Resolve(base, location)
		if err == nil || want != nil && !errors.Is(err, want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, %v, want %v", location, u, err, want)
		}
	}
}

// FuzzResolve: the URL of a Location can be sent, and means the same when it is parsed
// again.
func FuzzResolve(f *testing.F) {
	for _, s := range []string{
		"/a", "//b", "http://u@h:1/?q#f", "\\x", "http://[::1", "?", "#", "..", "javascript:x", "/\xff?\xff", "http:opaque",
		"//0::", "//a:b:80/", "//[::]0", "//b%C3%BC.x./", "/%#%", "//u%:^@h", "//a\\@b",
	} {
		f.Add(s)
	}
	base := urls.MustParse("http://an.example/a/b?c#d")
	f.Fuzz(func(t *testing.T, location string) {
		u, err := origin.Resolve(base, location)
		if err != nil {
			return
		}
		if strings.ContainsFunc(u.RequestURI(), func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			t.Errorf("%q became %q", location, u.RequestURI())
		}
		server, err := origin.ServerOf(u)
		if err != nil {
			t.Fatalf("%q became %q, which has no server: %v", location, u, err)
		}
		again, err := origin.Parse(u.String())
		if err != nil || again.String() != u.String() {
			t.Fatalf("%q became %q, and that %v, %v", location, u, again, err)
		}
		if s, err := origin.ServerOf(again); err != nil || s != server {
			t.Errorf("%q is for %v, and parsed again for %v, %v", location, server, s, err)
		}
	})
}

// TestCheckScheme: the text says what was meant.
func TestCheckScheme(t *testing.T) {
	for rawURL, want := range map[string]string{
		"":                      "empty URL",
		"127.0.0.1/x":           `"127.0.0.1/x" has no scheme: http://127.0.0.1/x?`,
		"127.0.0.1:8080/x":      `"127.0.0.1:8080/x" has no scheme: http://127.0.0.1:8080/x?`,
		"localhost:8080":        `"localhost:8080" has no scheme: http://localhost:8080?`,
		"an.example":            `"an.example" has no scheme: http://an.example?`,
		"//an.example/x":        `"an.example/x" has no scheme: http://an.example/x?`,
		"[::1]:80":              `"[::1]:80" has no scheme: http://[::1]:80?`,
		"me@an.example/":        `"me@an.example/" has no scheme: http://me@an.example/?`,
		"me:secret@an.example/": "",
		"/a/b":                  `"/a/b" has no scheme and no host`,
		"?a=b":                  `"?a=b" has no scheme and no host`,
		"http://an.example":     "",
		"ftp://an.example":      "",
		"http:an.example":       "",
		"HTTPS:80":              "",
		"mailto:me@an.example":  "",
		"javascript:alert(1)":   "",
	} {
		err := origin.CheckScheme(rawURL)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: got %v", rawURL, err)
		case want != "" && (err == nil || err.Error() != want || !errors.Is(err, origin.ErrSchemeNotSupported)):
			t.Errorf("%q: got %v, want %s", rawURL, err, want)
		}
	}
}
