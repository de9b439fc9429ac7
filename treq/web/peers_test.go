package web_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/python"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file tests with other programs, if they are installed: curl, and Twisted and treq
// for Python.

// inPython returns a command that runs a program in Python, or skips the test.
func inPython(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	name, err := python.WithTreq()
	if err != nil {
		t.Skip("SKIPPED:", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, append([]string{"-c", program}, args...)...)
}

// served starts a site of resources and handlers, and returns its URL.
func served(t *testing.T) string {
	dir := files(t, map[string]string{"f.txt": "0123456789"})
	if err := os.Truncate(filepath.Join(dir, "f.txt"), 1<<20); err != nil {
		t.Fatal(err)
	}
	root := &web.Node{}
	root.PutChild("hello", web.RenderFunc(hello))
	root.PutChild("args", web.RenderFunc(func(req *web.Request) { fmt.Fprint(req, req.Args) }))
	root.PutChild("files", &web.File{Path: dir})
	root.PutChild("to", web.Redirect("/hello"))
	root.PutChild("session", web.RenderFunc(func(req *web.Request) {
		n, _ := req.GetSession().Values["n"].(int)
		req.GetSession().Values["n"] = n + 1
		fmt.Fprint(req, n)
	}))
	root.PutChild("echo", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		io.Copy(w, r.Body)
	})})
	return "http://" + listen(t, func(reactor.Reactor) reactor.Factory { return &web.Site{Root: root} })
}

func TestCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: curl is not installed")
	}
	site := served(t)
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, bytes.Repeat([]byte("0123456789"), 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args string
		want string
	}{
		{"URL/hello URL/hello URL/none -w |%{http_code}|%{num_connects}|", "hello|200|1|hello|200|0|"},
		{"-I URL/hello", "Content-Length: 5"},
		{"-0 URL/hello", "hello"},
		{"-d b=2 -d c=3 URL/args?a=1", "map[a:[1] b:[2] c:[3]]"},
		{"-F b=2 URL/args", "map[b:[2]]"},
		{"-T FILE URL/echo -o DEVNULL -w %{http_code}|%{size_download}|%{size_upload}", "200|2000000|2000000"},
		{"-T FILE -H Transfer-Encoding:chunked URL/echo -o DEVNULL -w %{http_code}|%{size_download}", "200|2000000"},
		{"-T FILE -H Expect:100-continue URL/echo -o DEVNULL -w %{http_code}|%{size_download}", "200|2000000"},
		{"-X PURGE -i URL/echo", "X-Method: PURGE"},
		{"-r 0-3 -i URL/files/f.txt", "Content-Range: bytes 0-3/1048576"},
		{"URL/files/f.txt -o DEVNULL -w %{size_download}", "1048576"},
		{"-L URL/to", "hello"},
	} {
		args := strings.Fields(strings.NewReplacer("URL", site, "FILE", large, "DEVNULL", os.DevNull).Replace(test.args))
		out, err := exec.Command("curl", append([]string{"-sS", "--max-time", "30"}, args...)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), test.want) {
			t.Errorf("curl %s: %v: %.300q; want %q", test.args, err, out, test.want)
		}
	}
}

const treqProgram = `
import sys, treq
from twisted.internet import defer, task

@defer.inlineCallbacks
def main(reactor, site):
    async_get = lambda path, **kw: treq.get(site + path, **kw)
    r = yield async_get("/hello")
    print(r.code, (yield r.text()))
    r = yield treq.post(site + "/args", params={"a": "1"}, data={"b": "2"})
    print(r.code, (yield r.text()))
    r = yield treq.post(site + "/args", files={"f": ("name", __import__("io").BytesIO(b"content"))}, data={"b": "2"})
    print(r.code, (yield r.text()))
    r = yield treq.put(site + "/echo", data=b"x" * 1000000)
    print(r.code, len((yield r.content())), r.headers.getRawHeaders("x-method"))
    r = yield async_get("/to")
    print(r.code, (yield r.text()), len(r.history()))
    r = yield async_get("/session")
    yield r.text()
    r = yield async_get("/session", cookies=r.cookies())
    print(r.code, (yield r.text()))
    r = yield treq.head(site + "/files/f.txt")
    print(r.code, r.headers.getRawHeaders("content-length"))
    r = yield async_get("/none")
    print(r.code, "Not Found" in (yield r.text()))

task.react(main, sys.argv[1:])
`

