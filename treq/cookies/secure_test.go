package cookies_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

// TestPrefixes checks what the prefix of a name promises. It has the cases of the Web
// Platform Tests in cookies/prefix and cookies/nameless.
func TestPrefixes(t *testing.T) {
	for _, test := range []struct {
		name       string // "%s" stands for each spelling of the prefix
		prefix     string
		from       string
		attributes string
		stored     bool
	}{
		{"Secure", "__Secure-", "https://h.example/x/y", "Secure", true},
		{"with a Domain and a Path", "__Secure-", "https://www.h.example/", "Secure; Domain=h.example; Path=/x", true},
		{"not Secure", "__Secure-", "https://h.example/", "", false},
		{"over http", "__Secure-", "http://h.example/", "Secure", false},
		{"over http, not Secure", "__Secure-", "http://h.example/", "", false},
		{"over http within the machine", "__Secure-", "http://localhost:8080/", "Secure", true},

		{"complete", "__Host-", "https://h.example/x/y", "Secure; Path=/", true},
		{"complete, in another order", "__Host-", "https://h.example/x/y", "PATH=/; HttpOnly; secure", true},
		{"complete, and an empty Domain", "__Host-", "https://h.example/x/y", "Secure; Domain=; Path=/", true},
		{"complete, and a lone dot as Domain", "__Host-", "https://h.example/x/y", "Secure; Domain=.; Path=/", true},
		{"over http", "__Host-", "http://h.example/", "Secure; Path=/", false},
		{"over http within the machine", "__Host-", "http://127.0.0.1:8080/", "Secure; Path=/", true},
		{"not Secure", "__Host-", "https://h.example/", "Path=/", false},
		{"the host as Domain", "__Host-", "https://h.example/", "Secure; Path=/; Domain=h.example", false},
		{"a Domain above the host", "__Host-", "https://www.h.example/", "Secure; Path=/; Domain=.h.example", false},
		{"an address as Domain", "__Host-", "https://127.0.0.1/", "Secure; Path=/; Domain=127.0.0.1", false},
		{"a public suffix as Domain", "__Host-", "https://github.io/", "Secure; Path=/; Domain=github.io", false},
		{"no Path below the top", "__Host-", "https://h.example/x/y", "Secure", false},
		{"no Path at the top", "__Host-", "https://h.example/", "Secure", false},
		{"no Path at the top, without a slash", "__Host-", "https://h.example", "Secure", false},
		{"an empty Path at the top", "__Host-", "https://h.example/", "Secure; Path=", false},
		{"a Path without a value at the top", "__Host-", "https://h.example/", "Secure; Path", false},
		{"a relative Path at the top", "__Host-", "https://h.example/", "Secure; Path=x", false},
		{"an empty Path after a Path", "__Host-", "https://h.example/", "Secure; Path=/; Path=", false},
		{"a Path after an empty Path", "__Host-", "https://h.example/", "Secure; Path=; Path=/", true},
		{"another Path", "__Host-", "https://h.example/x/y", "Secure; Path=/x", false},
		{"two slashes as Path", "__Host-", "https://h.example/", "Secure; Path=//", false},

		{"complete", "__Http-", "https://h.example/x/y", "Secure; HttpOnly", true},
		{"not HttpOnly", "__Http-", "https://h.example/x/y", "Secure", false},
		{"not Secure", "__Http-", "https://h.example/x/y", "HttpOnly", false},
		{"complete", "__Host-Http-", "https://h.example/x/y", "Secure; HttpOnly; Path=/", true},
		{"not HttpOnly", "__Host-Http-", "https://h.example/x/y", "Secure; Path=/", false},
		{"no Path", "__Host-Http-", "https://h.example/", "Secure; HttpOnly", false},
		{"a Domain", "__Host-Http-", "https://h.example/", "Secure; HttpOnly; Path=/; Domain=h.example", false},

		{"no prefix", "Host-", "http://h.example/", "", true},
		{"no prefix", "_Host-", "http://h.example/", "", true},
		{"no prefix", "__Host", "http://h.example/", "", true},
		{"no prefix", "__Secure_", "http://h.example/", "", true},
		{"no prefix", "x__Secure-", "http://h.example/", "", true},
	} {
		for _, prefix := range []string{test.prefix, strings.ToLower(test.prefix), strings.ToUpper(test.prefix)} {
			for _, name := range []string{prefix, prefix + "a"} {
				jar, _ := newJar()
				var why error
				jar.Dropped = func(c cookies.Cookie, err error) { why = err }
				line := name + "=1; " + test.attributes
				receive(t, jar, test.from, line)
				if stored := jar.Len() == 1; stored != test.stored || stored == errors.Is(why, cookies.ErrInvalid) {
					t.Errorf("%s: %q from %s: stored is %v, dropped because of %v", test.name, line, test.from, stored, why)
				}
			}
		}
	}
}

