package origin_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/internal/origin"
)

func TestExcerpt(t *testing.T) {
	for _, test := range []struct {
		text string
		most int
		want string
	}{
		{"", 10, ""},
		{"0123456789", 10, "0123456789"},
		{"0123456789a", 10, "01234[1 bytes]6789a"},
		{strings.Repeat("a", 100000) + "b", 4, "aa[99997 bytes]ab"},
		{"ää" + strings.Repeat("x", 100) + "ää", 6, "ä[104 bytes]ä"},
	} {
		got := origin.Excerpt(test.text, test.most)
		if got != test.want || !utf8.ValidString(got) {
			t.Errorf("%.20q of %d bytes: got %q, want %q", test.text, len(test.text), got, test.want)
		}
	}
}

func TestNamesRequest(t *testing.T) {
	for text, want := range map[string]bool{
		"GET http://a.example/: cancelled":           true,
		"M-SEARCH https://a.example/?q=%20: no":      true,
		"GET http://a.example/[9 bytes]z: cancelled": true,
		"":                              false,
		"boom":                          false,
		"GET http://a.example/":         false,
		"GET /a: no":                    false,
		"GET ftp://a.example/: no":      false,
		" http://a.example/: no":        false,
		"bearer: GET http://a/: no":     false,
		"Get \"http://a.example/\": no": false, // net/url's
	} {
		if got := origin.NamesRequest(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
