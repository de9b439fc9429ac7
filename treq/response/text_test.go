package response_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// of returns a response with a body and values of Content-Type.
func of(body string, contentTypes ...string) *response.Response {
	r, s := bodytest.New(200)
	if body != "" {
		s.Send(body)
	}
	s.SendAll()
	if len(contentTypes) != 0 {
		r.Header["Content-Type"] = contentTypes
	}
	return r
}

// TestCharsetOfHeaders has unknown charsets, since the error names the charset.
func TestCharsetOfHeaders(t *testing.T) {
	for _, test := range []struct {
		row          string
		contentTypes []string
		want         string // the charset; "": none
	}{
		{"rfcExamples", []string{"text/html;charset=x-utf-8"}, "x-utf-8"},
		{"rfcExamples", []string{`Text/HTML;Charset="x-utf-8"`}, "x-utf-8"},
		{"rfcExamples", []string{`text/html; charset="x-utf-8"`}, "x-utf-8"},
		{"rfcExamples", []string{"text/html;charset=X-UTF-8"}, "X-UTF-8"},
		{"multipleParams", []string{"a/b;c=d;charSet=x-ascii"}, "x-ascii"},
		{"multipleParams", []string{"a/b;c=d;charset=x-ascii; e=f"}, "x-ascii"},
		{"multipleParams", []string{"a/b;c=d; charsEt=x-ascii;e=f"}, "x-ascii"},
		{"multipleParams", []string{"a/b;c=d;   charset=x-ascii;  e=f"}, "x-ascii"},
		{"multipleParams", []string{`a/b;c=";charset=no";charset=x-ascii`}, "x-ascii"},
		{"multipleParams", []string{`a/b;c="\";charset=no";charset=x-ascii`}, "x-ascii"},
		{"quotedString", []string{"foo/bar; charset='X-ASCII'"}, "X-ASCII"},
		{"quotedString", []string{`a/b; charset="x-Shift_JIS"`}, "x-Shift_JIS"},
		{"quotedString", []string{`a/b; charset="x-\a"`}, "x-a"},
		{"quotedString", []string{`a/b; charset="x-a" ;e=f`}, "x-a"},
		{"quotedString", []string{`a/b; charset="x-a`}, "x-a"},
		{"noCharset", nil, ""},
		{"noCharset", []string{""}, ""},
		{"noCharset", []string{"application/octet-stream"}, ""},
		{"noCharset", []string{"text/plain;charset="}, ""},
		{"noCharset", []string{"text/plain;charset=''"}, ""},
		{"noCharset", []string{`text/plain;charset="'"`}, ""},
		{"noCharset", []string{`text/plain;charset=""`}, ""},
		{"noCharset", []string{"text/plain;charset=\U0001f643"}, ""},
		{"noCharset", []string{"text/plain;charset"}, ""},
		{"noCharset", []string{"text/plain;xcharset=x"}, ""},
		{"text_content_unicode_headers", []string{`text/plain; charset="x-be"; u=` + "\u16c3"}, "x-be"},
		{"the last header", []string{"a/b;charset=x-first", "a/b;charset=x-last"}, "x-last"},
		{"the last header", []string{"a/b;charset=x-first", "a/b"}, "x-first"},
		{"the first parameter", []string{"a/b;charset=x-a;charset=x-b"}, "x-a"},
		{"the first that is a name", []string{"a/b;charset=;charset=x-b"}, "x-b"},
		{"spaces", []string{"text/plain ; charset = x-a "}, "x-a"},
		{"no type", []string{";charset=x-a"}, "x-a"},
		{"invalid parameters", []string{"a/b;c;charset=x-a"}, "x-a"},
		{"invalid parameters", []string{"a/b;;charset=x-a"}, "x-a"},
		{"invalid parameters", []string{"a/b;=c;charset=x-a"}, "x-a"},
		{"invalid parameters", []string{`a/b;="c;charset=x-b";charset=x-a`}, "x-a"},
		{"hostile", []string{"text/plain;charset=../../etc"}, ""},
		{"hostile", []string{"text/plain;charset=a\x00b"}, ""},
		{"hostile", []string{"text/plain;charset=x a"}, ""},
		{"hostile", []string{";;;=;=;\"\\"}, ""},
		{"hostile", []string{"text/plain;charset=\"\\"}, ""},
	} {
		d := of("plain", test.contentTypes...).Text()
		if test.want == "" {
			if text := deferredtest.SuccessResultOf(t, d); text != "plain" {
				t.Errorf("%s, %q: got %q", test.row, test.contentTypes, text)
			}
			continue
		}
		var why *response.CharsetError
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, response.ErrUnknownCharset) || !errors.As(err, &why) ||
			why.Charset != test.want || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s, %q: got %v", test.row, test.contentTypes, err)
		}
	}
}

