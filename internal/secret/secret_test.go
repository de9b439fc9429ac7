package secret_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/secret"
)

func TestHas(t *testing.T) {
	for _, name := range []string{
		"Authorization", "proxy-authorization", "X-Forwarded-Authorization", "COOKIE", "Set-Cookie", "Cookie2",
		"X-Api-Key", "x_api_key", "apikey", "Api-Key", "X-Auth-Token", "X-Auth-Key", "X-CSRF-Token", "Private-Token", "X-Amz-Security-Token",
		"Ocp-Apim-Subscription-Key", "X-Goog-Api-Key", "token", "access_token", "refresh_token", "id_token", "accessToken", "jwt",
		"password", "Passwd", "pass", "user[password]", "old-password", "client_secret", "secret", "signature", "sig",
		"X-Amz-Signature", "X-Amz-Credential", "X-Goog-Signature", "AWSAccessKeyId", "client_assertion", "SAMLResponse",
		"code_verifier", "PHPSESSID", "jsessionid", "auth", "otp",
	} {
		if !secret.Known.Has(name) {
			t.Errorf("%s is not secret", name)
		}
	}
	for _, name := range []string{
		"", "Accept", "Content-Type", "Content-Length", "Host", "Idempotency-Key", "Sec-WebSocket-Key", "WWW-Authenticate", "Etag",
		"key", "code", "page", "q", "cookies", "tokens", "user", "id", "state", "author", "passenger", "signed", "design", "X-Amz-Date",
	} {
		if secret.Known.Has(name) {
			t.Errorf("%s is secret", name)
		}
	}
	if more := (secret.Names{"X-Mine", "page"}); !more.Has("x_mine") || !more.Has("Page") || !more.Has("token") || more.Has("mine") {
		t.Error("more names")
	}
}

func TestHeader(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"Accept", "text/html", "text/html"},
		{"Authorization", "Basic dTpw", "Basic xxxxx"},
		{"authorization", "bearer abc def", "bearer xxxxx"},
		{"Authorization", `Digest username="u", response="abc"`, "Digest xxxxx"},
		{"Authorization", "my key", "xxxxx"},
		{"Authorization", "Bearer", "xxxxx"},
		{"Proxy-Authorization", "Basic dTpw", "Basic xxxxx"},
		{"X-Api-Key", "abc", "xxxxx"},
		{"Cookie", "a=1; b=2=3;c; ", "a=xxxxx; b=xxxxx;xxxxx; "},
		{"Set-Cookie", "a=1; Path=/; Secure", "a=xxxxx; Path=/; Secure"},
		{"Set-Cookie", "abc", "xxxxx"},
		{"Location", "http://u:p@an.example/?token=abc&page=2#access_token=d", "http://u:xxxxx@an.example/?token=xxxxx&page=2#access_token=xxxxx"},
		{"Location", "/login?token=a b", "/login?token=xxxxx"},
		{"Referer", "/a?page=2", "/a?page=2"},
		{"Link", `<http://an.example/?token=abc&page=2>; rel="next"`, `<http://an.example/?token=xxxxx&page=2>; rel="next"`},
	} {
		if got := secret.Known.Header(test.name, test.value); got != test.want {
			t.Errorf("%s: %s: got %q, want %q", test.name, test.value, got, test.want)
		}
	}
	h := http.Header{"X-Mine": {"a", "b"}, "Accept": {"c"}}
	if got := (secret.Names{"x-mine"}).Headers(h); !reflect.DeepEqual(got, http.Header{"X-Mine": {"xxxxx", "xxxxx"}, "Accept": {"c"}}) || h["X-Mine"][0] != "a" {
		t.Errorf("got %v of %v", got, h)
	}
	head := "GET /?sig=abc&a=b HTTP/1.1\r\nHost: a\r\nAuthorization:  Basic abc\r\nEmpty:\r\nX-Token: d\nCookie: a=b"
	if got, want := secret.Known.Head(head), "GET /?sig=xxxxx&a=b HTTP/1.1\r\nHost: a\r\nAuthorization:  Basic xxxxx\r\nEmpty:\r\nX-Token: xxxxx\nCookie: a=xxxxx"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestURL(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"http://an.example/a?b=c&d#e", ""},
		{"http://an.example", ""},
		{"http://user@an.example/", ""},
		{"http://user:pass@an.example/", "http://user:xxxxx@an.example/"},
		{"http://user:@an.example/", "http://user:xxxxx@an.example/"},
		{"https://ghp_0123456789abcdef@an.example/", "https://xxxxx@an.example/"},
		{"https://ghp_0123456789abcdef:x-oauth-basic@an.example/", "https://xxxxx:xxxxx@an.example/"},
		{"http://an.example/?token=abc", "http://an.example/?token=xxxxx"},
		{"http://an.example/?a=b&ACCESS_TOKEN=abc&c=d", "http://an.example/?a=b&ACCESS_TOKEN=xxxxx&c=d"},
		{"http://an.example/?tok%65n=abc;def", "http://an.example/?tok%65n=xxxxx"},
		{"http://an.example/?token=a=b?c", "http://an.example/?token=xxxxx"},
		{"http://an.example/?token=", ""},
		{"http://an.example/?token", ""},
		{"http://an.example/?key=value&code=404", ""},
		{"http://an.example/?key=AIza0123456789abcdef&code=0123456789abcdef", "http://an.example/?key=xxxxx&code=xxxxx"},
		{"http://an.example/#access_token=abc&state=d", "http://an.example/#access_token=xxxxx&state=d"},
		{"http://an.example/a;jsessionid=abc?x=y", "http://an.example/a;jsessionid=xxxxx?x=y"},
		{"http://an.example/?next=http://u:p@b.example/?token=c&d=e", "http://an.example/?next=http://u:xxxxx@b.example/?token=xxxxx&d=e"},
		{"http://an.example/http://u:p@b.example/", "http://an.example/http://u:xxxxx@b.example/"},
		{"user:secret@an.example", "user:xxxxx@an.example"},
		{"/a?password=abc", "/a?password=xxxxx"},
	} {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		if test.want == "" {
			test.want = test.url
		}
		if got := secret.Known.URL(u); got != test.want {
			t.Errorf("%s: got %s, want %s", test.url, got, test.want)
		}
		if got := secret.Known.RawURL(test.url); got != test.want {
			t.Errorf("%s, not parsed: got %s, want %s", test.url, got, test.want)
		}
	}
	if got := secret.Known.URL(nil); got != "" {
		t.Errorf("nil: got %q", got)
	}
	if got := (secret.Names{"page"}).URL(&url.URL{Path: "/", RawQuery: "page=2#3&a=b"}); got != "/?page=xxxxx&a=b" {
		t.Errorf("got %q", got)
	}
}

