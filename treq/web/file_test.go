package web_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/descriptors"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// fileTime is the modification time of the tests' files.
var fileTime = time.Unix(1_000_000, 0)

// files returns a directory with the given files, by name. A name that ends in a slash is
// a directory.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range contents {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			os.MkdirAll(path, 0o755)
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(path, fileTime, fileTime)
	}
	return dir
}

func TestFile(t *testing.T) {
	dir := files(t, map[string]string{
		"outside.txt":         "outside",
		"www/a.txt":           "hello",
		"www/b.HTML":          "<p>",
		"www/c.unknown":       "?",
		"www/empty.txt":       "",
		"www/with space.txt":  "space",
		"www/a:b <c>.txt":     "odd",
		"www/sub/index.html":  "<p>index",
		"www/list/x.txt":      "x",
		"www/list/deep/":      "",
		"www/odd/index.html/": "",
	})
	www := filepath.Join(dir, "www")
	for link, to := range map[string]string{"out": "../outside.txt", "up": "..", "in": "a.txt", "abs": filepath.Join(dir, "outside.txt")} {
		if err := os.Symlink(to, filepath.Join(www, link)); err != nil {
			t.Skip(err)
		}
	}
	root := &web.Node{}
	f := &web.File{Path: www}
	f.Types = map[string]string{".unknown": "x/known"}
	f.PutChild("put", &web.Data{Content: []byte("put"), Type: "text/plain"})
	root.PutChild("files", f)
	root.PutChild("one", &web.File{Path: filepath.Join(www, "a.txt")})
	root.PutChild("gone", &web.File{Path: filepath.Join(dir, "nothing")})
	strict := &web.File{Path: www}
	strict.NoListing = true
	root.PutChild("strict", strict)
	s := serveRoot(t, root)

	want(t, s.get("/files/a.txt"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nAccept-Ranges: bytes\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Etag: \"38d7ea4c68000-5\"\r\nLast-Modified: Mon, 12 Jan 1970 13:46:40 GMT\r\n\r\nhello")
	for _, test := range []struct{ path, status, text, mediaType string }{
		{"/files/b.HTML", "200", "<p>", "text/html; charset=utf-8"},
		{"/files/c.unknown", "200", "?", "x/known"},
		{"/files/empty.txt", "200", "", "text/plain; charset=utf-8"},
		{"/files/with%20space.txt", "200", "space", ""},
		{"/files/in", "200", "hello", "application/octet-stream"},
		{"/files/sub/", "200", "<p>index", "text/html; charset=utf-8"},
		{"/files/sub/index.html", "200", "<p>index", ""},
		{"/files/put", "200", "put", ""},
		{"/one", "200", "hello", "text/plain; charset=utf-8"},
		{"/one/", "404", "", ""},
		{"/one/x", "404", "", ""},
		{"/gone", "404", "", ""},
		{"/gone/x", "404", "", ""},
		{"/gone/", "404", "", ""},
		{"/files/a.txt/", "404", "", ""},
		{"/files/a.txt/x", "404", "", ""},
		{"/files/nothing", "404", "", ""},
		{"/files/../outside.txt", "404", "", ""},
		{"/files/%2e%2e/outside.txt", "404", "", ""},
		{"/files/..%2foutside.txt", "404", "", ""},
		{"/files/..%5coutside.txt", "404", "", ""},
		{"/files/sub//index.html", "404", "", ""},
		{"/files/./a.txt", "404", "", ""},
		{"/files/a.txt%00", "404", "", ""},
		{"/files/out", "404", "", ""},
		{"/files/abs", "404", "", ""},
		{"/files/up/outside.txt", "404", "", ""},
		{"/strict/list/", "403", "", ""},
		{"/strict/sub/", "200", "<p>index", ""},
		{"/strict/a.txt", "200", "hello", ""},
	} {
		got := s.get(test.path)
		if !strings.HasPrefix(got, "HTTP/1.1 "+test.status+" ") {
			t.Errorf("%s: %s; want %s", test.path, head(got), test.status)
		}
		if test.status == "200" {
			want(t, body(got), test.text)
		}
		if test.mediaType != "" {
			want(t, header(got, "Content-Type"), test.mediaType)
		}
	}

	got := s.get("/files/sub?a=/b")
	want(t, head(got), "HTTP/1.1 302 Found")
	want(t, header(got, "Location"), "/files/sub/?a=/b")
	got = s.get("/files/odd/")
	want(t, strings.Contains(body(got), `<a href="./index.html/">index.html/</a>`), true)
	want(t, body(s.get("/files/list/")), "<!DOCTYPE html>\n<html>\n<head><title>/files/list/</title></head>\n<body>\n<h1>/files/list/</h1>\n<ul>\n"+
		"<li><a href=\"./deep/\">deep/</a></li>\n<li><a href=\"./x.txt\">x.txt</a></li>\n</ul>\n</body>\n</html>\n")
	got = body(s.get("/files/"))
	for _, wanted := range []string{`<a href="./a.txt">a.txt</a>`, `<a href="./list/">list/</a>`, `<a href="./a:b%20%3Cc%3E.txt">a:b &lt;c&gt;.txt</a>`} {
		want(t, strings.Contains(got, wanted), true)
	}
	got = s.ask("HEAD /files/a.txt HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, header(got, "Content-Length"), "5")
	want(t, body(got), "")
	want(t, head(s.ask("POST /files/a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")), "HTTP/1.1 405 Method Not Allowed")
}

// TestFileAtTheRoot checks that the redirect for a directory at the root does not begin
// with two slashes, which would begin a host.
func TestFileAtTheRoot(t *testing.T) {
	s := serveRoot(t, &web.File{Path: files(t, map[string]string{"an.example/x": "", "y": "y"})})
	want(t, header(s.get("/an.example"), "Location"), "/an.example/")
	want(t, head(s.get("//an.example")), "HTTP/1.1 404 Not Found")
	want(t, body(s.get("/y")), "y")
	want(t, strings.Contains(body(s.get("/")), "./an.example/"), true)
}

func TestFileForbidden(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("this user may read all files")
	}
	dir := files(t, map[string]string{"a": "x"})
	os.Chmod(filepath.Join(dir, "a"), 0)
	want(t, head(serveRoot(t, &web.File{Path: dir}).get("/a")), "HTTP/1.1 403 Forbidden")
}

// TestFileOfManySegments checks that the search for a file costs a few times the length of
// its path, not the square of it.
func TestFileOfManySegments(t *testing.T) {
	s := serveRoot(t, &web.File{Path: t.TempDir()})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	want(t, head(s.get("/"+strings.Repeat("a/", 8000))), "HTTP/1.1 404 Not Found")
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("%d bytes for a path of 16,000", used)
	}
}

