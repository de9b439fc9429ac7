package multipart_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	stdmultipart "mime/multipart"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-7c003b53/gotreq/internal/testkit/python"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file tests the bytes of a form, and compares them with treq's bytes if treq is
// installed.

// A given is one field, in a form that treq understands too.
type given struct {
	Name string
	Text string // the value, if it is a text

	File        bool
	Filename    string // "" for none
	ContentType string
	Contents    string
	Unsized     bool // the length of the file is unknown
}

func text(name, value string) given { return given{Name: name, Text: value} }

func upload(name, filename, contentType, contents string) given {
	return given{Name: name, File: true, Filename: filename, ContentType: contentType, Contents: contents}
}

func unsized(g given) given { g.Unsized = true; return g }

func (g given) field() multipart.Field {
	if !g.File {
		return multipart.Field{Name: g.Name, Value: multipart.Text(g.Text)}
	}
	var r io.Reader = strings.NewReader(g.Contents)
	if g.Unsized {
		r = iotest.HalfReader(r)
	}
	return multipart.Field{Name: g.Name, Value: multipart.File{
		Name: g.Filename, ContentType: g.ContentType, Body: request.NewFileBodyProducer(r, request.FileBodyConfig{})}}
}

func fieldsOf(gs []given) (fields []multipart.Field) {
	for _, g := range gs {
		fields = append(fields, g.field())
	}
	return fields
}

const long = 100_000 // more than one read or one piece

