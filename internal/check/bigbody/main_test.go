//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestFlatMemory: the program carries 1 GiB each way in little memory. It is built without
// the race detector, whose own memory would count too.
func TestFlatMemory(t *testing.T) {
	const size, most = 1 << 30, 40 << 10 // bytes; KiB
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			chunk := make([]byte, 1<<20)
			for range size / len(chunk) {
				w.Write(chunk)
			}
			return
		}
		parts, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		part, err := parts.NextPart()
		if err != nil {
			t.Error(err)
			return
		}
		n, _ := io.Copy(io.Discard, part)
		io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	defer server.Close()

	program := filepath.Join(t.TempDir(), "bigbody")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	out, err := exec.Command(program, server.URL, strconv.Itoa(size)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var peak int
	if _, err := fmt.Sscanf(string(out), "VmHWM: %d kB", &peak); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	t.Logf("peak resident memory: %d KiB", peak)
	if peak > most {
		t.Errorf("peak resident memory: %d KiB, want at most %d", peak, most)
	}
}
