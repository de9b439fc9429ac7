package cookies_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

// names returns the names in a Cookie header.
func names(header string) []string {
	var all []string
	for pair := range strings.SplitSeq(header, "; ") {
		name, _, _ := strings.Cut(pair, "=")
		all = append(all, name)
	}
	return all
}

// TestABombOfCookies checks that the Cookie header has a bound, and that the cookies which
// were set last are in it.
func TestABombOfCookies(t *testing.T) {
	const u = "https://h.example/x/y"
	value := strings.Repeat("v", 200)
	for _, test := range []struct {
		name      string
		maxHeader int
		lines     []string
		first     string // the oldest cookie that is sent
		size      int
	}{
		{"no more than the default", 0, numbered(39, "n%03d="+value), "n000", 39*207 - 2},
		{"just above the default", 0, numbered(40, "n%03d="+value), "n001", 39*207 - 2},
		{"a bomb", 0, numbered(180, "n%03d="+value), "n141", 39*207 - 2},
		{"of two paths", 0, append(numbered(100, "n%03d="+value+"; Path=/x"), numbered(30, "m%03d="+value+"; Path=/")...), "n091", 39*207 - 2},
		{"of the longest cookies", 0, numbered(10, "n%03d="+strings.Repeat("v", 4092)), "n009", 4096 + 1},
		{"exactly the limit", 100*10 - 2, numbered(180, "n%03d=123"), "n080", 100*10 - 2},
		{"a byte less", 100*10 - 3, numbered(180, "n%03d=123"), "n081", 99*10 - 2},
		{"quotes count", 10, []string{`a="123456"`, `b="123456"`}, "b", 10},
		{"less than one cookie", 5, []string{"a=12345", "b=12345"}, "", 0},
		{"any number", -1, numbered(180, "n%03d="+value), "n000", 180*207 - 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			jar, _ := newJar()
			jar.MaxHeader = test.maxHeader
			var left []string
			jar.Dropped = func(c cookies.Cookie, why error) {
				if !errors.Is(why, cookies.ErrTooMany) || !strings.Contains(why.Error(), "h.example") {
					t.Errorf("%v was dropped because of %v", c, why)
				}
				left = append(left, c.Name)
			}
			receive(t, jar, u, test.lines...)
			for range 2 {
				left = nil
				header := sent(t, jar, u)
				got := names(header)
				if len(header) != test.size || test.first != "" && slices.Index(got, test.first) < 0 {
					t.Errorf("%d bytes were sent, with %.60q", len(header), got)
				}
				if test.size != 0 && len(left)+len(got) != len(test.lines) || test.size == 0 && len(left) != len(test.lines) {
					t.Errorf("%d of %d cookies were left out, and %d sent", len(left), len(test.lines), len(got))
				}
				if !slices.IsSorted(left) || len(left) > 0 && test.first != "" && left[len(left)-1] >= test.first {
					t.Errorf("%.60q were left out", left)
				}
			}
			if jar.Len() != len(test.lines) {
				t.Errorf("%d cookies are left of %d", jar.Len(), len(test.lines))
			}
		})
	}
}

