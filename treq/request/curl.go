package request

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/internal/secret"
)

// Curl returns a command for a POSIX shell that sends r by the program curl: the same method,
// URL, headers and body, and nothing of curl's own such as its Accept.
//
//	curl http://an.example/ -H 'Authorization: Bearer xxxxx' -H 'User-Agent: me/1.0' -H Accept:
//
// It shows "xxxxx" in place of a secret: the value of a header, of a parameter of the URL, or
// of a field of a form or of JSON that has the name of a password, a token, a key, a signature
// or a session, or one of more. [Request.CurlWithSecrets] shows them. The user name and
// password of the URL are left out: an agent does not send them, but the Authorization that a
// client makes of them.
//
// Of bodies it shows [Bytes], such as forms and JSON. Another body is a stream: the command
// then reads it from a file that does not exist, so that it fails until somebody names the
// right one:
//
//	curl http://an.example/ -X PUT ... --data-binary @- < 'the body: 1234 bytes'
//
// The Request of a response is what was sent last, with its credentials and cookies.
func (r *Request) Curl(more ...string) string { return r.curl(secret.Names(more), false) }

// CurlWithSecrets is [Request.Curl] that shows the secrets.
func (r *Request) CurlWithSecrets() string { return r.curl(nil, true) }

// A curlCommand is a command in the making.
type curlCommand struct {
	strings.Builder
	names  secret.Names
	reveal bool // show secrets
}

func (r *Request) curl(names secret.Names, reveal bool) string {
	c := &curlCommand{names: names, reveal: reveal}
	body, isBytes := r.Body.(Bytes)
	text := c.bodyText(body, r.Header)
	piped := isBytes && !isArgument(text)
	if piped {
		c.WriteString("printf " + printfQuote(text) + " | ")
	}
	c.WriteString("curl")
	c.add(c.url(r.URL))
	c.method(r)
	c.headers(r)
	switch {
	case r.Body == nil && sendsLength(r.Method):
		c.add("--data-raw", "")
	case r.Body == nil:
	case piped:
		c.add("--data-binary", "@-")
	case isBytes:
		c.add("--data-raw", text)
	default:
		size := "of unknown length"
		if n := r.Body.Length(); n >= 0 {
			size = fmt.Sprintf("%d bytes", n)
		}
		c.add("--data-binary", "@-")
		c.WriteString(" < " + shellQuote("the body: "+size))
	}
	return c.String()
}

// add adds words to the command.
func (c *curlCommand) add(words ...string) {
	for _, word := range words {
		c.WriteString(" " + shellQuote(word))
	}
}

// url returns u as curl gets it, and adds the options that make curl leave it alone.
func (c *curlCommand) url(u *url.URL) string {
	if u == nil {
		return ""
	}
	sent := *u
	sent.User, sent.Fragment, sent.RawFragment = nil, "", ""
	if strings.ContainsAny(sent.String(), "[]{}") {
		c.add("--globoff")
	}
	if path := strings.ReplaceAll(strings.ToLower(sent.EscapedPath()), "%2e", "."); strings.Contains(path, "/.") {
		c.add("--path-as-is")
	}
	if c.reveal {
		return sent.String()
	}
	return c.names.URL(&sent)
}

// method adds the method, unless curl chooses it by itself.
func (c *curlCommand) method(r *Request) {
	hasBody := r.Body != nil || sendsLength(r.Method)
	switch {
	case r.Method == http.MethodHead && !hasBody:
		c.add("--head")
	case r.Method == http.MethodGet && !hasBody, r.Method == http.MethodPost:
	default:
		c.add("-X", r.Method)
	}
}

// sendsLength reports whether an agent announces a body of no bytes for a request with this
// method and no body.
func sendsLength(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// headers adds the headers of r, and takes those back that curl adds by itself.
func (c *curlCommand) headers(r *Request) {
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Transfer-Encoding": // they follow from the body
			continue
		}
		for _, value := range r.Header[name] {
			c.header(name, value)
		}
	}
	if r.AcceptEncoding != "" {
		c.header("Accept-Encoding", r.AcceptEncoding)
	}
	without := []string{"Accept"}
	if _, given := r.Header["User-Agent"]; !given && r.UserAgent != "" {
		c.header("User-Agent", r.UserAgent)
	} else {
		without = append(without, "User-Agent")
	}
	hasBody := r.Body != nil || sendsLength(r.Method)
	if hasBody {
		without = append(without, "Content-Type")
	}
	switch {
	case r.Body == nil:
	case r.ExpectContinue > 0 && len(r.Header["Expect"]) == 0:
		c.header("Expect", "100-continue")
	default:
		without = append(without, "Expect")
	}
	if r.Body != nil && r.Body.Length() == UnknownLength {
		c.header("Transfer-Encoding", "chunked")
	}
	for _, name := range without {
		if len(r.Header[name]) == 0 {
			c.add("-H", name+":")
		}
	}
}

// header adds a header. A control character, which no agent sends, becomes a question mark:
// it must not begin another header.
func (c *curlCommand) header(name, value string) {
	if !c.reveal {
		value = c.names.Header(name, value)
	}
	field := name + ": " + value
	if strings.Trim(value, " \t") == "" {
		field = name + ";" // curl would not send a header without a value
	}
	bytes := []byte(field) // which need not be UTF-8
	for i, b := range bytes {
		if b < ' ' && b != '\t' || b == 0x7f {
			bytes[i] = '?'
		}
	}
	c.add("-H", string(bytes))
}

// bodyText returns body as the command has it.
func (c *curlCommand) bodyText(body Bytes, h http.Header) string {
	if c.reveal {
		return string(body)
	}
	return c.names.Body(string(body), h.Get("Content-Type"))
}

// isArgument reports whether body may be a word of a command: a text that is not longer than
// systems allow.
func isArgument(body string) bool {
	const most = 100 << 10 // Linux allows 128 KiB
	return len(body) <= most && utf8.ValidString(body) && !strings.ContainsFunc(body, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t'
	})
}

// shellQuote returns word quoted for a POSIX shell, if it needs quotes.
func shellQuote(word string) string {
	if word != "" && strings.Trim(word, plainInShell) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

const plainInShell = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%_+:,./-"

// printfQuote returns body as the quoted format of the shell's printf.
func printfQuote(body string) string {
	var b strings.Builder
	for i := range len(body) {
		switch c := body[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '%':
			b.WriteString("%%")
		case c < ' ' || c >= 0x7f, c == '-' && i == 0: // "-" would begin an option
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return "'" + strings.ReplaceAll(b.String(), "'", `'\''`) + "'"
}