// TestCharactersOfACharsetsName checks that the name of a charset has only the characters
// that RFC 2978 allows, and a few that are in use besides.
func TestCharactersOfACharsetsName(t *testing.T) {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&+-^_`~.:()"
	for c := range 256 {
		name := "x" + string([]byte{byte(c)}) + "x"
		var why *response.CharsetError
		if c == ';' { // it ends the parameter
			name = "x"
		}
		d := of("plain", "a/b;charset="+name).Text()
		if c != ';' && strings.IndexByte(allowed, byte(c)) < 0 {
			deferredtest.SuccessResultOf(t, d)
		} else if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &why) || why.Charset != name {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestTextCharsets(t *testing.T) {
	for _, test := range []struct{ row, contentType, body, want string }{
		{"text_content", "text/plain; charset=utf-8", "\xe2\x98\x83", "\u2603"},
		{"text_content_default_encoding_no_param", "text/plain", "\xa1", "\u00a1"},
		{"text_content_default_encoding_no_header", "", "\xa1", "\u00a1"},
		{"content_application_json_default_encoding", "application/json", "gr\xc3\xbcn", "gr\u00fcn"},
		{"text_content_unicode_headers", `text/plain; charset="UTF-16BE"; u=` + "\u16c3", "\x00h\x00\xeb", "h\u00eb"},
		{"a subtype of JSON", "Application/Problem+JSON", "gr\xc3\xbcn", "gr\u00fcn"},
		{"JSON with a charset", "application/json; charset=latin1", "gr\xfcn", "gr\u00fcn"},
		{"JSON, hostile charset", "application/json; charset=/", "gr\xc3\xbcn", "gr\u00fcn"},
		{"empty", "", "", ""},
		// Python decodes strict ISO-8859-1. Browsers decode windows-1252.
		{"latin-1", "a/b;charset=ISO-8859-1", "\x80\x93\x9f\xff", "\u0080\u0093\u009f\u00ff"},
		{"latin-1", "a/b;charset=Latin_1", "\x80", "\u0080"},
		{"latin-1", "a/b;charset=l1", "\x80", "\u0080"},
		{"the default", "", "\x80\x93\x9f\xff", "\u0080\u0093\u009f\u00ff"},
		{"control characters", "a/b;charset=iso-8859-2", "\x80\x9f\xa1", "\u0080\u009f\u0104"},
		{"control characters", "a/b;charset=iso-8859-8-i", "\x85\xe0", "\u0085\u05d0"},
		{"control characters", "a/b;charset=logical", "\x80\x9f\xfa", "\u0080\u009f\u05ea"},
		{"control characters", "a/b;charset=csISO88596I", "\x80\xc7", "\u0080\u0627"},
		{"control characters", "a/b;charset=latin9", "\x85\xa4", "\u0085\u20ac"},
		{"windows-1252", "a/b;charset=windows-1252", "\x80\x93\x9f\xff", "\u20ac\u201c\u0178\u00ff"},
		{"windows-1252", "a/b;charset=CP1252", "\x80", "\u20ac"},
		{"ascii", "a/b;charset=US-ASCII", "abc", "abc"},
		{"Python's name", "a/b;charset=UTF_8", "\xc3\xbc", "\u00fc"},
		{"Python's name", "a/b;charset=utf8", "\xc3\xbc", "\u00fc"},
		{"Shift_JIS", "a/b;charset=Shift_JIS", "\x93\xfa\x96\x7b", "\u65e5\u672c"},
		{"EUC-JP", "a/b;charset=euc-jp", "\xc6\xfc\xcb\xdc", "\u65e5\u672c"},
		{"ISO-2022-JP", "a/b;charset=iso-2022-jp", "\x1b$BF|K\\\x1b(B.", "\u65e5\u672c."},
		{"GBK", "a/b;charset=gb2312", "\xc4\xe3", "\u4f60"},
		{"Big5", "a/b;charset=big5", "\xa7\x41", "\u4f60"},
		{"EUC-KR", "a/b;charset=euc-kr", "\xc7\xd1", "\ud55c"},
		{"KOI8-R", "a/b;charset=koi8-r", "\xf0", "\u041f"},
		{"IANA's, and not browsers'", "a/b;charset=IBM437", "\x81", "\u00fc"},
		{"UTF-8 with a mark", "a/b;charset=utf-8", "\xef\xbb\xbfx\xef\xbb\xbf", "x\ufeff"},
		{"UTF-16, marked", "a/b;charset=utf-16", "\xfe\xff\x00x", "x"},
		{"UTF-16, marked", "a/b;charset=utf-16", "\xff\xfex\x00", "x"},
		{"UTF-16", "a/b;charset=utf-16", "x\x00", "x"},
		{"UTF-16LE with a mark", "a/b;charset=utf-16le", "\xff\xfex\x00", "x"},
		{"UTF-16, two units", "a/b;charset=utf-16be", "\xd8\x3d\xde\x43", "\U0001f643"},
		{"UTF-32", "a/b;charset=utf-32", "x\x00\x00\x00", "x"},
		{"UTF-32, marked", "a/b;charset=utf-32", "\x00\x00\xfe\xff\x00\x01\xf6\x43", "\U0001f643"},
		{"UTF-32BE", "a/b;charset=utf-32be", "\x00\x00\x00x", "x"},
		// The replacement character may be a part of the text.
		{"U+FFFD", "a/b;charset=utf-8", "\xef\xbf\xbd", "\ufffd"},
		{"U+FFFD", "a/b;charset=utf-16", "x\x00\xfd\xff", "x\ufffd"},
		{"U+FFFD", "a/b;charset=utf-16", "\xfe\xff\xff\xfd\x00x", "\ufffdx"},
		{"U+FFFD", "a/b;charset=utf-32le", "\xfd\xff\x00\x00", "\ufffd"},
		{"U+FFFD", "a/b;charset=gb18030", "ab\x84\x31\xa4\x37", "ab\ufffd"},
	} {
		var types []string
		if test.contentType != "" {
			types = append(types, test.contentType)
		}
		r := of(test.body, types...)
		for range 2 {
			if text := deferredtest.SuccessResultOf(t, r.Text()); text != test.want {
				t.Errorf("%s: got %+q, want %+q", test.row, text, test.want)
			}
		}
	}
}

func TestTextWith(t *testing.T) {
	for _, test := range []struct{ contentType, encoding, body, want string }{
		{"text/plain", "utf-8", "\xc3\xbc", "\u00fc"},
		{"text/plain; charset=latin1", "utf-8", "\xfc", "\u00fc"},
		{"application/json", "latin1", "\xc3\xbc", "\u00fc"},
	} {
		if text := deferredtest.SuccessResultOf(t, of(test.body, test.contentType).TextWith(test.encoding)); text != test.want {
			t.Errorf("%+v: got %+q", test, text)
		}
	}
	var why *response.CharsetError
	if err := deferredtest.FailureResultOf(t, of("x").TextWith("no such")); !errors.Is(err, response.ErrUnknownCharset) || !errors.As(err, &why) || why.Charset != "no such" {
		t.Errorf("got %v", err)
	}
}

// TestUndecodable checks the offset in the error of bytes that are not text in the
// charset.
func TestUndecodable(t *testing.T) {
	for _, test := range []struct {
		charset, body string
		offset        int
		slack         int // how many bytes the offset may be too small
	}{
		{"utf-8", "ab\xff", 2, 0},
		{"utf-8", "\u00fc\xc3", 2, 0},
		{"utf-8", "x\xed\xa0\x80", 1, 0}, // a surrogate
		{"utf-8", "\xef\xbf\xbd\xc0\x80", 3, 0},
		{"ascii", "abc\xe9", 3, 0},
		{"ascii", "a\xc2\x80", 1, 0}, // not ASCII, though UTF-8
		{"utf-8", "\xffa", 0, 0},
		{"us-ascii", "\xe9a", 0, 0},
		{"us-ascii", "\xc2\x80", 0, 0},
		{"utf-16le", "a", 0, 0},
		{"utf-16be", "\xde\x43\x00a", 0, 0},
		{"utf-32be", "\xff\xff\xff\xff", 0, 0},
		{"shift_jis", "\x81", 0, 0},
		{"windows-1253", "\xd2a", 0, 0},
		{"iso-8859-7", "\x80\xae", 1, 0},
		{"gb18030", "\xff", 0, 0},
		{"utf-16le", "a\x00b\x00c", 4, 4},
		{"utf-16be", "\x00a\xd8\x3d\x00b", 2, 2},
		{"utf-32le", "a\x00\x00\x00\xff\xff\xff\xff", 4, 4},
		{"shift_jis", "abcdefgh\x81", 8, 3},
		{"euc-jp", strings.Repeat("\xc6\xfc", 100) + "\xff", 200, 3},
		{"windows-1253", "ab\xd2", 2, 2},
		{"gbk", "abcd\xff", 4, 3},
		{"big5", "\xa7\x41\x80", 2, 2},
		{"gb18030", "\x84\x31\xa4\x37\xff", 4, 0},
	} {
		r := of(test.body, "text/plain; charset="+test.charset)
		var why *response.CharsetError
		err := deferredtest.FailureResultOf(t, r.Text())
		if !errors.Is(err, response.ErrUndecodable) || !errors.As(err, &why) || why.Charset != test.charset {
			t.Errorf("%s: got %v", test.charset, err)
		} else if why.Offset > test.offset || why.Offset < test.offset-test.slack {
			t.Errorf("%s: byte %d, want %d", test.charset, why.Offset, test.offset)
		}
		if data := deferredtest.SuccessResultOf(t, r.Content()); string(data) != test.body {
			t.Errorf("%s: the content is %q", test.charset, data)
		}
	}
	for _, charset := range []string{"utf-7", "iso-2022-kr", "x-klingon", "replacement"} {
		if err := deferredtest.FailureResultOf(t, of("x", "a/b;charset="+charset).Text()); !errors.Is(err, response.ErrUnknownCharset) {
			t.Errorf("%s: got %v", charset, err)
		}
	}
}

func TestJSONCharsets(t *testing.T) {
	utf16le := func(s string) string {
		var b strings.Builder
		for _, c := range s {
			b.WriteByte(byte(c))
			b.WriteByte(byte(c >> 8))
		}
		return b.String()
	}
	utf16be := func(s string) string {
		var b strings.Builder
		for _, c := range s {
			b.WriteByte(byte(c >> 8))
			b.WriteByte(byte(c))
		}
		return b.String()
	}
	utf32 := func(s string, at int) string {
		var b strings.Builder
		for _, c := range s {
			unit := [4]byte{}
			unit[at], unit[at^1] = byte(c), byte(c>>8)
			b.Write(unit[:])
		}
		return b.String()
	}
	const text = "{\"msg\":\"h\u00ebll\u00f3!\"}"
	for _, test := range []struct{ row, contentType, body string }{
		{"json_content", "application/json", text},
		{"json_content_unicode", "application/json; charset=utf-8", text},
		{"json_content_utf16", "application/json; charset='UTF-16LE'", utf16le(text)},
		{"another charset", "application/json; charset=latin1", strings.NewReplacer("\u00eb", "\xeb", "\u00f3", "\xf3").Replace(text)},
		{"another type", "text/plain", text},
		{"no type", "", text},
		{"mark", "application/json", "\ufeff" + text},
		{"UTF-16LE", "application/json", utf16le(text)},
		{"UTF-16LE, marked", "application/json", utf16le("\ufeff" + text)},
		{"UTF-16BE", "application/json", utf16be(text)},
		{"UTF-16BE, marked", "application/json", utf16be("\ufeff" + text)},
		{"UTF-32LE", "application/json", utf32(text, 0)},
		{"UTF-32LE, marked", "application/json", utf32("\ufeff"+text, 0)},
		{"UTF-32BE", "application/json", utf32(text, 3)},
		{"UTF-32BE, marked", "application/json", utf32("\ufeff"+text, 3)},
	} {
		r := of(test.body, test.contentType)
		type message struct{ Msg string }
		for range 2 {
			if got := deferredtest.SuccessResultOf(t, response.JSON[message](r)); got.Msg != "h\u00ebll\u00f3!" {
				t.Errorf("%s: got %+q", test.row, got.Msg)
			}
		}
		var into map[string]any
		deferredtest.SuccessResultOf(t, r.JSON(&into))
		if into["msg"] != "h\u00ebll\u00f3!" {
			t.Errorf("%s: got %+q", test.row, into)
		}
	}
}

// A text of one character is the shortest in each form of Unicode.
func TestShortJSON(t *testing.T) {
	for _, body := range []string{"1", "1\x00", "\x001", "1\x00\x00\x00", "\x00\x00\x001", "\xff\xfe1\x00", "\xfe\xff\x001", "\xef\xbb\xbf1"} {
		if got := deferredtest.SuccessResultOf(t, response.JSON[int](of(body))); got != 1 {
			t.Errorf("%q: got %d", body, got)
		}
	}
}

func TestJSONErrors(t *testing.T) {
	var syntax *json.SyntaxError
	if err := deferredtest.FailureResultOf(t, response.JSON[any](of("{", "application/json"))); !errors.As(err, &syntax) {
		t.Errorf("got %v", err)
	}
	var typed *json.UnmarshalTypeError
	if err := deferredtest.FailureResultOf(t, response.JSON[int](of(`"1"`))); !errors.As(err, &typed) {
		t.Errorf("got %v", err)
	}
	for _, test := range []struct {
		body, contentType string
		want              error
	}{
		{"\"\xff\"", "application/json", response.ErrUndecodable},
		{"1", "application/json; charset=x-klingon", response.ErrUnknownCharset},
	} {
		if err := deferredtest.FailureResultOf(t, response.JSON[any](of(test.body, test.contentType))); !errors.Is(err, test.want) {
			t.Errorf("%q: got %v", test.body, err)
		}
	}
	for _, body := range []string{"", "\x00", "\xff\xfe", "\x00\x00\x00", "1\x00\x00"} {
		deferredtest.FailureResultOf(t, response.JSON[any](of(body)))
	}
}

func TestHistory(t *testing.T) {
	if h := of("").History(); len(h) != 0 { // no_history
		t.Errorf("got %v", h)
	}
	first, second, last := of(""), of(""), of("")
	second.SetPreviousResponse(first)
	last.SetPreviousResponse(second)
	if h := last.History(); len(h) != 2 || h[0] != first || h[1] != second {
		t.Errorf("got %v", h)
	}
}

// A named protocol puts its name around each piece.
type named struct {
	response.BodyProtocol
	name string
}

func (n named) DataReceived(data []byte) {
	n.BodyProtocol.DataReceived(fmt.Appendf(nil, "%s(%s)", n.name, data))
}

func TestWrapBody(t *testing.T) {
	r := of("body")
	for _, name := range []string{"first", "second"} {
		r.WrapBody(func(to response.BodyProtocol) response.BodyProtocol { return named{to, name} })
	}
	if text := deferredtest.SuccessResultOf(t, r.Text()); text != "second(first(body))" {
		t.Errorf("got %q", text)
	}
	defer func() {
		if recover() == nil {
			t.Error("WrapBody accepted a body with a reader")
		}
	}()
	r.WrapBody(nil)
}

func FuzzText(f *testing.F) {
	for _, charset := range []string{"utf-8", "utf-16", "iso-2022-jp", "gb18030", "big5", "euc-kr", "x", ""} {
		f.Add("a/b;charset="+charset, []byte("a\xc6\xfc\x1b$B\xef\xbf\xbd\xff"))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		r := of(string(body), contentType)
		var text string
		var failed error
		r.Text().AddBoth(func(s string, err error) (string, error) {
			text, failed = s, err
			return "", nil
		})
		var why *response.CharsetError
		switch {
		case failed == nil && !utf8.ValidString(text):
			t.Errorf("not UTF-8: %q", text)
		case failed != nil && (!errors.As(failed, &why) || why.Offset < 0 || why.Offset > len(body)):
			t.Errorf("got %v", failed)
		}
		response.JSON[any](r).AddErrback(func(error) (any, error) { return nil, nil })
	})
}
