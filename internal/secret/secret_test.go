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
		"code_verifier", "PHPSESSID", "jsessionid", "auth", "otp", "X-Auth", "DPoP", "pw", "session", "sessid", "sid", "X-XSRF",
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
		{"a=b&token=c/d?e", "a=b&token=xxxxx"},
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
		{"", ` {"token": "a"}`, ` {"token": "xxxxx"}`},
		{"text/plain", `[{"token": "a"}]`, `[{"token": "xxxxx"}]`},
		{"text/plain", "a=b&token=a+b\n", "a=b&token=xxxxx"},
		{"text/html", `{"token": "a"}`, `{"token": "a"}`},
		{"", "a b", "a b"}, {"", " ", " "},
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
		{`{"token": {"value": "a", "id_token": "b"}}`, `{"token": {"value": "xxxxx", "id_token": "xxxxx"}}`},
		{`{"passwords": ["a", {"b": -1.5e3, "c": [true]}], "d": [1, "e"]}`, `{"passwords": ["xxxxx", {"b": xxxxx, "c": [xxxxx]}], "d": [1, "e"]}`},
		{`{"credentials": {"a": "b", "c": {}}, "d": "e"}`, `{"credentials": {"a": "xxxxx", "c": {}}, "d": "e"}`},
		{`{"secret": ["cut sho`, `{"secret": ["xxxxx"`},
		{`{"next": "http://u:a@h/?page=2"}`, `{"next": "http://u:xxxxx@h/?page=2"}`},
		{`{"next": "http:\/\/u:a@h\/"}`, `{"next": "http://u:xxxxx@h/"}`},
		{`["/?page=2\u0026token=a"]`, `["/?page=2\u0026token=xxxxx"]`},
		{`{"a": "{\"token\":\"b\"}"}`, `{"a": "{\"token\":\"xxxxx\"}"}`},
		{`{"max_tokens": 100, "key": "/a\/b", "sort_key": "a"}`, ""},
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

// TestSecretNames: a secret name is one in any spelling, and ordinary names stay ordinary.
func TestSecretNames(t *testing.T) {
	for _, name := range []string{"%74oken", "to%6Ben", "token%00", "token%0a", "token%3A", "{token}", "token/", "user:token", "$token", "api-key", "API.KEY", "token[]",
		"device_code", "id_token_hint", "app_key", "user_pass", "oauth_verifier", "sessionKey", "bearer", "hmac", "encryption_key", "passcode", "csrf", "api_keys"} {
		for _, before := range []string{"http://h/?", "http://h/?a=b&", "http://h/#", "/;", "see http://h/?a;"} {
			if got := secret.Known.Text(before + name + "=abc"); got != before+name+"=xxxxx" {
				t.Errorf("got %s", got)
			}
		}
	}
	for _, name := range []string{"author", "keyboard", "passport", "compass", "bypass", "monkey", "tokenize", "max_tokens", "sort_key", "cookies", "passes", "authority", "design", "zip_code", "ticket", "sign", "public_key"} {
		if text := "http://h/?" + name + "=abc"; secret.Known.Text(text) != text {
			t.Errorf("got %s", secret.Known.Text(text))
		}
	}
	for _, name := range []string{"X-Hub-Signature-256", "X-Functions-Key", "X-Session", "X-Csrf", "X-Amz-Server-Side-Encryption-Customer-Key"} {
		if !secret.Known.Has(name) {
			t.Errorf("%s is not secret", name)
		}
	}
	if got := secret.Known.Text("/?ticket=ST-0123456789abcdef&sign=0123456789abcdef"); got != "/?ticket=xxxxx&sign=xxxxx" {
		t.Errorf("got %s", got)
	}
}

// TestSecretsInside: a URL inside a parameter, and a password with the ends of a host, have
// secrets too.
func TestSecretsInside(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"http://h/?next=http%3A%2F%2Fu%3Aa%40b%2F&c=%2F", "http://h/?next=http%3A%2F%2Fu%3Axxxxx%40b%2F&c=%2F"},
		{"http://h/?next=%2Fa%3Ftoken%3Db%26c%3Dd", "http://h/?next=%2Fa%3Ftoken%3Dxxxxx%26c%3Dd"},
		{"http://h/?a=http%3A%2F%2Fh%2F%3Fb%3D%252F%253Ftoken%253Dc", "http://h/?a=http%3A%2F%2Fh%2F%3Fb%3D%252F%253Ftoken%253Dxxxxx"},
		{"http://h/?next=%2Fa%3Fpage%3D2&b=100%", ""},
		{"see http://u:a/b@h/ there", "see http://u:xxxxx@h/ there"},
		{"see http://u:a?b@h/", "see http://u:xxxxx@h/"},
		{"see http://u:a#b@h/", "see http://u:xxxxx@h/"},
		{"http://h:8080/@me", ""},
		{"http://h/@me", ""},
		{"http://h:/@me", ""},
		{"http://[::1]/@me", ""},
		{"http://h:a/ me@b", ""},
		{"http://h:a/b", ""},
	} {
		if test.want == "" {
			test.want = test.text
		}
		if got := secret.Known.Text(test.text); got != test.want {
			t.Errorf("%s: got %s, want %s", test.text, got, test.want)
		}
	}
}

// TestMultipart: the fields of a form in parts.
func TestMultipart(t *testing.T) {
	part := func(head, value string) string {
		return "--b\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + value + "\r\n"
	}
	for _, test := range []struct{ body, want string }{
		{part(`name="password"`, "a\r\nb") + part(`name=token`, "c") + part(`name="d"; filename="token"`, "/?sig=e") + "--b--\r\n",
			part(`name="password"`, "xxxxx") + part(`name=token`, "xxxxx") + part(`name="d"; filename="token"`, "/?sig=xxxxx") + "--b--\r\n"},
		{"--b\r\nContent-Disposition: form-data; name=\"otp\"\r\n\r\ncut sho", "--b\r\nContent-Disposition: form-data; name=\"otp\"\r\n\r\nxxxxx"},
		{part(`name="otp"`, "") + "--b--", ""},
		{"", ""},
	} {
		if test.want == "" {
			test.want = test.body
		}
		if got := secret.Known.Body(test.body, "Multipart/form-data; boundary=b"); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
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
		for _, got := range []string{n.Text(s), n.Form(s), n.JSON(s), n.Head(s), n.RawURL(s), n.Body(s, ""), n.Body(s, "multipart/form-data")} {
			if !strings.Contains(got, secret.Mask) && got != s && !strings.Contains(s, secret.Mask) {
				t.Errorf("%q became %q", s, got)
			}
		}
	})
}
