package peers_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/agent"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

func quiet(t *testing.T) *log.Logger { return log.New(io.Discard, "", 0) }

// TestExam has clients sit the exam with servers of which neither is what this package checks:
// net/http with itself over HTTP/2, and our HTTP/1.1 with net/http. So a failure elsewhere is
// not one of the exam.
func TestExam(t *testing.T) {
	var authority treqtesting.Authority
	plain, secure := serveTheirs(t, nil, nil), serveTheirs(t, authority.ServerTLS("127.0.0.1"), nil)
	for name, test := range map[string]struct {
		client examinee
		url    string
		except map[string]string
	}{
		"net/http, plain": {theirs(nil), plain, nil},
		"net/http, TLS":   {theirs(authority.ClientTLS()), secure, nil},
		"HTTP/1.1, plain": {ours(agent.Config{}, "HTTP/1.1"), plain, map[string]string{"trailers both ways": "our client sends none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sit(t, test.client, test.url, test.except)
		})
	}
}

// TestTrials has the programs talk with net/http's server.
func TestTrials(t *testing.T) {
	g := newTarget(t, func(t *testing.T, config *tls.Config) string { return serveTheirs(t, config, nil) })
	t.Run("curl", g.curl)
	t.Run("nghttp", g.nghttp)
	t.Run("h2load", g.load)
	t.Run("httpx", g.httpx)
}

// TestChromiumWithTheirs has Chromium load the page from net/http's server.
func TestChromiumWithTheirs(t *testing.T) {
	config, reports := chromiumTLS(), make(chan sighting, 1)
	url := serveTheirs(t, config, func(s *http.Server) { s.Handler = seen(reports) })
	t.Logf("%+v", chromium(t, url+"/page", config, reports))
}
