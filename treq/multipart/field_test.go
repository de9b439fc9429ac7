package multipart_test

import (
	"errors"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

func TestWhatMakesNoForm(t *testing.T) {
	body := request.Bytes("x")
	file := multipart.File{Name: "x", Body: body}
	one := func(name string, v multipart.Value) []multipart.Field {
		return []multipart.Field{{Name: name, Value: v}}
	}
	for _, test := range []struct {
		name     string
		fields   []multipart.Field
		boundary string
		want     string
	}{
		{"no name", []multipart.Field{{Name: "a", Value: file}, {Value: multipart.Text("x")}}, "", `multipart: fields[1] has no name`},
		{"no value", one("a", nil), "", `multipart: field "a": it has no value`},
		{"a pointer", one("a", &file), "", `multipart: field "a": its value is a *multipart.File: want a Text or a File`},
		{"no body", one("a", multipart.File{Name: "x"}), "", `multipart: field "a": its file has no Body`},
		{"bytes that are not text", one("a", multipart.Text("\xff\xfe")), "", `multipart: field "a": its text is not UTF-8: send it as a File`},
		{"a name that is not text", one("a\xff", file), "", `multipart: field "a\xff": its name is not UTF-8, or has NUL in it`},
		{"NUL in a name", one("a\x00", file), "", `multipart: field "a\x00": its name is not UTF-8, or has NUL in it`},
		{"a file name that is not text", one("a", multipart.File{Name: "\xff", Body: body}), "",
			`multipart: field "a": its file's name is not UTF-8, or has NUL in it`},
		{"a line break in a content type", one("a", multipart.File{ContentType: "a/b\r\nX: y", Body: body}), "",
			`multipart: field "a": its content type "a/b\r\nX: y" has other characters than ASCII's printable ones`},
		{"a content type that is not ASCII", one("a", multipart.File{ContentType: "a/é", Body: body}), "",
			`multipart: field "a": its content type "a/é" has other characters than ASCII's printable ones`},
		{"a path to nothing", one("a", multipart.FromPath("no/such.file")), "",
			`multipart: field "a": its file cannot be sent: stat no/such.file: no such file or directory`},
		{"a path to a folder", one("a", multipart.FromPath(".")), "",
			`multipart: field "a": its file cannot be sent: request: . is not a regular file: open it, and use NewFileBodyProducer`},
		{"a long boundary", nil, strings.Repeat("x", 71),
			`multipart: Boundary("` + strings.Repeat("x", 71) + `"): it is longer than 70 characters`},
		{"a boundary that ends with a space", nil, "a ", `multipart: Boundary("a "): it ends with a space`},
		{"a quote in a boundary", nil, `a"b`, `multipart: Boundary("a\"b"): '"' cannot be in it`},
		{"a line break in a boundary", nil, "a\r\nb", `multipart: Boundary("a\r\nb"): '\r' cannot be in it`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := multipart.NewMultiPartProducer(test.fields, multipart.Config{Boundary: test.boundary})
			if p != nil || err == nil || err.Error() != test.want {
				t.Fatalf("got %v, %v\nwant %s", p, err, test.want)
			}
			var field *multipart.FieldError
			if got, want := errors.As(err, &field), strings.Contains(test.want, ": field"); got != want {
				t.Errorf("the error is a FieldError: %t, want %t", got, want)
			}
		})
	}
}

func TestBoundary(t *testing.T) {
	for boundary, want := range map[string]string{
		"heyDavid":              "multipart/form-data; boundary=heyDavid",
		strings.Repeat("x", 70): "multipart/form-data; boundary=" + strings.Repeat("x", 70),
		"az AZ09'()+_,-./:=?":   `multipart/form-data; boundary="az AZ09'()+_,-./:=?"`,
	} {
		t.Run(boundary, func(t *testing.T) {
			p, err := multipart.NewMultiPartProducer(nil, multipart.Config{Boundary: boundary})
			if err != nil {
				t.Fatal(err)
			}
			if p.Boundary() != boundary || p.ContentType() != want {
				t.Errorf("got %q, %q\nwant %q, %q", p.Boundary(), p.ContentType(), boundary, want)
			}
			_, params, err := mime.ParseMediaType(p.ContentType())
			if err != nil || params["boundary"] != boundary {
				t.Errorf("read back: %v, %v", params, err)
			}
		})
	}
	seen := make(map[string]bool)
	for range 100 {
		p, err := multipart.NewMultiPartProducer(nil, multipart.Config{})
		if err != nil {
			t.Fatal(err)
		}
		b := p.Boundary()
		if len(b) != 32 || strings.Trim(b, "0123456789abcdef") != "" || seen[b] {
			t.Fatalf("a random boundary is %q", b)
		}
		seen[b] = true
	}
}

