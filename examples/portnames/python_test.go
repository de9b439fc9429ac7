package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// scan returns the names and operators of src, and what the scanner could not make sense of.
// A name that begins a statement has a ^ before it.
func scan(src string) (words, problems []string) {
	s := newScanner([]byte(src), func(line int, text string) {
		problems = append(problems, fmt.Sprint(line, ": ", text))
	})
	for {
		t := s.next()
		switch {
		case t.kind == end:
			return words, problems
		case t.kind == literal:
			t.text = "%"
		case t.kind == name && t.first:
			t.text = "^" + t.text
		}
		words = append(words, t.text)
	}
}

func TestScanner(t *testing.T) {
	for _, test := range []struct{ src, words, problems string }{
		{"a.b(c)\nd", "^a . b ( c ) ^d", ""},
		{"a # b 'c\nd", "^a ^d", ""},
		{"a = '#' 'b' # c", "^a = % %", ""},
		{`a 'it\'s' "\\" b`, "^a % % b", ""},
		{"r'\\' b", "%", "1: the string that begins here does not end"},
		{`rb"a\"b" Rb'' U"" b`, "% % % b", ""},
		{"'''a\nb'c''d''' e", "% e", ""},
		{"'a\\\nb' c", "% c", ""},
		{"a, (\nb,\n) \n c", "^a , ( b , ) ^c", ""},
		{"a \\\n b\\\r\nc", "^a b c", ""},
		{"a \\ b", "^a \\ b", ""},
		{"a == b != c -> d := e = f", "^a == b != c -> d := e = f", ""},
		{"1.5e3 0x1F 1_000j .5 a.b", "% % % % a . b", ""},
		{"\ufeffa", "^a", ""},
		{"a\rb\r\nc\n", "^a ^b ^c", ""},
		{"caf\xe9 = na\u00efve", "^caf\xe9 = na\u00efve", ""},
		{"'\xff' a", "% a", ""},
		{`f"a{b}c{{d}}{e!r:>{f}}" g`, "% b e ! r f g", ""},
		{`f"{a['b']}{c["d"]}" e`, "% a [ % ] c [ % ] e", ""},
		{`f"{a:%H:%M}{ {b: c}[d] }" e`, "% a { b : c } [ d ] e", ""},
		{`f"\N{BULLET}{a}\{b}" c`, "% a b c", ""},
		{`rf"\N{a}" c`, "% a c", ""},
		{"f'''{\na\n}\n{b:\n}''' c", "% a b c", ""},
		{`f"{f'{a}'}" b`, "% % a b", ""},
		{`f"{x) ]}" b`, "% x ) ] b", ""},
		{"'abc\nd", "% ^d", "1: the string that begins here does not end on its line"},
		{"'''abc\nd", "%", "1: the string that begins here does not end"},
		{"f'a{b\n", "% b", "1: the f-string that begins here does not end"},
		{"f'a\nb", "% ^b", "1: the string that begins here does not end on its line"},
		{"a(\nb\ndef c", "^a ( b ^def c", "3: a bracket before this line does not close"},
		{")]} a\nb", ") ] } a ^b", ""},
		{"\x00\x01 a", "^a", ""},
	} {
		words, problems := scan(test.src)
		if got := strings.Join(words, " "); got != test.words {
			t.Errorf("%q: %s; want %s", test.src, got, test.words)
		}
		if got := strings.Join(problems, "; "); got != test.problems {
			t.Errorf("%q: problems %q; want %q", test.src, got, test.problems)
		}
	}
}

// TestColumns: a token tells its line and its column.
func TestColumns(t *testing.T) {
	s := newScanner([]byte("a\n  b (c,\n\td)\n \te\n'''\n''' + f\n\f  g"), func(int, string) {})
	var got []string
	for k := s.next(); k.kind != end; k = s.next() {
		if k.kind == name {
			got = append(got, fmt.Sprintf("%s %d:%d in %d", k.text, k.line, k.column, k.depth))
		}
	}
	want := []string{"a 1:0 in 0", "b 2:2 in 0", "c 2:5 in 1", "d 3:8 in 1", "e 4:8 in 0", "f 6:6 in 0", "g 7:2 in 0"}
	if !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

// FuzzScanner: the scanner takes any bytes. Its tokens are in order, and each is in the source.
// Nothing that is found in the source makes the reader of uses fail.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		string(sample), "f'{a:{b:{c}}}", "f'''{'''", "class A(B:\n def", "from . import (a,\n*", "import a.b as", "@implementer(",
		"from ... import a as b, c", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r", "x: y: z: w = self.transport =", "async\ndef",
		"import treq\ntreq.get(timeout=treq.get(", "from twisted.internet.defer import *\nfail().addErrback", "\\", "'\\", "f'\\N{",
	} {
		f.Add([]byte(seed))
	}
	n := readNames("## twisted.internet.defer\n| `Deferred`, `Deferred.addErrback`, `fail` | `deferred.Fail` |\n")
	f.Fuzz(func(t *testing.T, src []byte) {
		s := newScanner(src, func(line int, _ string) {
			if line < 1 {
				t.Errorf("a problem on line %d", line)
			}
		})
		line, rest := 1, string(src)
		for k := s.next(); k.kind != end; k = s.next() {
			if k.line < line || k.column < 0 || k.depth < 0 {
				t.Fatalf("%+v after line %d", k, line)
			}
			line = k.line
			if k.kind == name || k.kind == op {
				i := strings.Index(rest, k.text)
				if i < 0 || k.text == "" {
					t.Fatalf("%q is not in what is left: %q", k.text, rest)
				}
				rest = rest[i+len(k.text):]
			}
		}
		if again := s.next(); again.kind != end {
			t.Errorf("%+v after the end", again)
		}
		for _, u := range findUses(n, src, "a.b", func(int, string) {}) {
			if u.line < 1 || u.line > strings.Count(string(src), "\n")+strings.Count(string(src), "\r")+1 {
				t.Errorf("%+v is on no line", u)
			}
		}
	})
}
