package http1

import "testing"

func TestIsHostAndPort(t *testing.T) {
	for text, want := range map[string]bool{
		"a": true, "an.example": true, "AN.Example.": true, "a_b-c~": true, "127.0.0.1": true, "999.1.1.1": true,
		"a:80": true, "a:": true, "a:0": true, "a:00080": true, "a:65535": true, "a%c3%A9": true, "a!$&'()*+,;=b": true,
		"[::1]": true, "[::1]:80": true, "[::1]:": true, "[::ffff:1.2.3.4]": true, "[fe80::1%25eth0]": true, "[fe80::1%eth0]": true,
		"[v1.a:b]": true, "[VF.~]:1": true,

		"": false, ":": false, ":80": false, "a:y": false, "a:80y": false, "a:-1": false, "a:+1": false, "a: 80": false,
		"a:65536": false, "a:99999999999999999999": false, "a:80:90": false, "::1": false, "a::80": false,
		"[": false, "]": false, "[]": false, "[::1": false, "::1]": false, "[::1]80": false, "[::1]:y": false, "[::1]a": false,
		"[::1]]": false, "[[::1]]": false, "a[::1]": false, "[1.2.3.4]": false, "[a]": false, "[::g]": false, "[1:2:3]": false,
		"[fe80::1%]": false, "[fe80::1%a/b]": false, "[v.a]": false, "[vg.a]": false, "[v1.]": false, "[v1]": false, "[v1.a/]": false,
		"a b": false, "a\tb": false, "a/b": false, "a?b": false, "a#b": false, "u@a": false, "a\\b": false, "a\"": false, "<a>": false,
		"a,b:1,": false, "a%": false, "a%2": false, "a%zz": false, "é": false, "a\x00": false, "a|b": false, "a^b": false, "{a}": false,
	} {
		if got := IsHostAndPort(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
