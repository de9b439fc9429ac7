package multipart

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A Field is one field of the form. Several fields may have the same name.
type Field struct {
	Name  string // UTF-8, not empty
	Value Value
}

// A Value is the value of a field: a [Text] or a [File].
type Value interface{ isValue() }

// A Text is a value of UTF-8 text, which is sent unchanged. Other bytes are sent as a
// [File].
type Text string

// A File is a value that a receiver treats as an uploaded file.
type File struct {
	// Name is the file's name in UTF-8, without folders. "" means none.
	Name string
	// ContentType is the type of the contents. "" means the type for the extension of
	// Name, or application/octet-stream if there is none.
	ContentType string
	// Body produces the contents. If the length of Body is known, it is sent before
	// the contents, and Body must write exactly that many bytes.
	Body request.BodyProducer
}

func (Text) isValue() {}
func (File) isValue() {}

// FromFile returns the unread bytes of f as a File with the name of f, without folders. A
// [request.FileBodyProducer] reads f on the loop's goroutine, and closes it.
func FromFile(f *os.File) File {
	name := f.Name()
	if name != "" {
		name = filepath.Base(name)
	}
	return FromReader(name, f)
}

// FromReader returns the unread bytes of r as a File with a name. A
// [request.FileBodyProducer] reads r on the loop's goroutine, and closes it if it is an
// [io.Closer].
func FromReader(name string, r io.Reader) File {
	return File{Name: name, Body: request.NewFileBodyProducer(r, request.FileBodyConfig{})}
}

// FromPath returns the file at path as a File with the last part of path as its name. The
// file is opened when it is its turn to be sent, and closed afterwards: a form of many such
// files holds one descriptor. See [request.NewPathBodyProducer]. If there is no such file,
// NewMultiPartProducer fails.
func FromPath(path string) File {
	body, err := request.NewPathBodyProducer(path, request.FileBodyConfig{})
	if err != nil {
		return File{Name: filepath.Base(path), Body: unreadable{err: err}}
	}
	return File{Name: filepath.Base(path), Body: body}
}

// unreadable is the Body of a file that cannot be sent because of err. It is never
// started.
type unreadable struct {
	request.Bytes
	err error
}

// A FieldError is the error of one field.
type FieldError struct {
	Index int    // of the field, in the order given to NewMultiPartProducer
	Name  string // the field's name
	Err   error
}

func (e *FieldError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("multipart: fields[%d] %v", e.Index, e.Err)
	}
	return fmt.Sprintf("multipart: field %q: %v", e.Name, e.Err)
}

// because returns e with a reason.
func (e FieldError) because(err error) *FieldError {
	e.Err = err
	return &e
}

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// check returns the error of f, the field with index i, or nil.
func (f *Field) check(i int) error {
	var err error
	switch {
	case f.Name == "":
		err = errors.New("has no name")
	case !plain(f.Name):
		err = errors.New("its name is not UTF-8, or has NUL in it")
	default:
		err = checkValue(f.Value)
	}
	if err != nil {
		return &FieldError{i, f.Name, err}
	}
	return nil
}

func checkValue(v Value) error {
	switch v := v.(type) {
	case Text:
		if !utf8.ValidString(string(v)) {
			return errors.New("its text is not UTF-8: send it as a File")
		}
		return nil
	case File:
		broken, isUnreadable := v.Body.(unreadable)
		switch {
		case v.Body == nil:
			return errors.New("its file has no Body")
		case isUnreadable:
			return fmt.Errorf("its file cannot be sent: %w", broken.err)
		case !plain(v.Name):
			return errors.New("its file's name is not UTF-8, or has NUL in it")
		case strings.ContainsFunc(v.ContentType, func(r rune) bool { return (r < ' ' && r != '\t') || r >= 0x7F }):
			return fmt.Errorf("its content type %q has other characters than ASCII's printable ones", v.ContentType)
		}
		return nil
	case nil:
		return errors.New("it has no value")
	default:
		return fmt.Errorf("its value is a %T: want a Text or a File", v)
	}
}

func plain(name string) bool { return utf8.ValidString(name) && !strings.Contains(name, "\x00") }

// inOrder returns the indexes of fields in treq's order: texts before files, both sorted by
// name.
func inOrder(fields []Field) []int {
	order := make([]int, len(fields))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &fields[i], &fields[j]
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Name, b.Name))
	})
	return order
}

func (f *Field) rank() int {
	if _, ok := f.Value.(File); ok {
		return 1
	}
	return 0
}

// appendHead appends the header of field f (RFC 7578, section 4).
func appendHead(b []byte, f Field) []byte {
	b = append(b, `Content-Disposition: form-data; name="`...)
	b = appendEscaped(b, newlines.Replace(f.Name))
	b = append(b, '"')
	if file, ok := f.Value.(File); ok {
		if file.Name != "" {
			b = append(b, `; filename="`...)
			b = appendEscaped(b, file.Name)
			b = append(b, '"')
		}
		b = fmt.Appendf(b, "\r\nContent-Type: %s", file.contentType())
		if n := file.Body.Length(); n >= 0 {
			b = fmt.Appendf(b, "\r\nContent-Length: %d", n)
		}
	}
	return append(b, "\r\n\r\n"...)
}

// newlines makes every line break in a name CR LF, as WHATWG's HTML does ("multipart/form-data
// encoding algorithm").
var newlines = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n")

// appendEscaped appends a name with quotes and control characters percent-encoded. HTML
// encodes quotes, CR and LF only, but other control characters mislead receivers as well.
func appendEscaped(b []byte, name string) []byte {
	for i, r := range name {
		if r != '"' && !unicode.IsControl(r) {
			b = utf8.AppendRune(b, r)
			continue
		}
		for _, c := range []byte(name[i : i+utf8.RuneLen(r)]) {
			b = fmt.Appendf(b, "%%%02X", c)
		}
	}
	return b
}

func (f File) contentType() string {
	if f.ContentType != "" {
		return f.ContentType
	}
	// The parameter charset=utf-8, which package mime adds to text types, would be a
	// guess about the contents.
	guess, _, _ := mime.ParseMediaType(mime.TypeByExtension(filepath.Ext(f.Name)))
	return cmp.Or(guess, "application/octet-stream")
}
