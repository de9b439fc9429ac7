package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A page answers GET and POST.
type page struct{ web.Node }

func (*page) RenderGET(req *web.Request) {
	fmt.Fprintf(req, "%s %q %q", req.Method, req.Prepath, req.Postpath)
}
func (*page) RenderPOST(req *web.Request) { req.WriteString("posted") }

// An all resource has a function for every method.
type all struct{ web.Leaf }

func (*all) RenderGET(req *web.Request)     { req.WriteString("get") }
func (*all) RenderHEAD(req *web.Request)    { req.SetHeader("X-Head", "1") }
func (*all) RenderPOST(req *web.Request)    { req.WriteString("post") }
func (*all) RenderPUT(req *web.Request)     { req.WriteString("put") }
func (*all) RenderPATCH(req *web.Request)   { req.WriteString("patch") }
func (*all) RenderDELETE(req *web.Request)  { req.WriteString("delete") }
func (*all) RenderOPTIONS(req *web.Request) { req.WriteString("options") }

// A dynamic resource has a child for every name except "none".
type dynamic struct{ page }

func (*dynamic) GetChild(name string, req *web.Request) web.Resource {
	switch name {
	case "none":
		return nil
	case "panic":
		panic("no")
	}
	return web.RenderFunc(func(req *web.Request) { req.WriteString("child " + name) })
}

// A greedy resource has its own GetChildWithDefault.
type greedy struct{ web.Node }

func (*greedy) GetChildWithDefault(name string, req *web.Request) web.Resource {
	return web.RenderFunc(func(req *web.Request) { req.WriteString("greedy " + name) })
}

func tree() web.Resource {
	root := &page{}
	root.PutChild("", &web.Data{Content: []byte("index"), Type: "text/plain"})
	a := &page{}
	root.PutChild("a", a)
	a.PutChild("", &page{})
	a.PutChild("b", &page{})
	a.PutChild("c/d", &page{})
	a.PutChild("é", &page{})
	root.PutChild("all", &all{})
	d := &dynamic{}
	d.PutChild("static", &web.Data{Content: []byte("static"), Type: "text/plain"})
	root.PutChild("dynamic", d)
	g := &greedy{}
	g.PutChild("x", &web.Data{Content: []byte("static"), Type: "text/plain"})
	root.PutChild("greedy", g)
	root.PutChild("dir", &web.Node{})
	root.PutChild("404", web.NotFound("<gone>"))
	root.PutChild("403", web.Forbidden(""))
	root.PutChild("to", web.Redirect("http://an.example/?a=1&b=\"2\""))
	return root
}

func TestTraversal(t *testing.T) {
	s := serveRoot(t, tree())
	for path, wanted := range map[string]string{
		"/":               "index",
		"/a":              `GET ["a"] []`,
		"/a/":             `GET ["a" ""] []`,
		"/a/b":            `GET ["a" "b"] []`,
		"/a/b?x=/y/z":     `GET ["a" "b"] []`,
		"/a/c%2Fd":        `GET ["a" "c/d"] []`,
		"/a/%C3%A9":       `GET ["a" "é"] []`,
		"/%61/%62":        `GET ["a" "b"] []`,
		"/all/x/y":        "get",
		"/dynamic/static": "static",
		"/dynamic/other":  "child other",
		"/greedy/x":       "greedy x",
		"http://x/a/b":    `GET ["a" "b"] []`,
		"http://x":        "index",
		"http://x?/y":     "index",
		"http://x/%61/b":  `GET ["a" "b"] []`,
	} {
		got := s.get(path)
		if head(got) != "HTTP/1.1 200 OK" || body(got) != wanted {
			t.Errorf("%s: %s: %s; want %s", path, head(got), body(got), wanted)
		}
	}
	for path, status := range map[string]string{
		"/none":         "HTTP/1.1 404 Not Found",
		"/a//b":         "HTTP/1.1 404 Not Found",
		"//a":           "HTTP/1.1 404 Not Found",
		"/a/b/c":        "HTTP/1.1 404 Not Found",
		"/a/%zz":        "HTTP/1.1 404 Not Found",
		"http://x/a/%z": "HTTP/1.1 404 Not Found",
		"/dynamic/none": "HTTP/1.1 404 Not Found",
		"/dir":          "HTTP/1.1 405 Method Not Allowed",
		"/403/x":        "HTTP/1.1 403 Forbidden",
		"/to":           "HTTP/1.1 302 Found",
	} {
		if got := s.get(path); head(got) != status {
			t.Errorf("%s: %s; want %s", path, head(got), status)
		}
	}
}

