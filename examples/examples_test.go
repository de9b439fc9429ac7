// Package examples_test runs every example program and checks its output.
package examples_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// programs is the folder of the compiled examples, scratch that of their temporary files.
var programs, scratch string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "examples")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	programs, scratch = filepath.Join(folder, "programs"), folder
	// Debug information would take most of the time.
	if out, err := exec.Command("go", "build", "-ldflags=-w -s", "-o", programs+"/", "./...").CombinedOutput(); err != nil {
		os.RemoveAll(folder)
		log.Fatalf("%v\n%s", err, out)
	}
	m.Run()
}

// command returns the command of an example, which runs in its own folder.
func command(name string, args ...string) *exec.Cmd {
	file := filepath.Join(programs, name)
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	cmd := exec.Command(file, args...)
	cmd.Dir = name
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
	return cmd
}

// execute runs an example and returns its output and its exit status.
func execute(t *testing.T, name string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, err bytes.Buffer
	cmd := command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil && cmd.ProcessState == nil {
		t.Fatal(e)
	}
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

// offline has parts of the output of each example without arguments.
var offline = map[string][]string{
	"acme":       {"the account is valid for [mailto:me@an.example]\n", "a certificate for [an.example] by the ACME server of an example is valid for 2160h0m0s\n"},
	"basic_auth": {"<Response 200", `"authorized": true`},
	"basic_get": {"HTTP/1.1 200 OK\n", "\nContent-Type: application/json; charset=utf-8\n",
		`"library": [`, `"gotreq"`},
	"basic_post": {"<Response 200", `"application/x-www-form-urlencoded"`, `"data": "form=data&greeting=Hello%21"`},
	"basic_url":  {"<Response 200", "/anything/what%20&%20where%3F?q=a+b&q=%26"},
	"blocking":   {"word 0\nword 1\nword 2\nword 3\nword 4\n"},
	"build_session": {"/api/commits/c0ffee/builds/0 by builder on linux-1 at 86400\n/api/commits/bad%2Fbed/builds/1 by builder on linux-1 at 86400\n",
		"after the end: POST http://127.0.0.1:", "the HTTP service is not running\n"},
	"chat":               {"listening on", "* Bob is here\nAlice: hello, Bob\nBob: hello, Alice\n* Bob is gone\n* it is "},
	"circuit_breaker":    {"I do not feel well.\n\nI do not feel well.\n\nI do not feel well.\n\n", ": the server has failed too often: it rests\nI do not", ": the server has failed too often: it rests\nI am fine.\nI am fine.\n"},
	"crawler":            {"failed, waiting 1", "\n200 pages\n"},
	"custom_agent":       {"<Response 200", `"user-agent": "custom/1.0"`},
	"deterministic_test": {"retrying after http://127.0.0.1", ": 503 Service Unavailable\nHere I am.\n"},
	"disable_redirects":  {"Location: /get\n<Response 302"},
	"download_file":      {"saved ", ": 100000 bytes\n"},
	"http2": {"stream 39: /page?ms=10 over HTTP/2.0, after ", "\nstream 21: /page?ms=100 over HTTP/2.0, after ",
		"\nstream 1: /page?ms=200 over HTTP/2.0, after ", "\n20 responses over 1 connection\n"},
	"inline": {"302 /relative-redirect/3\n302 /relative-redirect/2\n302 /relative-redirect/1\n200 /get\n"},
	"inner_addresses": {"<Response 200", "127.0.0.1 is at the inner address 127.0.0.1\n", "::1 is at the inner address ::1\n",
		"::ffff:127.0.0.1 is at the inner address 127.0.0.1\n", "169.254.169.254 is at the inner address 169.254.169.254\n",
		"localhost is at the inner address", "127.0.0.1 is at the inner address 127.0.0.1\n"},
	"iresource": {"{\"status\":\"ok\"}\n"},
	"json_errors": {"hello, Ann\nthe server says: there is no user 2\nGET http://127.0.0.1:",
		"/elsewhere: 502 Bad Gateway: <h1>Nobody is here</h1> (text/plain is not the JSON of an error: "},
	"json_post": {"<Response 200", `"application/json; charset=UTF-8"`, `"msg": "Hello!"`},
	"logging": {"msg=request method=GET url=", "pending: GET http://127.0.0.1:", "/delay/10: sent for ",
		`/delay/10 error="cancelled: context deadline exceeded" tries=1 sent=0 received=0 `,
		"curl 'http://127.0.0.1:", "/get?page=2' -H 'Authorization: Basic xxxxx' -H 'Accept-Encoding: ", "\nreused: true\n"},
	"login":     {"logging in\nhello, ann\nhello, ann\n"},
	"oauth2":    {"[item 0 by token 1 item 1 by token 1 item 2 by token 1 item 3 by token 1]\n", "[item 4 by token ", "[item 8 by token "},
	"pages":     {"[0 1 2 3 4 5 6 7 8]\n"},
	"manycores": {"listening on http://127.0.0.1:", "\n20 visits\n"},
	"memcache":  {"hello, world; 42 visits; 2 items\n", "memcache: the key \"a key\" has a space or a control character\n"},
	"metrics":   {"servers.web1.load 0 999999960\nservers.web1.load 0.25 1000000020\nservers.web1.load 0.5 1000000080\n"},
	"own_ca":    {"hello, me, over HTTP/1.1\n", "hello, you, over HTTP/2.0\n", ": the server speaks HTTP/2 only: allow it in agent.Config.Protocols (for http URLs, UnencryptedHTTP2 without HTTP1)\n"},
	"parallel":  {"/status/503?page=7: 503 Service Unavailable\n", "connection was refused\n", "\n92 of 100 fetched, 13770 bytes\n"},
	"pinned_keys": {"beside the roots: 800 bytes\nin place of the roots: 800 bytes\nother roots: GET https://127.0.0.1:", ": certificate signed by unknown authority\nthe backup alone: ",
		"no pin names a key of 127.0.0.1: it has [sha256//9ASlNOHMFoqEwGuwzwb39wutAJr/HjbH3FxtNa9nXRc=]\n", "the body has 800 bytes, more than 100 (MaxSize)\n"},
	"portforward": {"forwarding 127.0.0.1:", " to 127.0.0.1:", "\nconnection 1: made from 127.0.0.1:", ": received 26 bytes: \"hello, is anybody there?\\r\\n\"\n",
		"connection 1: lost: connection was closed cleanly\nthe client received \"hello, is anybody there?\\r\\n\"\n"},
	"portnames": {"sample.py:9:   def dataReceived                     reactor.Protocol.DataReceived",
		"sample.py:10: ! self.factory                         none: ", "sample.py:11:   self.transport.write                 reactor.Transport.Write\n",
		"sample.py:14:   defer.inlineCallbacks                deferred.Go, deferred.Await\n",
		"sample.py:17:   timeout=                             treq.Timeout, treq.ReadTimeout, treq.TotalTimeout\n",
		"? twisted.words.protocols.irc.IRCClient docs/names.md does not say\n", "\n1 file\n", " 1 (!) a reason why there is none, 2 (?) are unknown\n",
		"without a counterpart: twisted.internet.protocol.Protocol.factory, 1 use, first at sample.py:10\n"},
	"proxies": {"HTTP: 200 hello from http://example.com <nil>\nHTTP: 200 hello from https://example.com <nil>\n",
		"the environment: 200 hello from http://example.com <nil>\nthe environment: 200 hello from https://example.com <nil>\n",
		"SOCKS5: 200 hello from http://example.com <nil>\nSOCKS5: 200 hello from https://example.com <nil>\n",
		"HTTP: 407 a password, please\n", "opened no tunnel to example.com:443: 407", "the SOCKS5 server refuses to authenticate"},
	"query_params": {"List of pairs\n", "/get?foo=bar&baz=bax\nSingle values\n", "/get?baz=bax&foo=bar\nSeveral values\n",
		"/get?foo=bar&foo=baz&foo=bax\nOne and several\n", "/get?bax=quux&foo=bar&foo=baz\nAfter a query\n", "/get?foo=bar&baz=bax\n"},
	"redirects": {"<Response 200", `"url": "http://127.0.0.1:`, `/get"`},
	"response_history": {"Response history:\n302 /redirect/3 -> /relative-redirect/2\n302 /relative-redirect/2 -> /relative-redirect/1\n",
		"302 /relative-redirect/1 -> /get\n<Response 200"},
	"server":  {"listening on http://127.0.0.1:", "{\"visits\":1}\n", "{\"visits\":2}\n", `>main.go</a>`},
	"service": {"listening on http://127.0.0.1:", "<Response 200", "{\"text\":\"Milk\"}\n"},
	"stream_consumer": {"connected: 200\n{\"id\":1}\n{\"id\":2}\ndisconnected, waiting 250ms: the response is complete\nconnected: 200\n{\"id\":3}\n{\"id\":4}\n",
		": 410 Gone: this stream has moved away\n"},
	"streaming_json": {"0 http://127.0.0.1:", "\n1 http:", "\n2 http:", "\n3 http:", "\n4 http:", "/stream/5\n"},
	"testing_seq":    {"the server is fine\n"},
	"upload":         {"<Response 200", `"multipart/form-data; boundary=`, `"bytes_received": `},
	"using_cookies":  {"The server set our hello cookie to: world\n<Response 200", `"hello": "world"`},
}

// TestOffline runs every example without arguments.
func TestOffline(t *testing.T) {
	built, err := os.ReadDir(programs)
	if err != nil {
		t.Fatal(err)
	}
	if len(built) != len(offline) {
		t.Errorf("%d programs were built, %d are checked", len(built), len(offline))
	}
	for _, program := range built {
		name := strings.TrimSuffix(program.Name(), ".exe")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, status := execute(t, name)
			if status != 0 || stderr != "" {
				t.Errorf("status %d, stderr %q", status, stderr)
			}
			says(t, stdout, offline[name]...)
		})
	}
}

