package cookies_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

func TestAccessByName(t *testing.T) {
	jar, _ := newJar()
	receive(t, jar, "http://a.example/", "x=1", `y="two"`)
	receive(t, jar, "http://b.example/", "x=3; Path=/p")
	receive(t, jar, "http://www.b.example/", "x=4; Domain=b.example", "z=5")

	for _, test := range []struct {
		name  string
		where []cookies.Filter
		want  string
		err   string
	}{
		{"y", nil, "two", ""},
		{"z", nil, "5", ""},
		{"none", nil, "", `no such cookie: "none"`},
		{"x", nil, "", "more than one cookie is meant: x for a.example/, x for b.example/p, x for .b.example/; a Domain or a Path can say which"},
		{"x", []cookies.Filter{cookies.Domain("a.example")}, "1", ""},
		{"x", []cookies.Filter{cookies.Domain("A.Example")}, "1", ""},
		{"x", []cookies.Filter{cookies.Domain("b.example")}, "", "more than one cookie is meant: x for b.example/p, x for .b.example/; a Domain or a Path can say which"},
		{"x", []cookies.Filter{cookies.Domain(".b.example")}, "4", ""},
		{"x", []cookies.Filter{cookies.Path("/p")}, "3", ""},
		{"x", []cookies.Filter{cookies.Domain("b.example"), cookies.Path("/")}, "4", ""},
		{"x", []cookies.Filter{cookies.Domain("c.example")}, "", `no such cookie: "x"`},
		{"x", []cookies.Filter{cookies.Domain("")}, "", `no such cookie: "x"`},
	} {
		got, err := jar.Get(test.name, test.where...)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != test.want || text != test.err {
			t.Errorf("Get(%q, %v): got %q, %q", test.name, test.where, got, text)
		}
	}
	var ambiguous *cookies.AmbiguousError
	if _, err := jar.Get("x"); !errors.As(err, &ambiguous) || len(ambiguous.Cookies) != 3 {
		t.Errorf("Get(x): %v", err)
	}
	if diff := cmp.Diff([]string{"x", "y", "z"}, jar.Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"x": "4", "y": "two", "z": "5"}, jar.Map()); diff != "" {
		t.Errorf("Map (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"x": "1", "y": "two"}, jar.Map(cookies.Domain("a.example"))); diff != "" {
		t.Errorf("Map of a.example (-want +got):\n%s", diff)
	}
	if n := len(jar.Items(cookies.Domain("b.example"), cookies.Name("x"))); n != 2 {
		t.Errorf("there are %d cookies x of b.example", n)
	}
	for c := range jar.All() {
		if n := jar.Del(c.Name, cookies.Domain(c.Domain), cookies.Path(c.Path)); n > 1 {
			t.Errorf("Del of %v removed %d", c, n)
		}
		if jar.Len() == 3 {
			break
		}
	}
	if n := jar.Del("x"); n != 2 || jar.Len() != 1 {
		t.Errorf("Del(x) removed %d and left %d", n, jar.Len())
	}
	if n := jar.Del("x"); n != 0 {
		t.Errorf("Del(x) removed %d more", n)
	}
	jar.Clear()
	if jar.Len() != 0 || sent(t, jar, "http://a.example/") != "" {
		t.Error("Clear left something")
	}
	receive(t, jar, "http://a.example/", "x=1")
	if jar.Len() != 1 {
		t.Error("Clear broke the jar")
	}
}

func TestSet(t *testing.T) {
	var jar cookies.Jar
	if err := jar.Set("a", "1"); !errors.Is(err, cookies.ErrNoDomain) {
		t.Errorf("without a domain: %v", err)
	}
	for _, test := range []struct {
		name, value string
		where       []cookies.Filter
	}{
		{"a", "1", []cookies.Filter{cookies.Domain("x.example")}},
		{"b", "2", []cookies.Filter{cookies.Domain(".X.example"), cookies.Path("/p")}},
		{"a", "3", nil},
		{"c", `"4"`, []cookies.Filter{cookies.Domain("bücher.example"), cookies.Name("c")}},
		{"c", "5", []cookies.Filter{cookies.Domain("bücher.example")}},
	} {
		if err := jar.Set(test.name, test.value, test.where...); err != nil {
			t.Errorf("Set(%q, %q, %v): %v", test.name, test.value, test.where, err)
		}
	}
	for to, want := range map[string]string{
		"http://x.example/": "a=3", "http://x.example/p": "b=2; a=3", "http://y.x.example/p": "b=2", "http://bücher.example/": "c=5",
	} {
		if got := sent(t, &jar, to); got != want {
			t.Errorf("to %s: got %q, want %q", to, got, want)
		}
	}
	jar.Set("a", "1", cookies.Domain("y.example"))
	var ambiguous *cookies.AmbiguousError
	if err := jar.Set("a", "2"); !errors.As(err, &ambiguous) {
		t.Errorf("Set of an ambiguous name: %v", err)
	}
}

func TestPut(t *testing.T) {
	var jar cookies.Jar
	for _, c := range []cookies.Cookie{
		{Name: "a"},
		{Name: "a", Domain: "h example"},
		{Name: "a", Domain: "h.example\n"},
		{Name: "a", Domain: "h..example"},
		{Name: "a", Domain: "h.example.."},
		{Name: "a", Domain: "xn--zzzzzz\u00e9.example\u2000"},
		{Name: "a", Domain: ".co.uk"},
		{Name: "a", Domain: "co.uk", Subdomains: true},
		{Name: "a", Domain: "127.0.0.1", Subdomains: true},
		{Name: "a", Domain: "h.example", Path: "x"},
		{Name: "a", Domain: "h.example", Path: "/;"},
		{Name: "a", Domain: "h.example", Path: "/\n"},
		{Name: "a", Domain: "h.example", Ports: "http"},
		{Name: "a", Domain: "h.example", Ports: "80,"},
		{Name: "a", Domain: "h.example", Ports: "080"},
		{Name: "a", Domain: "h.example", Ports: "65536"},
	} {
		if err := jar.Put(c); !errors.Is(err, cookies.ErrInvalid) {
			t.Errorf("Put(%+v): %v", c, err)
		}
	}
	if err := jar.Put(cookies.Cookie{Name: "a", Domain: "H.example.", Ports: "80,8080"}); err != nil {
		t.Error(err)
	}
	if got, want := described(&jar), "a for h.example:80,8080/"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestHTTPCookie copies the cookies of one jar to another.
func TestHTTPCookie(t *testing.T) {
	jar, _ := newJar()
	receive(t, jar, "https://www.example.com/x/y", `a="1 2"; Secure; HttpOnly`, "b=2; Domain=example.com; Path=/; Max-Age=3600; SameSite=Lax", "c=3; Max-Age=1")
	other, _ := newJar()
	for c := range jar.All() {
		other.SetCookies(urls.MustParse("https://"+c.Domain+"/"), []*http.Cookie{c.HTTPCookie()})
	}
	if diff := cmp.Diff(jar.Items(), other.Items()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
