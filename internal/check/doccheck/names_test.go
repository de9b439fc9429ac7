package doccheck

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	code      = regexp.MustCompile("(?s)```.*?```|`([^`\n]+)`")
	qualified = regexp.MustCompile(`(?:^|[^\w./])([a-z][a-z0-9]*\.[A-Z]\w*(?:\.[A-Z]\w*)*)`)
)

// goNames returns the exports of packages that line has between backquotes.
func goNames(line string) (names []string) {
	for _, c := range code.FindAllStringSubmatch(line, -1) {
		for _, q := range qualified.FindAllStringSubmatch(c[1], -1) {
			names = append(names, q[1])
		}
	}
	return names
}

// TestGoNames: the Go names that the documents have between backquotes exist. The first
// column of a table has the names of Twisted and treq, or names that are gone, where the
// document is about these.
func TestGoNames(t *testing.T) {
	for name, text := range documents(t) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			if row := strings.Split(line, " | "); strings.HasPrefix(line, "| ") && len(row) > 1 && (name == everyName || name == changelog) {
				line = strings.Join(row[1:], " | ")
			}
			for _, q := range goNames(line) {
				if !loaded(t).has(q) {
					t.Errorf("%s:%d: there is no %s", name, number, q)
				}
			}
		}
	}
}

const (
	everyName = "docs/names.md" // the names of Twisted and treq
	changelog = "CHANGELOG.md"  // what a user has to change
)

// TestPythonNames: docs/names.md has a row for each name of Twisted and treq, under the heading
// of its module. Each row says what replaces the name here.
func TestPythonNames(t *testing.T) {
	said := map[string]bool{}
	var module string
	for line := range strings.Lines(documents(t)[everyName]) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			module = heading
		}
		row := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| `") || len(row) < 2 {
			continue
		}
		if len(goNames(row[1])) == 0 && len(strings.Trim(row[1], " |")) < len("none: why") && !strings.Contains(row[1], "`") {
			t.Errorf("%s: nothing in the place of %s", module, row[0])
		}
		for _, c := range code.FindAllStringSubmatch(row[0], -1) {
			said[module+" "+c[1]] = true
		}
	}
	names, err := os.ReadFile(filepath.Join("testdata", "python_names.txt"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for name := range strings.Lines(string(names)) {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		count++
		if !said[name] {
			t.Errorf("nothing is said of %s", name)
		}
	}
	if count < 300 {
		t.Errorf("only %d names were looked for", count)
	}
}
