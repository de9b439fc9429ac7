package main

import (
	"slices"
	"strings"
)

// A use is a place in a program that uses a name of Twisted or treq.
type use struct {
	line    int
	text    string   // as the program writes it, or the whole path of a name without an entry
	entries []*entry // several if the program does not tell which; none for a name without one
	private bool     // the name is none that a program should use
}

// findUses returns the uses of names in the source of a Python program. path is the package of
// the file, such as "treq.test", for relative imports. problem is called with what the source
// has that no Python program has.
func findUses(n *names, src []byte, path string, problem func(line int, text string)) []use {
	quiet := func(int, string) {}
	r := &reader{names: n, scanner: newScanner(src, quiet), path: path, imports: map[string][][]string{}, types: map[string][]string{}}
	r.read() // first for the imports, which may come after a use
	r.scanner, r.reporting = newScanner(src, problem), true
	r.classes = nil
	r.read()
	return r.uses
}

// A reader goes through a program and notes what it uses.
type reader struct {
	names     *names
	scanner   *scanner
	path      string
	tok       token // the current one
	last      token // the one before
	reporting bool  // in the second reading
	uses      []use

	imports  map[string][][]string // the paths of names that imports bind
	types    map[string][]string   // the classes of variables, and the bases of classes
	classes  []class               // around tok
	provided []string              // the interfaces that a decorator gives to the class below it
	calls    []call                // of treq, around tok
	seen     map[string]bool       // the texts of the uses on the last line of uses
}

// A class is a class statement around a token.
type class struct {
	column, body int      // of the statement, and of the statements in it (-1 before the first)
	bases        []string // that are of Twisted or treq
}

// A call is a call of treq that may have keyword arguments: its brackets have this depth.
type call struct{ depth int }

func (r *reader) advance() {
	r.last, r.tok = r.tok, r.scanner.next()
	for len(r.calls) > 0 && (r.tok.first || r.calls[len(r.calls)-1].depth > r.tok.depth) {
		r.calls = r.calls[:len(r.calls)-1]
	}
}

func (r *reader) is(text string) bool { return r.tok.kind != literal && r.tok.text == text }

// concerns reports whether path is one of Twisted or treq, or of another module that has entries.
func (n *names) concerns(path []string) bool {
	if path[0] == "twisted" || path[0] == "treq" {
		return true
	}
	for i := range path {
		if n.modules[strings.Join(path[:i+1], ".")] != nil {
			return true
		}
	}
	return false
}

func (r *reader) read() {
	r.tok = token{}
	r.advance()
	for r.tok.kind != end {
		if r.tok.first && r.tok.kind == name && r.statement() {
			continue
		}
		if r.reporting && r.tok.kind == name && len(r.imports) > 0 {
			r.expression()
			continue
		}
		if r.reporting && r.is("@") && r.tok.first {
			r.decorator()
			continue
		}
		r.advance()
	}
}

// statement reads the beginning of a statement that binds names. It returns false for any other.
func (r *reader) statement() bool {
	for len(r.classes) > 0 && r.tok.column <= r.classes[len(r.classes)-1].column {
		r.classes = r.classes[:len(r.classes)-1]
	}
	var around *class
	if len(r.classes) > 0 {
		around = &r.classes[len(r.classes)-1]
		if around.body < 0 {
			around.body = r.tok.column
		}
	}
	column := r.tok.column
	switch r.tok.text {
	case "import":
		r.readImport()
	case "from":
		r.readFrom()
	case "class":
		r.readClass(column)
	case "async":
		r.advance()
		if !r.is("def") {
			return true
		}
		fallthrough
	case "def":
		r.advance()
		if r.reporting && around != nil && column == around.body && r.tok.kind == name && len(r.imports) > 0 {
			r.report(r.tok.line, "def "+r.tok.text, r.names.member(r.tok.text, around.bases))
		}
		if r.tok.kind == name && !r.tok.first {
			r.advance()
		}
	default:
		return false
	}
	return true
}

// dotted reads a path, such as a.b.c. It reads the dots of a relative import, too, for which
// the result begins with the package that they stand for.
func (r *reader) dotted() (path []string, line int) {
	up := 0
	for ; r.is(".") && !r.tok.first; r.advance() {
		up++
	}
	if up > 0 {
		path = strings.Split(r.path, ".")
		path = slices.Clone(path[:max(0, len(path)-up+1)])
		if len(path) == 0 || path[0] == "" {
			path = []string{"."} // a package that the file does not tell
		}
	}
	line = r.tok.line
	for r.tok.kind == name && !r.tok.first && !(up > 0 && r.tok.text == "import") {
		path = append(path, r.tok.text)
		r.advance()
		if !r.is(".") {
			break
		}
		r.advance()
	}
	return path, line
}

