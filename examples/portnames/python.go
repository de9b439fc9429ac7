package main

import (
	"bytes"
	"slices"
	"strings"
)

// A kind says what a token is.
type kind int

const (
	end kind = iota // of the source
	name
	op
	literal // a number or a string
)

// A token is a word of a Python program.
type token struct {
	kind   kind
	text   string // of a name or an operator
	line   int    // from 1
	column int    // of its beginning, from 0; a tab leads to the next multiple of 8
	first  bool   // in its statement, as far as lines tell
	depth  int    // how many brackets are open before it
}

// A scanner splits the source of a Python program into tokens. It takes any bytes. What it
// cannot make sense of it tells problem, and goes on.
type scanner struct {
	src     []byte
	problem func(line int, text string)

	pos, line int
	lineStart int  // the position of the line's first byte
	tabs      int  // what the tabs before the first token of the line add to its column
	fresh     bool // the next token is the first of a physical line
	first     bool // ... of a statement
	depth     int
	frames    []frame // of the f-strings around pos, the innermost last
}

// A frame is a part of an f-string: its text, an expression in braces, or the format of an
// expression.
type frame struct {
	part  part
	quote string // that ends the text
	raw   bool
	line  int // on which the text begins
	depth int // of the brackets around an expression
}

type part int

const (
	text part = iota
	expression
	format
)

func newScanner(src []byte, problem func(line int, text string)) *scanner {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	return &scanner{src: src, problem: problem, line: 1, fresh: true, first: true}
}

// next returns the next token. After the last one, it returns tokens of kind end.
func (s *scanner) next() token {
	for {
		if f := s.frame(); f != nil && f.part != expression {
			s.scanText(f)
			continue
		}
		s.skipBlanks()
		if s.pos == len(s.src) {
			if len(s.frames) > 0 {
				s.problem(s.frames[0].line, "the f-string that begins here does not end")
				s.frames = nil
			}
			return token{kind: end, line: s.line, first: true}
		}
		if t, ok := s.scanToken(); ok {
			return t
		}
	}
}

// frame returns the innermost part of an f-string, or nil outside of f-strings.
func (s *scanner) frame() *frame {
	if len(s.frames) == 0 {
		return nil
	}
	return &s.frames[len(s.frames)-1]
}

// peek returns the byte that is n bytes ahead, or 0.
func (s *scanner) peek(n int) byte {
	if s.pos+n < len(s.src) {
		return s.src[s.pos+n]
	}
	return 0
}

// skipBlanks skips blanks, comments and the ends of lines.
func (s *scanner) skipBlanks() {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == '\n' || c == '\r':
			s.newline()
			s.fresh = true
			if s.depth == 0 && len(s.frames) == 0 {
				s.first = true
			}
		case c == '\\' && (s.peek(1) == '\n' || s.peek(1) == '\r'):
			s.pos++
			s.newline()
		case c == '\t' && s.fresh:
			column := s.column()
			s.tabs += 8 - column%8 - 1
			s.pos++
		case c == '\f' && s.fresh:
			s.pos++
			s.lineStart, s.tabs = s.pos, 0
		case c <= ' ':
			s.pos++
		case c == '#':
			s.pos += lineLength(s.src[s.pos:])
		default:
			return
		}
	}
}

// lineLength returns the length of the first line of src, without its end.
func lineLength(src []byte) int {
	if i := bytes.IndexAny(src, "\r\n"); i >= 0 {
		return i
	}
	return len(src)
}

func (s *scanner) column() int { return s.pos - s.lineStart + s.tabs }

// newline passes the end of a line.
func (s *scanner) newline() {
	if s.src[s.pos] == '\r' && s.peek(1) == '\n' {
		s.pos++
	}
	s.pos++
	s.line++
	s.lineStart, s.tabs = s.pos, 0
}

