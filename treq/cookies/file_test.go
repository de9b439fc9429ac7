package cookies_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

func fullJar(t *testing.T) (*cookies.Jar, *manualClock) {
	jar, clock := newJar()
	receive(t, jar, "https://www.example.com/",
		"session=1",
		"domain=2; Domain=example.com; Path=/a; Secure; HttpOnly; SameSite=Strict",
		"expires=3; Max-Age=3600; SameSite=x",
		`quoted="4 5"`,
		"empty=",
		`json={"a":"é"}; HttpOnly`,
	)
	mapped, err := cookies.FromMap(urls.MustParse("http://localhost/"), map[string]string{"mapped": "1"})
	if err != nil {
		t.Fatal(err)
	}
	jar.Merge(mapped)
	receive(t, jar, "http://[::1]:8080/", "six=6; Port; SameSite=none")
	return jar, clock
}

const fullFile = `# Netscape HTTP Cookie File
# A line is a cookie; keep it secret.

www.example.com	FALSE	/	FALSE	0	session	1
#+ samesite=strict
#HttpOnly_.example.com	TRUE	/a	TRUE	0	domain	2
#+ samesite=default
www.example.com	FALSE	/	FALSE	1772370000	expires	3
www.example.com	FALSE	/	FALSE	0	quoted	"4 5"
www.example.com	FALSE	/	FALSE	0	empty	
#HttpOnly_www.example.com	FALSE	/	FALSE	0	json	{"a":"é"}
#+ ports=80,443
localhost	FALSE	/	FALSE	0	mapped	1
#+ ports=8080 samesite=none
::1	FALSE	/	FALSE	0	six	6
`

