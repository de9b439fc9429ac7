package web_test

import (
	"bytes"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestHTTP2LargeBody checks that a body that is larger than all windows comes whole.
func TestHTTP2LargeBody(t *testing.T) {
	content := random(1_000_000)
	for name, root := range largeWrites(content) {
		t.Run(name, func(t *testing.T) {
			c := serveH2(t, &web.Site{Root: root})
			a := c.get("/").wait()
			if !a.ended || !bytes.Equal(a.body, content) {
				t.Errorf("%.200s: %d bytes", a, len(a.body))
			}
			c.gone(t)
		})
	}
}