// TestRoot has each kind of resource as the root of a site, and as a child.
func TestRoot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("file"), 0o600); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for name, content := range map[string]string{"index.html": "index", "x": "x of the directory"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	for name, test := range map[string]struct {
		make func() web.Resource
		// The answers for "/" and "/x" as the root, and for "/c", "/c/" and "/c/x" as the
		// child called c: a status or a body.
		root, rootX, child, childSlash, childX string
	}{
		"Data":    {func() web.Resource { return &web.Data{Content: []byte("data")} }, "data", "404", "data", "404", "404"},
		"NewData": {func() web.Resource { return web.NewData([]byte("data"), "text/plain") }, "data", "404", "data", "404", "404"},
		"Data with an index": {func() web.Resource {
			d := &web.Data{Content: []byte("data")}
			d.PutChild("", web.NewData([]byte("index"), ""))
			return d
		}, "index", "404", "data", "index", "404"},
		"Data, encoded": {func() web.Resource { return &web.EncodingResource{Resource: &web.Data{Content: []byte("data")}} },
			"data", "404", "data", "404", "404"},
		"a file":         {func() web.Resource { return &web.File{Path: file} }, "file", "404", "file", "404", "404"},
		"a directory":    {func() web.Resource { return &web.File{Path: directory} }, "index", "x of the directory", "302", "index", "x of the directory"},
		"Node":           {func() web.Resource { return &web.Node{} }, "404", "404", "405", "404", "404"},
		"Node with GET":  {func() web.Resource { return &onlyGet{} }, "got", "404", "got", "404", "404"},
		"Node with POST": {func() web.Resource { return &onlyPost{} }, "405", "404", "405", "404", "404"},
		"Node that renders all, and has dynamic children": {func() web.Resource { return &dynamicPage{} },
			"child ", "child x", `GET ["c"] []`, "child ", "child x"},
		"Node that renders all": {func() web.Resource { return &page{} },
			`GET [""] []`, "404", `GET ["c"] []`, "404", "404"},
		"Leaf":            {func() web.Resource { return &all{} }, "get", "get", "get", "get", "get"},
		"RenderFunc":      {func() web.Resource { return web.RenderFunc(hello) }, "hello", "hello", "hello", "hello", "hello"},
		"HandlerResource": {func() web.Resource { return &web.HandlerResource{Handler: handler} }, "/", "/x", "/c", "/c/", "/c/x"},
		"Page":            {func() web.Resource { return web.Forbidden("") }, "403", "403", "403", "403", "403"},
	} {
		parent := &web.Node{}
		parent.PutChild("c", test.make())
		root, child := serveRoot(t, test.make()), serveRoot(t, parent)
		for _, c := range []struct {
			as, path, want string
			s              *server
		}{
			{"root", "/", test.root, root},
			{"root", "/x", test.rootX, root},
			{"child", "/c", test.child, child},
			{"child", "/c/", test.childSlash, child},
			{"child", "/c/x", test.childX, child},
			{"child's root", "/", "404", child},
		} {
			got := c.s.get(c.path)
			status := strings.Fields(head(got))[1]
			if status != c.want && (status != "200" || body(got) != c.want) {
				t.Errorf("%s as the %s, %s: %s: %s; want %s", name, c.as, c.path, status, body(got), c.want)
			}
		}
	}
}

type onlyGet struct{ web.Node }

func (*onlyGet) RenderGET(req *web.Request) { req.WriteString("got") }

type onlyPost struct{ web.Node }

