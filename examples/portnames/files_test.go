package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// write writes a file below folder, with its folders.
func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	file := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// visited returns what sources finds, each as "file: what is in it, or the error".
func visited(folder string, args ...string) (all []string) {
	sources(args, func(s source) {
		name, _ := filepath.Rel(folder, s.file)
		says := string(s.src)
		if s.err != nil {
			says = "error: " + s.err.Error()
		}
		all = append(all, filepath.ToSlash(name)+": "+strings.ReplaceAll(says, folder, ""))
	})
	return all
}

// TestFolders: folders are read with those below them, but only what is Python. A file that an
// argument names is read whatever its name is.
func TestFolders(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "b/c/d.py", "d")
	write(t, folder, "a.py", "a")
	write(t, folder, "b/e.txt", "e")
	write(t, folder, "b/c.pyc", "c")
	script := write(t, folder, "script", "s")
	got := strings.Join(visited(folder, folder, script), "|")
	if want := "a.py: a|b/c/d.py: d|script: s"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
}

// TestUnreadable: what cannot be read is told, and the rest is read.
func TestUnreadable(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "z.py", "z")
	write(t, folder, "binary.py", "\x7fELF\x00")
	write(t, folder, "utf16.py", "\xff\xfei\x00m\x00")
	if err := os.Mkdir(filepath.Join(folder, "folder.py"), 0o777); err != nil {
		t.Fatal(err)
	}
	got := visited(folder, filepath.Join(folder, "none.py"), folder)
	if runtime.GOOS != "windows" {
		if device := visited("/dev", os.DevNull); len(device) != 1 || device[0] != "null: error: it is a device, not a file" {
			t.Errorf("%q", device)
		}
	}
	want := []string{"none.py: error: ", "binary.py: error: it has NUL bytes", "utf16.py: error: it has NUL bytes", "z.py: z"}
	if len(got) != len(want) {
		t.Fatalf("%q; want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%q; want %q", got[i], want[i])
		}
	}
}

// TestLinks: links that lead in circles are told or left out. Links to files are followed.
func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	folder := t.TempDir()
	file := write(t, folder, "a.py", "a")
	for name, target := range map[string]string{"b.py": file, "circle.py": "circle.py", "up": folder, "up.py": folder} {
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	got := visited(folder, folder)
	if len(got) != 3 || got[0] != "a.py: a" || got[1] != "b.py: a" || !strings.HasPrefix(got[2], "circle.py: error: ") {
		t.Errorf("%q", got)
	}
	if through := visited(folder, filepath.Join(folder, "up")); len(through) != 3 {
		t.Errorf("through a link that an argument names: %q", through)
	}
}

// TestPermissions: a folder or a file that may not be read is told.
func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("everything may be read here")
	}
	folder := t.TempDir()
	file := write(t, folder, "a.py", "a")
	write(t, folder, "closed/b.py", "b")
	for name, mode := range map[string]os.FileMode{file: 0, filepath.Join(folder, "closed"): 0} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(name, 0o777)
	}
	if got := visited(folder, folder); len(got) != 2 || !strings.Contains(got[0], "denied") || !strings.Contains(got[1], "denied") {
		t.Errorf("%q", got)
	}
}

// TestPackageOf: the folders with an __init__.py around a file are its package.
func TestPackageOf(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "treq/__init__.py", "")
	write(t, folder, "treq/test/__init__.py", "")
	for name, want := range map[string]string{"treq/client.py": "treq", "treq/test/test_a.py": "treq.test", "treq/docs/a.py": "", "a.py": ""} {
		if got := packageOf(filepath.Join(folder, filepath.FromSlash(name))); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
}

// TestLongLines: a long line takes as long as many short ones.
func TestLongLines(t *testing.T) {
	for _, part := range []string{"a.", "d.addCallback(", "x, ", "'a' ", "f'{", "x:", "=", "(", "\\N{", "f'\\N{", "class A(", "\"\"\"", ".b.addCallback;"} {
		src := []byte("from twisted.internet import defer\n" + strings.Repeat(part, 1<<15/len(part)))
		var out bytes.Buffer
		r := newReport(&out, readNames(table))
		r.add(source{file: "long.py", src: src})
		if err := r.finish(); err != nil || out.Len() > 1000 {
			t.Errorf("%q: %v, %d bytes: %.300s", part, err, out.Len(), out.String())
		}
	}
}
