package client

import (
	"errors"
	"fmt"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
)

func TestAddParams(t *testing.T) {
	for _, c := range []struct {
		url   string
		pairs [][2]string
		want  string
	}{
		{"http://x/", [][2]string{{"a", "b"}, {"c", "d e"}, {"a", "&=?/ü~"}}, "/?a=b&c=d+e&a=%26%3D%3F%2F%C3%BC~"},
		{"http://x/?q=1", [][2]string{{"a", "b"}}, "/?q=1&a=b"},
		{"http://x/?q=a+b%2F", [][2]string{{"", ""}}, "/?q=a+b%2F&="},
		{"http://x/?q", nil, "/?q"},
	} {
		u := urls.MustParse(c.url)
		addParams(u, c.pairs)
		if got := u.RequestURI(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.url, got, c.want)
		}
	}
}

// TestURLCache checks that a URL is not parsed twice in a row, and that the cache has a
// bound.
func TestURLCache(t *testing.T) {
	var c urlCache
	for i := range 3 * mostURLs {
		raw := fmt.Sprintf("http://a.example/%d", i)
		u, err := c.parse(nil, raw)
		if err != nil || u.String() != raw {
			t.Fatalf("%s: %v, %v", raw, u, err)
		}
		if again, _ := c.parse(nil, raw); again != u {
			t.Fatalf("%s was parsed again", raw)
		}
		if len(c) > mostURLs {
			t.Fatalf("%d URLs are kept", len(c))
		}
	}
	if _, err := c.parse(nil, "http://a.example:x/"); !errors.Is(err, ErrURL) {
		t.Errorf("an invalid port: %v", err)
	}
}
