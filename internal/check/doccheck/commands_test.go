package doccheck

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	commandBlock = regexp.MustCompile("(?m)^    ((?:make|go) .*)$|`((?:make|go) [^`\n]*)`")
	makeRule     = regexp.MustCompile(`(?m)^([a-z0-9-]+):(.*)$`)
	link         = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	goFile       = regexp.MustCompile(`\b(?:deferred|reactor|treq|internal|examples)/[\w/*]+\.(?:go|py)\b`)
	notInAnchors = regexp.MustCompile(`[^\w\- ]`)
)

// byHand are the targets of make that CI does not run, each with the reason.
var byHand = map[string]string{
	"bench":         "it needs a machine that does nothing else",
	"bench-quick":   "the same",
	"bench-compare": "the same",
	"bench-docs":    "the same",
	"bench-shares":  "the same",
	"microbench":    "the same",
	"growth":        "the same",
	"fairness":      "the same",
	"parity":        "it needs Python's treq",
	"peers":         "it needs curl, Python's treq and Twisted, and proxies",
	"h2spec":        "make test, which CI runs, has the same test",
	"traces":        "it takes minutes",
}

// TestCommands: CI runs each command in the documents, except those of byHand. It runs all
// examples.
func TestCommands(t *testing.T) {
	makefile := string(read(t, "Makefile"))
	targets := map[string]string{} // and their dependencies
	for _, rule := range makeRule.FindAllStringSubmatch(makefile, -1) {
		targets[rule[1]] = rule[2]
	}
	inCI := string(read(t, ".ci/run")) + targets["ci"]
	found := 0
	for name, text := range documents(t) {
		for _, match := range commandBlock.FindAllStringSubmatch(text, -1) {
			found++
			command, _, _ := strings.Cut(match[1]+match[2], "#")
			words := strings.Fields(command)
			switch {
			case words[0] == "make" && len(words) == 2:
				target := words[1]
				if _, ok := targets[target]; !ok {
					t.Errorf("%s: %q: the Makefile has no %s", name, command, target)
				}
				if byHand[target] == "" && target != "ci" && !strings.Contains(inCI, target) {
					t.Errorf("%s: %q: CI does not run it", name, command)
				}
			case strings.HasPrefix(command, "go run ./examples/"):
				if _, err := os.Stat(filepath.Join(root, words[2], "main.go")); err != nil {
					t.Errorf("%s: %q: %v", name, command, err)
				}
			case strings.HasPrefix(command, "go doc "), strings.HasPrefix(command, "go test "):
				folder := words[slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "./") })]
				tests, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
				if err != nil || tests == nil {
					t.Errorf("%s: %q: there are no tests in %s", name, command, folder)
				}
				if i := slices.Index(words, "-bench"); i >= 0 && !slices.ContainsFunc(tests, func(file string) bool {
					text, err := os.ReadFile(file)
					return err == nil && strings.Contains(string(text), "func Benchmark"+words[i+1])
				}) {
					t.Errorf("%s: %q: there is no such benchmark", name, command)
				}
			default:
				t.Errorf("%s: this test cannot tell whether %q works", name, command)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d commands were found", found)
	}
}

// TestLinks: the files and headings that documents link to exist, and so do the Go files
// that they name.
func TestLinks(t *testing.T) {
	for name, text := range documents(t) {
		for _, file := range goFile.FindAllString(text, -1) {
			if found, err := filepath.Glob(filepath.Join(root, file)); found == nil {
				t.Errorf("%s: %s: no such file (%v)", name, file, err)
			}
		}
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			if target == "" {
				target = filepath.Base(name)
			}
			file := filepath.Join(filepath.Dir(name), target)
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s: %s: %v", name, match[1], err)
			} else if anchor != "" && !anchors(string(read(t, file)))[anchor] {
				t.Errorf("%s: %s: no such heading", name, match[1])
			}
		}
	}
}

// TestPackagesAreDrawn: the page about the architecture names every package.
func TestPackagesAreDrawn(t *testing.T) {
	const page = "docs/architecture.md"
	names, err := filepath.Glob(filepath.Join(root, "internal", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		names[i] = "internal/" + filepath.Base(name)
	}
	for _, path := range loaded(t).paths {
		names = append(names, strings.TrimPrefix(path, modulePath))
	}
	for _, name := range names {
		if !strings.Contains(documents(t)[page], "`"+name+"`") {
			t.Errorf("%s does not name %s", page, name)
		}
	}
}

// anchors returns the anchors of the headings of text.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(line, "#"); ok {
			heading = strings.ToLower(strings.TrimSpace(strings.TrimLeft(heading, "#")))
			all[strings.ReplaceAll(notInAnchors.ReplaceAllString(heading, ""), " ", "-")] = true
		}
	}
	return all
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
