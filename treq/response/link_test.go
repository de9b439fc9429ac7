package response_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// linked returns the response to a request for rawURL with those Link headers.
func linked(t testing.TB, rawURL string, headers ...string) *response.Response {
	t.Helper()
	r, s := bodytest.New(200)
	s.SendAll()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	r.Request = &request.Request{Method: "GET", URL: u}
	r.Header["Link"] = headers
	return r
}

// show describes what Links yields, in short.
func show(r *response.Response) string {
	var all []string
	for l, err := range r.Links() {
		if err != nil {
			all = append(all, "! "+strings.TrimPrefix(err.Error(), "GET http://h/a/b?c#frag: bad Link header: "))
			continue
		}
		text := l.URL.String()
		if len(l.Rel) != 0 {
			text += " " + strings.Join(l.Rel, "+")
		}
		if l.Anchor != nil {
			text += " @" + l.Anchor.String()
		}
		for _, p := range l.Params {
			text += fmt.Sprintf(" %s=%q", p[0], p[1])
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

func TestLinks(t *testing.T) {
	for _, test := range []struct {
		header string // headers are separated by a line end
		want   string // links are too
	}{
		{"", ""},
		{"<http://x/?p=2>; rel=next", "http://x/?p=2 next"},
		{`<http://x/?p=2>; rel="next", <http://x/?p=9>; rel=last`, "http://x/?p=2 next\nhttp://x/?p=9 last"},
		{"<http://x/2>; rel=next\n<http://x/9>; rel=last", "http://x/2 next\nhttp://x/9 last"},
		{",, <http://x/2>;rel=next,,<http://x/9> ; rel=last ,", "http://x/2 next\nhttp://x/9 last"},
		// The examples of RFC 8288, section 3.5.
		{`<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter"`, `http://example.com/TheBook/chapter2 previous title="previous chapter"`},
		{`</>; rel="http://example.net/foo"`, "http://h/ http://example.net/foo"},
		{`</terms>; rel="copyright"; anchor="#foo"`, "http://h/terms copyright @http://h/a/b?c#foo"},
		{`</TheBook/chapter2>; rel="previous"; title*=UTF-8'de'letztes%20Kapitel, </TheBook/chapter4>; rel="next"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel`,
			"http://h/TheBook/chapter2 previous title*=\"UTF-8'de'letztes%20Kapitel\"\nhttp://h/TheBook/chapter4 next title*=\"UTF-8'de'n%c3%a4chstes%20Kapitel\""},
		{`<http://example.org/>; rel="start http://example.net/relation/other"`, "http://example.org/ start+http://example.net/relation/other"},
		{`<https://example.org/>; rel="start", <https://example.org/index>; rel="index"`, "https://example.org/ start\nhttps://example.org/index index"},
		// Relative targets.
		{"<>; rel=self", "http://h/a/b?c self"},
		{"<#f>; rel=x", "http://h/a/b?c#f x"},
		{"<?p=2>; rel=next", "http://h/a/b?p=2 next"},
		{"<2>; rel=next", "http://h/a/2 next"},
		{"<../2>; rel=next", "http://h/2 next"},
		{"<//x/2>; rel=next", "http://x/2 next"},
		{"<  /2 >; rel=next", "http://h/2 next"},
		{"</a b?q=ä>; rel=next", "http://h/a%20b?q=%C3%A4 next"},
		{"</%zz>; rel=next", "http://h/%25zz next"},
		{"<mailto:me@x>; rel=author, <urn:a:b>; rel=x, <ftp://x/y>; rel=x, <data:,a>; rel=x", "mailto:me@x author\nurn:a:b x\nftp://x/y x\ndata:,a x"},
		// Commas, semicolons and quotes.
		{`<http://x/a,b;c>; rel=next; title="a, <b>; c=\"d\" \\"; media=x`, `http://x/a,b;c next title="a, <b>; c=\"d\" \\" media="x"`},
		{`<a>; title=a b; rel = next`, `http://h/a/a next title="a b"`},
		{`<a>; title='a'; rel=next`, `http://h/a/a next title="'a'"`},
		// Relation types.
		{`<a>; REL="Next  PREV"`, "http://h/a/a next+prev"},
		{`<a>; rel=next; rel=prev`, "http://h/a/a next"},
		{`<a>`, "http://h/a/a"},
		{`<a>; rel`, "http://h/a/a"},
		{`<a>; rel=""; x`, `http://h/a/a x=""`},
		{`<a>;; rel=next;`, "http://h/a/a next"},
		{`<a>; =x; rel=next`, "http://h/a/a next"},
		{`<a>; Title=A; title=b`, `http://h/a/a title="A" title="b"`},
		{`<a>; anchor="b"; anchor=c; rel=next`, "http://h/a/a next @http://h/a/b"},
		// What is no link.
		{"a; rel=next", `! no "<" begins the target: "a; rel=next"`},
		{"a, <b>; rel=next", "! no \"<\" begins the target: \"a, <b>; rel=next\"\nhttp://h/a/b next"},
		{"<a; rel=next", `! no ">" ends the target: "<a; rel=next"`},
		{"<a; rel=next, <b>; rel=next", "! no \">\" ends the target: \"<a; rel=next, <b>; rel=next\"\nhttp://h/a/b next"},
		{`<a>; title="b, <c>; rel=next`, "! a quoted string does not end: \"<a>; title=\\\"b, <c>; rel=next\"\nhttp://h/a/c next"},
		{`<a>; title="b\`, `! a quoted string does not end: "<a>; title=\"b\\"`},
		{`<a> rel=next, <b>; rel=prev`, "! a parameter begins without a semicolon: \"<a> rel=next, <b>; rel=prev\"\nhttp://h/a/b prev"},
		{`<a>; title="b" c; rel=next`, `! a parameter begins without a semicolon: "<a>; title=\"b\" c; rel=next"`},
		{"<http://x:y/>; rel=next, <b>", "! the target: the URL has an invalid port: \"<http://x:y/>; rel=next, <b>\"\nhttp://h/a/b"},
		{"<http://>; rel=next", `! the target: the URL names no host: "<http://>; rel=next"`},
		{`<a>; rel=next; anchor="http://[::1"`, `! the anchor: missing ']' in host: "<a>; rel=next; anchor=\"http://[::1\""`},
		{"<http://x/?token=s3cret", `! no ">" ends the target: "<http://x/?token=xxxxx"`},
	} {
		got := show(linked(t, "http://h/a/b?c#frag", strings.Split(test.header, "\n")...))
		if got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.header, got, test.want)
		}
	}
}

// TestLinksStop: a loop over the links may end early.
func TestLinksStop(t *testing.T) {
	for range linked(t, "http://h/", "<a>, x", "<b>").Links() {
		break
	}
}

func TestLinkParam(t *testing.T) {
	for _, test := range []struct{ header, name, want string }{
		{`<a>; title=b`, "title", "b"},
		{`<a>; title=b`, "Title", "b"},
		{`<a>; title=b`, "media", ""},
		{`<a>; title=b; title=c`, "title", "b"},
		{`<a>; title=b; title*=UTF-8'en'%e2%82%ac`, "title", "€"},
		{`<a>; title*=iso-8859-1''%a3; title=b`, "title", "£"},
		{`<a>; title=b; title*=broken`, "title", "b"},
		{`<a>; title=b; title*=UTF-8''%zz`, "title", "b"},
		{`<a>; title=b; title*=UTF-8''%ff`, "title", "b"},
		{`<a>; title=b; title*=x-no''c`, "title", "b"},
		{`<a>; title*=broken`, "title*", "broken"},
	} {
		for l, err := range linked(t, "http://h/", test.header).Links() {
			if got := l.Param(test.name); err != nil || got != test.want {
				t.Errorf("%s: %q, %v, want %q", test.header, got, err, test.want)
			}
		}
	}
}

func TestLink(t *testing.T) {
	for _, test := range []struct {
		header, want string
		bad          bool
	}{
		{"", "", false},
		{"</2>; rel=next", "http://h/2", false},
		{"</1>; rel=prev, </2>; rel=\"last Next\", </3>; rel=next", "http://h/2", false},
		{"</1>; rel=prev", "", false},
		{`</2>; rel=next; anchor="/other"`, "", false},
		{`</2>; rel=next; anchor="#part"`, "", false},
		{`</2>; rel=next; anchor=""`, "http://h/2", false},
		{`</2>; rel=next; anchor="http://h/a?b"`, "http://h/2", false},
		{"broken, </2>; rel=next", "http://h/2", false},
		{"</1>; rel=prev, </2; rel=next", "", true}, // it may have been the next page
	} {
		got, err := linked(t, "http://h/a?b", test.header).Link("NEXT")
		if (err != nil) != test.bad || test.bad && (!errors.Is(err, response.ErrLink) || !strings.HasPrefix(err.Error(), "GET http://h/a?b: ")) {
			t.Errorf("%s: %v", test.header, err)
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.header, got, test.want)
		}
	}
}

// TestLinksWithoutARequest: only absolute targets are links.
func TestLinksWithoutARequest(t *testing.T) {
	r, _ := bodytest.New(200, "Link", "<http://x/>; rel=next, <a>; rel=next")
	got, err := r.Link("next")
	if err != nil || got != "http://x/" {
		t.Error(got, err)
	}
	bad := 0
	for _, err := range r.Links() {
		if err != nil {
			bad++
		}
	}
	if bad != 1 {
		t.Errorf("%d errors", bad)
	}
}

// hostileLinks repeat what could make a reader of links start again and again.
var hostileLinks = []string{"<", ">", ",", ",<", "<,", "<>", "<a>;x=\"", "<a>;x=\"\\\",", "\\\"", ",<a>;x=\"\\", "<a>x,", ";", "=", " ", "<a>;rel=next,", ", \t"}

// TestHostileLinks: the time grows with the length of the header. The test would take minutes
// if it grew with its square.
func TestHostileLinks(t *testing.T) {
	for _, piece := range hostileLinks {
		for _, around := range []string{"", "<a>;x=\"", "<"} {
			n := 0
			for range linked(t, "http://h/", around+strings.Repeat(piece, 1<<15/len(piece))).Links() {
				n++
			}
			if n > 1<<15 {
				t.Errorf("%q: %d links", piece, n)
			}
		}
	}
}

// FuzzLinks: whatever the header has, Links ends, and each link is one or an error.
func FuzzLinks(f *testing.F) {
	for _, piece := range hostileLinks {
		f.Add(piece)
		f.Add("<a>; rel=next; title=\"b\", " + piece)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := linked(t, "http://h/a", header)
		n := 0
		for l, err := range r.Links() {
			if n++; (err == nil) != (l.URL != nil) {
				t.Errorf("%q: %+v, %v", header, l, err)
			}
			if err != nil && !errors.Is(err, response.ErrLink) {
				t.Errorf("%q: %v", header, err)
			}
			l.Param("title")
		}
		if n > len(header) {
			t.Errorf("%q: %d links", header, n)
		}
		if _, err := r.Link("next"); err != nil && !errors.Is(err, response.ErrLink) {
			t.Errorf("%q: %v", header, err)
		}
	})
}
