package auth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/auth"
)

func TestBearer(t *testing.T) {
	for token, ok := range map[string]bool{
		"mF_9.B5f-4.1JqM":    true, // RFC 6750, section 2.1
		"a+/~.-_==":          true,
		"1|abc":              true, // Laravel
		"app|secret:x@y{}()": true,
		"":                   false,
		" s3cret":            false,
		"s3 cret":            false,
		"token\r\nX: y":      false,
		"a\x00":              false,
		"a\x7f":              false,
		"ä":                  false,
		"\xff":               false,
		"a,b":                false,
		`a"b`:                false,
		`a\b`:                false,
	} {
		req := get("http://h.example/")
		req.Header.Set("Authorization", "other")
		c := auth.Bearer(token)
		err := authorize(t, c, req)
		switch {
		case ok:
			if got := req.Header.Get("Authorization"); err != nil || got != "Bearer "+token {
				t.Errorf("%q: got %q, %v", token, got, err)
			}
			if again, err := c.Answered(req, answer(401, "Www-Authenticate", `Bearer error="invalid_token"`)); again || err != nil {
				t.Errorf("%q: after a 401: %v, %v", token, again, err)
			}
		case !errors.Is(err, auth.ErrInvalid) || len(token) > 3 && strings.Contains(err.Error(), token):
			t.Errorf("%q: error %v", token, err)
		}
	}
}

// TestSecretsAreNotPrinted checks that neither fmt nor slog shows a secret.
func TestSecretsAreNotPrinted(t *testing.T) {
	const secret = "zQsecret"
	token := auth.Token{Value: secret, RefreshToken: secret}
	netrc, err := auth.ParseNetrc(strings.NewReader("machine h.example login u password " + secret))
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := netrc.Find("h.example", "")
	fetch := func() *deferred.Deferred[auth.Token] { return nil }
	for name, v := range map[string]any{
		"Token": token, "*Token": &token, "[]Token": []auth.Token{token}, "BearerConfig": auth.BearerConfig{Token: token},
		"Basic": auth.Basic("u", secret), "Bearer": auth.Bearer(secret), "Digest": auth.NewDigest("u", secret),
		"BearerFrom": auth.NewBearer(fetch, auth.BearerConfig{Token: token}), "Netrc": netrc, "Entry": entry,
	} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("", "v", v)
		nested := struct{ In []any }{[]any{v, map[string]any{"v": v}}}
		slog.New(slog.NewJSONHandler(&log, nil)).Info("", "v", v, "nested", nested)
		slog.New(slog.NewTextHandler(&log, nil)).Info("", "nested", nested)
		basic := authorization(t, auth.Basic("u", secret), anURL)
		text := fmt.Sprintf("%v|%+v|%s|%#v|%s", v, v, v, v, log.String())
		if strings.Contains(text, secret) || strings.Contains(text, basic) {
			t.Errorf("%s: %s", name, text)
		}
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("", "v", token)
	text := log.String() + deferred.Succeed(token).String()
	if strings.Contains(text, secret) || strings.Count(text, "Token(xxxxx)") != 2 {
		t.Error(text)
	}
	masked, err := json.Marshal(token)
	if err != nil || json.Unmarshal(masked, &token) == nil {
		t.Errorf("%s was read as a Token, %v", masked, err)
	}
	for want, token := range map[string]auth.Token{
		"Token(xxxxx for 1h0m0s)":                 {ExpiresIn: time.Hour},
		"Token(xxxxx until 2026-11-26T03:00:00Z)": {Expiry: time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)},
	} {
		if got := token.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTokenFromJSON(t *testing.T) {
	expiry := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		in   string
		want auth.Token
		err  string
	}{
		{`{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r","scope":"x"}`,
			auth.Token{Value: "a", Type: "Bearer", ExpiresIn: time.Hour, RefreshToken: "r"}, ""},
		{`{"access_token":"a","expires_in":"60"}`, auth.Token{Value: "a", ExpiresIn: time.Minute}, ""},
		{`{"access_token":"a","expires_in":0.5}`, auth.Token{Value: "a", ExpiresIn: time.Second / 2}, ""},
		{`{"access_token":"a","expires_in":0}`, auth.Token{Value: "a"}, ""},
		{`{"access_token":"a","expires_in":-1}`, auth.Token{Value: "a"}, ""},
		{`{"access_token":"a","expires_in":1e300}`, auth.Token{Value: "a", ExpiresIn: 100 * 365 * 24 * time.Hour}, ""},
		{`{"access_token":"a","expires_in":null}`, auth.Token{Value: "a"}, ""},
		{`{"access_token":"a","expiry":"2026-11-26T03:00:00Z"}`, auth.Token{Value: "a", Expiry: expiry}, ""},
		{`{"access_token":"a","expires_in":"soon"}`, auth.Token{}, "soon"},
		{`{"access_token":"a","expires_in":1e999}`, auth.Token{}, "1e999"},
		{`{"error":"invalid_client","error_description":"no such\nclient"}`, auth.Token{}, `"invalid_client no such\nclient"`},
		{`{}`, auth.Token{}, "no access_token"},
		{`{"access_token":""}`, auth.Token{}, "no access_token"},
		{`{"access_token":1}`, auth.Token{}, "access_token"},
		{`[]`, auth.Token{}, "array"},
	} {
		var got auth.Token
		err := json.Unmarshal([]byte(test.in), &got)
		if (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) || got != test.want {
			t.Errorf("%s: got %v, %v", test.in, got, err)
		}
		if err != nil {
			continue
		}
		var again auth.Token
		if text, err := got.MarshalSecrets(); err != nil || json.Unmarshal(text, &again) != nil || again != got {
			t.Errorf("%s: written as %s, %v", test.in, text, err)
		}
	}
}
