package response_test

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

type note struct {
	To string `xml:"to"`
}

func TestXML(t *testing.T) {
	const doc, utf16LE = "<note><to>café</to></note>", "\xff\xfe<\x00n\x00o\x00t\x00e\x00>\x00<\x00t\x00o\x00>\x00\xe9\x00<\x00/\x00t\x00o\x00>\x00<\x00/\x00n\x00o\x00t\x00e\x00>\x00"
	latin1 := strings.ReplaceAll(doc, "é", "\xe9")
	for _, test := range []struct{ name, kind, body, want, error string }{
		{"UTF-8 without a word", "", doc, "café", ""},
		{"declared as UTF-8", "", `<?xml version="1.0" encoding="utf-8"?>` + doc, "café", ""},
		{"declared as ISO-8859-1", "text/xml", `<?xml version="1.0" encoding="iso-8859-1"?>` + latin1, "café", ""},
		{"ISO-8859-1 by the header", "text/xml; charset=iso-8859-1", latin1, "café", ""},
		{"the header counts more", "text/xml; charset=iso-8859-1", `<?xml version="1.0" encoding="utf-8"?>` + latin1, "café", ""},
		{"the header counts more, the other way", "text/xml; charset=utf-8", `<?xml version="1.0" encoding="iso-8859-1"?>` + doc, "café", ""},
		{"a mark counts most", "text/xml; charset=iso-8859-1", "\ufeff" + `<?xml version="1.0" encoding="iso-8859-1"?>` + doc, "café", ""},
		{"UTF-16 with a mark", "", utf16LE, "é", ""},
		{"UTF-16 without a mark", "", utf16LE[2:], "é", ""},
		{"UTF-8 that claims to be UTF-16", "", `<?xml version="1.0" encoding="utf-16"?>` + doc, "café", ""},
		{"windows-1251", "", `<?xml version="1.0" encoding="windows-1251"?><note><to>` + "\xcf\xf0\xe8\xe2\xe5\xf2" + "</to></note>", "Привет", ""},
		{"comments and a DOCTYPE", "", "<?xml version='1.0'?>\n<!DOCTYPE note>\n<!-- a -->" + doc + "\n<!-- b -->\n", "café", ""},

		{"nothing", "text/xml", "", "", `200 text/xml is not XML: "": unexpected EOF`},
		{"JSON", "application/json", `{"to": 1}`, "", `200 application/json is not XML: "{\"to\": 1}": more than one root element, or text outside it`},
		{"cut short", "text/xml", "<note><to>a", "", `200 text/xml is not XML: "<note><to>a": XML syntax error on line 1: unexpected EOF`},
		{"a page", "text/html", "<html><br></html>", "", `200 text/html is not XML: "<html><br></html>": XML syntax error on line 1: element <br> closed by </html>`},
		{"two roots", "", doc + doc, "", "200 without a Content-Type is not XML: \"<note><to>caf\\u00e9</to></note><note><to>caf\\u00e9</to></note>\": more than one root element, or text outside it"},
		{"text after the root", "", "<note/>more", "", `200 without a Content-Type is not XML: "<note/>more": more than one root element, or text outside it`},
		{"an unknown charset", "", `<?xml version="1.0" encoding="x-no"?><note/>`, "", `unknown charset "x-no": "<note/>"`},
		{"an unknown charset of the header", "text/xml; charset=x-no", "<note/>", "", `unknown charset "x-no": "<note/>"`},
		{"not in its charset", "text/xml; charset=utf-8", latin1, "", `not text in that charset: byte 13, "\xe9</t", is not utf-8`},
		{"not in the declared charset", "", `<?xml version="1.0" encoding="us-ascii"?>` + latin1, "", `not text in that charset: byte 54, "\xe9</t", is not us-ascii`},
		{"not UTF-8", "", latin1, "", `200 without a Content-Type is not XML: "<note><to>caf\xe9</to></note>": XML syntax error on line 1: invalid UTF-8`},
		{"a secret", "text/xml", `{"token": "abc"`, "", `200 text/xml is not XML: "{\"token\": \"xxxxx\"": more than one root element, or text outside it`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var headers []string
			if test.kind != "" {
				headers = []string{"Content-Type", test.kind}
			}
			r := answered(200, test.body, headers...)
			d := response.XML[note](r)
			if test.error == "" {
				if got := deferredtest.SuccessResultOf(t, d); got.To != test.want {
					t.Errorf("got %q", got.To)
				}
				if again := deferredtest.SuccessResultOf(t, response.XML[note](r)); again.To != test.want {
					t.Errorf("again %q", again.To)
				}
				return
			}
			if err, want := deferredtest.FailureResultOf(t, d), "GET http://h/a: "+test.error; err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// TestXMLErrors: errors.As finds the errors of package xml, and those of the value.
func TestXMLErrors(t *testing.T) {
	var syntax *xml.SyntaxError
	if err := deferredtest.FailureResultOf(t, response.XML[note](answered(200, "<a"))); !errors.As(err, &syntax) {
		t.Error(err)
	}
	err := deferredtest.FailureResultOf(t, response.XML[struct {
		To int `xml:"to"`
	}](answered(200, "<note><to>x</to></note>")))
	if want := `GET http://h/a: 200 without a Content-Type, read as XML: "<note><to>x</to></note>": strconv.ParseInt: parsing "x": invalid syntax`; err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	err = deferredtest.FailureResultOf(t, response.XML[struct {
		XMLName xml.Name `xml:"other"`
	}](answered(200, "<note/>")))
	if err == nil || !strings.Contains(err.Error(), "expected element type <other> but have <note>") {
		t.Error(err)
	}
	if err := deferredtest.FailureResultOf(t, answered(200, "<note/>").XML(note{})); err == nil {
		t.Error("a value that is no pointer was accepted")
	}
}

// TestHostileXML: documents that are bombs for other decoders fail, and take no time.
func TestHostileXML(t *testing.T) {
	bomb := "<!DOCTYPE note [<!ENTITY a0 \"ha\">"
	for i := range 20 {
		bomb += strings.ReplaceAll(strings.ReplaceAll(`<!ENTITY aN "&aM;&aM;&aM;&aM;">`, "N", string(rune('b'+i))), "M", string(rune('a'+i)))
	}
	for name, body := range map[string]string{
		"entities":        bomb + "]><note><to>&au;</to></note>",
		"external entity": `<!DOCTYPE note [<!ENTITY x SYSTEM "file:///etc/passwd">]><note><to>&x;</to></note>`,
		"depth":           strings.Repeat("<note>", 100000),
		"an open comment": "<!--" + strings.Repeat("-", 100000),
		"a long name":     "<" + strings.Repeat("a", 100000) + "></b>",
	} {
		err := deferredtest.FailureResultOf(t, response.XML[note](answered(200, body)))
		if len(err.Error()) > 2500 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
}

// TestXMLDeclaredAgain: only one XML declaration changes the charset. Otherwise a small body
// would keep the program busy for minutes, since each declaration copies the rest.
func TestXMLDeclaredAgain(t *testing.T) {
	const declaration = `<?xml version="1.0" encoding="latin1"?>`
	for _, body := range []string{
		declaration + "<note>" + declaration + "</note>",
		declaration + "<note>" + strings.Repeat(declaration, 1<<20/len(declaration)) + "</note>",
	} {
		err := deferredtest.FailureResultOf(t, response.XML[note](answered(200, body)))
		if !strings.Contains(err.Error(), "a second XML declaration") {
			t.Error(err)
		}
	}
}
