package response_test

import (
	"errors"
	"net/url"
	"reflect"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func TestForm(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		name, kind, body string
		want             url.Values
		error            string
	}{
		{"a form", form, "a=1&b=2&a=3", url.Values{"a": {"1", "3"}, "b": {"2"}}, ""},
		{"with a charset", form + "; charset=utf-8", "a=%c3%a9+x", url.Values{"a": {"é x"}}, ""},
		{"in another charset", form + "; charset=windows-1252", "a=%80&%e9=1", url.Values{"a": {"€"}, "é": {"1"}}, ""},
		{"nothing is dropped", form, "a;b=1&c=%zz&d=%&=e&f&&g==h", url.Values{"a;b": {"1"}, "c": {"%zz"}, "d": {"%"}, "": {"e"}, "f": {""}, "g": {"=h"}}, ""},
		{"empty", form, "", url.Values{}, ""},
		{"a line end", form, "a=1\r\n", url.Values{"a": {"1"}}, ""},
		{"as text", "text/plain", "oauth_token=x&oauth_token_secret=y", url.Values{"oauth_token": {"x"}, "oauth_token_secret": {"y"}}, ""},
		{"as a page", "text/html; charset=utf-8", "oauth_token=x", url.Values{"oauth_token": {"x"}}, ""},
		{"without a type", "", "a=1", url.Values{"a": {"1"}}, ""},

		{"a page", "text/html", "<html>", nil, `200 text/html is not a form: "<html>": a form has no "<"`},
		{"JSON", form, `{"token":"abc"}`, nil, `200 application/x-www-form-urlencoded is not a form: "{\"token\":\"xxxxx\"}": a form has no "\""`},
		{"text", "text/plain", "not found", nil, `200 text/plain is not a form: "not found": a form has no " "`},
		{"a word", "text/plain", "ok", nil, `200 text/plain is not a form: "ok": it has no "="`},
		{"nothing of another type", "text/plain", "", nil, `200 text/plain is not a form: "": it has no "="`},
		{"a multipart form", "multipart/form-data; boundary=x", "--x\r\n\r\n--x--\r\n", nil, `200 multipart/form-data is not a form: "--x\r\n\r\n--x--\r\n": a form has no "\r"`},
		{"not in its charset", form + "; charset=utf-8", "a=%e9", nil, `not text in that charset: byte 0, "\xe9", is not utf-8`},
		{"a name that is not", form + "; charset=utf-8", "%e9=a", nil, `not text in that charset: byte 0, "\xe9", is not utf-8`},
		{"an unknown charset", form + "; charset=x-no", "a=b", nil, `unknown charset "x-no": "a"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var headers []string
			if test.kind != "" {
				headers = []string{"Content-Type", test.kind}
			}
			d := answered(200, test.body, headers...).Form()
			if test.error == "" {
				if got := deferredtest.SuccessResultOf(t, d); !reflect.DeepEqual(got, test.want) {
					t.Errorf("got %q", got)
				}
				return
			}
			err := deferredtest.FailureResultOf(t, d)
			if want := "GET http://h/a: " + test.error; err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			var charset *response.CharsetError
			if errors.As(err, &charset) && charset.Response == nil {
				t.Error("without its response")
			}
		})
	}
}
