package web_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file compares with nginx, if it is installed.

// nginx starts nginx with text as the body of its server, and returns its address and its log.
func nginx(t *testing.T, text string) (address, log string) {
	d := daemon.Start(t, "nginx", func(s *daemon.Setup) []string {
		log = filepath.Join(s.Dir, "log")
		return []string{"-e", "stderr", "-c", s.File("config", strings.NewReplacer("DIR", s.Dir, "PORT", s.Port("http"), "TEXT", text).Replace(`
			daemon off; worker_processes 1; pid DIR/pid; error_log stderr;
			events {}
			http {
				access_log DIR/log combined;
				client_body_temp_path DIR/1; proxy_temp_path DIR/2; fastcgi_temp_path DIR/3; uwsgi_temp_path DIR/4; scgi_temp_path DIR/5;
				server { listen 127.0.0.1:PORT; TEXT }
			}`))}
	})
	return d.Address("http"), log
}

// TestNginxLog sends the same requests to nginx and to a Site, and compares their logs.
func TestNginxLog(t *testing.T) {
	theirs, log := nginx(t, `location / { return 200 "hello"; } location /empty { return 204; } location /none { return 404 "hello"; }`)
	var lines bytes.Buffer
	logged := make(chan bool, 100)
	ours := listen(t, func(reactor.Reactor) reactor.Factory {
		return &web.Site{
			Root: web.RenderFunc(func(req *web.Request) {
				switch req.Path {
				case "/empty":
					req.SetResponseCode(204)
					return
				case "/none":
					req.SetResponseCode(404)
				}
				req.WriteString("hello")
			}),
			AccessLog: func(req *web.Request) { lines.Write(web.CombinedLog(req)); logged <- true },
		}
	})
	requests := []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /a?b=c&d=%20e HTTP/1.0\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: x\r\nUser-Agent: me/1.0 (you; him)\r\nReferer: https://there/a?b\r\n\r\n",
		"DELETE /empty HTTP/1.1\r\nHost: x\r\nUser-Agent: a\r\nUser-Agent: b\r\n\r\n",
		"OPTIONS /none HTTP/1.1\r\nHost: x\r\nUser-Agent:\r\n\r\n",
		"GET /a\"b\\c HTTP/1.1\r\nHost: x\r\nUser-Agent: q\"u\\o\r\n\r\n",
		"GET /\xc3\xbc\xff HTTP/1.1\r\nHost: x\r\nUser-Agent: tab\there \xc3\xbc\x80\r\nReferer: \" 200 5 \"-\r\n\r\n",
		"GET /%0a%0D%22 HTTP/1.1\r\nHost: x\r\nUser-Agent: \\x22 %0a \\n\r\n\r\n",
	}
	for _, address := range []string{ours, theirs} {
		for _, request := range requests {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, request)
			if line, err := bufio.NewReader(c).ReadString('\n'); err != nil {
				t.Errorf("%q: %q, %v", request, line, err)
			}
			c.Close()
			if address == ours {
				<-logged
			}
		}
	}
	// nginx logs when its worker comes to it: another request comes after.
	ourLines := strings.Split(strings.TrimSpace(lines.String()), "\n")
	for range requests {
		if resp, err := http.Get("http://" + theirs); err == nil {
			resp.Body.Close()
		}
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	theirLines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(ourLines) != len(requests) || len(theirLines) < len(requests) {
		t.Fatalf("%d and %d lines", len(ourLines), len(theirLines))
	}
	date := regexp.MustCompile(`\[[^]]*\]`)
	for i, line := range ourLines {
		line = date.ReplaceAllString(line, "[]")
		// Only these differ: a backslash before a quote and a backslash, as in Apache's log,
		// and no bytes.
		line = strings.NewReplacer(`\"`, `\x22`, `\\`, `\x5C`).Replace(line)
		line = regexp.MustCompile(`^([^"]*"[^"]*" \d+) - `).ReplaceAllString(line, "$1 0 ")
		want(t, line, date.ReplaceAllString(theirLines[i], "[]"))
	}
}

// TestNginxEncoding compares which responses nginx and a Site code, and their headers. It leaves
// out requests with a Range: nginx codes the whole file then, and a Site sends the range.
func TestNginxEncoding(t *testing.T) {
	dir := files(t, map[string]string{"a.txt": prose[:50_000], "a.png": prose[:50_000], "a.json": "{}", "b.json": prose[:50_000]})
	theirs, _ := nginx(t, `root `+dir+`; gzip on; gzip_vary on; gzip_min_length 1024; gzip_types text/plain application/json; types { text/plain txt; image/png png; application/json json; }`)
	ours := listen(t, func(reactor.Reactor) reactor.Factory {
		return &web.Site{Root: &web.File{Path: dir}, Encoding: &web.Encoding{Encoders: []web.Encoder{web.GzipEncoder}}}
	})
	for _, path := range []string{"/a.txt", "/a.png", "/a.json", "/b.json"} {
		for _, headers := range []string{"Accept-Encoding: gzip", "Accept-Encoding: gzip;q=0", "Accept-Encoding: identity", "Accept-Encoding: br, gzip;q=0.5", "X: y"} {
			for _, method := range []string{"GET", "HEAD"} {
				ask := func(address string) string {
					c, err := net.Dial("tcp", address)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", method, path, headers)
					resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method, URL: &url.URL{}})
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					h := resp.Header
					tag := h.Get("Etag")
					return fmt.Sprintf("%d, coding %q, ranges %q, weak %v, length %v", resp.StatusCode,
						h.Get("Content-Encoding"), h.Get("Accept-Ranges"), strings.HasPrefix(tag, "W/"), resp.ContentLength)
				}
				if got, wanted := ask(ours), ask(theirs); got != wanted {
					t.Errorf("%s %s, %q: %s; nginx has %s", method, path, headers, got, wanted)
				}
			}
		}
	}
}

// TestCurlCompressed checks that curl decodes what a Site codes.
func TestCurlCompressed(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: curl is not installed")
	}
	features, _ := exec.Command("curl", "--version").Output()
	address := listen(t, func(r reactor.Reactor) reactor.Factory {
		return &web.Site{Encoding: &web.Encoding{}, Root: encodingTree(t, func() reactor.Reactor { return r })}
	})
	for coding, feature := range map[string]string{"gzip": "libz", "br": "brotli", "zstd": "zstd"} {
		if !strings.Contains(string(features), feature) {
			t.Logf("SKIPPED: curl has no %s", coding)
			continue
		}
		for _, path := range encodingPaths {
			out, err := exec.Command("curl", "-sS", "--max-time", "30", "--compressed", "-H", "Accept-Encoding: "+coding, "-D", "-", "http://"+address+"/"+path).Output()
			if err != nil || header(string(out), "Content-Encoding") != coding || body(string(out)) != prose {
				t.Errorf("%s of /%s: %v, %q, %d bytes", coding, path, err, header(string(out), "Content-Encoding"), len(body(string(out))))
			}
		}
	}
}
