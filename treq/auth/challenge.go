package auth

import (
	"strings"
)

// A Challenge is a way to authenticate that a server offers in WWW-Authenticate (RFC 9110,
// section 11.6.1).
type Challenge struct {
	// Scheme is "Basic" or "Digest", for instance.
	Scheme string
	// Token68 is the text that some schemes have instead of parameters.
	Token68 string
	// Params are the parameters in order.
	Params []Param
}

// A Param is a parameter of a challenge. Its name is in lower case.
type Param struct{ Name, Value string }

// Get returns the value of the first parameter of that name, in lower case, or "".
func (c *Challenge) Get(name string) string {
	for _, p := range c.Params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// String writes c as in a header.
func (c *Challenge) String() string {
	s := c.Scheme
	if c.Token68 != "" {
		return s + " " + c.Token68
	}
	for i, p := range c.Params {
		if i > 0 {
			s += ","
		}
		s += " " + p.Name + "=" + quote(p.Value)
	}
	return s
}

// ParseChallenges reads the values of WWW-Authenticate, each of which may hold several
// challenges. It skips malformed text, so that the other challenges can be answered, and
// a value with a control character other than a tab: a request, which repeats a part of the
// challenge, cannot have it (RFC 9110, section 5.5).
func ParseChallenges(values []string) []Challenge {
	var all []Challenge
	for _, value := range values {
		p := parser{in: repeatable(value)}
		all = append(all, p.challenges(nil)...)
	}
	return all
}

// parseParams reads parameters without a scheme.
func parseParams(value string) Challenge {
	p := parser{in: repeatable(value)}
	return p.challenges([]Challenge{{}})[0]
}

// repeatable returns value, or "" if it cannot be the value of a request's header.
func repeatable(value string) string {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return ""
	}
	return value
}

// A parser consumes a header value.
type parser struct {
	in string // not yet read
}

// challenges reads to the end, and appends challenges to all. A parameter belongs to the
// challenge before it. The character after a word tells schemes from parameters; commas
// do not, because they separate both.
func (p *parser) challenges(all []Challenge) []Challenge {
	for {
		p.skip(" \t,")
		if p.in == "" {
			return all
		}
		word := p.take(isToken)
		after := strings.TrimLeft(p.in, " \t")
		switch {
		case word == "":
			p.take(func(c byte) bool { return c != ',' })
		case !strings.HasPrefix(after, "="):
			all = append(all, Challenge{Scheme: word, Token68: p.token68()})
		default:
			p.in = after[1:]
			p.skip(" \t")
			param := Param{strings.ToLower(word), p.value()}
			if n := len(all); n > 0 {
				all[n-1].Params = append(all[n-1].Params, param)
			}
		}
	}
}

// token68 reads a token68 that is followed by a comma or the end. Otherwise it reads
// nothing.
func (p *parser) token68() string {
	ahead := *p
	ahead.skip(" \t")
	token := ahead.take(isToken68)
	token += ahead.take(func(c byte) bool { return c == '=' })
	ahead.skip(" \t")
	if token == "" || token[0] == '=' || ahead.in != "" && ahead.in[0] != ',' {
		return ""
	}
	*p = ahead
	return token
}

// value reads the value of a parameter. The closing quote may be missing.
func (p *parser) value() (value string) {
	if !strings.HasPrefix(p.in, `"`) {
		return p.take(func(c byte) bool { return c != ',' && c != ' ' && c != '\t' })
	}
	value, p.in, _ = cutQuoted(p.in, func(c byte) byte { return c })
	return value
}

func (p *parser) skip(chars string) { p.in = strings.TrimLeft(p.in, chars) }

func (p *parser) take(while func(byte) bool) string {
	n := 0
	for n < len(p.in) && while(p.in[n]) {
		n++
	}
	taken := p.in[:n]
	p.in = p.in[n:]
	return taken
}

// cutQuoted reads the text in double quotes at the beginning of s, and returns the text
// after it too. unescape returns the character that a backslash and c stand for. closed
// is false if the closing quote is missing.
func cutQuoted(s string, unescape func(c byte) byte) (text, after string, closed bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(unescape(s[i]))
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), "", false
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isToken(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isToken68(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("-._~+/", c) >= 0 }

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quote writes s as a quoted-string.
func quote(s string) string { return `"` + escapes.Replace(s) + `"` }
