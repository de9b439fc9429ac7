package cookies_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

// start is the time at which the tests begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A manualClock has the time that the test sets.
type manualClock struct{ now time.Time }

func (h *manualClock) Now() time.Time { return h.now }

func newJar() (*cookies.Jar, *manualClock) {
	h := &manualClock{start}
	return &cookies.Jar{Now: h.Now}, h
}

// receive stores the cookies of a response from u with these Set-Cookie lines.
func receive(t testing.TB, jar *cookies.Jar, u string, lines ...string) {
	t.Helper()
	jar.SetCookies(urls.MustParse(u), cookies.FromResponse(http.Header{"Set-Cookie": lines}))
}

// sent returns the Cookie header of a request to u.
func sent(t testing.TB, jar *cookies.Jar, u string) string {
	t.Helper()
	header, err := cookies.Header(jar.Cookies(urls.MustParse(u)))
	if err != nil {
		t.Fatal(err)
	}
	return header
}

// described lists the cookies of jar without their values.
func described(jar *cookies.Jar) string {
	var all []string
	for _, c := range jar.Items() {
		all = append(all, c.String())
	}
	return strings.Join(all, ", ")
}