func TestSaveAndLoad(t *testing.T) {
	jar, clock := fullJar(t)
	var b strings.Builder
	if err := jar.Save(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != fullFile {
		t.Errorf("saved:\n%s\nwant:\n%s", b.String(), fullFile)
	}
	again := &cookies.Jar{Now: clock.Now}
	if err := again.Load(strings.NewReader(strings.ReplaceAll(fullFile, "\n", "\r\n"))); err != nil {
		t.Fatal(err)
	}
	if got, want := again.Items(), jar.Items(); !slices.EqualFunc(got, want, same) {
		t.Errorf("loaded:\n%+v\nwant:\n%+v", got, want)
	}
	clock.now = clock.now.Add(time.Hour)
	b.Reset()
	jar.Save(&b)
	if strings.Contains(b.String(), "expires") {
		t.Error("an expired cookie was saved")
	}
}

// TestLoadOthers reads the files of other programs.
func TestLoadOthers(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{
			"curl",
			"# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n\n#HttpOnly_.example.com\tTRUE\t/\tFALSE\t1893456000\ta\t1\nlocalhost\tFALSE\t/x\tTRUE\t0\tb\t2\n",
			"a for .example.com/, b for localhost/x",
		},
		{
			"Python",
			"# Netscape HTTP Cookie File\n# http://curl.haxx.se/rfc/cookie_spec.html\n\nexample.com\tFALSE\t/\tFALSE\t\ta\t1\nexample.com\tFALSE\t/\tFALSE\t\t\tnameless\n",
			"a for example.com/",
		},
		{"an expired one", "example.com\tFALSE\t/\tFALSE\t1000\ta\t1\n", "a for example.com/"},
		{"dot without subdomains", ".example.com\tFALSE\t/\tfalse\t0\tb\t1", "a for example.com/, b for example.com/"},
		{"the latest time", "example.com\tFALSE\t/\tFALSE\t9223372036854775807\tb\t1", "a for example.com/, b for example.com/"},
		{"an empty value without its tab", "example.com\tFALSE\t/\tFALSE\t0\tb", "a for example.com/, b for example.com/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			jar, _ := newJar()
			if strings.Contains(test.want, "a for example.com/") {
				receive(t, jar, "http://example.com/", "a=before")
			}
			if err := jar.Load(strings.NewReader(test.file)); err != nil {
				t.Fatal(err)
			}
			if got := described(jar); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	const good = "example.com\tFALSE\t/\tFALSE\t0\ta\t1\n"
	for _, test := range []struct{ line, want string }{
		{"what is this", "line 3: not a cookie: 1 columns, not 7"},
		{"example.com\tFALSE\t/\tFALSE\t0\ta\t1\t2", `line 3: not a cookie: the value of "a": it has a semicolon, a control character or a space at an end`},
		{"example.com\tPERHAPS\t/\tFALSE\t0\ta\t1", `line 3: not a cookie: "PERHAPS", not TRUE or FALSE`},
		{"example.com\tFALSE\t/\tx\t0\ta\t1", `line 3: not a cookie: "x", not TRUE or FALSE`},
		{"example.com\tFALSE\t/\tFALSE\tsoon\ta\t1", `line 3: not a cookie: it expires at "soon"`},
		{"example.com\tFALSE\t/\tFALSE\t-1\ta\t1", `line 3: not a cookie: it expires at "-1"`},
		{"example.com\tFALSE\tx\tFALSE\t0\ta\t1", `line 3: not a cookie: the path "x"`},
		{"\tFALSE\t/\tFALSE\t0\ta\t1", `line 3: not a cookie: the domain ""`},
		{".com\tTRUE\t/\tFALSE\t0\ta\t1", `line 3: not a cookie: "com" has no subdomains that could share a cookie`},
		{"#+ ports=x\nexample.com\tFALSE\t/\tFALSE\t0\ta\t1", `line 4: not a cookie: the ports "x"`},
		{"#+ samesite=x\nexample.com\tFALSE\t/\tFALSE\t0\ta\t1", `line 4: not a cookie: the attribute "samesite=x"`},
		{"#+ port=80\nexample.com\tFALSE\t/\tFALSE\t0\ta\t1", `line 4: not a cookie: the attribute "port=80"`},
		{"#+ ports=80\n\nexample.com\tFALSE\t/\tFALSE\t0\ta\t1", `line 3: not a cookie: no cookie follows the attributes " ports=80"`},
		{"#+ ports=80\n#+ ports=81\nexample.com\tFALSE\t/\tFALSE\t0\ta\t1", `line 3: not a cookie: no cookie follows the attributes " ports=80"`},
		{"example.com\tFALSE\t/\tFALSE\t1.x\ta\t1", `line 3: not a cookie: it expires at "1.x"`},
		{"<html>", "line 3: not a cookie: 1 columns, not 7"},
		{"\u00a0", "line 3: not a cookie: 1 columns, not 7"},
		{"example.com FALSE / FALSE 0 a 1", "line 3: not a cookie: 1 columns, not 7"},
		{strings.Repeat("x", 1<<20), "line 3: bufio.Scanner: token too long"},
	} {
		jar, _ := newJar()
		err := jar.Load(strings.NewReader("# comment\n" + good + test.line + "\n" + good))
		if err == nil || err.Error() != test.want {
			t.Errorf("%.60q: got %v, want %s", test.line, err, test.want)
		}
		if jar.Len() != 0 {
			t.Errorf("%.60q: some cookies were added", test.line)
		}
	}
}

// TestLoadTellsWhatItLeavesOut checks that Load drops nothing without a word.
func TestLoadTellsWhatItLeavesOut(t *testing.T) {
	const file = "\ufeff# Netscape HTTP Cookie File\n" +
		"$ a comment for Python\n" +
		"h.example\tFALSE\t/\tFALSE\t0\tkept\t1\n" +
		"h.example\tFALSE\t/\tFALSE\t1000\told\t1\n" +
		"#+ ports=80\n" +
		"h.example\tFALSE\t/\tFALSE\t0\t\tnameless\n" +
		"#+ a comment of somebody's\n" +
		"\n" +
		"#+ ports=81\n" +
		"h.example\tFALSE\t/\tFALSE\t1893456000.25\tfraction\t1\r\n" +
		"h.example\tFALSE\t/\tFALSE\t0\tanother\t1\n" +
		"h.example\tFALSE\t/\tFALSE\t1772366400\tnow\t1"
	jar, _ := newJar()
	jar.MaxPerDomain = 2
	var told []string
	jar.Dropped = func(c cookies.Cookie, why error) { told = append(told, c.Name+": "+why.Error()) }
	if err := jar.Load(strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	if got, want := described(jar), "fraction for h.example:81/, another for h.example/"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := []string{
		"old: line 4: the cookie has expired, at 1970-01-01T00:16:40Z",
		": line 6: not a cookie: it has no name",
		"kept: more cookies than the limit of the jar: 2 of h.example",
		"now: line 12: the cookie has expired, at 2026-03-01T12:00:00Z",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told\n\t%s\nwant\n\t%s", strings.Join(told, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestLongLines(t *testing.T) {
	jar, clock := newJar()
	path := "/" + strings.Repeat("p", 500_000)
	if err := jar.Put(cookies.Cookie{Name: "a", Value: "1", Domain: "h.example", Path: path}); err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	if err := jar.Save(&file); err != nil {
		t.Fatal(err)
	}
	again := &cookies.Jar{Now: clock.Now}
	if err := again.Load(strings.NewReader(file.String())); err != nil || again.Len() != 1 || again.Items()[0].Path != path {
		t.Errorf("a path of %d bytes was saved, and loading it gives %v", len(path), err)
	}
}

func TestFiles(t *testing.T) {
	jar, clock := fullJar(t)
	name := filepath.Join(t.TempDir(), "cookies.txt")
	for range 2 {
		if err := jar.SaveFile(name); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("others may read the file: %v", mode)
	}
	if all, _ := os.ReadDir(filepath.Dir(name)); len(all) != 1 {
		t.Errorf("the folder has the files %v", all)
	}
	again := &cookies.Jar{Now: clock.Now}
	if err := again.LoadFile(name); err != nil {
		t.Fatal(err)
	}
	if again.Len() != jar.Len() {
		t.Errorf("%d of %d cookies were loaded", again.Len(), jar.Len())
	}

	if err := os.WriteFile(name, []byte("\n?\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := again.LoadFile(name); err == nil || !strings.Contains(err.Error(), name+": line 2: ") {
		t.Errorf("a bad file: %v", err)
	}
	if err := again.LoadFile(name + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := jar.SaveFile(filepath.Join(name, "x")); err == nil {
		t.Error("a file was made below a file")
	}
	folder := filepath.Join(filepath.Dir(name), "folder")
	os.MkdirAll(filepath.Join(folder, "full"), 0o700)
	if err := jar.SaveFile(folder); err == nil {
		t.Error("a folder was replaced")
	}
	if all, _ := os.ReadDir(filepath.Dir(name)); len(all) != 2 {
		t.Errorf("files were left behind: %v", all)
	}
	if err := jar.Save(brokenWriter{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a broken writer: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// FuzzLoad checks that every cookie that Load accepts can be sent, saved and loaded
// again.
func FuzzLoad(f *testing.F) {
	f.Add("# Netscape HTTP Cookie File\n#HttpOnly_.example.com\tTRUE\t/\tTRUE\t0\ta\tb\n")
	f.Add("www.example.com\tFALSE\t/x\tFALSE\t99999999999\ta\t\"b c\"\n")
	f.Add("\t\t\t\t\t\t\n.\tTRUE\t/\tFALSE\t\ta\t\r\x00\n")
	f.Fuzz(func(t *testing.T, file string) {
		jar, _ := newJar()
		if jar.Load(strings.NewReader(file)) != nil {
			if jar.Len() != 0 {
				t.Fatalf("%q: an error, and %d cookies", file, jar.Len())
			}
			return
		}
		if header := sent(t, jar, "https://www.example.com/x/y"); strings.ContainsAny(header, "\r\n\x00") {
			t.Fatalf("%q sends %q", file, header)
		}
		var saved strings.Builder
		if err := jar.Save(&saved); err != nil {
			t.Fatal(err)
		}
		again, _ := newJar()
		if err := again.Load(strings.NewReader(saved.String())); err != nil {
			t.Fatalf("%q: loading\n%s\n%v", file, saved.String(), err)
		}
		if got, want := again.Items(), jar.Items(); !slices.EqualFunc(got, want, same) {
			t.Fatalf("%q: saved %v, loaded %v", file, want, got)
		}
	})
}

// TestFromFile: a file that is not there yet is an empty jar; one that cannot be read is an
// error.
func TestFromFile(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "cookies.txt")
	jar, err := cookies.FromFile(name)
	if err != nil || jar.Len() != 0 {
		t.Fatal(jar, err)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("the file was made")
	}
	if err := jar.Put(cookies.Cookie{Name: "a", Value: "b", Domain: "an.example"}); err != nil {
		t.Fatal(err)
	}
	if err := jar.SaveFile(name); err != nil {
		t.Fatal(err)
	}
	again, err := cookies.FromFile(name)
	if err != nil || again.Len() != 1 {
		t.Error(again, err)
	}
	if _, err := cookies.FromFile(folder); err == nil {
		t.Error("a folder was read")
	}
	if err := os.WriteFile(name, []byte("a line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cookies.FromFile(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Error(err)
	}
}
