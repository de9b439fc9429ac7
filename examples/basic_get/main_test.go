package main_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// program is the example, built.
func program(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "basic_get")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return name
}

// execute runs program and returns what it wrote and its status.
func execute(t *testing.T, program string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, err bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil && cmd.ProcessState == nil {
		t.Fatal(e)
	}
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

func TestBasicGet(t *testing.T) {
	program := program(t)

	t.Run("its own server", func(t *testing.T) {
		stdout, stderr, status := execute(t, program)
		if status != 0 || stderr != "" {
			t.Errorf("status %d, %s", status, stderr)
		}
		for _, want := range []string{
			"HTTP/1.1 200 OK\n",
			"Content-Type: application/json; charset=utf-8\n",
			`"library": [`,
			`"gotreq"`,
		} {
			if !strings.Contains(stdout, want) {
				t.Errorf("no %s in\n%s", want, stdout)
			}
		}
	})

	t.Run("a server that is named", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprintf(w, "%s %s", r.Method, r.URL)
		}))
		defer server.Close()
		stdout, stderr, status := execute(t, program, server.URL+"/pot?a=b")
		const want = "HTTP/1.1 418 I'm a teapot\nContent-Length: 12\nContent-Type: text/plain; charset=utf-8\n\nGET /pot?a=b\n"
		if stdout != want || stderr != "" || status != 0 {
			t.Errorf("got %q, %q, status %d; want %q", stdout, stderr, status, want)
		}
	})

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	listener.Close()
	for _, test := range []struct{ name, url, says string }{
		{"nobody listens", "http://" + closed + "/", "connection was refused"},
		{"no such name", "http://no..such/", "no address found"}, // not even a name, so that nobody is asked for it
		{"garbage", "http://" + server(t, "garbage\r\n\r\n") + "/", "not HTTP"},
		{"nothing", "http://" + server(t, "") + "/", "no response"},
		{"cut short", "http://" + server(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell") + "/", "/: the response failed: connection was closed cleanly; http1: connection ended within the body: 4 of 5 bytes came"},
		{"not a URL", "http://%/", "URL"},
		{"not HTTP", "gopher://a.example/", "scheme"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, stderr, status := execute(t, program, test.url)
			if status != 1 {
				t.Errorf("status %d", status)
			}
			if !strings.HasSuffix(stderr, "\n") || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.says) {
				t.Errorf("stderr %q, want one line with %q", stderr, test.says)
			}
			t.Log(stderr)
		})
	}
}

// server returns the address of a server that says text, whatever it is asked,
// and closes the connection.
func server(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096)) // unread, the request would make the end a reset
			c.Write([]byte(text))
			c.Close()
		}
	}()
	return listener.Addr().String()
}