// readImport reads "import a.b, c as d".
func (r *reader) readImport() {
	r.advance()
	for !r.tok.first {
		path, line := r.dotted()
		if len(path) == 0 {
			break
		}
		bound, to := path[0], path[:1]
		if r.is("as") && !r.tok.first {
			r.advance()
			bound, to = r.tok.text, path
			r.advance()
		}
		r.bind(line, bound, to, path)
		if !r.is(",") || r.tok.first {
			break
		}
		r.advance()
	}
}

// readFrom reads "from a.b import (c, d as e)" and "from a import *".
func (r *reader) readFrom() {
	r.advance()
	from, _ := r.dotted()
	if len(from) == 0 || !r.is("import") || r.tok.first {
		return
	}
	r.advance()
	if r.is("(") {
		r.advance()
	}
	for !r.tok.first && (r.tok.kind == name || r.is("*")) {
		line := r.tok.line
		if r.is("*") {
			r.bindAll(line, from)
			r.advance()
			return
		}
		path := append(slices.Clone(from), r.tok.text)
		bound := r.tok.text
		r.advance()
		if r.is("as") && !r.tok.first {
			r.advance()
			bound = r.tok.text
			r.advance()
		}
		r.bind(line, bound, path, path)
		if !r.is(",") {
			break
		}
		r.advance()
	}
	if r.is(")") {
		r.advance()
	}
}

// bind notes that an import of path binds a name to a path.
func (r *reader) bind(line int, bound string, to, path []string) {
	if !r.names.concerns(path) {
		return
	}
	if !r.reporting {
		r.imports[bound] = append(r.imports[bound], to)
		return
	}
	e, used := r.names.resolve(path)
	if used > 0 {
		r.reportPath(line, path[len(path)-1], path, e)
	}
}

// bindAll is bind for all names of a module.
func (r *reader) bindAll(line int, module []string) {
	if !r.names.concerns(module) {
		return
	}
	entries, known := r.names.modules[strings.Join(module, ".")]
	switch {
	case !r.reporting:
		for n, e := range entries {
			if e.class() == "" {
				r.imports[n] = append(r.imports[n], append(slices.Clone(module), n))
			}
		}
	case !known:
		r.reportPath(line, "*", module, nil)
	}
}

// readClass reads "class C(A, B)", and notes which bases are of Twisted.
func (r *reader) readClass(column int) {
	r.advance()
	c := class{column: column, body: -1, bases: r.provided}
	r.provided = nil
	called := r.tok.text
	if r.tok.kind == name {
		r.advance()
	}
	if r.is("(") && !r.tok.first {
		outside := r.tok.depth
		for r.advance(); r.tok.kind != end && r.tok.depth > outside && !r.tok.first; {
			if r.tok.kind != name || !r.reporting {
				r.advance()
				continue
			}
			_, bases := r.chain()
			c.bases = append(c.bases, bases...)
		}
	}
	r.classes = append(r.classes, c)
	if r.reporting {
		r.types[called] = c.bases
	}
}

// decorator reads "@implementer(I)". The class below it has the members of I.
func (r *reader) decorator() {
	outside := r.tok.depth
	r.advance()
	if !r.is("implementer") && !r.is("provider") {
		return
	}
	r.chain()
	for r.advance(); r.tok.kind != end && r.tok.depth > outside && !r.tok.first; {
		if r.tok.kind != name {
			r.advance()
			continue
		}
		_, interfaces := r.chain()
		r.provided = append(r.provided, interfaces...)
	}
}

// expression reads a chain of attributes and what gives a type to its variable, if anything
// does: an assignment or an annotation.
func (r *reader) expression() {
	start, ofCall := r.tok, r.ofCall()
	variable, _ := r.chain()
	switch {
	case ofCall || variable == "" || !r.is("=") && !r.is(":") || r.tok.first:
	case r.is("=") && start.depth > 0: // a keyword argument, or a parameter with its default
		e := r.names.keywords[variable]
		if last := len(r.calls) - 1; e != nil && last >= 0 && r.calls[last].depth == start.depth {
			r.report(start.line, variable+"=", []*entry{e})
		}
	default:
		assigned := r.is("=")
		if r.advance(); r.tok.kind != name || r.tok.first {
			return
		}
		if _, types := r.chain(); len(types) > 0 && isClass(types[0]) && (!assigned || r.is("(")) {
			r.types[variable] = types
		}
	}
}