// TestNamelessPrefixes checks that no cookie without a name passes for one with a prefix:
// a server would read the value as a name.
func TestNamelessPrefixes(t *testing.T) {
	for _, value := range []string{"__Host-a=1", "__host-a=1", "__Secure-a=1", "__SECURE-a", "__Host-", "__Http-a=1", "__Host-Http-a=1", "a=1", "a"} {
		for _, before := range []string{"=", "==", " = ", "\t=", ""} {
			if before == "" && strings.Contains(value, "=") {
				continue // it has a name
			}
			jar, _ := newJar()
			receive(t, jar, "https://h.example/", before+value+"; Secure; HttpOnly; Path=/")
			if jar.Len() != 0 {
				t.Errorf("%q was stored as %v", before+value, jar.Items())
			}
		}
	}
}

// TestPrefixesOfTheProgram checks the cookies that do not come from a response.
func TestPrefixesOfTheProgram(t *testing.T) {
	for _, test := range []struct {
		cookie cookies.Cookie
		valid  bool
	}{
		{cookies.Cookie{Name: "__Host-a", Secure: true}, true},
		{cookies.Cookie{Name: "__Host-a", Secure: true, Path: "/x"}, false},
		{cookies.Cookie{Name: "__Host-a", Secure: true, Subdomains: true}, false},
		{cookies.Cookie{Name: "__host-a"}, false},
		{cookies.Cookie{Name: "__Secure-a"}, false},
		{cookies.Cookie{Name: "__Secure-a", Secure: true, Subdomains: true, Path: "/x"}, true},
		{cookies.Cookie{Name: "__Http-a", Secure: true}, false},
		{cookies.Cookie{Name: "__Http-a", Secure: true, HttpOnly: true}, true},
	} {
		var jar cookies.Jar
		test.cookie.Domain = "h.example"
		err := jar.Put(test.cookie)
		if (err == nil) != test.valid || err != nil && !errors.Is(err, cookies.ErrInvalid) {
			t.Errorf("Put(%+v): %v", test.cookie, err)
		}
	}
	line := "h.example\tFALSE\t/\tFALSE\t0\t__Host-a\t1\n"
	var jar cookies.Jar
	if err := jar.Load(strings.NewReader(line)); err == nil || !strings.HasPrefix(err.Error(), "line 1: ") {
		t.Errorf("Load(%q): %v", line, err)
	}
}

// TestSecureOrigins checks from where a Secure cookie may come, and where it is sent.
func TestSecureOrigins(t *testing.T) {
	for origin, secure := range map[string]bool{
		"https://h.example/": true, "https://h.example:8443/": true, "HTTPS://H.EXAMPLE/": true,
		"http://h.example/": false, "http://h.example:443/": false,
		"http://localhost/": true, "http://localhost:8080/": true, "http://LOCALHOST./": true,
		"http://127.0.0.1/": true, "http://127.8.9.10:81/": true, "http://[::1]/": true, "http://[0:0::1]:81/": true,
		"http://[::ffff:127.0.0.1]/": true,
		"http://localhost.example/":  false, "http://h.localhost.example/": false, "http://notlocalhost/": false,
		"http://126.0.0.1/": false, "http://10.0.0.1/": false, "http://[::2]/": false, "http://127.0.0.1.example/": false,
	} {
		jar, _ := newJar()
		receive(t, jar, origin, "a=1; Secure")
		if stored := jar.Len() == 1; stored != secure {
			t.Errorf("a Secure cookie from %s: stored is %v", origin, stored)
		}
		jar, _ = newJar()
		receive(t, jar, strings.Replace(strings.ToLower(origin), "http:", "https:", 1), "a=1; Secure")
		if jar.Len() != 1 {
			t.Errorf("a Secure cookie from %s over https is not stored", origin)
		}
		if was := sent(t, jar, origin) == "a=1"; was != secure {
			t.Errorf("a Secure cookie to %s: sent is %v", origin, was)
		}
	}
}

