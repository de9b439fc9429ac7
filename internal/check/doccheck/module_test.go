package doccheck

import (
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// root is the folder of the module.
var root = filepath.Join("..", "..", "..")

// modulePath begins the import path of every package of ours.
const modulePath = "github.com/seed-7c003b53/gotreq/"

// A module has the compiled packages of the module, and those that they import.
type module struct {
	importer types.Importer
	paths    []string            // of the module's public packages
	named    map[string][]string // import paths by package name, ours before others
}

// load loads the module once.
var load = sync.OnceValues(func() (*module, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-f", "{{.Name}} {{.ImportPath}} {{.Export}}", "./deferred/...", "./reactor/...", "./treq/...",
		"log", "maps", "net/http/httputil", "os/exec", "runtime/debug", "testing") // documents name these too
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	m := &module{named: map[string][]string{}}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, export, _ := strings.Cut(rest, " ")
		if name == "main" || export == "" {
			continue
		}
		exports[path] = export
		if ours := strings.HasPrefix(path, modulePath); !ours {
			m.named[name] = append(m.named[name], path)
		} else if !strings.Contains(path, "/internal/") {
			m.paths = append(m.paths, path)
			m.named[name] = append([]string{path}, m.named[name]...)
		}
	}
	m.importer = importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	return m, nil
})

func loaded(t *testing.T) *module {
	t.Helper()
	m, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// has reports whether name exists: an export of a package, and perhaps a method or field of
// it, such as "deferred.Deferred.Cancel".
func (m *module) has(name string) bool {
	parts := strings.Split(name, ".")
	for _, path := range m.named[parts[0]] {
		pkg, err := m.importer.Import(path)
		if err != nil {
			continue
		}
		if object := pkg.Scope().Lookup(parts[1]); object != nil && object.Exported() && hasMember(object, parts[2:]) {
			return true
		}
	}
	return false
}

func hasMember(object types.Object, path []string) bool {
	for _, name := range path {
		object, _, _ = types.LookupFieldOrMethod(object.Type(), true, object.Pkg(), name)
		if object == nil || !object.Exported() {
			return false
		}
	}
	return true
}

// documents returns the texts of README.md and the other documents, by their names.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", changelog} {
		names = append(names, filepath.Join(root, name))
	}
	for _, file := range names {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(root, file)
		texts[filepath.ToSlash(name)] = string(text)
	}
	return texts
}
