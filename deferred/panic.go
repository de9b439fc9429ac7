package deferred

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
)

// A PanicError is the error of a panic in a handler. The verb %+v prints it with its place
// and its stack.
type PanicError struct {
	Value any    // the argument of panic
	Stack []byte // the stack of the panic, as runtime/debug.Stack formats it
}

// NewPanicError returns the error of a panic with value. Call it in the deferred
// function that recovers the panic: there the stack still shows where the panic began.
// If value is a *PanicError, NewPanicError returns that, because its stack shows the
// place where the first panic began.
func NewPanicError(value any) *PanicError {
	if e, ok := value.(*PanicError); ok {
		return e
	}
	e := &PanicError{Value: value, Stack: debug.Stack()}
	if watching.Load()&censusOpen != 0 {
		notePanic(e)
	}
	return e
}

// Error describes the panic's value. It does not contain the place or the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Repanic panics with e, for code that must not continue after a handler's panic.
func (e *PanicError) Repanic() { panic(e) }

// try calls f and returns its panic, if any.
func try(f func()) (p *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			p = NewPanicError(v)
		}
	}()
	f()
	return nil
}

// Place returns the file and line of the panic in the program's own code, such as
// "crawl.go:55": the innermost call outside of this module and of Go's standard library.
// If there is none, it is the innermost call of all, and "" without a stack.
func (e *PanicError) Place() string {
	_, calls := e.calls()
	for _, c := range calls {
		if isUsers(c.function, withoutLine(c.file)) {
			return base(c.file)
		}
	}
	if len(calls) == 0 {
		return ""
	}
	return base(calls[0].file)
}

// Trace returns the stack as Go prints it for a panic that nothing recovers: it begins
// with the call that panicked.
func (e *PanicError) Trace() string {
	header, calls := e.calls()
	var b strings.Builder
	b.WriteString(header)
	for _, c := range calls {
		b.WriteString("\n" + c.text)
	}
	return b.String()
}

// Format implements [fmt.Formatter], for %+v. All other verbs print the text of Error.
func (e *PanicError) Format(s fmt.State, verb rune) {
	if verb == 'v' && s.Flag('+') {
		io.WriteString(s, Describe(e))
		return
	}
	fmt.Fprintf(s, fmt.FormatString(s, verb), e.Error())
}

// Describe returns the text of err for people. If a [*PanicError] is in err, the place of
// the panic follows in the same line, and its stack in the lines below:
//
//	panic: no such thing at crawl.go:55
//
//	goroutine 1 [running]:
//	...
func Describe(err error) string {
	text, stack := describe(err)
	if stack != "" {
		text += "\n\n" + stack
	}
	return text
}

// describe returns the two parts of Describe.
func describe(err error) (text, stack string) {
	text = fmt.Sprint(err) // also of a nil pointer in err, whose Error may panic
	if p, ok := errors.AsType[*PanicError](err); ok {
		if place := p.Place(); place != "" {
			text += " at " + place
		}
		stack = p.Trace()
	}
	return text, stack
}

// A call is an entry of a stack.
type call struct {
	function string // "net/http.(*conn).serve"
	file     string // with the line: "/usr/lib/go/src/net/http/server.go:1934"
	text     string // of the stack; several lines
}

// calls returns the first line of the stack, and the calls below that of panic.
func (e *PanicError) calls() (header string, calls []call) {
	header, rest, _ := strings.Cut(strings.TrimSpace(string(e.Stack)), "\n")
	below := false // the last panic, which is the one that was recovered
	for rest != "" {
		var c call
		c.text, rest, _ = strings.Cut(rest, "\n")
		c.function = strings.TrimPrefix(c.text, "created by ")
		if end := strings.LastIndexByte(c.function, '('); end > 0 {
			c.function = c.function[:end]
		}
		if strings.HasPrefix(rest, "\t") { // but "...20 frames elided..." has no file
			var file string
			file, rest, _ = strings.Cut(rest, "\n")
			c.text += "\n" + file
			c.file, _, _ = strings.Cut(strings.TrimSpace(file), " ")
		}
		if c.function == "panic" && !below {
			below, calls = true, nil
			continue
		}
		calls = append(calls, c)
	}
	return header, calls
}