// TestHTTPCannotDeleteSecure checks that no response over http removes or pushes out a
// Secure cookie.
func TestHTTPCannotDeleteSecure(t *testing.T) {
	for _, lines := range [][]string{
		{"s=; Max-Age=0"}, {"s=; Max-Age=0; Secure"}, {"s=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure"}, {"s=evil; Secure"}, {"s=evil"}, {"s="},
		{"s=evil; Path=/x"}, {"s=evil; Path=/x/"}, {"s=evil; Path=/x/y; Secure"},
		numbered(1000, "n%d=1"), numbered(1000, "n%d=1; Secure"), numbered(1000, "s=1; Path=/x/%d"),
	} {
		jar, _ := newJar()
		receive(t, jar, "https://h.example/x", "s=secret; Secure; Path=/x", "t=secret; Secure; Path=/x")
		receive(t, jar, "http://h.example/x", lines...)
		if got := sent(t, jar, "https://h.example/x"); !strings.Contains("; "+got+"; ", "; s=secret; t=secret; ") {
			t.Errorf("after %.60q and more over http: %.60q is sent", lines[0], got)
		}
		if jar.Len() > 180 {
			t.Errorf("after %.60q and more: %d cookies", lines[0], jar.Len())
		}
	}

	// A domain that has room for Secure cookies only takes no others.
	jar, _ := newJar()
	receive(t, jar, "https://h.example/", numbered(180, "s%d=1; Secure")...)
	receive(t, jar, "https://h.example/", "plain=1")
	if _, err := jar.Get("plain"); !errors.Is(err, cookies.ErrNoCookie) {
		t.Errorf("a cookie that is not Secure pushed out one that is: %v", err)
	}
	receive(t, jar, "https://h.example/", "another=1; Secure")
	if got := jar.Items(); len(got) != 180 || got[0].Name != "s1" || got[179].Name != "another" {
		t.Errorf("a Secure cookie did not push out the oldest")
	}
}

// TestHidingLooksEverywhere checks the protection of Secure cookies against a plain search
// of all cookies, with many domains and paths.
func TestHidingLooksEverywhere(t *testing.T) {
	domains := []string{"example.com", "a.example.com", "b.a.example.com", "c.example.com", "other.com"}
	paths := []string{"/", "//", "/x", "/x/", "/x/y", "/x//y", "/xy", "/x/y/z/"}
	for _, secureDomain := range domains {
		for _, securePath := range paths {
			for _, subdomains := range []bool{false, true} {
				for _, domain := range domains {
					for _, path := range paths {
						jar, _ := newJar()
						if err := jar.Put(cookies.Cookie{Name: "s", Value: "1", Secure: true, Domain: secureDomain, Subdomains: subdomains, Path: securePath}); err != nil {
							t.Fatal(err)
						}
						receive(t, jar, "http://"+domain+"/", "s=2; Path="+path)
						related := domain == secureDomain || strings.HasSuffix(domain, "."+secureDomain) || strings.HasSuffix(secureDomain, "."+domain)
						below := path == securePath || strings.HasPrefix(path, strings.TrimSuffix(securePath, "/")+"/") && strings.HasPrefix(path, securePath)
						stored := slices.ContainsFunc(jar.Items(), func(c cookies.Cookie) bool { return c.Value == "2" })
						if stored == (related && below) {
							t.Errorf("a Secure cookie of %s%s, another of %s%s: stored is %v", secureDomain, securePath, domain, path, stored)
						}
					}
				}
			}
		}
	}
}

// numbered returns n lines, with the number of each in place of the verb of format.
func numbered(n int, format string) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(format, i)
	}
	return lines
}