// A mount serves the same directory under every name.
type mount struct {
	web.Node
	dir string
}

func (m *mount) GetChild(string, *web.Request) web.Resource { return &web.File{Path: m.dir} }

// TestRedirectToSlashStays checks that the redirect to a directory never leads to another
// host, whatever browsers make of the path.
func TestRedirectToSlashStays(t *testing.T) {
	s := serveRoot(t, &mount{dir: t.TempDir()})
	for path, location := range map[string]string{
		"/a":                        "/a/",
		"/a?b=\\c":                  "/a/?b=\\c",
		"/\\evil.example":           "/%5Cevil.example/",
		"/\\/evil.example":          "",
		"/%5Cevil.example":          "/%5Cevil.example/",
		"http://x/\\\\evil.example": "/%5C%5Cevil.example/",
	} {
		got := s.get(path)
		want(t, header(got, "Location"), location)
	}
}

func TestFileConditions(t *testing.T) {
	s := serveRoot(t, &web.File{Path: files(t, map[string]string{"a": "hello"})})
	tag := header(s.get("/a"), "Etag")
	at := fileTime.UTC().Format(http.TimeFormat)
	for request, status := range map[string]string{
		"If-None-Match: " + tag:      "304 Not Modified",
		`If-None-Match: "x"`:         "200 OK",
		"If-Modified-Since: " + at:   "304 Not Modified",
		"If-Match: " + tag:           "200 OK",
		`If-Match: "x"`:              "412 Precondition Failed",
		"If-Unmodified-Since: " + at: "200 OK",
		"If-Unmodified-Since: " + fileTime.Add(-time.Second).UTC().Format(http.TimeFormat): "412 Precondition Failed",
		"If-Match: " + tag + "\r\nIf-None-Match: " + tag:                                   "304 Not Modified",
	} {
		got := s.get("/a", request)
		want(t, head(got), "HTTP/1.1 "+status)
		want(t, header(got, "Etag"), tag)
		want(t, header(got, "Last-Modified"), at)
		text, length := "hello", "5"
		switch status[0] {
		case '3':
			text, length = "", ""
		case '4':
			text, length = "", "0"
		}
		want(t, body(got), text)
		want(t, header(got, "Content-Length"), length)
	}
}

