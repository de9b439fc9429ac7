package cookies_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

func TestParseSetCookie(t *testing.T) {
	for _, test := range []struct {
		line string
		want *http.Cookie // nil if the line is not a cookie
	}{
		{"a=1", &http.Cookie{Name: "a", Value: "1"}},
		{"  a \t=  1  ", &http.Cookie{Name: "a", Value: "1"}},
		{"a=", &http.Cookie{Name: "a"}},
		{"a=b=c", &http.Cookie{Name: "a", Value: "b=c"}},
		{`a="b c"`, &http.Cookie{Name: "a", Value: "b c", Quoted: true}},
		{`a=x"`, &http.Cookie{Name: "a", Value: `x"`}},
		{`a="x`, &http.Cookie{Name: "a", Value: `"x`}},
		{`a=x"y"`, &http.Cookie{Name: "a", Value: `x"y"`}},
		{`a="x"y`, &http.Cookie{Name: "a", Value: `"x"y`}},
		{`a="x"y"`, &http.Cookie{Name: "a", Value: `x"y`, Quoted: true}},
		{`a="`, &http.Cookie{Name: "a", Value: `"`}},
		{`a=""`, &http.Cookie{Name: "a", Quoted: true}},
		{`a={"b":["c",1]}`, &http.Cookie{Name: "a", Value: `{"b":["c",1]}`}},
		{"a[b]=é\\,", &http.Cookie{Name: "a[b]", Value: "é\\,"}},
		{"a=1;;  ; ", &http.Cookie{Name: "a", Value: "1"}},
		{
			"a=1; DOMAIN = .x.example ;PATH=/y;secure;HttpOnly=x; Partitioned; SameSite=LAX",
			&http.Cookie{Name: "a", Value: "1", Domain: ".x.example", Path: "/y", Secure: true, HttpOnly: true, Partitioned: true, SameSite: http.SameSiteLaxMode},
		},
		{"a=1; samesite=strict; samesite=none", &http.Cookie{Name: "a", Value: "1", SameSite: http.SameSiteNoneMode}},
		{"a=1; SameSite=Strict", &http.Cookie{Name: "a", Value: "1", SameSite: http.SameSiteStrictMode}},
		{"a=1; SameSite=x", &http.Cookie{Name: "a", Value: "1", SameSite: http.SameSiteDefaultMode}},
		{"a=1; Max-Age=60", &http.Cookie{Name: "a", Value: "1", MaxAge: 60}},
		{"a=1; Max-Age=0", &http.Cookie{Name: "a", Value: "1", MaxAge: -1}},
		{"a=1; Max-Age=-99999999999999", &http.Cookie{Name: "a", Value: "1", MaxAge: -1}},
		{"a=1; Max-Age=99999999999999", &http.Cookie{Name: "a", Value: "1", MaxAge: 1<<31 - 1}},
		{"a=1; Max-Age=6x; Max-Age; Max-Age=-", &http.Cookie{Name: "a", Value: "1", Unparsed: []string{"Max-Age=6x", "Max-Age", "Max-Age=-"}}},
		{"a=1; cow=moo; Path=/foo; Comment=hello", &http.Cookie{Name: "a", Value: "1", Path: "/foo", Unparsed: []string{"cow=moo", "Comment=hello"}}},
		{"a=1; Domain=; Expires=never", &http.Cookie{Name: "a", Value: "1", Unparsed: []string{"Domain=", "Expires=never"}}},
		{
			"a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
			&http.Cookie{Name: "a", Value: "1", Expires: time.Date(2015, 10, 21, 7, 28, 0, 0, time.UTC), RawExpires: "Wed, 21 Oct 2015 07:28:00 GMT"},
		},
		{"", nil},
		{"a", nil},
		{"=1", nil},
		{" =1", nil},
		{";a=1", nil},
		{"a; b=1", nil},
		{"a=1\r\nb: c", nil},
		{"a=1; Path=/\x00", nil},
		{"a=1\t2", nil},
		{"a=1\x7f", nil},
		{"a=" + strings.Repeat("x", 4096), nil},
	} {
		got, err := cookies.ParseSetCookie(test.line)
		if (err != nil) != (test.want == nil) || err != nil && !errors.Is(err, cookies.ErrInvalid) {
			t.Errorf("%q: error %v", test.line, err)
			continue
		}
		if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(http.Cookie{}, "Raw")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.line, diff)
		}
	}
	longest := "/" + strings.Repeat("x", 1023)
	if c, err := cookies.ParseSetCookie("a=1; Path=" + longest); err != nil || c.Path != longest {
		t.Errorf("the longest attribute: %v, %v", c, err)
	}
	long := longest + "x"
	if c, err := cookies.ParseSetCookie("a=1; Path=" + long); err != nil || c.Path != "" {
		t.Errorf("a long attribute: %v, %v", c, err)
	}
}