func TestPythonTreq(t *testing.T) {
	cmd := inPython(t, treqProgram, served(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want(t, strings.ReplaceAll(string(out), "\r\n", "\n"), `200 hello
200 map[a:[1] b:[2]]
200 map[b:[2] f:[content]]
200 1000000 ['PUT']
200 hello 1
200 1
200 ['1048576']
404 True
`)
}

const twistedProgram = `
import sys
from twisted.internet import reactor
from twisted.web import resource, server, static, util

class Echo(resource.Resource):
    isLeaf = True
    def render_POST(self, request):
        request.setHeader(b"x-type", request.getHeader(b"content-type") or b"none")
        return request.content.read()

class Later(resource.Resource):
    def render_GET(self, request):
        request.write(b"one ")
        reactor.callLater(0, request.write, b"two ")
        def finish():
            request.write(b"three")
            request.finish()
        reactor.callLater(0.01, finish)
        return server.NOT_DONE_YET

root = resource.Resource()
root.putChild(b"hello", static.Data(b"hello", "text/plain"))
root.putChild(b"echo", Echo())
root.putChild(b"later", Later())
root.putChild(b"to", util.Redirect(b"/hello"))
port = reactor.listenTCP(0, server.Site(root), interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
`

// TestTwistedSite checks our client against Twisted's Site.
func TestTwistedSite(t *testing.T) {
	cmd := inPython(t, twistedProgram)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	var port int
	if _, err := fmt.Fscan(out, &port); err != nil {
		t.Fatal(err)
	}
	site := fmt.Sprintf("http://127.0.0.1:%d", port)

	r := reactor.New()
	defer r.Close()
	c := client.New(r, client.Config{})
	var got []string
	text := func(d *deferred.Deferred[*response.Response]) *deferred.Deferred[string] {
		return deferred.Then(d, func(resp *response.Response) *deferred.Deferred[string] {
			return resp.Text().AddCallback(func(text string) (string, error) {
				got = append(got, fmt.Sprint(resp.Code, " ", text[:min(len(text), 20)], " ", len(text)))
				return text, nil
			})
		})
	}
	r.CallWhenRunning(func() {
		done := deferred.Go(func(co *deferred.Co) (int, error) {
			for _, d := range []func() *deferred.Deferred[*response.Response]{
				func() *deferred.Deferred[*response.Response] { return c.Get(site + "/hello") },
				func() *deferred.Deferred[*response.Response] { return c.Get(site + "/later") },
				func() *deferred.Deferred[*response.Response] { return c.Get(site + "/none") },
				func() *deferred.Deferred[*response.Response] { return c.Post(site+"/hello", client.Body("x")) },
				func() *deferred.Deferred[*response.Response] {
					return c.Post(site+"/echo", client.Body(strings.Repeat("large ", 100_000)))
				},
				func() *deferred.Deferred[*response.Response] { return c.Get(site + "/hello") },
			} {
				if _, err := deferred.Await(co, text(d())); err != nil {
					return 0, err
				}
			}
			return 0, nil
		})
		done.AddTimeout(30*time.Second, r, nil)
		done.AddBoth(func(_ int, err error) (int, error) {
			if err != nil {
				t.Error(err)
			}
			r.Stop()
			return 0, nil
		})
	})
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if len(got) != 6 || !strings.HasPrefix(got[0], "200 hello") || got[1] != "200 one two three 13" || !strings.HasPrefix(got[2], "404 ") ||
		!strings.HasPrefix(got[3], "405 ") || got[4] != "200 large large large la 600000" {
		t.Error(strings.Join(got, "\n"))
	}
}
