package cookies_test

import (
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

// otherJar is a jar whose type this package does not know.
type otherJar struct{ http.CookieJar }

// TestOwnJarsAndOthers: Receive and HeaderFor do to a Jar what they do to any other jar.
func TestOwnJarsAndOthers(t *testing.T) {
	u := urls.MustParse("http://an.example/a/b")
	own, below := new(cookies.Jar), new(cookies.Jar)
	for _, lines := range [][]string{
		nil,
		{"a=1; Path=/", "b=2", "no cookie", "c=\"3 4\"; Domain=.example; Path=/a"},
		{"a=5; Path=/; Max-Age=60", "b=; Max-Age=0", "d=6; Secure", "e=\"\""},
		{"a=7; Path=/", "d=é; HttpOnly"},
	} {
		header := http.Header{"Set-Cookie": lines}
		cookies.Receive(own, u, header)
		cookies.Receive(otherJar{below}, u, header)
		got, gotErr := cookies.HeaderFor(own, u)
		want, wantErr := cookies.HeaderFor(otherJar{below}, u)
		if got != want || gotErr != nil || wantErr != nil {
			t.Errorf("%q: %q, %v, want %q, %v", lines, got, gotErr, want, wantErr)
		}
	}
	if header, _ := cookies.HeaderFor(own, urls.MustParse("mailto:x")); header != "" {
		t.Errorf("%q", header)
	}
}
