package client

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestParseURL holds what is sent to what treq 22.2 sends, which was asked for
// every case but those marked.
func TestParseURL(t *testing.T) {
	for _, c := range []struct{ url, host, target string }{
		{"http://x", "x", "/"},
		{"http://x?a=b", "x", "/?a=b"},
		{"http://x/a%2fb", "x", "/a%2fb"},
		{"http://x/?a&b=&=c&&d", "x", "/?a&b=&=c&&d"},
		{"http://x/?a=b%20c%2f%zz", "x", "/?a=b%20c%2f%zz"},
		{"http://x/?a=b+c", "x", "/?a=b+c"},
		{"http://x/a;b=c,d?x=1;y=2", "x", "/a;b=c,d?x=1;y=2"},
		{"http://x/a/../b/./c", "x", "/a/../b/./c"},
		{"http://x//a//b", "x", "//a//b"},
		{"http://x/a b\"<>[]\\^`{|}", "x", "/a%20b%22%3C%3E%5B%5D%5C%5E%60%7B%7C%7D"},
		{"http://x/?a b\"<>[]\\^`{|}", "x", "/?a%20b%22%3C%3E%5B%5D%5C%5E%60%7B%7C%7D"},
		{"http://x/!$&'()*+,-.:;=@_~?!$&'()*+,-./:;=@_~", "x", "/!$&'()*+,-.:;=@_~?!$&'()*+,-./:;=@_~"},
		{"http://x/ü?ü=é", "x", "/%C3%BC?%C3%BC=%C3%A9"},
		{"http://bücher.example/", "xn--bcher-kva.example", "/"},
		{"http://BÜCHER.example:8080/", "xn--bcher-kva.example:8080", "/"},
		{"http://xn--bcher-kva.example/", "xn--bcher-kva.example", "/"},
		{"http://[::1]:8080/", "[::1]:8080", "/"},     // treq cannot
		{"http://[fe80::1%25ü]/", "[fe80::1%ü]", "/"}, // treq cannot
	} {
		u, err := parseURL(c.url)
		if err != nil {
			t.Errorf("%q: %v", c.url, err)
			continue
		}
		if u.Host != c.host || u.RequestURI() != c.target {
			t.Errorf("%q: got %q and %q, want %q and %q", c.url, u.Host, u.RequestURI(), c.host, c.target)
		}
	}
	for _, c := range []struct{ url, text string }{
		{"http://x/%zz", "invalid URL escape"},
		{"http://\u0000x/", "invalid control character"},
		{"http://a b/", "invalid character"},
		{"http:x", "http: is not followed by //"},
		{"http://-ü.example/", "host name"},
		{"http://me:secret@x:port/", "invalid port"},
	} {
		_, err := parseURL(c.url)
		if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want %q", c.url, err, c.text)
		}
	}
}

// A URL that was put together need not have the slash that one has that was parsed.
func TestWireURLHasASlash(t *testing.T) {
	bare, err := url.Parse("http://x")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url  *url.URL
		want string
	}{
		{bare, "/"},
		{bare.JoinPath("a", "b c"), "/a/b%20c"},
		{bare.JoinPath("a/", "b%2Fc"), "/a/b%2Fc"},
		{&url.URL{Scheme: "http", Host: "x", Path: "a|b"}, "/a%7Cb"},
	} {
		before := *c.url
		u, err := wireURL(c.url)
		if err != nil {
			t.Errorf("%v: %v", c.url, err)
			continue
		}
		if got := u.RequestURI(); got != c.want {
			t.Errorf("%v: got %q, want %q", c.url, got, c.want)
		}
		if *c.url != before {
			t.Errorf("%v: was changed", c.url)
		}
	}
}

func TestAddParams(t *testing.T) {
	for _, c := range []struct {
		url   string
		pairs [][2]string
		want  string
	}{
		{"http://x/", [][2]string{{"a", "b"}, {"c", "d e"}, {"a", "&=?/ü~"}}, "/?a=b&c=d+e&a=%26%3D%3F%2F%C3%BC~"},
		{"http://x/?q=1", [][2]string{{"a", "b"}}, "/?q=1&a=b"},
		{"http://x/?q=a+b%2F", [][2]string{{"", ""}}, "/?q=a+b%2F&="},
		{"http://x/?q", nil, "/?q"},
	} {
		u, err := parseURL(c.url)
		if err != nil {
			t.Fatal(err)
		}
		addParams(u, c.pairs)
		if got := u.RequestURI(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.url, got, c.want)
		}
	}
}

// TestURLCache: URLs that were parsed before are not parsed again, but there are
// never more of them than that.
func TestURLCache(t *testing.T) {
	var c urlCache
	for i := range 3 * mostURLs {
		raw := fmt.Sprintf("http://a.example/%d", i)
		u, err := c.parse(raw)
		if err != nil || u.String() != raw {
			t.Fatalf("%s: %v, %v", raw, u, err)
		}
		if again, _ := c.parse(raw); again != u {
			t.Fatalf("%s was parsed again", raw)
		}
		if len(c) > mostURLs {
			t.Fatalf("%d URLs are kept", len(c))
		}
	}
	if _, err := c.parse("http://a.example:x/"); !errors.Is(err, ErrURL) {
		t.Errorf("a port that is none: %v", err)
	}
}
