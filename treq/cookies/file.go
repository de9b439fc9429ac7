package cookies

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// This file reads and writes cookies.txt, the format of Netscape that curl, wget, yt-dlp
// and Python's MozillaCookieJar share. Each line is a cookie, in seven columns:
//
//	domain  subdomains?  path  secure?  expires  name  value
//
// Ports and SameSite have no column. They are in a comment on the line before, which
// other programs ignore. The oldest cookie is first.

const (
	fileHead       = "# Netscape HTTP Cookie File\n# A line is a cookie; keep it secret.\n\n"
	httpOnlyPrefix = "#HttpOnly_"
	morePrefix     = "#+"
)

// Save writes all cookies to w, including session cookies. Other programs can read them,
// but ignore [Cookie].Ports.
func (j *Jar) Save(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(fileHead)
	for c := range j.All() {
		writeCookie(b, &c)
	}
	return b.Flush()
}

func writeCookie(b *bufio.Writer, c *Cookie) {
	more := ""
	if c.Ports != "" {
		more += " ports=" + c.Ports
	}
	for name, mode := range sameSiteModes {
		if mode == c.SameSite {
			more += " samesite=" + name
		}
	}
	if more != "" {
		fmt.Fprintf(b, "%s%s\n", morePrefix, more)
	}
	if c.HttpOnly {
		b.WriteString(httpOnlyPrefix)
	}
	domain, expires := c.Domain, int64(0)
	if c.Subdomains {
		domain = "." + domain
	}
	if !c.Expires.IsZero() {
		expires = max(c.Expires.Unix(), 1) // 0 means the end of the session
	}
	fmt.Fprintf(b, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n",
		domain, formatBool(c.Subdomains), c.Path, formatBool(c.Secure), expires, c.Name, wireValue(c.Value, c.Quoted))
}

func formatBool(b bool) string { return strings.ToUpper(strconv.FormatBool(b)) }

func parseBool(column string) (bool, error) {
	switch strings.ToUpper(column) {
	case "TRUE":
		return true, nil
	case "FALSE":
		return false, nil
	}
	return false, invalid("%.100q, not TRUE or FALSE", column)
}

// Load adds the cookies that [Jar.Save] or another program wrote. A later line replaces an
// earlier one for the same cookie.
//
// An error names the invalid line; then no cookie is added. [Jar].Dropped gets the cookies
// that are left out without an error, with their lines: those that have expired, and those
// without a name, which Python writes for a Set-Cookie without an equals sign.
func (j *Jar) Load(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var (
		all  []loaded
		more string // the attributes in the comment on the line before
		n    int
	)
	for lines.Scan() {
		n++
		line := strings.TrimSuffix(lines.Text(), "\r")
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff") // from an editor
		}
		if isCookieLine(line) {
			c, err := readCookie(line, more)
			if err != nil && !errors.Is(err, errNoName) {
				return fmt.Errorf("line %d: %w", n, err)
			}
			all = append(all, loaded{c, n, err})
			more = ""
			continue
		}
		if more != "" {
			return fmt.Errorf("line %d: %w", n-1, invalid("no cookie follows the attributes %.100q", more))
		}
		if after, ok := strings.CutPrefix(line, morePrefix); ok && strings.Contains(after, "=") {
			more = after
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	if more != "" {
		return fmt.Errorf("line %d: %w", n, invalid("no cookie follows the attributes %.100q", more))
	}
	now := j.now()
	for _, l := range all {
		switch {
		case l.err != nil:
			j.dropped(l.Cookie, fmt.Errorf("line %d: %w", l.line, l.err))
		case l.expired(now):
			j.dropped(l.Cookie, fmt.Errorf("line %d: %w, at %s", l.line, ErrExpired, l.Expires.Format(time.RFC3339)))
		default:
			j.put(l.Cookie)
		}
	}
	return nil
}

// maxLine bounds the bytes of a line. The longest cookies have the path of a long URL.
const maxLine = 1 << 20

// loaded is a cookie of a file.
type loaded struct {
	Cookie
	line int
	err  error // nil or errNoName
}

// isCookieLine reports whether a line is not empty and not a comment. Python takes lines
// that begin with a dollar sign for comments, too.
func isCookieLine(line string) bool {
	return strings.HasPrefix(line, httpOnlyPrefix) || trim(line) != "" && line[0] != '#' && line[0] != '$'
}

// errNoName is the error of a line without a name.
var errNoName = invalid("it has no name")

// readCookie reads a line. more has the attributes in the comment on the line before.
func readCookie(line, more string) (c Cookie, err error) {
	line, c.HttpOnly = strings.CutPrefix(line, httpOnlyPrefix)
	columns := strings.SplitN(line, "\t", 7)
	if len(columns) == 6 {
		columns = append(columns, "") // an empty value whose tab was trimmed
	}
	if len(columns) != 7 {
		return c, invalid("%d columns, not 7", len(columns))
	}
	c.Domain, c.Path, c.Name, c.Value = columns[0], columns[2], columns[5], columns[6]
	if c.Name == "" {
		return c, errNoName
	}
	if c.Subdomains, err = parseBool(columns[1]); err != nil {
		return c, err
	}
	if c.Secure, err = parseBool(columns[3]); err != nil {
		return c, err
	}
	if c.Expires, err = parseExpires(columns[4]); err != nil {
		return c, err
	}
	if !c.Subdomains { // curl never writes the dot and Python always does: only the column counts
		c.Domain = strings.TrimPrefix(c.Domain, ".")
	}
	for _, field := range strings.Fields(more) {
		key, value, _ := strings.Cut(field, "=")
		mode, known := sameSiteModes[value]
		switch {
		case key == "ports":
			c.Ports = value
		case key == "samesite" && known:
			c.SameSite = mode
		default: // to ignore it could send the cookie to more servers
			return c, invalid("the attribute %.100q", field)
		}
	}
	return c.checked()
}

// lastSecond is the end of the year 9999, the last year that a date can have.
const lastSecond = 253402300799

// parseExpires reads seconds since 1970. "" and "0" mean the end of the session. Python
// writes fractions of a second, which count for nothing here.
func parseExpires(column string) (time.Time, error) {
	if column == "" {
		return time.Time{}, nil
	}
	whole, fraction, _ := strings.Cut(column, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds < 0 || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, invalid("it expires at %.100q", column)
	}
	if seconds == 0 {
		return time.Time{}, nil
	}
	return time.Unix(min(seconds, lastSecond), 0).UTC(), nil
}

// SaveFile is [Jar.Save] to a file that only its owner may read. The file is replaced in
// one step, so that it is always complete. SaveFile blocks until the data is on disk.
func (j *Jar) SaveFile(name string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return fmt.Errorf("saving cookies: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("saving cookies: %w", err)
		}
	}()
	if err = j.Save(f); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// FromFile returns a jar with the cookies that [Jar.SaveFile] or another program wrote to the
// file. If there is no such file, the jar is empty: a program that keeps its cookies in a
// file has none yet when it runs for the first time. [Jar.LoadFile] is for a jar that has
// limits or another clock, and fails if there is no file.
func FromFile(name string) (*Jar, error) {
	jar := new(Jar)
	if err := jar.LoadFile(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return jar, nil
}

// LoadFile is [Jar.Load] from a file.
func (j *Jar) LoadFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("loading cookies: %w", err)
	}
	defer f.Close()
	if err := j.Load(f); err != nil {
		return fmt.Errorf("loading cookies: %s: %w", name, err)
	}
	return nil
}