func TestFileRanges(t *testing.T) {
	s := serveRoot(t, &web.File{Path: files(t, map[string]string{"a.txt": "0123456789", "empty": ""})})
	tag := header(s.get("/a.txt"), "Etag")
	at := fileTime.UTC().Format(http.TimeFormat)
	for _, test := range []struct{ headers, code, contentRange, text string }{
		{"Range: bytes=0-0", "206", "bytes 0-0/10", "0"},
		{"Range: bytes=2-4", "206", "bytes 2-4/10", "234"},
		{"Range: bytes=7-", "206", "bytes 7-9/10", "789"},
		{"Range: bytes=-3", "206", "bytes 7-9/10", "789"},
		{"Range: bytes=-30", "206", "bytes 0-9/10", "0123456789"},
		{"Range: bytes=8-100", "206", "bytes 8-9/10", "89"},
		{"Range: BYTES = 8-99999999999999999999", "206", "bytes 8-9/10", "89"},
		{"Range: bytes=20-,1-2,", "206", "bytes 1-2/10", "12"},
		{"Range: bytes=10-", "416", "bytes */10", ""},
		{"Range: bytes=-0", "416", "bytes */10", ""},
		{"Range: bytes=10-20, 30-", "416", "bytes */10", ""},
		{"Range: bytes=4-2", "200", "", "0123456789"},
		{"Range: bytes=", "200", "", "0123456789"},
		{"Range: bytes=a-b", "200", "", "0123456789"},
		{"Range: bytes=1-b", "200", "", "0123456789"},
		{"Range: bytes=-b", "200", "", "0123456789"},
		{"Range: bytes=5", "200", "", "0123456789"},
		{"Range: bytes=+1-2", "200", "", "0123456789"},
		{"Range: lines=1-2", "200", "", "0123456789"},
		{"Range: nonsense", "200", "", "0123456789"},
		{"Range: bytes=0-9,0-9", "200", "", "0123456789"}, // longer than the file
		{"Range: bytes=" + strings.Repeat("0-0,", 100), "200", "", "0123456789"},
		{"Range: bytes=1-2\r\nIf-Range: " + tag, "206", "bytes 1-2/10", "12"},
		{"Range: bytes=1-2\r\nIf-Range: " + at, "206", "bytes 1-2/10", "12"},
		{"Range: bytes=1-2\r\nIf-Range: \"x\"", "200", "", "0123456789"},
		{"Range: bytes=1-2\r\nIf-Range: W/" + tag, "200", "", "0123456789"},
		{"Range: bytes=1-2\r\nIf-Range: Mon, 12 Jan 1970 13:46:41 GMT", "200", "", "0123456789"},
		{"Range: bytes=1-2\r\nIf-Range: yesterday", "200", "", "0123456789"},
	} {
		got := s.get("/a.txt", test.headers)
		if !strings.HasPrefix(got, "HTTP/1.1 "+test.code+" ") || header(got, "Content-Range") != test.contentRange || body(got) != test.text ||
			header(got, "Content-Length") != itoa(len(test.text)) {
			t.Errorf("%.60s: %q", test.headers, got)
		}
	}
	want(t, head(s.get("/empty", "Range: bytes=0-")), "HTTP/1.1 416 Requested Range Not Satisfiable")
	want(t, header(s.ask("HEAD /a.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=1-2\r\n\r\n"), "Content-Length"), "10")

	got := s.get("/a.txt", "Range: bytes=1-2, -1, 4-4")
	_, boundary, _ := strings.Cut(header(got, "Content-Type"), "multipart/byteranges; boundary=")
	part := func(contentRange, text string) string {
		return "--" + boundary + "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes " + contentRange + "/10\r\n\r\n" + text + "\r\n"
	}
	want(t, body(got), part("1-2", "12")+part("9-9", "9")+part("4-4", "4")+"--"+boundary+"--\r\n")
	want(t, header(got, "Content-Length"), itoa(len(body(got))))
}

// A counter counts the bytes that it gets.
type counter struct {
	reactor.Transport
	n int64
}