func (*onlyPost) RenderPOST(req *web.Request) { req.WriteString("posted") }

type dynamicPage struct{ page }

func (*dynamicPage) GetChild(name string, req *web.Request) web.Resource {
	return web.RenderFunc(func(req *web.Request) { req.WriteString("child " + name) })
}

// TestRootAndSlashes: only "/" is the root's own path.
func TestRootAndSlashes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, root := range map[string]web.Resource{"Data": &web.Data{}, "File": &web.File{Path: file}, "page": &page{}} {
		for _, path := range []string{"//", "///", "/%2F", "/x/", "//x"} {
			if got := serveRoot(t, root).get(path); head(got) != "HTTP/1.1 404 Not Found" {
				t.Errorf("%s, %s: %s", name, path, head(got))
			}
		}
	}
	s := serveRoot(t, &web.Data{Content: []byte("data")})
	for _, path := range []string{"http://x", "http://x/", "/?a=b"} {
		want(t, body(s.get(path)), "data")
	}
	want(t, head(s.ask("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")), "HTTP/1.1 200 OK")
	post := s.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	want(t, head(post), "HTTP/1.1 405 Method Not Allowed")
	want(t, header(post, "Allow"), "GET, HEAD")
}

func TestPages(t *testing.T) {
	s := serveRoot(t, tree())
	got := s.get("/404")
	want(t, strings.Contains(body(got), "<h1>Not Found</h1>\n<p>&lt;gone&gt;</p>"), true)
	want(t, header(got, "Content-Type"), "text/html; charset=utf-8")
	got = s.get("/to")
	want(t, header(got, "Location"), `http://an.example/?a=1&b="2"`)
	want(t, strings.Contains(body(got), `href="http://an.example/?a=1&amp;b=&#34;2&#34;"`), true)
}

func TestTraversalPanic(t *testing.T) {
	logged := logs(t)
	s := serveRoot(t, tree())
	want(t, head(s.get("/dynamic/panic")), "HTTP/1.1 500 Internal Server Error")
	want(t, strings.Contains(logged(), "panic in a resource"), true)
}

