package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Token is an access token, as [BearerFrom] uses it. Its JSON is the answer of an OAuth 2.0
// token endpoint (RFC 6749, section 5.1), so that response.JSON[auth.Token] reads it. The
// answer of an endpoint that refuses (section 5.2) is an error of reading it.
//
// Neither fmt nor slog shows the secrets of a Token, nor does the JSON of a value that has a
// Token in it. [Token.MarshalSecrets] does, for a file.
type Token struct {
	// Value is what requests carry. It must not be empty.
	Value string
	// Type is "" or "Bearer", in any case. Another type is refused: if a server calls its
	// bearer tokens differently, set Type to "".
	Type string
	// ExpiresIn is the time for which the token is valid, from its arrival. 0 means that
	// Expiry says it.
	ExpiresIn time.Duration
	// Expiry is when the token becomes invalid. The zero time means never.
	Expiry time.Time
	// RefreshToken is for the function of BearerFrom, which may get the next Token for
	// it. "" means none.
	RefreshToken string
}

// String shows when t expires, but none of its secrets.
func (t Token) String() string {
	switch {
	case t.ExpiresIn != 0:
		return "Token(xxxxx for " + t.ExpiresIn.String() + ")"
	case !t.Expiry.IsZero():
		return "Token(xxxxx until " + t.Expiry.Format(time.RFC3339) + ")"
	}
	return "Token(xxxxx)"
}

// GoString is String, for the verb %#v.
func (t Token) GoString() string { return t.String() }

// MarshalText is String, so that the secrets are not in the JSON of a log. Such a text cannot
// be read back: see MarshalSecrets.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// wireToken is the JSON of a Token. expiry is not in RFC 6749; golang.org/x/oauth2 writes it
// too.
type wireToken struct {
	AccessToken  string      `json:"access_token"`
	TokenType    string      `json:"token_type,omitempty"`
	ExpiresIn    json.Number `json:"expires_in,omitempty"`
	Expiry       *time.Time  `json:"expiry,omitempty"`
	RefreshToken string      `json:"refresh_token,omitempty"`
}

// MarshalSecrets returns the JSON of t with its secrets, for a file. UnmarshalJSON reads it.
func (t Token) MarshalSecrets() ([]byte, error) {
	w := wireToken{AccessToken: t.Value, TokenType: t.Type, RefreshToken: t.RefreshToken}
	if t.ExpiresIn != 0 {
		w.ExpiresIn = json.Number(strconv.FormatFloat(t.ExpiresIn.Seconds(), 'f', -1, 64))
	}
	if !t.Expiry.IsZero() {
		w.Expiry = &t.Expiry
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the answer of a token endpoint, or what MarshalSecrets
// returned. expires_in
// may be a number in a string, as some servers write it.
func (t *Token) UnmarshalJSON(data []byte) error {
	var w struct {
		wireToken
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	if w.Error != "" {
		return fmt.Errorf("auth: no token: the server says %q", strings.TrimSpace(w.Error+" "+w.Description))
	}
	if w.AccessToken == "" {
		return errors.New("auth: no token: the JSON has no access_token")
	}
	read := Token{Value: w.AccessToken, Type: w.TokenType, RefreshToken: w.RefreshToken}
	if w.ExpiresIn != "" {
		seconds, err := w.ExpiresIn.Float64()
		if err != nil {
			return fmt.Errorf("auth: a token whose expires_in is %q", w.ExpiresIn)
		}
		// Some servers write 0 or -1 for a token that does not expire.
		read.ExpiresIn = time.Duration(min(max(seconds, 0), maxSeconds) * float64(time.Second))
	}
	if w.Expiry != nil {
		read.Expiry = *w.Expiry
	}
	*t = read
	return nil
}

// maxSeconds bounds an expires_in, to 100 years.
const maxSeconds = 100 * 365 * 24 * 60 * 60
