package response_test

import (
	"net/http"
	"net/http/cookiejar"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestCookies: a response has a copy of the request's jar, of any kind, or an empty jar.
func TestCookies(t *testing.T) {
	u := urls.MustParse("http://h.example/a")
	other, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	req := &request.Request{Method: "GET", URL: u}
	for _, test := range []struct {
		name string
		jar  http.CookieJar
		req  *request.Request
		want string
	}{
		{"no jar", nil, req, ""},
		{"ours", new(cookies.Jar), req, "1"},
		{"another", other, req, "1"},
		{"another, without a request", other, nil, ""},
	} {
		r := of("")
		r.Request, r.Jar = test.req, test.jar
		if test.jar != nil {
			test.jar.SetCookies(u, []*http.Cookie{{Name: "a", Value: "1", Path: "/"}})
		}
		copied := r.Cookies()
		if got, _ := copied.Get("a"); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		copied.Clear()
		if got, _ := r.Cookies().Get("a"); got != test.want {
			t.Errorf("%s: the copy is the jar itself", test.name)
		}
	}
}