// TestShort: no example is longer than a page.
func TestShort(t *testing.T) {
	const most = 60
	files, err := filepath.Glob(filepath.Join("*", "main.go"))
	if err != nil || len(files) != len(offline) {
		t.Errorf("%d examples, %v; want %d", len(files), err, len(offline))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if lines := bytes.Count(text, []byte("\n")); err != nil || lines > most {
			t.Errorf("%s has %d lines, %v; want %d or less", file, lines, err, most)
		}
	}
}

// says fails the test unless text contains all of wants, in that order.
func says(t *testing.T, text string, wants ...string) {
	t.Helper()
	if len(wants) == 0 {
		t.Error("nothing to check")
	}
	rest := text
	for _, want := range wants {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Errorf("%q is missing, or in another place, in\n%s", want, text)
		}
		rest = after
	}
}

// TestWithAURL runs the examples with the URL of a server.
func TestWithAURL(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(server.Close)
	folder := t.TempDir()
	for _, test := range []struct {
		program string
		args    []string // "URL" stands for that of the server
		says    []string
	}{
		{"basic_get", []string{"URL/pot?a=b"}, []string{"HTTP/1.1 418 I'm a teapot\nContent-Length: 12\nContent-Type: text/plain; charset=utf-8\n\nGET /pot?a=b\n"}},
		{"basic_auth", []string{"URL/headers"}, []string{"Authorization: Basic dHJlcTpzZWNyZXQ=\r\n"}},
		{"basic_post", []string{"URL/pot"}, []string{"<Response 418", "POST /pot\nform=data&greeting=Hello%21"}},
		{"basic_url", []string{"URL/a/../b"}, []string{"GET /b/anything/what%20&%20where%3F?q=a+b&q=%26"}},
		{"custom_agent", []string{"URL/headers"}, []string{"User-Agent: custom/1.0\r\n"}},
		{"deterministic_test", []string{"URL/pot"}, []string{"GET /pot\n"}},
		{"disable_redirects", []string{"URL/moved"}, []string{"Location: /pot\n<Response 301"}},
		{"download_file", []string{"URL/lines", filepath.Join(folder, "lines")}, []string{"saved " + filepath.Join(folder, "lines") + ": 31 bytes\n"}},
		{"inline", []string{"URL/moved"}, []string{"301 /moved\n418 /pot\n"}},
		{"json_post", []string{"URL/pot"}, []string{"POST /pot\n{\"msg\":\"Hello!\"}"}},
		{"redirects", []string{"URL/moved"}, []string{"<Response 418", "GET /pot\n"}},
		{"response_history", []string{"URL/moved"}, []string{"Response history:\n301 /moved -> /pot\n<Response 418"}},
		{"streaming_json", []string{"URL/lines"}, []string{"7 seven\n8 \n"}},
		{"testing_seq", []string{"URL/status"}, []string{"the server is up\n"}},
		{"upload", []string{"URL/form", "main.go"}, []string{"title: At sea\nphoto: main.go, the same: true\n"}},
	} {
		t.Run(test.program, func(t *testing.T) {
			args := slices.Clone(test.args)
			for i, a := range args {
				if path, ok := strings.CutPrefix(a, "URL"); ok {
					args[i] = server.URL + path
				}
			}
			stdout, stderr, status := execute(t, test.program, args...)
			if status != 0 || stderr != "" {
				t.Errorf("status %d, stderr %q", status, stderr)
			}
			says(t, stdout, test.says...)
		})
	}
	if saved, err := os.ReadFile(filepath.Join(folder, "lines")); string(saved) != lines {
		t.Errorf("download_file saved %q, %v; want %q", saved, err, lines)
	}
}

