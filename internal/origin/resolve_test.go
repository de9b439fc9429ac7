package origin_test

import (
	"net/url"
	"reflect"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
)

// TestResolvePlainPaths: a path that is not parsed leads where the parsed one would.
func TestResolvePlainPaths(t *testing.T) {
	for _, base := range []string{
		"http://an.example/a/b?c#d", "HTTP://user:secret@An.Example:8080", "http://[::1]:81/%2f", "http://bücher.example/é", "ftp://an.example/", "http:///a",
	} {
		from, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		for _, location := range []string{
			"/", "/a", "/a/", "/a/b.c", "/~a_b-c.d", "/.", "/..", "/./a", "/a/../b", "/a/.b", "/a//b", "/a/b.", "/a..b", "/a?b", "/%41", "/a:b", "/é",
		} {
			got, gotErr := origin.Resolve(from, location)
			want, wantErr := origin.ResolveURL(from, urls.MustParse(location))
			if want != nil {
				want.Fragment = from.Fragment
			}
			if !reflect.DeepEqual(got, want) || (gotErr == nil) != (wantErr == nil) {
				t.Errorf("%s from %s: %#v, %v, want %#v, %v", location, base, got, gotErr, want, wantErr)
			}
		}
	}
}
