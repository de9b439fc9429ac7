package doccheck

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// goBlock matches a block of Go in a document. A comment above it, which readers do not see,
// may give the declarations that the block needs.
var goBlock = regexp.MustCompile("(?ms)(?:^<!-- given: ([^\n]*) -->\n+)?^```go\n(.*?)^```")

// TestGoBlocks: every block of Go in the documents compiles.
func TestGoBlocks(t *testing.T) {
	blocks := 0
	for name, text := range documents(t) {
		for _, at := range goBlock.FindAllStringSubmatchIndex(text, -1) {
			given := ""
			if at[2] >= 0 {
				given = text[at[2]:at[3]]
			}
			line := 1 + strings.Count(text[:at[4]], "\n")
			blocks++
			t.Run(fmt.Sprintf("%s:%d", name, line), func(t *testing.T) {
				if err := loaded(t).compiles(given, text[at[4]:at[5]]); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if blocks == 0 {
		t.Error("no Go was found")
	}
}

// compiles returns the errors of compiling code. The code is a list of declarations, or of
// statements in a function with the parameters given. The imports follow from the names in
// the code.
func (m *module) compiles(given, code string) error {
	fset := token.NewFileSet()
	source := "package document\n" + code
	file, err := parser.ParseFile(fset, "", source, parser.SkipObjectResolution)
	if err != nil {
		source = "package document\nfunc _(" + given + ") {\n" + code + "}\n"
		if file, err = parser.ParseFile(fset, "", source, parser.SkipObjectResolution); err != nil {
			return err
		}
	}
	var imports string
	for _, name := range mentioned(file) {
		path := m.named[name]
		switch name {
		case "testing":
			path = []string{name} // Go's own
		case "treqtesting":
			path = []string{modulePath + "treq/testing"}
		}
		if path != nil {
			imports += fmt.Sprintf("import %s %q\n", name, path[0])
		}
	}
	source = strings.Replace(source, "\n", "\n"+imports, 1)
	if file, err = parser.ParseFile(fset, "", source, parser.SkipObjectResolution); err != nil {
		return err
	}
	var problems []string
	config := types.Config{Importer: m.importer, Error: func(err error) {
		if e := err.(types.Error); !e.Soft { // soft errors are about unused declarations
			problems = append(problems, e.Msg)
		}
	}}
	config.Check("document", fset, []*ast.File{file}, nil)
	if problems != nil {
		return fmt.Errorf("%s\n%s", strings.Join(problems, "\n"), source)
	}
	return nil
}

// mentioned returns the names in file that may be names of packages.
func mentioned(file *ast.File) (names []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && s.Sel.IsExported() && !slices.Contains(names, id.Name) {
				names = append(names, id.Name)
			}
		}
		return true
	})
	return names
}
