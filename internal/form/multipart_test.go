package form

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// oneField returns a form whose only part has the headers and the content "v".
func oneField(headers string) string {
	return "--xx\r\n" + headers + "\r\n\r\nv\r\n--xx--\r\n"
}

// TestDispositions checks that a part is kept under the name that other servers read,
// however odd the Content-Disposition is.
func TestDispositions(t *testing.T) {
	for _, test := range []struct{ disposition, name string }{
		{`form-data; name="a"`, "a"},
		{`form-data; name=a`, "a"},
		{`form-data;name="a";`, "a"},
		{`FORM-DATA ;; NAME = "a" ; x`, "a"},
		{`form-data; name="a"; filename="f\"`, "a"},
		{`form-data; filename="f\"; name="a"`, "a"},
		{`form-data; filename="C:\dir\"; name="a"; x="\"`, "a"},
		{`form-data; filename="C:\dir\new.txt"; name="a"`, "a"},
		{`form-data; filename="\\server\x"; name="a"`, "a"},
		{`form-data; filename="a "quoted" name"; name="a"`, "a"},
		{`form-data; filename="x\"; y"; name="a"`, "a"},
		{`form-data; filename=my file.txt; name=a`, "a"},
		{`form-data; filename=it's "here".txt; name=a`, "a"},
		{`form-data; filename="é.txt"; name="a"`, "a"},
		{"form-data; filename=\"\xe9.txt\"; name=\"a\"", "a"},
		{`form-data; filename*=UTF-8''%e2%82%ac; name="a"`, "a"},
		{`form-data; filename="x; name="a"`, ""}, // all of it is the file's name
		{`form-data; filename="x" name="a"`, "a"},
		{`form-data; name="a" filename="x"`, "a"},
		{`attachment; name="a"`, "a"},
		{`name="a"`, "a"},
		{`form-data; name="a`, "a"},
		{`form-data; name="`, ""},
		{`form-data; name`, ""},
		{`form-data; name=`, ""},
		{`form-data; name=""`, ""},
		{`form-data; filename="x"`, ""},
		{`form-data`, ""},
		{``, ""},
		{`form-data; name=a b`, "a b"},
		{`form-data; name="a\"b"`, `a"b`},
		{`form-data; name="a"b"`, `a"b`},
		{`form-data; name="a\\"`, `a\`},
		{`form-data; name="a\b"`, `a\b`},
		{`form-data; name="a%22b"`, `a%22b`},
		{`form-data; name="a;b=c"`, `a;b=c`},
		{`form-data; name="é"`, "é"},
		{"form-data; name=\"\xff\"", "\xff"},
		{`form-data; name="a"; name="b"`, "b"},
		{`form-data; name="a"; name*=UTF-8''%e2%82%ac`, "€"},
		{`form-data; name*=UTF-8'de'%e2%82%ac`, "€"},
		{`form-data; name*=iso-8859-1''%e9`, "é"},
		{`form-data; name*=unknown''%e9; name=a`, "a"},
		{`form-data; name*=UTF-8''%e; name=a`, "a"},
		{`form-data; name*=b; name=a`, "a"},
	} {
		for _, headers := range []string{
			"Content-Disposition: " + test.disposition,
			"Content-Type: text/plain\r\ncontent-disposition:" + test.disposition + "\r\nnot a header",
			"Content-Disposition: " + strings.Replace(test.disposition, "; ", ";\r\n ", 1) + "\r\nContent-Disposition: form-data; name=second",
		} {
			got, err := Multipart([]byte(oneField(headers)), "xx", 1)
			if want := (url.Values{test.name: {"v"}}); err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("%s: %q, %v; want %q", headers, got, err, want)
			}
		}
	}
}

// TestMultipart checks where parts begin and end.
func TestMultipart(t *testing.T) {
	const a, b = "Content-Disposition: form-data; name=a\r\n\r\n", "Content-Disposition: form-data; name=b; filename=f\r\n\r\n"
	lf := func(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
	for _, test := range []struct{ name, content, want string }{
		{"a field and a file", "--xx\r\n" + a + "1\r\n--xx\r\n" + b + "2\r\n--xx--\r\n", `a=["1"] b=["2"]`},
		{"the same name", "--xx\r\n" + b + "2\r\n--xx\r\n" + a + "1\r\n--xx\r\n" + b + "\r\n--xx--", `a=["1"] b=["2" ""]`},
		{"no parts", "--xx--\r\n", ``},
		{"empty contents", "--xx\r\n" + a + "\r\n--xx\r\n" + a + "--xx--", `a=["" ""]`},
		{"line ends in a content", "--xx\r\n" + a + "\r\n\n1\r\n\r\n--xx--", `a=["\r\n\n1\r\n"]`},
		{"no headers", "--xx\r\n\r\n1\r\n--xx--", `=["1"]`},
		{"a preamble and an epilogue", "hello --xx--\r\n--xxx\r\n--xx\r\n" + a + "1\r\n--xx--\r\nbye\r\n--xx\r\n", `a=["1"]`},
		{"an empty line first", "\r\n--xx\r\n" + a + "1\r\n--xx--", `a=["1"]`},
		{"blanks after boundaries", "--xx \t\r\n" + a + "1\r\n--xx  \r\n" + b + "2\r\n--xx-- \r\n", `a=["1"] b=["2"]`},
		{"longer boundaries in a content", "--xx\r\n" + a + "--xxx\r\n--xx-\r\n--xx--y\r\n --xx\r\n\n--xx\r\n--xx--", `a=["--xxx\r\n--xx-\r\n--xx--y\r\n --xx\r\n\n--xx"]`},
		{"LF alone", lf("--xx\r\n" + a + "1\r\n--xx\r\n" + b + "2\n3\r\n--xx--\r\n"), `a=["1"] b=["2\n3"]`},
		{"LF alone and a CR in a content", "--xx\n" + lf(a) + "1\r\n--xx--\n", `a=["1\r"]`},
		{"CRLF and headers with LF alone", "--xx\r\n" + lf(a) + "1\r\n--xx--", `a=["1"]`},
		{"bytes that are not text", "--xx\r\n" + a + "\x00\xff\r\r\n--xx--", `a=["\x00\xff\r"]`},
		{"a transfer encoding", "--xx\r\nContent-Transfer-Encoding: base64\r\n" + a + "MQ==\r\n--xx--", `a=["MQ=="]`},

		{"no content", "", "multipart/form-data without its boundary \"xx\""},
		{"another boundary", "--yy\r\n" + a + "1\r\n--yy--", "multipart/form-data without its boundary \"xx\""},
		{"no last boundary", "--xx\r\n" + a + "1\r\n", errNotClosed.Error()},
		{"a last boundary without its dashes", "--xx\r\n" + a + "1\r\n--xx\r\n", errPartHead.Error()},
		{"the last boundary cut short", "--xx\r\n" + a + "1\r\n--xx-", errNotClosed.Error()},
		{"a line end cut short", "--xx\r\n" + a + "1\r\n--xx", errNotClosed.Error()},
		{"LF alone only before the last boundary", "--xx\r\n" + a + "1\n--xx--", errNotClosed.Error()},
		{"headers cut short", "--xx\r\nContent-Disposition: form-data", errPartHead.Error()},
		{"headers up to a boundary", "--xx\r\nContent-Disposition: form-data; name=a\r\n--xx--\r\n\r\n", errPartHead.Error()},
	} {
		values, err := Multipart([]byte(test.content), "xx", 3)
		var got []string
		for _, name := range []string{"", "a", "b"} {
			if v, ok := values[name]; ok {
				got = append(got, fmt.Sprintf("%s=%q", name, v))
			}
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != test.want {
			t.Errorf("%s: %s, want %s", test.name, text, test.want)
		}
	}
	if _, err := Multipart([]byte("--xx--"), "", 1); err != errNoBoundary {
		t.Errorf("without a boundary: %v", err)
	}
	three := []byte(strings.Repeat("--xx\r\n\r\n\r\n", 3) + "--xx--")
	if got, err := Multipart(three, "xx", 3); err != nil || len(got[""]) != 3 {
		t.Errorf("three parts: %q, %v", got, err)
	}
	if got, err := Multipart(three, "xx", 2); !errors.Is(err, ErrTooMany) {
		t.Errorf("three parts, two at most: %q, %v", got, err)
	}
}

// TestType checks that each boundary is read as it was meant.
func TestType(t *testing.T) {
	const multi = "multipart/form-data"
	for _, test := range []struct{ header, mediaType, boundary string }{
		{"", "", ""},
		{"text/plain", "text/plain", ""},
		{"Text/HTML;charset=utf-8", "text/html", ""},
		{"multipart/form-data", multi, ""},
		{"multipart/form-data; boundary=xx", multi, "xx"},
		{"Multipart/Form-Data ;BOUNDARY=xx", multi, "xx"},
		{"multipart/form-data; charset=utf-8; boundary=xx ", multi, "xx"},
		{"multipart/form-data; boundary=xx; charset=utf-8", multi, "xx"},
		{`multipart/form-data; boundary="xx"`, multi, "xx"},
		{`multipart/form-data; boundary="a b;c=d"`, multi, "a b;c=d"},
		{`multipart/form-data; boundary="a\"b"`, multi, `a"b`},
		{`multipart/form-data; boundary="xx`, multi, "xx"},
		{"multipart/form-data; boundary = xx", multi, "xx"},
		{"multipart/form-data, boundary=xx", multi, "xx"},
		{"multipart/form-data boundary=xx", multi, "xx"},
		{"multipart/form-data; boundary=", multi, ""},
		{"multipart/form-data; boundary=a=b", multi, "a=b"},
		{"multipart/form-data; boundary==", multi, "="},
		{"multipart/form-data; boundary=a/b", multi, "a/b"},
		{"multipart/form-data; boundary=a:b", multi, "a:b"},
		{"multipart/form-data; boundary=a?b", multi, "a?b"},
		{"multipart/form-data; boundary=(a),b@c[d]", multi, "(a),b@c[d]"},
		{"multipart/form-data; boundary=a b", multi, "a b"},
		{"multipart/form-data; boundary='a'", multi, "'a'"},
		{"multipart/form-data; boundary=é", multi, "é"},
	} {
		if mediaType, boundary := Type(test.header); mediaType != test.mediaType || boundary != test.boundary {
			t.Errorf("%s: %q, %q; want %q, %q", test.header, mediaType, boundary, test.mediaType, test.boundary)
		}
	}
}

// FuzzMultipart checks that a form of mime/multipart is read back, and that a form which
// mime/multipart can read is read in the same way.
func FuzzMultipart(f *testing.F) {
	f.Add("a", "1", []byte(oneField(`Content-Disposition: form-data; name="a"`)))
	f.Add("a\"\\\u20ac", "--xx\r\n", []byte("--xx\nContent-Disposition: form-data; name=a\n\n\r\n\n--xx--"))
	f.Add("a", "cut short", []byte("--xx\nContent-Disposition: form-data; name=a\n\n--xx\n"))
	f.Fuzz(func(t *testing.T, name, value string, content []byte) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		w.WriteField("first", "")
		w.WriteField(strings.NewReplacer("\r", "", "\n", "", "%", "").Replace(name), value)
		w.Close()
		got, err := Multipart(b.Bytes(), w.Boundary(), 2)
		if err != nil || len(got) == 0 || !strings.Contains(fmt.Sprintf("%q", got), fmt.Sprintf("%q", value)) {
			t.Errorf("%q=%q was read as %q, %v", name, value, got, err)
		}
		if want, ok := readWhole(content); ok && len(want) != 0 {
			if got, err := Multipart(content, "xx", math.MaxInt); err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("%q: %q, %v; mime/multipart reads %q", content, got, err, want)
			}
		}
	})
}

// readWhole reads a form with mime/multipart. ok is false if it fails, or if the form is cut
// short: mime/multipart also ends without an error after a boundary that is not the last,
// and then it reads on in what is appended.
func readWhole(content []byte) (values url.Values, ok bool) {
	values, err := readAll(content)
	if err != nil {
		return nil, false
	}
	longer, err := readAll(slices.Concat(content, []byte("\n\n--xx--")))
	return values, err == nil && reflect.DeepEqual(values, longer)
}

// readAll reads a form with mime/multipart. It fails if a part has no name for it.
func readAll(content []byte) (url.Values, error) {
	values := url.Values{}
	r := multipart.NewReader(bytes.NewReader(content), "xx")
	for {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		if part.FormName() == "" || len(part.Header["Content-Disposition"]) != 1 || strings.Contains(part.Header.Get("Content-Disposition"), "*") {
			return nil, errors.New("another name")
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		values.Add(part.FormName(), string(text))
	}
}
