package auth_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-7c003b53/gotreq/treq/auth"
)

func TestParseChallenges(t *testing.T) {
	type params = []auth.Param
	for _, test := range []struct {
		values []string
		want   []auth.Challenge
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{" , ,"}, nil},
		{[]string{"Basic"}, []auth.Challenge{{Scheme: "Basic"}}},
		{[]string{`Basic realm="a"`}, []auth.Challenge{{Scheme: "Basic", Params: params{{"realm", "a"}}}}},
		{[]string{`Basic REALM = "a, Digest b=\"c\" \\" , charset=UTF-8`}, []auth.Challenge{{Scheme: "Basic", Params: params{{"realm", `a, Digest b="c" \`}, {"charset", "UTF-8"}}}}},
		{
			[]string{`Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple"`}, // RFC 9110, 11.6.1
			[]auth.Challenge{
				{Scheme: "Newauth", Params: params{{"realm", "apps"}, {"type", "1"}, {"title", `Login to "apps"`}}},
				{Scheme: "Basic", Params: params{{"realm", "simple"}}},
			},
		},
		{[]string{"Negotiate, NTLM,Basic realm=x"}, []auth.Challenge{{Scheme: "Negotiate"}, {Scheme: "NTLM"}, {Scheme: "Basic", Params: params{{"realm", "x"}}}}},
		{[]string{"Negotiate a87421000492aa874209af8bc028==", "Basic realm=x"}, []auth.Challenge{{Scheme: "Negotiate", Token68: "a87421000492aa874209af8bc028=="}, {Scheme: "Basic", Params: params{{"realm", "x"}}}}},
		{[]string{"Negotiate abc/+-._~ , Basic"}, []auth.Challenge{{Scheme: "Negotiate", Token68: "abc/+-._~"}, {Scheme: "Basic"}}},
		// Malformed challenges.
		{[]string{`Digest realm="a" nonce="b"`}, []auth.Challenge{{Scheme: "Digest", Params: params{{"realm", "a"}, {"nonce", "b"}}}}},
		{[]string{`Basic Digest realm="a"`}, []auth.Challenge{{Scheme: "Basic"}, {Scheme: "Digest", Params: params{{"realm", "a"}}}}},
		{[]string{`Digest realm="a`, `Basic`}, []auth.Challenge{{Scheme: "Digest", Params: params{{"realm", "a"}}}, {Scheme: "Basic"}}},
		{[]string{`Digest realm="a\`}, []auth.Challenge{{Scheme: "Digest", Params: params{{"realm", `a\`}}}}},
		{[]string{`realm="a", Basic realm=b`}, []auth.Challenge{{Scheme: "Basic", Params: params{{"realm", "b"}}}}},
		{[]string{`Basic realm=, x=y`}, []auth.Challenge{{Scheme: "Basic", Token68: "realm=", Params: params{{"x", "y"}}}}},
		{[]string{`Digest uri=a/b:c(d), x=y`}, []auth.Challenge{{Scheme: "Digest", Params: params{{"uri", "a/b:c(d)"}, {"x", "y"}}}}},
		{[]string{`("?"), Basic`, `Basic realm=x, {}, y=z`}, []auth.Challenge{{Scheme: "Basic"}, {Scheme: "Basic", Params: params{{"realm", "x"}, {"y", "z"}}}}},
		{[]string{`Basic =x, ==, y`}, []auth.Challenge{{Scheme: "y"}}},
	} {
		if diff := cmp.Diff(test.want, auth.ParseChallenges(test.values)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.values, diff)
		}
	}
}

func TestChallengeString(t *testing.T) {
	for _, want := range []string{`Basic realm="a\"b\\", x="y"`, "Negotiate abc==", "NTLM"} {
		if got := auth.ParseChallenges([]string{want})[0].String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzParseChallenges(f *testing.F) {
	f.Add(`Digest realm="a, b", qop="auth,auth-int", nonce=x, Negotiate ab==, Basic realm="\""`)
	f.Add(`Digest realm="a`)
	f.Fuzz(func(t *testing.T, value string) {
		first := auth.ParseChallenges([]string{value})
		var values []string
		for _, c := range first {
			if c.Scheme == "" {
				t.Fatalf("%q: a challenge without a scheme", value)
			}
			if c.Token68 != "" {
				c.Params = nil
			}
			values = append(values, c.String())
		}
		second := auth.ParseChallenges(values)
		if len(first) != len(second) {
			t.Fatalf("%q: %v, written and read: %v", value, first, second)
		}
		for i := range first {
			if first[i].Token68 != "" {
				first[i].Params = nil
			}
			if diff := cmp.Diff(first[i], second[i]); diff != "" {
				t.Fatalf("%q, written and read:\n%s", value, diff)
			}
		}
	})
}
