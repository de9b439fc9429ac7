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

// A FieldError is the error of one field.
type FieldError struct {
	Name string // the field's name
	Err  error
}

func (e *FieldError) Error() string { return fmt.Sprintf("multipart: field %q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// check returns the error of f, the field with index i, or nil.
func (f *Field) check(i int) error {
	var err error
	switch {
	case f.Name == "":
		err = fmt.Errorf("fields[%d] has no name", i)
	case !plain(f.Name):
		err = errors.New("its name is not UTF-8, or has NUL in it")
	default:
		err = checkValue(f.Value)
	}
	if err != nil {
		return &FieldError{f.Name, err}
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
		switch {
		case v.Body == nil:
			return errors.New("its file has no Body")
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

// inOrder returns fields in treq's order: texts before files, both sorted by name.
func inOrder(fields []Field) []Field {
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Name, b.Name))
	})
	return fields
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
	b = append(b, escapes.Replace(newlines.Replace(f.Name))...)
	b = append(b, '"')
	if file, ok := f.Value.(File); ok {
		if file.Name != "" {
			b = append(b, `; filename="`...)
			b = append(b, escapes.Replace(file.Name)...)
			b = append(b, '"')
		}
		b = fmt.Appendf(b, "\r\nContent-Type: %s", file.contentType())
		if n := file.Body.Length(); n >= 0 {
			b = fmt.Appendf(b, "\r\nContent-Length: %d", n)
		}
	}
	return append(b, "\r\n\r\n"...)
}

// The replacers of WHATWG's HTML, "multipart/form-data encoding algorithm".
var (
	newlines = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n")
	escapes  = strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22")
)

func (f File) contentType() string {
	if f.ContentType != "" {
		return f.ContentType
	}
	// The parameter charset=utf-8, which package mime adds to text types, would be a
	// guess about the contents.
	guess, _, _ := mime.ParseMediaType(mime.TypeByExtension(filepath.Ext(f.Name)))
	return cmp.Or(guess, "application/octet-stream")
}
