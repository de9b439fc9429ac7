package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func get(u string) *request.Request {
	return &request.Request{Method: "GET", URL: urls.MustParse(u), Header: make(http.Header)}
}

// authorization returns the Authorization that c adds to a GET of u.
func authorization(t testing.TB, c auth.Credentials, u string) string {
	t.Helper()
	req := get(u)
	if err := authorize(t, c, req); err != nil {
		t.Fatal(err)
	}
	return req.Header.Get("Authorization")
}

func answer(code int, name string, values ...string) *response.Response {
	r := response.New(nil)
	r.Code = code
	r.Header = http.Header{name: values}
	return r
}

func TestBasic(t *testing.T) {
	for _, test := range []struct {
		name        string
		credentials auth.Credentials
		want        string // "" if the credentials cannot be sent
	}{
		{"plain", auth.Basic("username", "password"), "Basic dXNlcm5hbWU6cGFzc3dvcmQ="},
		{"RFC 7617, 2", auth.Basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"RFC 7617, 2.1", auth.Basic("test", "123£"), "Basic dGVzdDoxMjPCow=="},
		{"long", auth.Basic("username", "verylongpasswordthatextendsbeyondthepointwheremultiplelinesaregenerated"), "Basic dXNlcm5hbWU6dmVyeWxvbmdwYXNzd29yZHRoYXRleHRlbmRzYmV5b25kdGhlcG9pbnR3aGVyZW11bHRpcGxlbGluZXNhcmVnZW5lcmF0ZWQ="},
		{"UTF-8", auth.Basic("ᛗ", "ᚹ"), "Basic 4ZuXOuGauQ=="},
		{"bytes", auth.BasicBytes([]byte("\x01\x0f\xff"), []byte("\xff\xf0\x01")), "Basic AQ//Ov/wAQ=="},
		{"decomposed", auth.Basic("u\u0308", "a\u030a"), "Basic w7w6w6U="},
		{"empty", auth.Basic("", ""), "Basic Og=="},
		{"colon in the password", auth.Basic("a", "b:c"), "Basic YTpiOmM="},
		{"colon in the user name", auth.Basic("a:b", "c"), ""},
		{"colon in the bytes of the user name", auth.BasicBytes([]byte("a:b"), nil), ""},
		{"line break", auth.Basic("a", "b\r\nc"), ""},
		{"DEL", auth.Basic("a\x7f", "b"), ""},
		{"a control character of Latin-1", auth.Basic("a\u0085", "b"), ""},
		{"not UTF-8", auth.Basic("a", "\xff"), ""},
	} {
		req := get("http://h.example/")
		req.Header.Set("Authorization", "other")
		err := authorize(t, test.credentials, req)
		if test.want == "" {
			if !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("%s: error %v", test.name, err)
			}
			continue
		}
		if got := req.Header.Get("Authorization"); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v; want %q", test.name, got, err, test.want)
		}
		if again, err := test.credentials.Answered(req, answer(401, "Www-Authenticate", `Basic realm="x"`)); again || err != nil {
			t.Errorf("%s: after a 401: %v, %v", test.name, again, err)
		}
	}
}

func TestErrorsDoNotTellThePassword(t *testing.T) {
	err := authorize(t, auth.Basic("a:b", "secret\n"), get("http://h.example/"))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestFromURL(t *testing.T) {
	for u, want := range map[string]string{
		"http://user:pass@h.example/":         "Basic dXNlcjpwYXNz",
		"http://us%40er:p%3Aa%20ss@h.example": "Basic dXNAZXI6cDphIHNz",
		"http://user@h.example/":              "Basic dXNlcjo=",
	} {
		if got := authorization(t, auth.FromURL(urls.MustParse(u)), u); got != want {
			t.Errorf("%s: got %q, want %q", u, got, want)
		}
	}
	if c := auth.FromURL(urls.MustParse("http://h.example/")); c != nil {
		t.Errorf("without a user: %v", c)
	}
}
