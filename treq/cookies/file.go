package cookies

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// This file holds the format in which jars are saved: cookies.txt, which began
// with Netscape and which curl, wget, yt-dlp and Python's MozillaCookieJar read
// and write. A line is a cookie, in seven columns:
//
//	domain  subdomains?  path  secure?  expires  name  value
//
// The two things it has no column for, Ports and SameSite, stand in a comment on
// the line before, which other programs ignore. Their order tells the ages.

const (
	fileHead       = "# Netscape HTTP Cookie File\n# A line is a cookie; keep it secret.\n\n"
	httpOnlyPrefix = "#HttpOnly_"
	morePrefix     = "#+"
)

// Save writes all cookies to w, as a file that curl and others can read too.
// Cookies that end with the session are among them.
//
// A program that does not know of [Cookie].Ports will not keep to them.
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
	if s := sameSiteNames[c.SameSite]; s != "" {
		more += " samesite=" + s
	}
	if more != "" {
		fmt.Fprintf(b, "%s%s\n", morePrefix, more)
	}
	domain, expires, value := c.Domain, int64(0), c.Value
	if c.HttpOnly {
		b.WriteString(httpOnlyPrefix)
	}
	if c.Subdomains {
		domain = "." + domain
	}
	if !c.Expires.IsZero() {
		expires = max(c.Expires.Unix(), 1) // 0 would be the session
	}
	if c.Quoted {
		value = `"` + value + `"`
	}
	fmt.Fprintf(b, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", domain, yes(c.Subdomains), c.Path, yes(c.Secure), expires, c.Name, value)
}

var sameSiteNames = map[http.SameSite]string{
	http.SameSiteDefaultMode: "default",
	http.SameSiteLaxMode:     "lax",
	http.SameSiteStrictMode:  "strict",
	http.SameSiteNoneMode:    "none",
}

func yes(is bool) string {
	if is {
		return "TRUE"
	}
	return "FALSE"
}

// Load adds the cookies that r has, as [Jar.Save] or another program wrote them,
// but for those that have expired. If something in r is no cookie, it fails, says
// in which line, and adds none.
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
		if errors.Is(err, errNameless) {
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

// errNameless is of what Python writes for a Set-Cookie without an equals sign,
// which RFC 6265 says is none.
var errNameless = errors.New("a cookie without a name")

// readCookie reads a line, and what the comment before it had to say.
func readCookie(line, more string) (Cookie, error) {
	line, httpOnly := strings.CutPrefix(line, httpOnlyPrefix)
	columns := strings.SplitN(line, "\t", 7)
	if len(columns) == 6 {
		columns = append(columns, "") // the value is empty, and its tab was trimmed
	}
	if len(columns) != 7 {
		return Cookie{}, invalid("%d columns, not 7", len(columns))
	}
	if columns[5] == "" {
		return Cookie{}, errNameless
	}
	c := Cookie{
		Domain: columns[0], Path: columns[2],
		Name: columns[5], Value: columns[6],
		HttpOnly: httpOnly,
	}
	var err error
	if c.Subdomains, err = readYes(columns[1]); err != nil {
		return c, err
	}
	if c.Secure, err = readYes(columns[3]); err != nil {
		return c, err
	}
	if !c.Subdomains { // curl writes no dot, Python always one; the column counts
		c.Domain = strings.TrimPrefix(c.Domain, ".")
	}
	if expires := columns[4]; expires != "" {
		seconds, err := strconv.ParseInt(expires, 10, 64)
		if err != nil || seconds < 0 {
			return c, invalid("it expires at %.100q", expires)
		}
		if seconds != 0 {
			c.Expires = time.Unix(min(seconds, lastSecond), 0).UTC()
		}
	}
	for _, field := range strings.Fields(more) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "ports":
			c.Ports = value
		case "samesite":
			for mode, name := range sameSiteNames {
				if name == value {
					c.SameSite = mode
				}
			}
		}
	}
	return c.checked()
}

// lastSecond is the end of the year 9999. What lasts longer might as well end
// there, where dates still can be written.
const lastSecond = 253402300799

func readYes(column string) (bool, error) {
	switch strings.ToUpper(column) {
	case "TRUE":
		return true, nil
	case "FALSE":
		return false, nil
	}
	return false, invalid("%.100q, not TRUE or FALSE", column)
}

// SaveFile is [Jar.Save] to a file that only its owner may read. The file is
// replaced when all of it has been written, so that there is always a whole one.
//
// It blocks for as long as the disk takes.
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
