package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/python"
)

var update = flag.Bool("update", false, "write the table of docs/parity.md")

// TestParity runs the program. It needs treq.
func TestParity(t *testing.T) {
	var out bytes.Buffer
	ok, err := run(&out, "", false)
	if errors.Is(err, python.ErrNoTreq) {
		t.Skip(err)
	}
	if err != nil || !ok {
		t.Errorf("%v\n%s", err, out.Bytes())
	}
	t.Log(lastLine(out.String()))
}

func lastLine(s string) string {
	s = strings.TrimSuffix(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// TestOurs makes all requests with our client only, over both versions of HTTP.
func TestOurs(t *testing.T) {
	servers, err := StartServers()
	if err != nil {
		t.Fatal(err)
	}
	defer servers.Close()
	start := func(fronts map[string]string) *Ours {
		ours, err := StartOurs(servers.roots, fronts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := ours.Close(); err != nil {
				t.Error(err)
			}
		})
		return ours
	}
	ours, over2 := start(nil), start(servers.fronts.at)
	occurs := make([]bool, len(http2Differences))
	left := 0
	names := make(map[string]bool)
	for _, c := range cases {
		if names[c.Name] {
			t.Errorf("%s: two cases of that name", c.Name)
		}
		names[c.Name] = true
		outcome, err := servers.Outcome(c, ours.Run)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for _, got := range outcome.Got {
			for what, kind := range got.Errors {
				if strings.HasSuffix(kind, errHangs.Error()) {
					t.Errorf("%s: %s hangs", c.Name, what)
				}
			}
			if got.Errors["request"] == "" && (got.Status == 0 || len(outcome.Sent) == 0) {
				t.Errorf("%s: no error, and nothing sent or got: %+v", c.Name, outcome)
			}
		}
		if leftOut(c.Name) != "" {
			left++
			continue
		}
		second, err := servers.Outcome(c, over2.Run)
		if err != nil {
			t.Fatalf("%s over HTTP/2: %v", c.Name, err)
		}
		for _, m := range compare(c.Name, outcome, second.inTermsOf(outcome)) {
			i := slices.IndexFunc(http2Differences, func(d Difference) bool { return d.fits(m) })
			if i < 0 {
				t.Errorf("%s: %s is %s over HTTP/1.1 and %s over HTTP/2", c.Name, m.Field, m.Treq, m.Ours)
				continue
			}
			occurs[i] = true
		}
	}
	if len(cases) < 60 || left > len(cases)/4 {
		t.Errorf("%d cases, %d of them for HTTP/1.1 only", len(cases), left)
	}
	for i, occurs := range occurs {
		if !occurs {
			t.Errorf("the difference of HTTP/2 in %s does not occur", http2Differences[i].Field)
		}
	}
	for _, o := range onlyHTTP1 {
		if !slices.ContainsFunc(cases, func(c Case) bool { return matches(o.Cases, c.Name) }) {
			t.Errorf("there is no case %s", o.Cases)
		}
	}
}

// TestDocs checks that docs/parity.md lists the differences.
func TestDocs(t *testing.T) {
	const file = "../../../docs/parity.md"
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, listed, ok := strings.Cut(string(doc), "| # |")
	if !ok {
		t.Fatalf("%s has no table", file)
	}
	if *update {
		if err := os.WriteFile(file, []byte(text+table()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if listed = "| # |" + listed; listed != table() {
		t.Errorf("%s does not end in the table of the differences: run go test ./internal/check/parity -run Docs -update", file)
	}
	for i, d := range differences {
		if d.Field == "" || d.Reason == "" {
			t.Errorf("difference %d has no field or no reason", i+1)
		}
	}
}

func TestCompare(t *testing.T) {
	base := func() Outcome {
		return Outcome{
			Sent: []Sent{{Method: "GET", Header: map[string][]string{"A": {"1"}}}},
			Got:  []Got{{Errors: map[string]string{}, Response: Response{Status: 200}, History: []Response{{Status: 302}}, JSON: map[string]any{"a": []any{1.0}}}},
		}
	}
	for _, test := range []struct {
		change func(o *Outcome)
		want   string
	}{
		{func(*Outcome) {}, ""},
		{func(o *Outcome) { o.Sent[0].Method = "PUT" }, `Sent.0.Method "GET" "PUT"`},
		{func(o *Outcome) { o.Sent[0].Header["A"] = []string{"1", "2"} }, `Sent.0.Header.A ["1"] ["1" "2"]`},
		{func(o *Outcome) { delete(o.Sent[0].Header, "A") }, `Sent.0.Header.A ["1"] nothing`},
		{func(o *Outcome) { o.Sent[0].Header["B"] = []string{""} }, `Sent.0.Header.B nothing [""]`},
		{func(o *Outcome) { o.Got[0].Status = 404 }, `Got.0.Status 200 404`},
		{func(o *Outcome) { o.Got[0].History[0].Phrase = "Found" }, `Got.0.History.0.Phrase "" "Found"`},
		{func(o *Outcome) { o.Got[0].JSON = map[string]any{"a": []any{2.0}} }, `Got.0.JSON.a.0 1 2`},
		{func(o *Outcome) { o.Sent = append(o.Sent, Sent{}) }, `Sent.1 nothing {Connection:0 Method: Target: Version: Header:map[] Body:}`},
		{func(o *Outcome) { o.Got[0].Errors = map[string]string{"text": "bad"} }, `Got.0.Errors.text nothing "bad"`},
		// A caller that gets an error gets nothing else.
		{func(o *Outcome) { o.Got[0] = Got{Errors: map[string]string{"request": "bad"}} }, `Got.0.Errors.request nothing "bad"`},
	} {
		changed := base()
		test.change(&changed)
		var got []string
		for _, m := range compare("a case", base(), changed) {
			got = append(got, m.Field+" "+m.Treq+" "+m.Ours)
		}
		if got := strings.Join(got, "; "); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "any", true},
		{"a.b", "a.b", true},
		{"a.b", "axb", false},
		{"a.b", "a.bc", false},
		{"a.*", "a.b.c\nd", true},
		{"*[x]", "a[x]", true},
		{"a|b*", "bc", true},
		{"a|b*", "ac", false},
	} {
		if got := matches(test.pattern, test.s); got != test.want {
			t.Errorf("matches(%q, %q) = %v", test.pattern, test.s, got)
		}
	}
}
