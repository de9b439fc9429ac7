package client_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

// TestURLsWithoutASchemeOrHost: the error of RequestURL says what the caller probably meant,
// as that of Request does.
func TestURLsWithoutASchemeOrHost(t *testing.T) {
	c, _, _ := newClient(t)
	for _, test := range []struct {
		u    url.URL
		is   error
		text string
	}{
		{url.URL{Path: "an.example/x"}, agent.ErrSchemeNotSupported, `GET an.example/x: "an.example/x" has no scheme: http://an.example/x?`},
		{url.URL{Host: "an.example", Path: "/x"}, agent.ErrSchemeNotSupported, `GET //an.example/x: "an.example/x" has no scheme: http://an.example/x?`},
		{url.URL{Path: "/x"}, agent.ErrSchemeNotSupported, `GET /x: "/x" has no scheme and no host`},
		{url.URL{}, agent.ErrSchemeNotSupported, `GET: empty URL`},
		{url.URL{Scheme: "ftp", Host: "an.example"}, agent.ErrSchemeNotSupported, `GET ftp://an.example: the scheme of the URL is not supported: "ftp"`},
		{url.URL{Scheme: "http", Path: "/x"}, agent.ErrNoHost, `GET http:///x: the URL names no host`},
		{url.URL{Scheme: "http", Opaque: "an.example"}, client.ErrURL, `GET http:an.example: http: is not followed by //`},
	} {
		d := c.RequestURL("GET", &test.u)
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, test.is) || err.Error() != test.text {
			t.Errorf("%+v:\n%v, want\n%s", test.u, err, test.text)
		}
	}
}
