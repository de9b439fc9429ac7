package form

import (
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// pairs returns the pairs of text, quoted.
func pairs(text string) []string {
	var got []string
	for name, value := range Pairs(text) {
		got = append(got, fmt.Sprintf("%q=%q", name, value))
	}
	return got
}

func TestPairs(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"&&&", nil},
		{"a", []string{`"a"=""`}},
		{"a=", []string{`"a"=""`}},
		{"=a", []string{`""="a"`}},
		{"=", []string{`""=""`}},
		{"a=b=c", []string{`"a"="b=c"`}},
		{"b=1&a=2&b=3&&c", []string{`"b"="1"`, `"a"="2"`, `"b"="3"`, `"c"=""`}},
		{"delete=all;confirm=yes", []string{`"delete"="all;confirm=yes"`}},
		{"a;b", []string{`"a;b"=""`}},
		{"a+b=c+d", []string{`"a b"="c d"`}},
		{"a=%2B%26%3D%3B%25", []string{`"a"="+&=;%"`}},
		{"a=%", []string{`"a"="%"`}},
		{"a=100%&b=%4", []string{`"a"="100%"`, `"b"="%4"`}},
		{"a=%zz%4x%%41%C3%a9", []string{`"a"="%zz%4x%Aé"`}},
		{"%=%&%3d=x", []string{`"%"="%"`, `"="="x"`}},
		{"a=%u0041", []string{`"a"="%u0041"`}},
		{"a=é\xff%ff%00\x00", []string{`"a"="é\xff\xff\x00\x00"`}},
		{"a=1#b&?c=2", []string{`"a"="1#b"`, `"?c"="2"`}},
		{"\ufeffa=1", []string{`"\ufeffa"="1"`}},
	} {
		if got := pairs(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%q: %s, want %s", test.text, got, test.want)
		}
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		text string
		most int
		want string
		err  error
	}{
		{"", 0, "map[]", nil},
		{"&", 0, "map[]", nil},
		{"b=1&a=2&b=", 3, "map[a:[2] b:[1 ]]", nil},
		{"b=1&a=2&b=", 2, "map[]", ErrTooMany},
		{"a", 0, "map[]", ErrTooMany},
	} {
		got, err := Values(test.text, test.most)
		if fmt.Sprint(got) != test.want || !errors.Is(err, test.err) {
			t.Errorf("%q, %d at most: %v, %v", test.text, test.most, got, err)
		}
	}
}

// FuzzPairs compares the parser with the algorithm of the URL Standard, written down step
// by step, and checks that a query of Go's is read back.
func FuzzPairs(f *testing.F) {
	for _, text := range []string{"a=1&b=2", "delete=all;confirm=yes", "a=%&%zz=+&&=", "%C3%A9=\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := pairs(text), standardPairs(text); !slices.Equal(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if want, err := url.ParseQuery(text); err == nil {
			if got, _ := Values(text, len(text)+1); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q: %v, net/url reads %v", text, got, want)
			}
		}
		sent := url.Values{text: {text, ""}}
		if got, _ := Values(sent.Encode(), 2); fmt.Sprint(got) != fmt.Sprint(sent) {
			t.Errorf("%q came back as %v", sent, got)
		}
	})
}

// standardPairs is the parser of the URL Standard without the decoding of UTF-8.
func standardPairs(text string) (all []string) {
	for _, sequence := range strings.Split(text, "&") {
		if len(sequence) == 0 {
			continue
		}
		name, value := sequence, ""
		if i := strings.Index(sequence, "="); i >= 0 {
			name, value = sequence[:i], sequence[i+1:]
		}
		all = append(all, fmt.Sprintf("%q=%q", percentDecode(strings.ReplaceAll(name, "+", " ")), percentDecode(strings.ReplaceAll(value, "+", " "))))
	}
	return all
}

// percentDecode is the algorithm of the URL Standard of this name.
func percentDecode(input string) string {
	const digits = "0123456789abcdefABCDEF"
	var output strings.Builder
	for i := 0; i < len(input); i++ {
		switch {
		case input[i] != '%',
			i+2 >= len(input) || !strings.Contains(digits, input[i+1:i+2]) || !strings.Contains(digits, input[i+2:i+3]):
			output.WriteByte(input[i])
		default:
			var b byte
			fmt.Sscanf(input[i+1:i+3], "%02x", &b)
			output.WriteByte(b)
			i += 2
		}
	}
	return output.String()
}

// TestPairsAsPython compares the parser with that of Twisted, Python's parse_qsl.
func TestPairsAsPython(t *testing.T) {
	const program = `import sys, urllib.parse
for line in sys.stdin.buffer.read().split(b"\n"):
    pairs = urllib.parse.parse_qsl(bytes.fromhex(line.decode()), keep_blank_values=True)
    print(" ".join(name.hex() + "=" + value.hex() for name, value in pairs))
`
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	const alphabet = "ab=&;+%4zé \x00\xff"
	var texts, lines []string
	state := uint32(1)
	for range 3000 {
		var text []byte
		for state = state*1664525 + 1013904223; state>>28 != 0; state = state*1664525 + 1013904223 {
			text = append(text, alphabet[int(state>>8)%len(alphabet)])
		}
		texts = append(texts, string(text))
		lines = append(lines, fmt.Sprintf("%x", text))
	}
	cmd := exec.Command("python3", "-c", program)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Skip(err)
	}
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != len(texts) {
		t.Fatalf("%d answers to %d texts", len(answers), len(texts))
	}
	for i, text := range texts {
		var got []string
		for name, value := range Pairs(text) {
			got = append(got, fmt.Sprintf("%x=%x", name, value))
		}
		if s := strings.Join(got, " "); s != answers[i] {
			t.Errorf("%q: %s, Python reads %s", text, s, answers[i])
		}
	}
}
