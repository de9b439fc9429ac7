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

	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A Netrc has the credentials of many hosts, from a .netrc file as ftp and curl
// read it:
//
//	machine an.example login me password secret
//	default login anonymous password me@an.example
//
// As [Credentials], it authorizes a request by the entry for its host, and leaves
// one alone that has an Authorization already.
//
// The file may be readable by others: ftp and Python mind, but curl, git and
// requests do not, and where secrets are mounted into a container there is no
// other way.
type Netrc struct {
	entries []Entry
	scheme  func(user, password string) Credentials
	made    map[Entry]Credentials
}

// An Entry is what a Netrc has for one machine.
type Entry struct {
	// Machine is the host, or "" for the default.
	Machine string
	// Login, Password and Account are empty if they were not given. Account is
	// for ftp.
	Login, Password, Account string
}

// ReadNetrc reads the file that $NETRC names, or else .netrc, or on Windows also
// _netrc, in the home directory. If there is no such file, it has no entries.
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

// ParseNetrc reads a file's text. Its errors name the line.
//
// A token may stand between double quotes, with \", \\, \n, \r and \t in it. A
// word that begins with # where a keyword is expected makes the rest of the line a
// comment.
func ParseNetrc(r io.Reader) (*Netrc, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("netrc: %w", err)
	}
	l := lexer{rest: string(text), line: 1}
	n := new(Netrc)
	if err := n.parse(&l); err != nil {
		return nil, fmt.Errorf("netrc: line %d: %w", l.line, err)
	}
	return n, nil
}

func (n *Netrc) parse(l *lexer) error {
	for {
		keyword, ok, err := l.keyword()
		if !ok || err != nil {
			return err
		}
		if keyword == "default" {
			n.entries = append(n.entries, Entry{})
			continue
		}
		switch keyword {
		case "machine", "login", "password", "account", "macdef":
		default:
			return fmt.Errorf("%q is not a keyword", keyword)
		}
		value, ok, err := l.token()
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("nothing follows %s", keyword)
		}
		switch keyword {
		case "machine":
			n.entries = append(n.entries, Entry{Machine: strings.ToLower(value)})
			continue
		case "macdef":
			l.skipMacro()
			continue
		}
		if len(n.entries) == 0 {
			return fmt.Errorf("%s stands before any machine", keyword)
		}
		entry := &n.entries[len(n.entries)-1]
		switch keyword {
		case "login":
			entry.Login = value
		case "password":
			entry.Password = value
		case "account":
			entry.Account = value
		}
	}
}

// A lexer takes a netrc file apart. line is where the last token began.
type lexer struct {
	rest string
	line int
}

// keyword takes the next token that is not in a comment.
func (l *lexer) keyword() (token string, ok bool, err error) {
	for {
		l.skipSpace()
		if !strings.HasPrefix(l.rest, "#") {
			return l.token()
		}
		_, l.rest = cutLine(l.rest)
		l.line++
	}
}

func (l *lexer) token() (token string, ok bool, err error) {
	l.skipSpace()
	if l.rest == "" {
		return "", false, nil
	}
	if l.rest[0] != '"' {
		end := strings.IndexAny(l.rest, " \t\r\n")
		if end < 0 {
			end = len(l.rest)
		}
		token, l.rest = l.rest[:end], l.rest[end:]
		return token, true, nil
	}
	var b strings.Builder
	for i := 1; i < len(l.rest); i++ {
		switch c := l.rest[i]; {
		case c == '"':
			l.rest = l.rest[i+1:]
			return b.String(), true, nil
		case c == '\n':
			return "", false, errors.New("the quote that ends a token is missing")
		case c == '\\' && i+1 < len(l.rest):
			i++
			switch c := l.rest[i]; c {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(c)
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", false, errors.New("the quote that ends a token is missing")
}

func (l *lexer) skipSpace() {
	for l.rest != "" && strings.IndexByte(" \t\r\n", l.rest[0]) >= 0 {
		if l.rest[0] == '\n' {
			l.line++
		}
		l.rest = l.rest[1:]
	}
}

// skipMacro skips the body of a macro, which an empty line ends.
func (l *lexer) skipMacro() {
	_, l.rest = cutLine(l.rest) // what follows its name
	l.line++
	for l.rest != "" {
		var line string
		line, l.rest = cutLine(l.rest)
		l.line++
		if strings.TrimRight(line, "\r") == "" {
			return
		}
	}
}

func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return line, rest
}

// Find returns the first entry for host, and for login unless that is empty; else
// the default, wherever that stands.
func (n *Netrc) Find(host, login string) (Entry, bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, machine := range []string{host, ""} {
		for _, e := range n.entries {
			if e.Machine == machine && (login == "" || e.Login == login) {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// As returns a Netrc with the same entries that are sent by another scheme than
// [Basic]:
//
//	netrc.As(func(user, password string) auth.Credentials { return auth.NewDigest(user, password) })
func (n *Netrc) As(scheme func(user, password string) Credentials) *Netrc {
	return &Netrc{entries: n.entries, scheme: scheme}
}

// of returns the credentials for req, or nil.
func (n *Netrc) of(req *request.Request) Credentials {
	e, ok := n.Find(req.URL.Hostname(), req.URL.User.Username())
	if !ok || e.Login == "" && e.Password == "" {
		return nil
	}
	if n.scheme == nil {
		return Basic(e.Login, e.Password)
	}
	c := n.made[e]
	if c == nil {
		c = n.scheme(e.Login, e.Password)
		if n.made == nil {
			n.made = make(map[Entry]Credentials)
		}
		n.made[e] = c
	}
	return c
}

// Authorize authorizes req by the entry for its host; see [Credentials].
func (n *Netrc) Authorize(req *request.Request) error {
	if c := n.of(req); c != nil && req.Header.Get("Authorization") == "" {
		return c.Authorize(req)
	}
	return nil
}

// Answered passes the response on to the credentials of the request's host; see
// [Credentials].
func (n *Netrc) Answered(req *request.Request, resp *response.Response) (again bool, err error) {
	if c := n.of(req); c != nil {
		return c.Answered(req, resp)
	}
	return false, nil
}