// TestRawURL has texts that are no URLs.
func TestRawURL(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"http://user:pa ss@an.example/?token=a b&c=d", "http://xxxxx@an.example/?token=xxxxx&c=d"},
		{"http://user:pa/ss@[an.example/", "http://xxxxx@[an.example/"},
		{"user:pa%ss@an.example", "user:xxxxx@an.example"},
		{"secret@an.example:x", "xxxxx@an.example:x"},
		{"http://an.example/%zz?sig=a&b", "http://an.example/%zz?sig=xxxxx&b"},
		{"http://an.example/\n?sig=a", "http://an.example/\n?sig=xxxxx"},
	} {
		if got := secret.Known.RawURL(test.text); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"a // b, token=c", "a // b, token=c"},
		{`got "http://u:p@an.example/?token=c" in return`, `got "http://u:xxxxx@an.example/?token=xxxxx" in return`},
		{"(//u@a //b:c@d //0123456789abcdef:c@d)", "(//u@a //b:xxxxx@d //xxxxx:xxxxx@d)"},
		{"//a:b@c@d/e:f@g", "//a:xxxxx@d/e:f@g"},
	} {
		if got := secret.Known.Text(test.text); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func TestForm(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{"", ""},
		{"client_secret=abc&grant_type=x&a;b=c", "client_secret=xxxxx&grant_type=x&a;b=c"},
		{"a=b&password=c+d", "a=b&password=xxxxx"},
		{"user%5Bpassword%5D=c;d&e", "user%5Bpassword%5D=xxxxx&e"},
	} {
		if got := secret.Known.Form(test.body); got != test.want {
			t.Errorf("%q: got %q, want %q", test.body, got, test.want)
		}
	}
}

func TestBody(t *testing.T) {
	for _, test := range []struct{ contentType, body, want string }{
		{"application/x-www-form-urlencoded", "token=a", "token=xxxxx"},
		{"Application/X-WWW-Form-URLEncoded ; charset=utf-8", "token=a", "token=xxxxx"},
		{"application/json", `{"token": "a"}`, `{"token": "xxxxx"}`},
		{"application/vnd.api+json; charset=utf-8", `{"token": "a"}`, `{"token": "xxxxx"}`},
		{"text/plain", "token=a http://a/?token=b", "token=a http://a/?token=xxxxx"},
		{"", `{"token": "a"}`, `{"token": "a"}`},
	} {
		if got := secret.Known.Body(test.body, test.contentType); got != test.want {
			t.Errorf("%s: %s: got %s, want %s", test.contentType, test.body, got, test.want)
		}
	}
}

func TestJSON(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{`{"a": "b", "c": ["token", "d"]}`, ""},
		{`{"access_token" : "a\"b", "n": {"password":"c"}, "otp": 123, "secret": null}`, `{"access_token" : "xxxxx", "n": {"password":"xxxxx"}, "otp": xxxxx, "secret": xxxxx}`},
		{`{"tok\u0065n":"a"}`, `{"tok\u0065n":"xxxxx"}`},
		{`{"token": {"value": "a", "id_token": "b"}}`, `{"token": {"value": "a", "id_token": "xxxxx"}}`},
		{`{"token": "cut sho`, `{"token": "xxxxx"`},
		{`{"token": "cut\`, `{"token": "xxxxx"`},
		{`{"token": 12`, `{"token": xxxxx`},
		{`{"token": `, ""},
		{`{"token"`, ""},
		{`{"to`, ""},
		{`not "JSON" at: all`, ""},
	} {
		if test.want == "" {
			test.want = test.text
		}
		if got := secret.Known.JSON(test.text); got != test.want {
			t.Errorf("%s: got %s, want %s", test.text, got, test.want)
		}
	}
}

// FuzzNothingIsLost: what hides secrets neither panics nor changes a text without any.
func FuzzNothingIsLost(f *testing.F) {
	for _, seed := range []string{"http://u:p@h/?token=a", `{"token":"a"}`, "a=b;c", "Cookie: a=b\r\n", "//@", "?=&#", `"\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := secret.Known
		for _, got := range []string{n.Text(s), n.Form(s), n.JSON(s), n.Head(s), n.RawURL(s)} {
			if !strings.Contains(got, secret.Mask) && got != s && !strings.Contains(s, secret.Mask) {
				t.Errorf("%q became %q", s, got)
			}
		}
	})
}