var forms = []struct {
	name   string
	fields []given
	want   string  // with \n for CR LF
	treq   string  // treq's bytes; "": the same
	reads  []given // the fields that a receiver reads; nil: the given fields, sorted
}{
	{
		name: "no field",
		want: "\n--heyDavid--\n",
	},
	{
		name:   "one text",
		fields: []given{text("a", "b")},
		want:   "--heyDavid\nContent-Disposition: form-data; name=\"a\"\n\nb\n--heyDavid--\n",
	},
	{
		name:   "an empty text",
		fields: []given{text("a", "")},
		want:   "--heyDavid\nContent-Disposition: form-data; name=\"a\"\n\n\n--heyDavid--\n",
	},
	{
		name:   "unicodeString",
		fields: []given{text("afield", "Это моя строчечка\r\n")},
		want: `--heyDavid
Content-Disposition: form-data; name="afield"

Это моя строчечка

--heyDavid--
`,
	},
	{
		name:   "twoFields",
		fields: []given{text("afield", "just a string\r\n"), text("bfield", "another string")},
		want: `--heyDavid
Content-Disposition: form-data; name="afield"

just a string

--heyDavid
Content-Disposition: form-data; name="bfield"

another string
--heyDavid--
`,
	},
	{
		name: "fieldsAndAttachment",
		fields: []given{text("bfield", "just a string\r\n"), text("cfield", "another string"),
			upload("afield", "file name", "text/hello-world", "my lovely bytes")},
		want: `--heyDavid
Content-Disposition: form-data; name="bfield"

just a string

--heyDavid
Content-Disposition: form-data; name="cfield"

another string
--heyDavid
Content-Disposition: form-data; name="afield"; filename="file name"
Content-Type: text/hello-world
Content-Length: 15

my lovely bytes
--heyDavid--
`,
	},
	{
		name: "multipleFieldsAndAttachments, in any order",
		fields: []given{
			upload("xfield", "xf", "text/json", "my lovely bytes219"),
			text("cfield", "just a string\r\n"),
			upload("efield", "ef", "text/html", "my lovely bytes2"),
			text("bfield", "another string"),
			upload("afield", "af", "text/xml", "my lovely bytes22"),
		},
		want: `--heyDavid
Content-Disposition: form-data; name="bfield"

another string
--heyDavid
Content-Disposition: form-data; name="cfield"

just a string

--heyDavid
Content-Disposition: form-data; name="afield"; filename="af"
Content-Type: text/xml
Content-Length: 17

my lovely bytes22
--heyDavid
Content-Disposition: form-data; name="efield"; filename="ef"
Content-Type: text/html
Content-Length: 16

my lovely bytes2
--heyDavid
Content-Disposition: form-data; name="xfield"; filename="xf"
Content-Type: text/json
Content-Length: 18

my lovely bytes219
--heyDavid--
`,
	},
	{
		name: "names of all kinds, sorted by code point",
		fields: []given{text("é", "5"), text("\U0001F600", "7"), text("\uFFFD", "6"), text("b", "4"), text("B", "2"),
			text("a b", "3"), text("10", "1"), text("1", "0")},
		want: "--heyDavid\nContent-Disposition: form-data; name=\"1\"\n\n0" +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"10\"\n\n1" +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"B\"\n\n2" +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"a b\"\n\n3" +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"b\"\n\n4" +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"é\"\n\n5" +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"\uFFFD\"\n\n6" +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"\U0001F600\"\n\n7" +
			"\n--heyDavid--\n",
	},
	{
		name: "fields of the same name, as given",
		fields: []given{upload("f", "2", "a/b", "second"), text("c", "z"), text("a", "x"), text("c", "a"),
			upload("f", "1", "a/b", "first")},
		want: `--heyDavid
Content-Disposition: form-data; name="a"

x
--heyDavid
Content-Disposition: form-data; name="c"

z
--heyDavid
Content-Disposition: form-data; name="c"

a
--heyDavid
Content-Disposition: form-data; name="f"; filename="2"
Content-Type: a/b
Content-Length: 6

second
--heyDavid
Content-Disposition: form-data; name="f"; filename="1"
Content-Type: a/b
Content-Length: 5

first
--heyDavid--
`,
	},
	{
		name:   "unicodeAttachmentName",
		fields: []given{upload("field", "Так себе имя.jpg", "image/jpeg", "my lovely bytes")},
		want: `--heyDavid
Content-Disposition: form-data; name="field"; filename="Так себе имя.jpg"
Content-Type: image/jpeg
Content-Length: 15

my lovely bytes
--heyDavid--
`,
	},
	{
		name:   "missingAttachmentName",
		fields: []given{upload("field", "", "image/jpeg", "my lovely bytes")},
		want: `--heyDavid
Content-Disposition: form-data; name="field"
Content-Type: image/jpeg
Content-Length: 15

my lovely bytes
--heyDavid--
`,
	},
	{
		name:   "an empty file",
		fields: []given{upload("field", "empty", "a/b", "")},
		want: `--heyDavid
Content-Disposition: form-data; name="field"; filename="empty"
Content-Type: a/b
Content-Length: 0


--heyDavid--
`,
	},
	{
		name:   "a file of unknown length",
		fields: []given{unsized(upload("f", "x", "a/b", "how long?")), text("g", "h")},
		want: `--heyDavid
Content-Disposition: form-data; name="g"

h
--heyDavid
Content-Disposition: form-data; name="f"; filename="x"
Content-Type: a/b

how long?
--heyDavid--
`,
	},
	{
		name: "large",
		fields: []given{text("t", strings.Repeat("t", long)), text("u", "u"), text("s", strings.Repeat("s", long/3)),
			text("r", strings.Repeat("r", long/4)), upload("f", "f", "a/b", strings.Repeat("f", 2*long)), upload("g", "g", "a/b", "g")},
		want: "--heyDavid\nContent-Disposition: form-data; name=\"r\"\n\n" + strings.Repeat("r", long/4) +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"s\"\n\n" + strings.Repeat("s", long/3) +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"t\"\n\n" + strings.Repeat("t", long) +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"u\"\n\nu" +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\nContent-Type: a/b\nContent-Length: 200000\n\n" +
			strings.Repeat("f", 2*long) +
			"\n--heyDavid\nContent-Disposition: form-data; name=\"g\"; filename=\"g\"\nContent-Type: a/b\nContent-Length: 1\n\ng" +
			"\n--heyDavid--\n",
	},
	{
		name:   "line breaks in texts are not changed",
		fields: []given{text("a", "\r1\n\r2\r\r\n3\n")},
		want:   "--heyDavid\nContent-Disposition: form-data; name=\"a\"\n\n\r1\x00\r2\r\n3\x00\n--heyDavid--\n",
	},

	// These names are escaped as in WHATWG's HTML, not as in treq.
	{
		name:   "quotes in names",
		fields: []given{text(`say "a"`, "x"), upload(`"b"`, `my "best" file\.txt`, "a/b", "y")},
		want: `--heyDavid
Content-Disposition: form-data; name="say %22a%22"

x
--heyDavid
Content-Disposition: form-data; name="%22b%22"; filename="my %22best%22 file\.txt"
Content-Type: a/b
Content-Length: 1

y
--heyDavid--
`,
		treq: `--heyDavid
Content-Disposition: form-data; name="say \"a\""

x
--heyDavid
Content-Disposition: form-data; name="\"b\""; filename="my \"best\" file\.txt"
Content-Type: a/b
Content-Length: 1

y
--heyDavid--
`,
		reads: []given{text("say %22a%22", "x"), upload("%22b%22", `my %22best%22 file\.txt`, "a/b", "y")},
	},
	{
		name:   "newLinesInParams",
		fields: []given{upload("field", "\r\noops.j\npg", "image/jpeg", "my lovely bytes")},
		want: `--heyDavid
Content-Disposition: form-data; name="field"; filename="%0D%0Aoops.j%0Apg"
Content-Type: image/jpeg
Content-Length: 15

my lovely bytes
--heyDavid--
`,
		treq: `--heyDavid
Content-Disposition: form-data; name="field"; filename="oops.jpg"
Content-Type: image/jpeg
Content-Length: 15

my lovely bytes
--heyDavid--
`,
		reads: []given{upload("field", "%0D%0Aoops.j%0Apg", "image/jpeg", "my lovely bytes")},
	},
	{
		name:   "line breaks in names of fields",
		fields: []given{text("a\r\nb\nc\rd", "x")},
		want:   "--heyDavid\nContent-Disposition: form-data; name=\"a%0D%0Ab%0D%0Ac%0D%0Ad\"\n\nx\n--heyDavid--\n",
		treq:   "--heyDavid\nContent-Disposition: form-data; name=\"abcd\"\n\nx\n--heyDavid--\n",
		reads:  []given{text("a%0D%0Ab%0D%0Ac%0D%0Ad", "x")},
	},
	{
		name:   "a content type with a quote",
		fields: []given{upload("f", "x", `text/plain; charset="utf-8"`, "y")},
		want: `--heyDavid
Content-Disposition: form-data; name="f"; filename="x"
Content-Type: text/plain; charset="utf-8"
Content-Length: 1

y
--heyDavid--
`,
		treq: `--heyDavid
Content-Disposition: form-data; name="f"; filename="x"
Content-Type: text/plain; charset=\"utf-8\"
Content-Length: 1

y
--heyDavid--
`,
	},
}

