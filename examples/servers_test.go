package examples_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestServers: the servers among the examples listen on the address in their argument. An
// interrupt ends them with status 0.
func TestServers(t *testing.T) {
	for _, test := range []struct {
		program string
		args    []string
		ask     func(t *testing.T, address string) string
		says    string
	}{
		{"server", []string{"127.0.0.1:0", "."}, get("/files/main.go"), "package main\n"},
		{"server", []string{"127.0.0.1:0", "."}, get("/visits"), `{"visits":1}`},
		{"manycores", []string{"127.0.0.1:0"}, get("/"), "visit 1 of this loop\n"},
		{"iresource", []string{"127.0.0.1:0"}, get("/"), `{"status":"ok"}`},
		{"chat", []string{"127.0.0.1:0"}, greeting, "* what is your name?"},
	} {
		t.Run(test.program, func(t *testing.T) {
			cmd := command(test.program, test.args...)
			cmd.Stderr = os.Stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			address := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "listening on "), "http://")
			says(t, test.ask(t, address), test.says)
			if runtime.GOOS == "windows" {
				return // a program cannot interrupt another there
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// get returns a function that makes a GET request.
func get(path string) func(t *testing.T, address string) string {
	return func(t *testing.T, address string) string {
		resp, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
}

// greeting returns the first line that a server sends.
func greeting(t *testing.T, address string) string {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}
