package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A Netrc has the credentials of a .netrc file, which ftp and curl also read:
//
//	machine an.example login me password secret
//	default login anonymous password me@an.example
//
// As [Credentials], it authorizes a request by the entry for its host. A request that
// already has an Authorization keeps it. A Netrc without entries authorizes nothing.
//
// The file may be readable by others, as for curl, git and requests: a container may have
// no other way to mount secrets.
type Netrc struct {
	// Scheme makes the credentials of an entry; use [NewDigest] for digests. It is
	// called once for each entry. nil means [Basic].
	Scheme func(user, password string) Credentials

	entries []Entry
	made    map[Entry]Credentials // the results of Scheme
}

// An Entry is the entry of a Netrc for one machine.
type Entry struct {
	// Machine is the host in lower case and ASCII, or "" for the default.
	Machine string
	// Login, Password and Account are "" if the file has none. Account is for ftp.
	Login, Password, Account string
}

// String does not show the passwords.
func (n *Netrc) String() string { return fmt.Sprintf("Netrc of %d entries", len(n.entries)) }

// GoString is String, for the verb %#v.
func (n *Netrc) GoString() string { return n.String() }

// String does not show the password.
func (e Entry) String() string {
	return fmt.Sprintf("machine %q login %q password xxxxx", e.Machine, e.Login)
}

// GoString is String, for the verb %#v.
func (e Entry) GoString() string { return e.String() }

// MarshalText is String, so that the password is not in the JSON of a log.
func (e Entry) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// ReadNetrc reads the file that $NETRC names, else .netrc in the home directory, else, on
// Windows, _netrc there. If there is no file, the Netrc has no entries.
func ReadNetrc() (*Netrc, error) {
	var names []string
	if name := os.Getenv("NETRC"); name != "" {
		names = []string{name}
	} else if home, err := os.UserHomeDir(); err == nil {
		names = []string{filepath.Join(home, ".netrc")}
		if runtime.GOOS == "windows" {
			names = append(names, filepath.Join(home, "_netrc"))
		}
	}
	for _, name := range names {
		n, err := ReadNetrcFile(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return n, err
		}
	}
	return new(Netrc), nil
}

// ReadNetrcFile reads the file of that name.
func ReadNetrcFile(name string) (*Netrc, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("netrc: %w", err)
	}
	defer f.Close()
	n, err := ParseNetrc(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

// ParseNetrc reads the text of a file. An error names the line.
//
// A token may be in double quotes, with the escapes \", \\, \n, \r and \t. In place of a
// keyword, a word that begins with # starts a comment, which ends with the line.
func ParseNetrc(r io.Reader) (*Netrc, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("netrc: %w", err)
	}
	l := lexer{in: string(text), line: 1}
	n := new(Netrc)
	for {
		keyword, ok, err := l.keyword()
		if ok {
			err = n.parseClause(keyword, &l)
		}
		if err != nil {
			return nil, fmt.Errorf("netrc: line %d: %w", l.line, err)
		}
		if !ok {
			return n, nil
		}
	}
}

// parseClause reads the clause after keyword.
func (n *Netrc) parseClause(keyword string, l *lexer) error {
	switch keyword {
	case "default":
		n.entries = append(n.entries, Entry{})
		return nil
	case "machine", "login", "password", "account", "macdef":
	default:
		return fmt.Errorf("%q is not a keyword", keyword)
	}
	value, ok, err := l.token()
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("nothing follows %s", keyword)
	case keyword == "machine":
		n.entries = append(n.entries, Entry{Machine: machineOf(value)})
		return nil
	case keyword == "macdef":
		l.skipMacro()
		return nil
	case len(n.entries) == 0:
		return fmt.Errorf("%s stands before any machine", keyword)
	}
	switch last := &n.entries[len(n.entries)-1]; keyword {
	case "login":
		last.Login = value
	case "password":
		last.Password = value
	case "account":
		last.Account = value
	}
	return nil
}

// machineOf returns host in the form in which Netrc compares hosts.
func machineOf(host string) string {
	if canonical, err := origin.Host(host); err == nil {
		return canonical
	}
	return strings.ToLower(host)
}

// A lexer splits a netrc file into tokens.
type lexer struct {
	in   string // not yet read
	line int    // the line of the last token
}

// keyword reads the next token that is not in a comment.
func (l *lexer) keyword() (token string, ok bool, err error) {
	for {
		l.skipSpace()
		if !strings.HasPrefix(l.in, "#") {
			return l.token()
		}
		l.cutLine()
	}
}

// token reads the next token. ok is false at the end.
func (l *lexer) token() (token string, ok bool, err error) {
	l.skipSpace()
	if l.in == "" {
		return "", false, nil
	}
	if l.in[0] != '"' {
		end := strings.IndexAny(l.in, " \t\r\n")
		if end < 0 {
			end = len(l.in)
		}
		token, l.in = l.in[:end], l.in[end:]
		return token, true, nil
	}
	line, _, _ := strings.Cut(l.in, "\n")
	token, after, closed := cutQuoted(line, unescape)
	if !closed {
		return "", false, errors.New("the quote that ends a token is missing")
	}
	l.in = l.in[len(line)-len(after):]
	return token, true, nil
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func (l *lexer) skipSpace() {
	space := l.in[:len(l.in)-len(strings.TrimLeft(l.in, " \t\r\n"))]
	l.line += strings.Count(space, "\n")
	l.in = l.in[len(space):]
}

// skipMacro skips the lines of a macro, which an empty line ends.
func (l *lexer) skipMacro() {
	l.cutLine() // after the name
	for l.in != "" && strings.TrimRight(l.cutLine(), "\r") != "" {
	}
}

// cutLine reads up to the end of the line.
func (l *lexer) cutLine() (line string) {
	line, l.in, _ = strings.Cut(l.in, "\n")
	l.line++
	return line
}

// Find returns the first entry for host, and for login unless that is "". If there is
// none, it returns the default entry.
func (n *Netrc) Find(host, login string) (Entry, bool) {
	for _, machine := range []string{machineOf(host), ""} {
		for _, e := range n.entries {
			if e.Machine == machine && (login == "" || e.Login == login) {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// of returns the credentials for req, or nil.
func (n *Netrc) of(req *request.Request) Credentials {
	e, ok := n.Find(req.URL.Hostname(), req.URL.User.Username())
	if !ok || e.Login == "" && e.Password == "" {
		return nil
	}
	if n.Scheme == nil {
		return Basic(e.Login, e.Password)
	}
	c := n.made[e]
	if c == nil {
		c = n.Scheme(e.Login, e.Password)
		if n.made == nil {
			n.made = make(map[Entry]Credentials)
		}
		n.made[e] = c
	}
	return c
}

// Authorize implements [Credentials].
func (n *Netrc) Authorize(req *request.Request) *deferred.Deferred[deferred.None] {
	if c := n.of(req); c != nil && req.Header.Get("Authorization") == "" {
		return c.Authorize(req)
	}
	return nil
}

// Answered implements [Credentials].
func (n *Netrc) Answered(req *request.Request, resp *response.Response) (again bool, err error) {
	if c := n.of(req); c != nil {
		return c.Answered(req, resp)
	}
	return false, nil
}