// TestAFreshCookieIsSent checks that a cookie that is set again counts as new, although it
// keeps its place.
func TestAFreshCookieIsSent(t *testing.T) {
	jar, _ := newJar()
	jar.MaxHeader = 20
	receive(t, jar, "http://h.example/", "session=1", "a=1234567", "b=1234567")
	receive(t, jar, "http://h.example/", "session=2")
	if got, want := sent(t, jar, "http://h.example/"), "session=2; b=1234567"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSizes checks the bounds of one cookie (RFC 6265bis, sections 5.6 and 5.7).
func TestSizes(t *testing.T) {
	path := "/" + strings.Repeat("p", 1023)
	domain := strings.Repeat("d.", 600) + "example"
	for _, test := range []struct {
		name   string
		line   string
		stored string // a path; "" if the cookie is refused
	}{
		{"4096 bytes of name and value", "n=" + strings.Repeat("v", 4095), "/x"},
		{"4097 bytes of name and value", "n=" + strings.Repeat("v", 4096), ""},
		{"a long name", strings.Repeat("n", 4096) + "=", "/x"},
		{"a longer name", strings.Repeat("n", 4096) + "=v", ""},
		{"a path of 1024 bytes", "n=v; Path=" + path, path},
		{"a path of 1025 bytes", "n=v; Path=" + path + "p", "/x"},
		{"a long domain", "n=v; Domain=" + domain, "/x"},
		{"an unknown attribute of any size", "n=v; x=" + strings.Repeat("x", 100_000), "/x"},
	} {
		jar, _ := newJar()
		receive(t, jar, "https://h.example/x/y", test.line)
		got := ""
		for c := range jar.All() {
			got = c.Path
		}
		if got != test.stored {
			t.Errorf("%s: the path is %.20q, want %.20q", test.name, got, test.stored)
		}
	}

	// The default path has the bound of a Path.
	for _, test := range []struct{ below, stored string }{
		{path, path},
		{path + "p", "/"},
		{path[:1000] + "/" + path[1001:], path[:1000] + "/" + path[1001:]},
		{strings.Repeat("/a", 512), strings.Repeat("/a", 512)},
		{strings.Repeat("/a", 513), "/"},
		{strings.Repeat("/a", 50_000), "/"},
		{strings.Repeat("/", 100_000), "/"},
		{strings.Repeat("/%20", 1000), "/"},
	} {
		for _, line := range []string{"n=v", "n=v; Path=" + path + "p", "n=v; Path=x"} {
			jar, _ := newJar()
			if err := jar.Put(cookies.Cookie{Name: "s", Value: "1", Domain: "bank.example", Secure: true}); err != nil {
				t.Fatal(err)
			}
			receive(t, jar, "http://h.example"+test.below+"/page", line)
			got := ""
			for c := range jar.All() {
				if c.Name == "n" {
					got = c.Path
				}
			}
			if got != test.stored {
				t.Errorf("%.20q below %.20q of %d bytes: the path is %.20q of %d bytes", line, test.below, len(test.below), got, len(got))
			}
		}
	}

	// A cookie that was not read by ParseSetCookie has the same bounds.
	jar, _ := newJar()
	jar.SetCookies(urls.MustParse("https://h.example/x/y"), []*http.Cookie{
		{Name: "a", Value: "1", Path: path + "p"}, {Name: "b", Value: strings.Repeat("v", 4096)},
	})
	if got, want := described(jar), "a for h.example/x"; got != want {
		t.Errorf("got %.60q, want %q", got, want)
	}
}

// TestDropped checks that nothing is dropped without a word.
func TestDropped(t *testing.T) {
	var got []string
	told := func(jar *cookies.Jar) *cookies.Jar {
		got = nil
		jar.Dropped = func(c cookies.Cookie, why error) { got = append(got, fmt.Sprintf("%v: %v", c, why)) }
		return jar
	}
	check := func(want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
		got = nil
	}

	jar, _ := newJar()
	told(jar)
	receive(t, jar, "http://h.example/",
		"a=1; Secure", "__Host-b=1", "c=1; Domain=other.example", "d=1; Domain=example", "e=1; Port=81", "kept=1")
	receive(t, jar, "https://h.example/", "f=1; Secure", "__Host-g=1; Secure", "__Host-h=1; Secure; Path=/; Domain=h.example")
	receive(t, jar, "http://h.example/", "f=2")
	check(
		`a for h.example/: not a cookie: "a" is Secure, and came over http`,
		`__Host-b for h.example/: not a cookie: the name "__Host-b" asks for Secure`,
		`c for h.example/: not a cookie: h.example may not set one for "other.example"`,
		`d for h.example/: not a cookie: "example" is a public suffix`,
		`e for h.example:81/: not a cookie: port 80 may not set one for "81"`,
		`__Host-g for h.example/: not a cookie: the name "__Host-g" asks for Path=/`,
		`__Host-h for .h.example/: not a cookie: the name "__Host-h" asks for one host, and for Path=/`,
		`f for h.example/: not a cookie: "f" came over http, and would replace or hide a Secure cookie`,
	)

	jar, clock := newJar()
	told(jar)
	jar.MaxPerDomain, jar.Max = 2, 3
	receive(t, jar, "http://a.example/", "a=1; Max-Age=1", "b=1", "c=1", "d=1")
	check("a for a.example/: more cookies than the limit of the jar: 2 of a.example", "b for a.example/: more cookies than the limit of the jar: 2 of a.example")
	receive(t, jar, "http://b.example/", "e=1; Max-Age=1", "f=1")
	check("c for a.example/: more cookies than the limit of the jar: 3 in all")
	clock.now = clock.now.Add(time.Second)
	receive(t, jar, "http://c.example/", "g=1")
	check() // e had expired
	receive(t, jar, "http://c.example/", "g=2", "g=; Max-Age=0")
	check() // the server replaced and deleted it
}

func TestFromMapOfTooMany(t *testing.T) {
	values := make(map[string]string)
	for i := range 180 {
		values[fmt.Sprint(i)] = "v"
	}
	u := urls.MustParse("https://h.example/")
	if jar, err := cookies.FromMap(u, values); err != nil || jar.Len() != 180 {
		t.Errorf("180 cookies: %v", err)
	}
	more := maps.Clone(values)
	more["more"] = "v"
	if _, err := cookies.FromMap(u, more); !errors.Is(err, cookies.ErrTooMany) {
		t.Errorf("181 cookies: %v", err)
	}
	values["0"] = strings.Repeat("v", 4000)
	values["1"] = strings.Repeat("v", 4000)
	if _, err := cookies.FromMap(u, values); !errors.Is(err, cookies.ErrTooMany) {
		t.Errorf("cookies of more than 8 KB: %v", err)
	}
}

// TestUnicodeSpaces checks that only SP and HTAB are trimmed. Other characters that look
// like a space belong to the value.
func TestUnicodeSpaces(t *testing.T) {
	for _, space := range []string{"\u00a0", "\u0085", "\u1680", "\u2000", "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\u200b", "\xa0", "\x85"} {
		for _, value := range []string{space, space + "v", "v" + space, "v" + space + "v", `"` + space + `"`} {
			jar, clock := newJar()
			receive(t, jar, "https://h.example/", " \tn \t= \t"+value+" \t; Path=/", " "+value+" =1")
			want := "n=" + value
			if !strings.HasPrefix(value, `"`) {
				want += "; " + value + "=1"
			}
			if got := sent(t, jar, "https://h.example/"); !strings.HasPrefix(got, want) {
				t.Errorf("%q: got %q, want %q", value, got, want)
			}
			var file strings.Builder
			if err := jar.Save(&file); err != nil {
				t.Fatal(err)
			}
			again := &cookies.Jar{Now: clock.Now}
			if err := again.Load(strings.NewReader(file.String())); err != nil || !slices.EqualFunc(again.Items(), jar.Items(), same) {
				t.Errorf("%q: %q was loaded as %v, %v", value, file.String(), again.Items(), err)
			}
			if err := jar.Set("set", value, cookies.Domain("h.example")); err != nil {
				t.Errorf("Set(%q): %v", value, err)
			}
		}
	}
}

// TestManyHostsAtTheLimit stores twice as many cookies as a jar keeps, half of them over
// http while the jar has Secure cookies. It takes minutes if one cookie costs what grows
// with all.
func TestManyHostsAtTheLimit(t *testing.T) {
	const n = 50_000
	jar, _ := newJar()
	jar.Max = n
	evicted := 0
	jar.Dropped = func(cookies.Cookie, error) { evicted++ }
	for i := range n {
		receive(t, jar, fmt.Sprintf("https://h%d.example/", i), "a=1; Secure")
		receive(t, jar, fmt.Sprintf("http://h%d.example/", i+n), "a=1; Max-Age=1000")
	}
	if jar.Len() != n || evicted != n {
		t.Errorf("%d cookies are left, %d were evicted", jar.Len(), evicted)
	}
	for i, want := range map[int]string{0: "", n/2 - 1: "", n / 2: "a=1", n - 1: "a=1", n + n/2 - 1: "", n + n/2: "a=1", 2*n - 1: "a=1"} {
		if got := sent(t, jar, fmt.Sprintf("https://h%d.example/", i)); got != want {
			t.Errorf("host %d gets %q, want %q", i, got, want)
		}
	}
}