func TestRenderByMethod(t *testing.T) {
	s := serveRoot(t, tree())
	ask := func(method, path string) string {
		return s.ask(method + " " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		want(t, body(ask(method, "/all")), strings.ToLower(method))
	}
	want(t, header(ask("HEAD", "/all"), "X-Head"), "1")
	want(t, ask("HEAD", "/a/b"), "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n")
	got := ask("PUT", "/a")
	want(t, head(got), "HTTP/1.1 405 Method Not Allowed")
	want(t, header(got, "Allow"), "GET, HEAD, POST")
	want(t, header(ask("TRACE", "/all"), "Allow"), "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
	want(t, header(ask("HEAD", "/dir"), "Allow"), "")
	want(t, head(ask("BREW", "/a")), "HTTP/1.1 501 Not Implemented")
	want(t, head(ask("get", "/a")), "HTTP/1.1 501 Not Implemented") // methods are case-sensitive
	want(t, head(ask("OPTIONS", "*")), "HTTP/1.1 200 OK")
	want(t, head(s.ask("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n")), "HTTP/1.1 405 Method Not Allowed")
}

// TestConnectWithoutAHandler checks that no resource but an http.Handler gives a client a
// tunnel, in any form of the target and for any kind of resource.
func TestConnectWithoutAHandler(t *testing.T) {
	root := &web.Node{}
	root.PutChild("", web.RenderFunc(hello))
	for name, site := range map[string]*web.Site{
		"function": {Root: web.RenderFunc(hello)},
		"page":     {Root: web.NotFound("")},
		"redirect": {Root: web.Redirect("/")},
		"data":     {Root: &web.Data{Content: []byte("x")}},
		"file":     {Root: &web.File{Path: t.TempDir()}},
		"node":     {Root: root},
		"empty":    {Root: &web.Node{}},
		"methods":  {Root: tree()},
	} {
		for _, target := range []string{"other.example:443", "[::1]:443"} {
			got := serve(t, site).ask("CONNECT " + target + " HTTP/1.1\r\nHost: other.example\r\n\r\n")
			if code := strings.Fields(head(got))[1]; code != "405" {
				t.Errorf("%s: %s", name, head(got))
			}
		}
	}
	want(t, header(serveFunc(t, hello).ask("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"), "Allow"), "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
}

// TestHost checks which Hosts a site accepts, and which of Host and target names the host.
func TestHost(t *testing.T) {
	root := func(req *web.Request) { fmt.Fprint(req, req.GetRequestHostname(), " ", req.PrePathURL()) }
	handler := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, (&url.URL{Host: r.Host}).Hostname(), " http://", r.Host, "/")
	}
	for _, s := range []*server{serveFunc(t, root), serveHandler(t, handler)} {
		for _, test := range []struct{ target, headers, want string }{
			{"/", "Host: x\r\n", "x http://x/"},
			{"/", "Host: x:81\r\n", "x http://x:81/"},
			{"/", "Host: [::1]:81\r\n", "::1 http://[::1]:81/"},
			{"/", "host:\tX_1.example.:\r\n", "X_1.example. http://X_1.example.:/"},
			{"http://y/", "Host: x\r\n", "y http://y/"},
			{"http://y:82", "Host: x\r\n", "y http://y:82/"},
			{"HTTPS://[::2]/", "Host: x\r\n", "::2 http://[::2]/"},
			{"/", "", ""},
			{"/", "Host:\r\n", ""},
			{"/", "Host: \t\r\n", ""},
			{"http://y/", "Host:\r\n", ""},
			{"/", "Host: x\r\nHost: x\r\n", ""},
			{"/", "Host: x\r\nhost: y\r\n", ""},
			{"/", "Host: x, y\r\n", ""},
			{"/", "Host: x:y\r\n", ""},
			{"/", "Host: x:80:81\r\n", ""},
			{"/", "Host: x:65536\r\n", ""},
			{"/", "Host: :80\r\n", ""},
			{"/", "Host: [::1\r\n", ""},
			{"/", "Host: ::1\r\n", ""},
			{"/", "Host: [x]\r\n", ""},
			{"/", "Host: a b\r\n", ""},
			{"/", "Host: a/b\r\n", ""},
			{"/", "Host: u@x\r\n", ""},
			{"/", "Host: http://x\r\n", ""},
			{"/", "Host: x%\r\n", ""},
			{"/", "Host: \xe9\r\n", ""},
			{"http://y:z/", "Host: x\r\n", ""},
			{"http://u@y/", "Host: x\r\n", ""},
			{"http://[::2/", "Host: x\r\n", ""},
			{"http:///", "Host: x\r\n", ""},
			{"http://y/", "Host: x:z\r\n", ""},
			{"http://y/", "", ""},
		} {
			got := s.ask("GET " + test.target + " HTTP/1.1\r\n" + test.headers + "\r\n")
			if test.want == "" && head(got) != "HTTP/1.1 400 Bad Request" || test.want != "" && body(got) != test.want {
				t.Errorf("%s %q: %s %s; want %s", test.target, test.headers, head(got), body(got), test.want)
			}
		}
		// HTTP/1.0 does without a Host.
		for headers, code := range map[string]string{"": "200", "Host:\r\n": "200", "Host: x:y\r\n": "400"} {
			want(t, strings.Fields(s.ask("GET / HTTP/1.0\r\n" + headers + "\r\n"))[1], code)
		}
	}
}

// TestDataWithoutAType checks that the media type of Data is detected if it is not set.
func TestDataWithoutAType(t *testing.T) {
	root := &web.Node{}
	root.PutChild("", &web.Data{Content: []byte("<p>hello")})
	want(t, header(serveRoot(t, root).get("/"), "Content-Type"), "text/html; charset=utf-8")
}

func TestChildren(t *testing.T) {
	root := tree().(*page)
	want(t, len(root.Children()), 9)
	defer func() { want(t, recover() != nil, true) }()
	root.PutChild("x", nil)
}