func TestDates(t *testing.T) {
	for _, test := range []struct{ date, want string }{
		{"Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06 08:49:37"},
		{"Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06 08:49:37"},
		{"Sun Nov  6 08:49:37 1994", "1994-11-06 08:49:37"},
		{"Sun, 6-Nov-2094 8:9:7 +0100", "2094-11-06 08:09:07"},
		{"06 november 69 23:59:59x", "2069-11-06 23:59:59"},
		{"06 NOV 70 00:00:00", "1970-11-06 00:00:00"},
		{"1601 1 Jan 00:00:00", "1601-01-01 00:00:00"},
		{"29 Feb 2024 00:00:00", "2024-02-29 00:00:00"},
		{"08:49:37/6/Nov/1994", "1994-11-06 08:49:37"},
		{"2023 123 1 Jan 00:00:00", "2023-01-01 00:00:00"},
		{"29 Feb 2023 00:00:00", ""},
		{"31 Apr 2023 00:00:00", ""},
		{"0 Apr 2023 00:00:00", ""},
		{"32 Jan 2023 00:00:00", ""},
		{"1 Jan 1600 00:00:00", ""},
		{"1 Jan 20230 00:00:00", ""},
		{"1 Jan 2023 24:00:00", ""},
		{"1 Jan 2023 00:60:00", ""},
		{"1 Jan 2023 00:00:60", ""},
		{"1 Jan 2023 00:00", ""},
		{"1 Jan 2023 0a:00:00", ""},
		{"1 Jnn 2023 00:00:00", ""},
		{"1 anf 2023 00:00:00", ""},
		{"Jan 2023 00:00:00", ""},
		{"1 Jan 00:00:00", ""},
	} {
		c, err := cookies.ParseSetCookie("a=1; Expires=" + test.date)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if !c.Expires.IsZero() {
			got = c.Expires.Format(time.DateTime)
		}
		if got != test.want {
			t.Errorf("%q: got %q, want %q", test.date, got, test.want)
		}
	}
}

// TestDateDelimiters checks the bytes that separate the parts of a date (RFC 6265,
// section 5.1.1).
func TestDateDelimiters(t *testing.T) {
	const delimiters = "\t !\"#$%&'()*+,-./<=>?@[\\]^_`{|}~"
	for b := range 256 {
		if b < ' ' && b != '\t' || b == 0x7f || b == ';' {
			continue // not in the value of an attribute
		}
		between := string([]byte{byte(b)})
		c, err := cookies.ParseSetCookie("a=1; Expires=1" + between + "Jan" + between + "2023" + between + "00:00:00")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := !c.Expires.IsZero(), strings.Contains(delimiters, between); got != want {
			t.Errorf("%q: a date: %v, want %v", between, got, want)
		}
	}
}

func TestFromResponse(t *testing.T) {
	got := cookies.FromResponse(http.Header{"Set-Cookie": {"a=1", "nothing", "b=2; Secure"}})
	if len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" || !got[1].Secure {
		t.Errorf("got %v", got)
	}
}

func TestHeader(t *testing.T) {
	got, err := cookies.Header([]*http.Cookie{{Name: "a", Value: "1"}, {Name: "b", Value: "x y", Quoted: true}, {Name: "c"}})
	if want := `a=1; b="x y"; c=`; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

// hostile has names and values that a server would read differently.
var hostile = []struct{ name, value string }{
	{"", "x"}, {"a b\r\n", "x"}, {"a\r\nX: y", "x"}, {"a\x00", "x"}, {"a=b", "x"}, {"a;b", "x"}, {" a", "x"}, {"a ", "x"}, {"a\tb", "x"},
	{"a", "x\r\nX: y"}, {"a", "x\n"}, {"a", "x\x00y"}, {"a", "x; b=y"}, {"a", " x"}, {"a", "x "}, {"a", "x\ty"}, {"a", "x\x7f"},
	{"a", strings.Repeat("x", 4096)}, {strings.Repeat("x", 4096), "y"},
}

func TestInjection(t *testing.T) {
	for _, h := range hostile {
		u := urls.MustParse("http://h.example/")
		_, header := cookies.Header([]*http.Cookie{{Name: h.name, Value: h.value}})
		_, scoped := cookies.Scoped(u, h.name, h.value)
		_, mapped := cookies.FromMap(u, map[string]string{h.name: h.value})
		var jar cookies.Jar
		for i, err := range []error{
			header, scoped, mapped,
			jar.Set(h.name, h.value, cookies.Domain("h.example")),
			jar.Put(cookies.Cookie{Name: h.name, Value: h.value, Domain: "h.example"}),
		} {
			if !errors.Is(err, cookies.ErrInvalid) {
				t.Errorf("%.20q=%.20q, %d: error %v", h.name, h.value, i, err)
			}
		}
		jar.SetCookies(u, []*http.Cookie{{Name: h.name, Value: h.value}})
		if jar.Len() != 0 {
			t.Errorf("%.20q=%.20q was stored", h.name, h.value)
		}
	}
}

func FuzzSetCookie(f *testing.F) {
	f.Add("a=1; Path=/x; Domain=example.com; Max-Age=5; Secure; HttpOnly; SameSite=Lax; Port=\"80\"")
	f.Add(`a="b"; Expires=Sun, 06 Nov 1994 08:49:37 GMT`)
	f.Fuzz(func(t *testing.T, line string) {
		jar, _ := newJar()
		receive(t, jar, "https://www.example.com/x/y", line)
		header := sent(t, jar, "https://www.example.com/x/y")
		if strings.ContainsAny(header, "\r\n\x00;") {
			t.Fatalf("%q sends %q", line, header)
		}
		var saved strings.Builder
		if err := jar.Save(&saved); err != nil {
			t.Fatal(err)
		}
		again, _ := newJar()
		if err := again.Load(strings.NewReader(saved.String())); err != nil {
			t.Fatalf("%q: loading\n%s\n%v", line, saved.String(), err)
		}
		if got, want := again.Items(), jar.Items(); !slices.EqualFunc(got, want, same) {
			t.Fatalf("%q: saved %v, loaded %v", line, want, got)
		}
	})
}

func same(a, b cookies.Cookie) bool {
	aTime, bTime := a.Expires, b.Expires
	a.Expires, b.Expires = time.Time{}, time.Time{}
	return a == b && aTime.Equal(bTime)
}
