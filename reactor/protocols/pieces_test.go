package protocols_test

import (
	"slices"
	"strings"
	"testing"
)

// inputs are what each kind of receiver gets, and what it makes of that.
var inputs = []struct {
	kind, data string
	want       string // the calls, each followed by a vertical bar
}{
	{"LineReceiver", "", ""},
	{"LineReceiver", "\r\n", "line |"},
	{"LineReceiver", "a\r\n\r\nbc\r\nrest", "line a|line |line bc|"},
	{"LineReceiver", "a\rb\n\rd\r\r\n\n", "line a\rb\n\rd\r|"},
	{"LineReceiver", "12345678\r\n12345678\r\n", "line 12345678|line 12345678|"},
	{"LineReceiver", "12345678\r", ""},
	{"LineReceiver", "a\r\n123456789\r\nb\r\n", "line a|lost: *protocols.TooLongError|"},
	{"LineReceiver", "12345678\r\r\n", "lost: *protocols.TooLongError|"},
	{"LineReceiver", "0123456789abcdef", "lost: *protocols.TooLongError|"},
	{"LineReceiver", "raw\r\nxy\r\n.b\r\nraw\r\n.\r\n", "line raw|raw xy\r\n.|line b|line raw|raw .|line |"},
	{"LineReceiver", "raw\r\n.raw\r\n.raw\r\nxyz", "line raw|raw .|line raw|raw .|line raw|raw xyz|"},

	{"LineOnlyReceiver", "a<><>b<c>d><>rest", "line a|line |line b<c>d>|"},
	{"LineOnlyReceiver", "12345678<><<>", "line 12345678|line <|"},
	{"LineOnlyReceiver", "a<>123456789<>b<>", "line a|lost: *protocols.TooLongError|"},
	{"LineOnlyReceiver", "12345678<<>", "lost: *protocols.TooLongError|"},

	{"LineOnlyReceiver that skips", "123456789<>b<>0123456789abcdef<<>c<>", "long 12345678|line b|long 01234567|line c|"},
	{"LineOnlyReceiver that skips", "12345678<<>b<>", "long 12345678|line b|"},

	{"Int8StringReceiver", "\x00\x01a\x0812345678\x02b", "string |string a|string 12345678|"},
	{"Int8StringReceiver", "\x01a\x09", "string a|lost: *protocols.TooLongError|"},
	{"Int16StringReceiver", "\x00\x00\x00\x01a\x00\x0812345678\x00", "string |string a|string 12345678|"},
	{"Int16StringReceiver", "\x01\x00aaaa", "lost: *protocols.TooLongError|"},
	{"Int32StringReceiver", "\x00\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x00\x0812345678\x00\x00\x00\x01", "string |string a|string 12345678|"},
	{"Int32StringReceiver", "\x00\x00\x00\x01a\xff\xff\xff\xffaaaa", "string a|lost: *protocols.TooLongError|"},
	{"Int16StringReceiver that skips", "\x00\x09123456789\x00\x01a\x00\x64" + strings.Repeat("x", 100) + "\x00\x02bc", "long 9|string a|long 100|string bc|"},

	{"NetstringReceiver", "0:,1:a,8:12345678,4:1:a,,3:abc", "string |string a|string 12345678|string 1:a,|"},
	{"NetstringReceiver", "1:a,9:123456789,", "string a|lost: *protocols.TooLongError|"},
	{"NetstringReceiver", strings.Repeat("9", 1000), "lost: *protocols.TooLongError|"},
	{"NetstringReceiver", "1:a,2:abc,", "string a|lost: *protocols.NetstringError|"},
	{"NetstringReceiver", "0:a,", "lost: *protocols.NetstringError|"},
	{"NetstringReceiver", ":a,", "lost: *protocols.NetstringError|"},
	{"NetstringReceiver", "3abc,", "lost: *protocols.NetstringError|"},
	{"NetstringReceiver", "abc", "lost: *protocols.NetstringError|"},
	{"NetstringReceiver", "00:,", "lost: *protocols.NetstringError|"},
	{"NetstringReceiver", "01:a,", "lost: *protocols.NetstringError|"},
	{"NetstringReceiver", "-1:a,", "lost: *protocols.NetstringError|"},
	{"NetstringReceiver", " 1:a,", "lost: *protocols.NetstringError|"},
	{"NetstringReceiver", "1 :a,", "lost: *protocols.NetstringError|"},
	{"NetstringReceiver", "1\n:a,", "lost: *protocols.NetstringError|"},
}

// TestPieces feeds each input whole, byte by byte, and cut in two at every byte: the calls are
// the same.
func TestPieces(t *testing.T) {
	for _, in := range inputs {
		k, data := kindNamed(t, in.kind), []byte(in.data)
		check := func(how string, got []string) {
			t.Helper()
			all := ""
			for _, call := range got {
				all += call + "|"
			}
			if all != in.want {
				t.Errorf("%s, %q %s\n got  %q\n want %q", k.name, in.data, how, all, in.want)
			}
		}
		check("whole", k.feed(data))
		check("byte by byte", k.feed(bytewise(data)...))
		for i := range data {
			check("cut", k.feed(data[:i], data[i:]))
		}
	}
	for _, k := range kinds {
		if !slices.ContainsFunc(inputs, func(in struct{ kind, data, want string }) bool { return in.kind == k.name }) {
			t.Errorf("no input for a %s", k.name)
		}
	}
}