// lines replaces \n by CR LF, and NUL by \n.
func lines(s string) string {
	return strings.NewReplacer("\r\n", "\r\r\n", "\n", "\r\n", "\x00", "\n").Replace(s)
}

func TestBytes(t *testing.T) {
	for _, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			_, got := produce(t, fieldsOf(form.fields))
			if want := lines(form.want); got != want {
				t.Errorf("got:\n%q\nwant:\n%q", cutShort(got), cutShort(want))
			}
		})
	}
}

func cutShort(s string) string {
	if len(s) > 4000 {
		return s[:4000] + "..."
	}
	return s
}

// TestWorksWithMultipart checks that mime/multipart reads the same fields.
func TestWorksWithMultipart(t *testing.T) {
	for _, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			p, body := produce(t, fieldsOf(form.fields))
			kind, params, err := mime.ParseMediaType(p.ContentType())
			if err != nil || kind != "multipart/form-data" {
				t.Fatalf("ContentType() = %q: %v", p.ContentType(), err)
			}
			want := form.reads
			if want == nil {
				want = slices.Clone(form.fields)
				slices.SortStableFunc(want, func(a, b given) int {
					if a.File != b.File {
						if b.File {
							return -1
						}
						return 1
					}
					return strings.Compare(a.Name, b.Name)
				})
			}
			r := stdmultipart.NewReader(strings.NewReader(body), params["boundary"])
			for _, g := range want {
				part, err := r.NextRawPart()
				if err != nil {
					t.Fatalf("field %q: %v", g.Name, err)
				}
				value, err := io.ReadAll(part)
				if err != nil {
					t.Fatalf("field %q: %v", g.Name, err)
				}
				if part.FormName() != g.Name || part.FileName() != g.Filename ||
					part.Header.Get("Content-Type") != g.ContentType || string(value) != g.Text+g.Contents {
					t.Errorf("read %q, file %q, type %q, %q; want %+v", part.FormName(), part.FileName(),
						part.Header.Get("Content-Type"), cutShort(string(value)), g)
				}
			}
			if _, err := r.NextRawPart(); err != io.EOF {
				t.Errorf("after the last field: %v", err)
			}
		})
	}
}

// askTreq reads forms as JSON, and writes treq's bodies of these forms.
const askTreq = `
import io, json, sys
from twisted.internet import task
from twisted.web.client import FileBodyProducer
from treq.multipart import MultiPartProducer

class Unsized:
    def __init__(self, data): self.data = io.BytesIO(data)
    def read(self, n): return self.data.read(n)
    def close(self): pass

def made(form):
    calls = []
    cooperator = task.Cooperator(scheduler=calls.append)
    fields = []
    for f in form:
        if not f["File"]:
            fields.append((f["Name"], f["Text"]))
            continue
        data = f["Contents"].encode("utf-8")
        data = Unsized(data) if f["Unsized"] else io.BytesIO(data)
        fields.append((f["Name"], (f["Filename"] or None, f["ContentType"].encode("utf-8"), FileBodyProducer(data, cooperator))))
    producer = MultiPartProducer(fields, b"heyDavid", cooperator)
    out, failed = io.BytesIO(), []
    producer.startProducing(out).addErrback(failed.append)
    while calls:
        calls.pop(0)()
    if failed:
        raise failed[0].value
    if isinstance(producer.length, int) and producer.length != len(out.getvalue()):
        raise Exception("the length is wrong")
    return out.getvalue().decode("utf-8")

json.dump([made(form) for form in json.load(sys.stdin)], sys.stdout)
`

func TestBytesAreTreqs(t *testing.T) {
	name, err := python.WithTreq()
	if err != nil {
		t.Skip("NOT CHECKED against treq itself:", err)
	}
	var asked [][]given
	for _, form := range forms {
		asked = append(asked, append([]given{}, form.fields...))
	}
	question, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "-c", askTreq)
	cmd.Dir = t.TempDir() // otherwise Python takes our folder treq for treq
	cmd.Stdin = bytes.NewReader(question)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var answers []string
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(forms) {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	for i, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			want := form.want
			if form.treq != "" {
				want = form.treq
			}
			if want := lines(want); answers[i] != want {
				t.Errorf("treq makes:\n%q\nwe make:\n%q", cutShort(answers[i]), cutShort(want))
			}
		})
	}
}