// scanToken returns the token at pos. It returns false where a part of an f-string begins or
// ends there.
func (s *scanner) scanToken() (token, bool) {
	start := s.pos
	t := token{kind: op, line: s.line, column: s.column(), first: s.first, depth: s.depth}
	fresh := s.fresh
	s.fresh, s.first = false, false
	c := s.src[s.pos]
	f := s.frame()
	switch {
	case isLetter(c):
		for s.pos < len(s.src) && (isLetter(s.src[s.pos]) || isDigit(s.src[s.pos])) {
			s.pos++
		}
		t.kind, t.text = name, string(s.src[start:s.pos])
		if q := s.peek(0); (q == '"' || q == '\'') && isPrefix(t.text) {
			t.kind, t.text = literal, strings.ToLower(t.text)
			s.scanString(t.text)
			return t, true
		}
		if fresh && !t.first && f == nil && slices.Contains([]string{"class", "def", "import"}, t.text) {
			// These words begin a statement wherever they stand.
			s.problem(t.line, "a bracket before this line does not close")
			s.depth, t.depth, t.first = 0, 0, true
		}
		return t, true
	case isDigit(c), c == '.' && isDigit(s.peek(1)):
		for s.pos < len(s.src) && (isLetter(s.src[s.pos]) || isDigit(s.src[s.pos]) || s.src[s.pos] == '.') {
			s.pos++
		}
		t.kind = literal
		return t, true
	case c == '"' || c == '\'':
		t.kind = literal
		s.scanString("")
		return t, true
	case f != nil && s.depth == f.depth && c == '}':
		s.pos++
		s.frames = s.frames[:len(s.frames)-1]
		return token{}, false
	case f != nil && s.depth == f.depth && c == ':':
		s.pos++
		s.frames = append(s.frames, frame{part: format, quote: f.quote, line: f.line})
		return token{}, false
	}
	switch c {
	case '(', '[', '{':
		s.depth++
	case ')', ']', '}':
		if s.depth > 0 && (f == nil || s.depth > f.depth) {
			s.depth--
		}
	}
	s.pos++
	if s.peek(0) == '=' && strings.IndexByte("=!<>:+-*/%&|^@", c) >= 0 || c == '-' && s.peek(0) == '>' {
		s.pos++
	}
	t.text = string(s.src[start:s.pos])
	return t, true
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isPrefix reports whether word may stand before a string.
func isPrefix(word string) bool {
	return len(word) <= 2 && strings.Trim(strings.ToLower(word), "rbuft") == ""
}

// scanString passes a string, or the opening quote of an f-string.
func (s *scanner) scanString(prefix string) {
	quote := string(s.src[s.pos : s.pos+1])
	if triple := strings.Repeat(quote, 3); bytes.HasPrefix(s.src[s.pos:], []byte(triple)) {
		quote = triple
	}
	s.pos += len(quote)
	f := frame{part: text, quote: quote, raw: strings.Contains(prefix, "r"), line: s.line}
	if strings.ContainsAny(prefix, "ft") {
		s.frames = append(s.frames, f)
		return
	}
	for !s.scanQuote(f) {
		s.pos++
	}
}

// scanQuote passes the end of f's string, if it is at pos, and returns true. It passes
// escapes and ends of lines before it.
func (s *scanner) scanQuote(f frame) bool {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case bytes.HasPrefix(s.src[s.pos:], []byte(f.quote)):
			s.pos += len(f.quote)
			return true
		case c == '\\':
			s.pos++
			if next := s.peek(0); next == '\n' || next == '\r' {
				s.newline()
			} else if next == '\\' || next == '"' || next == '\'' {
				s.pos++
			} else if next == 'N' && s.peek(1) == '{' && !f.raw {
				longest := s.src[s.pos:min(len(s.src), s.pos+100)]
				s.pos += bytes.IndexByte(longest, '}') + 1 // the name of a character
			}
		case c == '\n' || c == '\r':
			if len(f.quote) == 1 {
				s.problem(f.line, "the string that begins here does not end on its line")
				return true
			}
			s.newline()
		default:
			return false
		}
	}
	s.problem(f.line, "the string that begins here does not end")
	return true
}

// scanText passes the text of an f-string, or the format of an expression, up to its end or
// to an expression.
func (s *scanner) scanText(f *frame) {
	for {
		if f.part == text && s.scanQuote(*f) {
			s.frames = s.frames[:len(s.frames)-1]
			return
		}
		if s.pos == len(s.src) {
			s.frames = s.frames[:len(s.frames)-1]
			return
		}
		switch c := s.src[s.pos]; {
		case c == '{' && s.peek(1) == '{' && f.part == text:
			s.pos++
		case c == '{':
			s.pos++
			s.frames = append(s.frames, frame{part: expression, quote: f.quote, line: f.line, depth: s.depth})
			return
		case f.part == format && c == '}':
			s.pos++
			s.frames = s.frames[:len(s.frames)-2] // the format and its expression
			return
		case f.part == format && (c == '\n' || c == '\r'):
			s.newline()
			continue
		}
		s.pos++
	}
}