func TestContentTypeByName(t *testing.T) {
	for _, test := range []struct{ name, given, want string }{
		{"a.html", "", "text/html"},
		{"a.JPG", "", "image/jpeg"},
		{"a.b.png", "", "image/png"},
		{"a.json", "text/mine; charset=latin-1", "text/mine; charset=latin-1"},
		{"a.no-such-extension", "", "application/octet-stream"},
		{"a", "", "application/octet-stream"},
		{"", "", "application/octet-stream"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, body := produce(t, []multipart.Field{{Name: "f", Value: multipart.File{
				Name: test.name, ContentType: test.given, Body: request.Bytes("x")}}})
			if want := "\r\nContent-Type: " + test.want + "\r\n"; !strings.Contains(body, want) {
				t.Errorf("got %q\nwant %q in it", body, want)
			}
		})
	}
}

func TestFromFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(name, []byte("<p>Hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	_, got := produce(t, []multipart.Field{{Name: "f", Value: multipart.FromFile(f)}})
	want := lines("--heyDavid\nContent-Disposition: form-data; name=\"f\"; filename=\"page.html\"\n" +
		"Content-Type: text/html\nContent-Length: 8\n\n<p>Hello\n--heyDavid--\n")
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file was not closed: %v", err)
	}

	if got := multipart.FromFile(os.NewFile(1<<20, "")); got.Name != "" {
		t.Errorf("a file without a name is called %q", got.Name)
	}
}

// TestNamesThatAreEscaped: no name can end its header, its quotes or a line.
func TestNamesThatAreEscaped(t *testing.T) {
	for _, test := range []struct{ raw, name, file string }{
		{"plain", "plain", "plain"},
		{`a"b`, "a%22b", "a%22b"},
		{`a\b`, `a\b`, `a\b`},
		{`a\"; filename="x`, `a\%22; filename=%22x`, `a\%22; filename=%22x`},
		{"a\rb", "a%0D%0Ab", "a%0Db"},
		{"a\nb", "a%0D%0Ab", "a%0Ab"},
		{"a\r\nX: y", "a%0D%0AX: y", "a%0D%0AX: y"},
		{"a\tb", "a%09b", "a%09b"},
		{"a\v\f\x01\x1b\x7fb", "a%0B%0C%01%1B%7Fb", "a%0B%0C%01%1B%7Fb"},
		{"a\u0085\u009fb", "a%C2%85%C2%9Fb", "a%C2%85%C2%9Fb"},
		{"é\u2028☃", "é\u2028☃", "é\u2028☃"},
		{"a%22b; c='d'", "a%22b; c='d'", "a%22b; c='d'"},
	} {
		_, got := produce(t, []multipart.Field{{Name: test.raw, Value: multipart.File{Name: test.raw, ContentType: "a/b", Body: request.Bytes("x")}}})
		want := lines("--heyDavid\nContent-Disposition: form-data; name=\"" + test.name + "\"; filename=\"" + test.file + "\"\n" +
			"Content-Type: a/b\nContent-Length: 1\n\nx\n--heyDavid--\n")
		if got != want {
			t.Errorf("%q:\ngot  %q\nwant %q", test.raw, got, want)
		}
	}
}

// TestTheOrderGivenStays checks that the caller's fields are not changed.
func TestTheOrderGivenStays(t *testing.T) {
	fields := []multipart.Field{{Name: "b", Value: multipart.Text("1")}, {Name: "a", Value: multipart.Text("2")}}
	produce(t, fields)
	if fields[0].Name != "b" {
		t.Error("the caller's slice was sorted")
	}
}