// lines are two lines of JSON. The last has no newline.
const lines = `{"id":7,"url":"seven"}` + "\n" + `{"id":8}`

// answer is the server of TestWithAURL.
func answer(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil
	switch r.URL.Path {
	case "/moved":
		http.Redirect(w, r, "/pot", http.StatusMovedPermanently)
	case "/status":
		io.WriteString(w, `{"status":"up"}`)
	case "/lines":
		io.WriteString(w, lines)
	case "/headers":
		r.Header.Write(w)
	case "/form":
		fmt.Fprintf(w, "title: %s\n", r.FormValue("title"))
		photo, header, err := r.FormFile("photo")
		if err != nil {
			fmt.Fprintln(w, err)
			return
		}
		sent, _ := io.ReadAll(photo)
		file, _ := os.ReadFile(filepath.Join("upload", header.Filename))
		fmt.Fprintf(w, "photo: %s, the same: %t\n", header.Filename, len(file) > 0 && bytes.Equal(sent, file))
	default:
		if r.URL.Path == "/pot" {
			w.WriteHeader(http.StatusTeapot)
		}
		fmt.Fprintf(w, "%s %s", r.Method, r.URL)
		if body, _ := io.ReadAll(r.Body); len(body) > 0 {
			fmt.Fprintf(w, "\n%s", body)
		}
	}
}
