package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// cookieOf returns the cookie called name in a Cookie header.
func cookieOf(header, name string) (value string, ok bool) {
	return (&web.Request{Header: http.Header{"Cookie": {"\u2020=y", header}}}).GetCookie(name)
}

func TestGetCookie(t *testing.T) {
	for _, test := range []struct {
		header, name, value string
		ok                  bool
	}{
		{"a=1; b=2", "b", "2", true},
		{"a=1;b=2", "b", "2", true},
		{" a = 1 ;\tb\t=\t2\t", "b", "2", true},
		{"a=1; a=2", "a", "1", true},
		{"a=1", "A", "", false},
		{"aa=1", "a", "", false},
		{"a", "a", "", false},
		{"a=", "a", "", true},
		{"=1", "", "1", true},
		{"", "", "", false},
		{"a=b=c", "a", "b=c", true},
		{`a={"x":1}`, "a", `{"x":1}`, true},
		{`a={"x":1,"y":[2, 3]}; b=2`, "a", `{"x":1,"y":[2, 3]}`, true},
		{`a="x y"`, "a", "x y", true},
		{`a=""`, "a", "", true},
		{`a="`, "a", `"`, true},
		{`a="x`, "a", `"x`, true},
		{`a="x"y"`, "a", `x"y`, true},
		{`a=x\y\"z`, "a", `x\y\"z`, true},
		{"a=x y, z", "a", "x y, z", true},
		{"é=ü", "é", "ü", true},
		{"a=\xff\u00a0", "a", "\xff\u00a0", true},
		{"a(b)@c=1", "a(b)@c", "1", true},
		{`$Version=1; a="1"; $Path="/"`, "a", "1", true},
		{"bad; ;;=; a=1", "a", "1", true},
	} {
		if value, ok := cookieOf(test.header, test.name); value != test.value || ok != test.ok {
			t.Errorf("%q of %q: %q, %v; want %q, %v", test.name, test.header, value, ok, test.value, test.ok)
		}
	}
}

// TestCookiesComeBack checks the whole way of a cookie: from a response through the client's
// jar and the wire to GetCookie.
func TestCookiesComeBack(t *testing.T) {
	for _, value := range []string{`{"x":1,"y":"a b"}`, `x\y`, `a"b`, "a, b", "é ü", "a\xffb", "", "=", "a=b", "'x'"} {
		var got string
		stub := treqtesting.NewStubTreq(web.RenderFunc(func(req *web.Request) {
			got, _ = req.GetCookie("a")
			req.ResponseHeader.Set("Set-Cookie", "a="+value)
		}), treqtesting.Config{})
		for range 2 {
			if _, err := deferredtest.SuccessResultOf(t, stub.Get("http://an.example/")).Cookies().Get("a"); err != nil {
				t.Errorf("%q: %v", value, err)
			}
		}
		want(t, got, value)
	}
}

// FuzzGetCookie checks that a cookie which a jar accepts from a response comes back to
// GetCookie with the name and the value that it has in the jar.
func FuzzGetCookie(f *testing.F) {
	for _, line := range []string{`a={"x":1}`, `a="x y"`, `a="`, `a=""`, `a=x\"y`, "a=b, c; Path=/", "é=\u00a0ü\u00a0", "a=\xff", "a = b c ;Secure", "a==b=", `"a"="\"`} {
		f.Add(line)
	}
	u, _ := url.Parse("https://an.example/")
	f.Fuzz(func(t *testing.T, line string) {
		jar := new(cookies.Jar)
		jar.SetCookies(u, cookies.FromResponse(http.Header{"Set-Cookie": {line}}))
		all := jar.Cookies(u)
		sent, err := cookies.Header(all)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		for _, c := range all {
			if value, ok := cookieOf(sent, c.Name); value != c.Value || !ok {
				t.Errorf("%q was sent as %q, and read as %q, %v", line, sent, value, ok)
			}
		}
	})
}