// ofCall reports whether tok is a member of something that has no name, such as the result of
// a call.
func (r *reader) ofCall() bool { return r.last.kind == op && r.last.text == "." && !r.tok.first }

// chain reads a chain of attributes, such as self.transport.write, and reports what it uses. It
// returns the last of them, and the classes that the chain leads to, if that is known.
func (r *reader) chain() (last string, types []string) {
	ofCall := r.ofCall()
	parts, lines := []string{r.tok.text}, []int{r.tok.line}
	for r.advance(); r.is(".") && !r.tok.first && len(parts) < longest; {
		if r.advance(); r.tok.kind != name || r.tok.first {
			break
		}
		parts, lines = append(parts, r.tok.text), append(lines, r.tok.line)
		r.advance()
	}
	last = parts[len(parts)-1]
	known := 1 // parts that need no more looking up
	switch {
	case ofCall:
		known = 0
	case len(parts) == 1 && r.is("=") && !r.tok.first:
		return last, nil // it is bound here, and not used
	case parts[0] == "self" || parts[0] == "cls":
		if len(r.classes) > 0 {
			types = r.classes[len(r.classes)-1].bases
		}
	case r.imports[parts[0]] != nil:
		types, known = r.imported(parts, lines)
	default:
		types = append(slices.Clone(r.types[parts[0]]), parts[0])
	}
	for i := known; i < len(parts); i++ {
		if i > known {
			types = append(slices.Clone(r.types[parts[i-1]]), parts[i-1])
		}
		if found := r.names.member(parts[i], types); found != nil {
			r.report(lines[i], strings.Join(parts[max(0, i-2):i+1], "."), found)
		}
	}
	if known < len(parts) {
		types = nil
	}
	return last, types
}

// longest is how many attributes a chain has at most. What follows is another chain.
const longest = 16

// imported reports a chain that begins with an imported name. It returns the class that it leads
// to, and how many parts it has done with.
func (r *reader) imported(parts []string, lines []int) ([]string, int) {
	var path []string
	var e *entry
	used := 0
	for _, to := range r.imports[parts[0]] {
		path = append(slices.Clone(to), parts[1:]...)
		if e, used = r.names.resolve(path); e != nil {
			break
		}
	}
	if used == 0 {
		return nil, len(parts) // a module
	}
	known := used - (len(path) - len(parts)) // of the parts
	r.reportPath(lines[max(known, 1)-1], strings.Join(parts[:max(known, 1)], "."), path[:used], e)
	if e == nil {
		return nil, len(parts)
	}
	last := e.name[strings.LastIndexByte(e.name, '.')+1:]
	if e.module == "treq" || strings.HasPrefix(e.module, "treq.") {
		r.called()
	}
	return []string{last}, max(known, 1)
}

// called notes that the call that begins at tok, if one does, is one of treq.
func (r *reader) called() {
	if !r.is("(") {
		return
	}
	depth := r.tok.depth + 1
	r.advance()
	r.calls = append(r.calls, call{depth})
}

// isClass reports whether a name is written like that of a class.
func isClass(name string) bool {
	return strings.TrimLeft(name, "_") != "" && isUpper(strings.TrimLeft(name, "_")[0])
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// reportPath reports a use of the name that path leads to.
func (r *reader) reportPath(line int, text string, path []string, e *entry) {
	if e != nil {
		r.report(line, text, []*entry{e})
		return
	}
	u := use{line: line, text: strings.Join(path, ".")}
	u.private = len(path) > 1 && path[0] == "treq" && path[1] == "test"
	for _, part := range path {
		u.private = u.private || strings.HasPrefix(part, "_")
	}
	r.note(u)
}

func (r *reader) report(line int, text string, entries []*entry) {
	if len(entries) > 0 {
		r.note(use{line: line, text: text, entries: entries})
	}
}

// note notes a use, once for each line.
func (r *reader) note(u use) {
	if len(r.uses) == 0 || r.uses[len(r.uses)-1].line != u.line {
		r.seen = map[string]bool{}
	}
	if !r.seen[u.text] {
		r.seen[u.text] = true
		r.uses = append(r.uses, u)
	}
}