func (c *counter) ConnectionMade(t reactor.Transport) { c.Transport = t }
func (c *counter) DataReceived(data []byte)           { c.n += int64(len(data)) }
func (c *counter) ConnectionLost(error)               {}

// TestLargeFile checks that a large file takes no more memory than a small one.
func TestLargeFile(t *testing.T) {
	size := int64(256 << 20)
	if testing.Short() || raceEnabled {
		size = 64 << 20
	}
	dir := files(t, map[string]string{"large": ""})
	if err := os.Truncate(filepath.Join(dir, "large"), size); err != nil {
		t.Skip(err)
	}
	s := serveRoot(t, &web.File{Path: dir})
	c := &counter{}
	s.ConnectTCP(siteAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return c }), reactor.ConnectConfig{})
	s.Pump()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c.Write([]byte("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"))
	s.Pump()
	runtime.ReadMemStats(&after)
	if c.n < size {
		t.Errorf("%d of %d bytes were received", c.n, size)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

// TestFileIsCutOrLeft checks that a file that has become shorter ends the connection,
// even if only one byte is missing.
func TestFileIsCutOrLeft(t *testing.T) {
	dir := files(t, nil)
	name := filepath.Join(dir, "a")
	for _, size := range []int64{500_000, 999_999} {
		logged := logs(t)
		if err := os.WriteFile(name, make([]byte, 1_000_000), 0o600); err != nil {
			t.Fatal(err)
		}
		s := serveRoot(t, &web.File{Path: dir})
		p := s.connect()
		p.PauseProducing()
		p.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
		os.Truncate(name, size)
		p.ResumeProducing()
		for range 100 { // Pump might never return: a fault could read the file for ever
			if err := s.Iterate(0); err != nil {
				t.Fatal(err)
			}
		}
		want(t, p.lost != nil, true)
		want(t, strings.Count(logged(), "sending a file: unexpected EOF"), 1)
	}
	s := serveRoot(t, &web.File{Path: dir})
	p := s.connect()
	p.PauseProducing()
	p.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	p.AbortConnection()
	s.Pump() // closes the file: some systems do not remove directories with open files
}

// TestFileConfiguration checks the fields of a File and their defaults.
func TestFileConfiguration(t *testing.T) {
	dir := files(t, map[string]string{"index.html": "the index", "index.htm": "the other", "first": "another index", "x.unknown": "?"})
	root := &web.Node{}
	root.PutChild("zero", &web.File{Path: dir})
	root.PutChild("no-index", &web.File{Path: dir, IndexNames: []string{}})
	root.PutChild("index", &web.File{Path: dir, IndexNames: []string{"none", "first"}, DefaultType: "x/default"})
	s := serveRoot(t, root)
	want(t, body(s.get("/zero/")), "the index")
	want(t, header(s.get("/zero/x.unknown"), "Content-Type"), "application/octet-stream")
	want(t, strings.Contains(body(s.get("/no-index/")), `<a href="./first">first</a>`), true)
	want(t, body(s.get("/index/")), "another index")
	want(t, header(s.get("/index/x.unknown"), "Content-Type"), "x/default")
	os.Remove(filepath.Join(dir, "index.html"))
	want(t, body(s.get("/zero/")), "the other")
}

// TestFilesAreClosed checks that every file is closed at the end of its response,
// whatever the response is.
func TestFilesAreClosed(t *testing.T) {
	dir, err := filepath.EvalSymlinks(files(t, map[string]string{"a": "0123456789", "empty": "", "list/x": "", "index/index.html": "i"}))
	if err != nil {
		t.Fatal(err)
	}
	s := serveRoot(t, &web.File{Path: dir})
	tag := header(s.get("/a"), "Etag")
	for _, test := range []struct{ path, header, code string }{
		{"/a", "X: y", "200"},
		{"/a", "Range: bytes=1-2", "206"},
		{"/a", "Range: bytes=20-", "416"},
		{"/a", "If-None-Match: " + tag, "304"},
		{"/a/", "X: y", "404"},
		{"/empty", "X: y", "200"},
		{"/list/", "X: y", "200"},
		{"/list", "X: y", "302"},
		{"/index/", "X: y", "200"},
		{"/index/", "Range: bytes=20-", "416"},
	} {
		want(t, strings.Fields(s.get(test.path, test.header))[1], test.code)
		want(t, strings.Join(descriptors.In(t, dir), " "), "")
	}
}
