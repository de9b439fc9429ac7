package form

import (
	"errors"
	"fmt"
	"testing"
)

// TestQuotes checks where a quoted name ends, which its quotes and backslashes decide.
func TestQuotes(t *testing.T) {
	for _, test := range []struct{ name, disposition, want string }{
		{"an escaped quote and a semicolon", `form-data; name="a\"; b"; filename="x"`, `a"; b`},
		{"the same, last", `form-data; filename="x"; name="a\"; b"`, `a"; b`},
		{"after an empty one", `form-data; filename=""; name="a\"; b"`, `a"; b`},
		{"a path's end", `form-data; name="a\"`, `a\`},
		{"a path's end in a parameter without a name", `="f\"; name="a"`, "a"},
		{"a parameter follows without a blank", `form-data; name="a"b="c"`, `a"b="c`},
		{"a parameter without a name follows", `form-data; name="a" ="c"`, `a" ="c`},
		{"a word follows that is no parameter", `form-data; name="a "b" c"`, `a "b" c`},
	} {
		got, err := Multipart([]byte(oneField("Content-Disposition:"+test.disposition)), "xx", 1)
		if err != nil || len(got[test.want]) != 1 {
			t.Errorf("%s: %s: %q, %v; want %q", test.name, test.disposition, got, err, test.want)
		}
	}
}

// TestPartHeads checks which lines before a part's content give its name.
func TestPartHeads(t *testing.T) {
	for _, test := range []struct{ name, headers, want string }{
		{"folded with a blank", "Content-Disposition: form-data;\r\n name=a", "a"},
		{"folded with a tab", "Content-Disposition: form-data;\r\n\tname=a", "a"},
		{"a header of one byte", "x\r\nContent-Disposition: form-data; name=a", "a"},
		{"a tab second in a header", "x\ty: z\r\nContent-Disposition: form-data; name=a", "a"},
		{"folded at first", " ; name=b", ""},
		{"another header is folded", "Content-Disposition: form-data\r\nx: y\r\n ; name=b", ""},
		{"a second disposition after another header", "Content-Disposition: form-data; name=a\r\nx: y\r\nContent-Disposition: form-data; name=b", "a"},
	} {
		got, err := Multipart([]byte(oneField(test.headers)), "xx", 1)
		if err != nil || len(got[test.want]) != 1 {
			t.Errorf("%s: %q: %q, %v; want %q", test.name, test.headers, got, err, test.want)
		}
	}
}

// TestEmptyPart checks that the boundary may follow a part's headers at once, and that the
// parts after it are read.
func TestEmptyPart(t *testing.T) {
	const head = "Content-Disposition: form-data; name="
	got, err := Multipart([]byte("--xx\r\n"+head+"a\r\n\r\n--xx\r\n"+head+"b\r\n\r\n2\r\n--xx--"), "xx", 2)
	if want := `map["a":[""] "b":["2"]]`; err != nil || fmt.Sprintf("%q", got) != want {
		t.Errorf("%q, %v; want %s", got, err, want)
	}
}

// TestTypeIsMissing checks a Content-Type that begins with its parameters.
func TestTypeIsMissing(t *testing.T) {
	if mediaType, boundary := Type("; boundary=xx"); mediaType != "" || boundary != "xx" {
		t.Errorf("%q, %q", mediaType, boundary)
	}
}

// TestReadingStops checks that no pair is read after one too many.
func TestReadingStops(t *testing.T) {
	if got, err := Values("a&b&c&d", 1); !errors.Is(err, ErrTooMany) {
		t.Errorf("%q, %v", got, err)
	}
	var names []string
	for name := range Pairs("a&b&c&d") {
		if names = append(names, name); len(names) == 2 {
			break
		}
	}
	if fmt.Sprint(names) != "[a b]" {
		t.Error(names)
	}
}
