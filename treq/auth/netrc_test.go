package auth_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-7c003b53/gotreq/treq/auth"
)

const aNetrc = `# comment: machine x login y
machine an.example login me password "se cret\n\"\\\t\r\x"  # of the top
	account acc
machine AN.example login you password #2
macdef init
machine inside.example login no
	default

machine oneline login a password b machine next.example password only
machine late.example
login
c
password d
machine nothing.example
default login anonymous password me@
machine after.example login e password f
`

func TestNetrcFind(t *testing.T) {
	n, err := auth.ParseNetrc(strings.NewReader(aNetrc))
	if err != nil {
		t.Fatal(err)
	}
	crlf, err := auth.ParseNetrc(strings.NewReader(strings.ReplaceAll(aNetrc, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	fallback := auth.Entry{Login: "anonymous", Password: "me@"}
	for _, test := range []struct {
		host, login string
		want        auth.Entry
	}{
		{"an.example", "", auth.Entry{Machine: "an.example", Login: "me", Password: "se cret\n\"\\\t\rx", Account: "acc"}},
		{"An.Example.", "you", auth.Entry{Machine: "an.example", Login: "you", Password: "#2"}},
		{"an.example", "nobody", auth.Entry{}},
		{"an.example", "anonymous", fallback},
		{"inside.example", "", fallback},
		{"oneline", "", auth.Entry{Machine: "oneline", Login: "a", Password: "b"}},
		{"next.example", "", auth.Entry{Machine: "next.example", Password: "only"}},
		{"late.example", "", auth.Entry{Machine: "late.example", Login: "c", Password: "d"}},
		{"nothing.example", "", auth.Entry{Machine: "nothing.example"}},
		{"after.example", "", auth.Entry{Machine: "after.example", Login: "e", Password: "f"}},
		{"www.an.example", "", fallback},
	} {
		for _, n := range []*auth.Netrc{n, crlf} {
			got, ok := n.Find(test.host, test.login)
			if got != test.want || ok != (test.want != auth.Entry{}) {
				t.Errorf("%s, %q: got %+v, %v; want %+v", test.host, test.login, got, ok, test.want)
			}
		}
	}
	if _, ok := new(auth.Netrc).Find("an.example", ""); ok {
		t.Error("an empty netrc has an entry")
	}
}

func TestNetrcErrors(t *testing.T) {
	for text, want := range map[string]string{
		"machine a\nlogn b":               `netrc: line 2: "logn" is not a keyword`,
		"\n\nlogin b":                     "netrc: line 3: login stands before any machine",
		"machine":                         "netrc: line 1: nothing follows machine",
		"machine a login b password\n":    "netrc: line 2: nothing follows password",
		"machine a password \"b\nlogin c": "netrc: line 1: the quote that ends a token is missing",
		"machine a\npassword \"b":         "netrc: line 2: the quote that ends a token is missing",
		"machine a\n \"b":                 "netrc: line 2: the quote that ends a token is missing",
		"macdef":                          "netrc: line 1: nothing follows macdef",
		"# one\n#two\nx":                  `netrc: line 3: "x" is not a keyword`,
		"macdef m\nx\n\ny z":              `netrc: line 4: "y" is not a keyword`,
	} {
		if _, err := auth.ParseNetrc(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{"", "#", "# x", "macdef m", "macdef m\nx", "default"} {
		if _, err := auth.ParseNetrc(strings.NewReader(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := auth.ParseNetrc(iotest.ErrReader(fs.ErrPermission)); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a broken reader: %v", err)
	}
}

func TestReadNetrc(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("NETRC", "")
	login := func(want string) {
		t.Helper()
		n, err := auth.ReadNetrc()
		if err != nil {
			t.Fatal(err)
		}
		if e, _ := n.Find("h", ""); e.Login != want {
			t.Errorf("got login %q, want %q", e.Login, want)
		}
	}
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(home, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	login("")
	write(".netrc", "machine h login home")
	login("home")
	named := write("other", "machine h login named")
	t.Setenv("NETRC", named)
	login("named")
	write("other", "?")
	if _, err := auth.ReadNetrc(); err == nil || err.Error() != named+`: netrc: line 1: "?" is not a keyword` {
		t.Errorf("a bad file: %v", err)
	}
	t.Setenv("NETRC", named+"x")
	login("")
	if _, err := auth.ReadNetrcFile(named + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	t.Setenv("NETRC", "")
	t.Setenv("HOME", "")
	t.Setenv("USERPROFILE", "")
	t.Setenv("home", "")
	login("")
}

func TestNetrcAuthorizes(t *testing.T) {
	n, err := auth.ParseNetrc(strings.NewReader("machine a.example login me password secret\nmachine a.example login you password other\nmachine b.example"))
	if err != nil {
		t.Fatal(err)
	}
	for u, want := range map[string]string{
		"http://a.example:8080/x":   "Basic bWU6c2VjcmV0",
		"http://you@a.example/":     "Basic eW91Om90aGVy",
		"http://nobody@a.example/":  "",
		"http://www.a.example/":     "",
		"http://b.example/nothing/": "",
		"http://c.example/":         "",
	} {
		if got := authorization(t, n, u); got != want {
			t.Errorf("%s: got %q, want %q", u, got, want)
		}
	}
	req := get("http://a.example/")
	req.Header.Set("Authorization", "mine")
	if err := authorize(t, n, req); err != nil || req.Header.Get("Authorization") != "mine" {
		t.Errorf("the request's own authorization became %q, %v", req.Header.Get("Authorization"), err)
	}
}

func TestNetrcWithDigest(t *testing.T) {
	n, err := auth.ParseNetrc(strings.NewReader("machine a.example login me password secret"))
	if err != nil {
		t.Fatal(err)
	}
	n.Scheme = func(user, password string) auth.Credentials { return auth.NewDigest(user, password) }
	refused := answer(401, "Www-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
	const u = "http://a.example/"
	if again, err := n.Answered(get("http://b.example/"), refused); again || err != nil {
		t.Errorf("an unknown host: %v, %v", again, err)
	}
	if again, err := n.Answered(get(u), refused); !again || err != nil {
		t.Errorf("a challenge: %v, %v", again, err)
	}
	for _, nc := range []string{"nc=00000001", "nc=00000002"} {
		if got := authorization(t, n, u); !strings.Contains(got, nc) || !strings.Contains(got, `username="me"`) {
			t.Errorf("got %s, want %s", got, nc)
		}
	}
}

// FuzzParseNetrc checks that any text is an error or has entries, and that Authorization
// is one line.
func FuzzParseNetrc(f *testing.F) {
	f.Add(aNetrc)
	f.Add("machine h.example login a password \"b\\")
	f.Add("default login a\x00 password \xff\r\nmacdef x\n\n")
	f.Fuzz(func(t *testing.T, file string) {
		n, err := auth.ParseNetrc(strings.NewReader(file))
		if err != nil {
			if n != nil || err.Error() == "" {
				t.Fatalf("%v with the error %q", n, err)
			}
			return
		}
		for _, host := range []string{"h.example", "an.example", ""} {
			n.Find(host, "")
		}
		req := get(anURL)
		if err := authorize(t, n, req); err == nil && strings.ContainsAny(req.Header.Get("Authorization"), "\r\n\x00") {
			t.Fatalf("authorized with %q", req.Header.Get("Authorization"))
		}
	})
}

// TestNetrcHosts checks that a machine is found under each spelling of its host.
func TestNetrcHosts(t *testing.T) {
	n, err := auth.ParseNetrc(strings.NewReader("machine Bücher.example login a\nmachine 0:0::1 login b\nmachine an.example. login c"))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"bücher.example": "a", "XN--BCHER-KVA.example.": "a", "::1": "b", "AN.example": "c", "an.example.": "c", "an..example": "",
	} {
		if got, _ := n.Find(host, ""); got.Login != want {
			t.Errorf("%s: got %+v, want %q", host, got, want)
		}
	}
}
