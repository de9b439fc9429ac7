package doccheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocumented: every package has a comment, and so has every constant, variable,
// function, type and method that it exports, except for the Error methods of errors.
func TestDocumented(t *testing.T) {
	for _, path := range loaded(t).paths {
		folder := filepath.Join(root, filepath.FromSlash(strings.TrimPrefix(path, modulePath)))
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		c := commentary{t: t, files: token.NewFileSet()}
		described := false
		for _, file := range files {
			if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(c.files, filepath.Join(folder, file.Name()), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			described = described || parsed.Doc != nil
			for _, decl := range parsed.Decls {
				c.declaration(decl)
			}
		}
		if !described {
			t.Errorf("package %s has no comment", path)
		}
	}
}

// A commentary checks that names have comments.
type commentary struct {
	t     *testing.T
	files *token.FileSet
}

func (c *commentary) want(name *ast.Ident, comments ...*ast.CommentGroup) {
	if !name.IsExported() {
		return
	}
	for _, comment := range comments {
		if comment.Text() != "" {
			return
		}
	}
	c.t.Errorf("%s: %s has no comment", c.files.Position(name.Pos()), name.Name)
}

func (c *commentary) declaration(decl ast.Decl) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil || receiver(decl.Recv.List[0].Type).IsExported() && decl.Name.Name != "Error" {
			c.want(decl.Name, decl.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					c.want(name, decl.Doc, spec.Doc, spec.Comment)
				}
			case *ast.TypeSpec:
				c.want(spec.Name, decl.Doc, spec.Doc, spec.Comment)
			}
		}
	}
}

// receiver returns the name of a receiver's type.
func receiver(t ast.Expr) *ast.Ident {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	}
	return t.(*ast.Ident)
}
