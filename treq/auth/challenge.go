package auth

import (
	"strings"
)

// A Challenge is one of the ways that a server offers to authenticate, as
// WWW-Authenticate has them (RFC 9110, section 11.6.1).
type Challenge struct {
	// Scheme is the name of it: "Basic", "Digest".
	Scheme string
	// Token68 is what stands in the place of parameters, for some schemes.
	Token68 string
	// Params are the parameters, in order. Names are in lower case.
	Params []Param
}

// A Param is a parameter of a challenge.
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

// ParseChallenges reads the values of a WWW-Authenticate header, each of which may
// hold several challenges. Servers write these in many ways, and a client that
// cannot read one challenge should still answer the others: so what makes no sense
// is skipped, and so is a value with a line break or NUL in it, which is none of a
// header (RFC 9110, section 5.5), and might get into the answer.
func ParseChallenges(values []string) []Challenge {
	var all []Challenge
	for _, value := range values {
		p := parser{rest: oneLine(value)}
		all = append(all, p.challenges(nil)...)
	}
	return all
}

// parseParams reads parameters that have no scheme before them.
func parseParams(value string) Challenge {
	p := parser{rest: oneLine(value)}
	return p.challenges([]Challenge{{}})[0]
}

// oneLine returns value, or "" if it cannot be the value of a header.
func oneLine(value string) string {
	if strings.ContainsAny(value, "\r\n\x00") {
		return ""
	}
	return value
}

// A parser reads from the front of rest.
type parser struct{ rest string }

// challenges adds to all what there is. Parameters belong to the last challenge
// before them. It is the sign after a word that tells what the word is: the comma
// that separates challenges is also the one that separates parameters.
func (p *parser) challenges(all []Challenge) []Challenge {
	for {
		p.skip(" \t,")
		if p.rest == "" {
			return all
		}
		word := p.take(isToken)
		after := strings.TrimLeft(p.rest, " \t")
		switch {
		case word == "":
			p.take(func(c byte) bool { return c != ',' })
		case !strings.HasPrefix(after, "="):
			all = append(all, Challenge{Scheme: word, Token68: p.token68()})
		default:
			p.rest = after[1:]
			p.skip(" \t")
			param := Param{strings.ToLower(word), p.value()}
			if n := len(all); n > 0 {
				all[n-1].Params = append(all[n-1].Params, param)
			}
		}
	}
}

// token68 takes one, if that is all that stands before the next comma.
func (p *parser) token68() string {
	ahead := *p
	ahead.skip(" \t")
	token := ahead.take(isToken68)
	token += ahead.take(func(c byte) bool { return c == '=' })
	ahead.skip(" \t")
	if token == "" || token[0] == '=' || ahead.rest != "" && ahead.rest[0] != ',' {
		return ""
	}
	*p = ahead
	return token
}

// value takes the value of a parameter.
func (p *parser) value() string {
	if !strings.HasPrefix(p.rest, `"`) {
		return p.take(func(c byte) bool { return c != ',' && c != ' ' && c != '\t' })
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String()
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	p.rest = "" // the quote that ends it is missing
	return b.String()
}

func (p *parser) skip(chars string) { p.rest = strings.TrimLeft(p.rest, chars) }

func (p *parser) take(while func(byte) bool) string {
	n := 0
	for n < len(p.rest) && while(p.rest[n]) {
		n++
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
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
