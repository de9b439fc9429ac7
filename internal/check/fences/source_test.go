package fences

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// modulePath begins the import path of every package of ours.
const modulePath = "github.com/seed-7c003b53/gotreq/"

// A source is the Go code of a module.
type source []*goFile

// A goFile is what the rules need to know of one file.
type goFile struct {
	name    string // from the root of the module
	pkg     string // the folder, which is the import path without modulePath
	test    bool
	imports []mention // the paths imported, those of ours without modulePath
	uses    []mention // "time.Now" for a name of another package, "go" for a go statement
}

// A mention is something that a file names, and the line it stands in.
type mention struct {
	name string
	line int
}

// at returns the place of m, for a message.
func (f *goFile) at(m mention) string { return fmt.Sprintf("%s:%d", f.name, m.line) }

// readModule reads this module, and the modules of their own in its folders.
func readModule(t *testing.T) source {
	t.Helper()
	src, err := readSource(os.DirFS(filepath.Join("..", "..", "..")))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// readSource reads every Go file of files.
func readSource(files fs.FS) (source, error) {
	var src source
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || len(name) > 1 && entry.Name()[0] == '.'):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		file, err := readFile(name, text)
		src = append(src, file)
		return err
	})
	return src, err
}

func readFile(name string, text []byte) (*goFile, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &goFile{name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go")}
	line := func(n ast.Node) int { return fset.Position(n.Pos()).Line }
	pathOf := map[string]string{} // by the name that the file uses
	for _, spec := range parsed.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		f.imports = append(f.imports, mention{strings.TrimPrefix(p, modulePath), line(spec)})
		if spec.Name != nil {
			pathOf[spec.Name.Name] = p
		} else {
			pathOf[path.Base(version.ReplaceAllString(p, ""))] = p
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			f.uses = append(f.uses, mention{"go", line(n)})
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok && pathOf[id.Name] != "" {
				f.uses = append(f.uses, mention{pathOf[id.Name] + "." + n.Sel.Name, line(n)})
			}
		}
		return true
	})
	return f, nil
}

// version is the end of an import path that is not part of the package's name.
var version = regexp.MustCompile(`/v[0-9]+$`)

// within reports whether pkg is one of those that pattern names: itself, or for
// "treq/..." treq and all below it.
func within(pkg, pattern string) bool {
	folder, all := strings.CutSuffix(pattern, "/...")
	return pkg == folder || all && strings.HasPrefix(pkg, folder+"/")
}

// withinAny is within for patterns with spaces between them.
func withinAny(pkg, patterns string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool { return within(pkg, p) })
}

// report fails the test with each of the problems.
func report(t *testing.T, problems []string) {
	t.Helper()
	for _, p := range problems {
		t.Error(p)
	}
}
