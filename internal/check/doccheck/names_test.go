package doccheck

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/python"
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
				if !loaded(t).has(strings.Replace(q, "treqtesting.", "testing.", 1)) {
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

// A nameRow is a row of a table in docs/names.md.
type nameRow struct {
	line    int
	heading string   // above its table
	python  []string // the names of the first column
	here    string   // what takes their place
	remark  string
}

// isModule tells the headings that are modules of Python from other headings.
var isModule = regexp.MustCompile(`^(twisted|treq|zope)(\.\w+)*$`)

func nameRows(text string) (rows []nameRow) {
	var heading string
	number := 0
	for line := range strings.Lines(text) {
		number++
		if h, ok := strings.CutPrefix(line, "## "); ok {
			heading = strings.TrimSpace(h)
		}
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
		columns := append(strings.SplitN(line, "|", 3), "", "")
		row := nameRow{number, heading, nil, strings.TrimSpace(columns[1]), strings.TrimSpace(columns[2])}
		for _, c := range code.FindAllStringSubmatch(columns[0], -1) {
			row.python = append(row.python, c[1])
		}
		rows = append(rows, row)
	}
	return rows
}

// reasoned matches a second column without a name of ours. A reason has more than one word.
var reasoned = regexp.MustCompile(`^none: \S+ \S|^Go: \S`)

// namesErrors compares text, which is docs/names.md, with list, which python_names.py writes.
func namesErrors(text, list string) (errors []string) {
	complain := func(format string, args ...any) { errors = append(errors, fmt.Sprintf(format, args...)) }
	since := map[string]string{} // by module and name: the version, if the name is new
	modules := map[string]bool{}
	for i, line := range strings.Split(strings.TrimSpace(list), "\n") {
		if fields := strings.SplitN(line, " ", 3); i > 0 && len(fields) > 1 {
			modules[fields[0]] = true
			since[fields[0]+" "+fields[1]] = strings.Join(fields[2:], "")
		}
	}
	said := map[string]int{} // the line
	for _, row := range nameRows(text) {
		if !reasoned.MatchString(row.here) {
			if strings.HasPrefix(row.here, "none") {
				complain("line %d: there is no reason why nothing takes the place of %s", row.line, row.python[0])
			} else if len(goNames(row.here)) == 0 {
				complain("line %d: there is nothing in the place of %s", row.line, row.python[0])
			}
			for _, c := range code.FindAllString(row.here, -1) {
				if len(goNames(c)) == 0 && !strings.Contains(row.here, "package "+c) {
					complain("line %d: %s is no name of a package", row.line, c)
				}
			}
		}
		if !isModule.MatchString(row.heading) {
			continue
		}
		for _, name := range row.python {
			key := row.heading + " " + name
			version, ok := since[key]
			switch {
			case !ok:
				complain("line %d: %s has no %s", row.line, row.heading, name)
			case said[key] > 0:
				complain("line %d: line %d has %s already", row.line, said[key], name)
			case version != "" && !strings.Contains(row.remark, "since "+version):
				complain("line %d: %s is there since %s", row.line, name, version)
			}
			said[key] = row.line
		}
	}
	for key := range since {
		if said[key] == 0 {
			complain("nothing is said of %s", key)
		}
	}
	for line := range strings.Lines(text) {
		heading, ok := strings.CutPrefix(strings.TrimSpace(line), "## ")
		if !ok {
			continue
		}
		for anchor := range anchors(line) {
			if !strings.Contains(text, "](#"+anchor+")") {
				complain("the table of contents has no %s", heading)
			}
		}
		if isModule.MatchString(heading) && !modules[heading] {
			complain("python_names.py does not list %s", heading)
		}
	}
	slices.Sort(errors)
	return errors
}

// pythonNames is what python_names.py wrote.
const pythonNames = "internal/check/doccheck/testdata/python_names.txt"

// TestPythonNames: docs/names.md has a row for each public name of Twisted and treq, under
// the heading of its module, and for no other name. Each row says what takes the place of the
// name here, or why nothing does.
func TestPythonNames(t *testing.T) {
	list := string(read(t, pythonNames))
	if n := strings.Count(list, "\n"); n < 2000 {
		t.Errorf("%s has only %d names", pythonNames, n)
	}
	for _, e := range namesErrors(documents(t)[everyName], list) {
		t.Errorf("%s: %s", everyName, e)
	}
}

// TestPythonNamesOfBadDocuments: the check of docs/names.md finds what is wrong.
func TestPythonNamesOfBadDocuments(t *testing.T) {
	const list = "Twisted 22.4.0 treq 22.2.0\ntwisted.a f\ntwisted.a C.m\ntwisted.b g Twisted 23.8\n"
	const good = "- [a](#twisteda), [b](#twistedb), [More](#more)\n" +
		"## twisted.a\n| `f` | `web.Site` | |\n| `C.m` | none: it is old | |\n" +
		"## twisted.b\n| `g` | Go: `go` | since Twisted 23.8 |\n" +
		"## More\n| `of another` | `web.Site`, package `treq/blocking` |\n"
	if errors := namesErrors(good, list); errors != nil {
		t.Errorf("a good document: %q", errors)
	}
	for _, c := range []struct{ old, new, want string }{
		{"| `f` | `web.Site` | |\n", "", "nothing is said of twisted.a f"},
		{"`f` |", "`f`, `h` |", "line 3: twisted.a has no h"},
		{"`C.m`", "`C.m`, `f`", "line 4: line 3 has f already"},
		{"none: it is old", "", "line 4: there is nothing in the place of C.m"},
		{"none: it is old", "none", "line 4: there is no reason why nothing takes the place of C.m"},
		{"none: it is old", "none: ", "line 4: there is no reason why nothing takes the place of C.m"},
		{"none: it is old", "none: old", "line 4: there is no reason why nothing takes the place of C.m"},
		{"Go: `go`", "Go:", "line 6: there is nothing in the place of g"},
		{"`web.Site`", "`web.Site`, `Site.Root`", "line 3: `Site.Root` is no name of a package"},
		{"`web.Site`", "a site", "line 3: there is nothing in the place of f"},
		{"since Twisted 23.8", "", "line 6: g is there since Twisted 23.8"},
		{"since Twisted 23.8", "since Twisted 22.8", "line 6: g is there since Twisted 23.8"},
		{"[b](#twistedb)", "b", "the table of contents has no twisted.b"},
		{"`web.Site`, package", "package", "line 8: there is nothing in the place of of another"},
		{"## More", "## twisted.more\n[](#twistedmore)", "python_names.py does not list twisted.more"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if errors := namesErrors(bad, list); !slices.Contains(errors, c.want) {
			t.Errorf("%q instead of %q: %q, not %q", c.new, c.old, errors, c.want)
		}
	}
}

// TestPythonNamesAreThoseOfPython: the installed Twisted and treq have the names that are in
// the list, and no others.
func TestPythonNamesAreThoseOfPython(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("some names of Twisted depend on the system")
	}
	interpreter, err := python.WithTreq()
	if err != nil {
		t.Skip(err)
	}
	var problems bytes.Buffer
	cmd := exec.Command(interpreter, "-I", "python_names.py")
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil && strings.HasPrefix(problems.String(), "an import failed") {
		t.Skip(problems.String())
	} else if err != nil {
		t.Fatalf("%v\n%s", err, &problems)
	}
	listed := strings.Split(string(read(t, pythonNames)), "\n")
	installed := strings.Split(string(out), "\n")
	if installed[0] != listed[0] {
		t.Skipf("the list is of %s; %s are installed", listed[0], installed[0])
	}
	for _, name := range installed {
		if !slices.Contains(listed, name) {
			t.Errorf("the list has no %s", name)
		}
	}
	for _, name := range listed {
		if !slices.Contains(installed, name) {
			t.Errorf("Python has no %s", name)
		}
	}
}
