package cookies

import (
	"bufio"
	"errors"
	"fmt"
	"io"
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

// Load adds the cookies that [Jar.Save] or another program wrote, except expired ones. An
// error names the invalid line; then no cookie is added.
func (j *Jar) Load(r io.Reader) error {
	var all []Cookie
	var more string
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSuffix(lines.Text(), "\r")
		if after, ok := strings.CutPrefix(line, morePrefix); ok {
			more = after
			continue
		}
		if strings.TrimSpace(line) == "" || line[0] == '#' && !strings.HasPrefix(line, httpOnlyPrefix) {
			continue
		}
		c, err := readCookie(line, more)
		if errors.Is(err, errNoName) {
			continue
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		more = ""
		all = append(all, c)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	now := j.now()
	for _, c := range all {
		if !c.expired(now) {
			j.put(c)
		}
	}
	return nil
}

// errNoName is the error of a line without a name. Python writes such a line for a
// Set-Cookie without an equals sign, which is not a cookie by RFC 6265.
var errNoName = errors.New("a cookie without a name")

func readCookie(line, more string) (c Cookie, err error) {
	line, c.HttpOnly = strings.CutPrefix(line, httpOnlyPrefix)
	columns := strings.SplitN(line, "\t", 7)
	if len(columns) == 6 {
		columns = append(columns, "") // an empty value whose tab was trimmed
	}
	if len(columns) != 7 {
		return c, invalid("%d columns, not 7", len(columns))
	}
	if c.Name, c.Value = columns[5], columns[6]; c.Name == "" {
		return c, errNoName
	}
	c.Domain, c.Path = columns[0], columns[2]
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
		switch key, value, _ := strings.Cut(field, "="); key {
		case "ports":
			c.Ports = value
		case "samesite":
			c.SameSite = sameSiteModes[value]
		}
	}
	return c.checked()
}

// lastSecond is the end of the year 9999, the last year that a date can have.
const lastSecond = 253402300799

// parseExpires reads seconds since 1970. "" and "0" mean the end of the session.
func parseExpires(column string) (time.Time, error) {
	if column == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(column, 10, 64)
	if err != nil || seconds < 0 {
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
