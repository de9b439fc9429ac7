package origin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
)

// server returns the host that rawURL leads to.
func server(rawURL string) (string, error) {
	u, err := origin.Parse(rawURL)
	if err != nil {
		return "", err
	}
	s, err := origin.ServerOf(u)
	return s.Host, err
}

// TestEveryEscapeInAHost: a host may have letters, digits, '-', '.', '_' and '~' as escapes,
// and no other byte of ASCII.
func TestEveryEscapeInAHost(t *testing.T) {
	const unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	for c := range 256 {
		for _, escape := range []string{fmt.Sprintf("%%%02X", c), fmt.Sprintf("%%%02x", c)} {
			got, err := server("http://a" + escape + "b.example/")
			if c < 0x80 && strings.IndexByte(unreserved, byte(c)) >= 0 {
				if want := strings.ToLower("a" + string(rune(c)) + "b.example"); err != nil || got != want {
					t.Errorf("%s: got %q, %v, want %q", escape, got, err, want)
				}
			} else if err == nil {
				t.Errorf("%s: got %q", escape, got)
			}
		}
	}
	if got, err := server("http://%74%72%65%71%30%39%2D%2E%5f%7e.example/"); err != nil || got != "treq09-._~.example" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestCutEscapesInAHost: an escape that is cut short, or has other characters than digits,
// remains an error.
func TestCutEscapesInAHost(t *testing.T) {
	base := urls.MustParse("http://an.example/")
	for _, host := range []string{"%", "%4", "a%", "a%4", "a%4x", "a%x4", "%4x.example", "a%%41", "%41%", "%41%4", "ü%", "ü%4"} {
		if got, err := server("http://" + host); err == nil {
			t.Errorf("%q: got %q", host, got)
		}
		if u, err := origin.Resolve(base, "//"+host+"/"); err == nil {
			t.Errorf("a Location of %q: got %v", host, u)
		}
	}
}

// TestRepairsOfAnAddress: a URL of an address gets the repairs of other URLs.
func TestRepairsOfAnAddress(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "[fe80::1%25eth0]"} {
		u, err := origin.Parse("http://u^@" + host + "/100%")
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if want := strings.Replace(host, "%25", "%", 1); u.Host != want || u.RequestURI() != "/100%25" || u.User.Username() != "u^" {
			t.Errorf("%s: got %q, %q and %q", host, u.Host, u.RequestURI(), u.User)
		}
	}
}

// TestEverySchemeOfALocation: a Location with a scheme leads nowhere if the scheme is not
// known. What has not the form of a scheme (RFC 3986, section 3.1) is a relative path with a
// colon.
func TestEverySchemeOfALocation(t *testing.T) {
	const (
		first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		later = first + "0123456789+-."
	)
	base := urls.MustParse("http://an.example/")
	check := func(scheme string, is bool) {
		t.Helper()
		u, err := origin.Resolve(base, scheme+":b")
		if is && !errors.Is(err, origin.ErrSchemeNotSupported) {
			t.Errorf("%q: got %v, %v", scheme, u, err)
		}
		if !is && (err != nil || u.Host != "an.example" || u.Path != "/"+scheme+":b") {
			t.Errorf("%q: got %v, %v", scheme, u, err)
		}
	}
	for c := ' '; c < 0x7f; c++ {
		if strings.ContainsRune(":/?#", c) {
			continue // they end a scheme
		}
		check(string(c), strings.ContainsRune(first, c))
		check("x"+string(c), strings.ContainsRune(later, c))
		check("x"+string(c)+"y", strings.ContainsRune(later, c))
	}
	check("svn+ssh", true)
	check("z39.50r", true)
	check("", false)
	if u, err := origin.Resolve(base, "svn+ssh://x/"); !errors.Is(err, origin.ErrSchemeNotSupported) {
		t.Errorf("got %v, %v", u, err)
	}
}
