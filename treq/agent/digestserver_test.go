package agent_test

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/auth"
)

// A digestServer answers users who know the password, and makes all checks that RFC 7616
// demands from a server. It is written from the RFC. Of the client's code it uses only
// the parser of headers.
type digestServer struct {
	algorithm, qop, more string
	user, password       string
	uses                 int  // the number of uses of a nonce, before it is stale
	next                 bool // each answer has a nextnonce
	impostor             bool // the server pretends to know the password

	requests int
	why      string // the reason why the last request was refused
	nonces   int
	used     int // the number of uses of the present nonce
}

const digestRealm, digestOpaque = `a "realm"`, `o\paque`

func (s *digestServer) nonce() string { return fmt.Sprintf(`no"nce %d`, s.nonces) }

func (s *digestServer) h(parts ...string) string {
	var h hash.Hash
	switch strings.TrimSuffix(s.algorithm, "-sess") {
	case "", "MD5":
		h = md5.New()
	case "SHA-256":
		h = sha256.New()
	case "SHA-512-256":
		h = sha512.New512_256()
	}
	io.WriteString(h, strings.Join(parts, ":"))
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (s *digestServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests++
	body, _ := io.ReadAll(r.Body)
	stale := false
	s.why, stale = s.check(w, r, string(body))
	if s.why == "" {
		fmt.Fprint(w, hello)
		return
	}
	s.nonces++
	s.used = 0
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
	challenge := fmt.Sprintf(`realm="%s", nonce="%s", opaque="%s"`, quote(digestRealm), quote(s.nonce()), quote(digestOpaque))
	if s.algorithm != "" {
		challenge += ", algorithm=" + s.algorithm
	}
	if s.qop != "" {
		challenge += fmt.Sprintf(", qop=%q", s.qop)
	}
	if s.more != "" {
		challenge += ", " + s.more
	}
	if stale {
		challenge += ", stale=true"
	}
	w.Header().Add("WWW-Authenticate", `Basic realm="x", Digest `+challenge)
	w.WriteHeader(401)
	fmt.Fprint(w, s.why)
}

// check returns the reason for refusing r, or "".
func (s *digestServer) check(w http.ResponseWriter, r *http.Request, body string) (why string, stale bool) {
	all := auth.ParseChallenges(r.Header["Authorization"])
	if len(all) != 1 || all[0].Scheme != "Digest" {
		return fmt.Sprintf("no digest: %q", r.Header["Authorization"]), false
	}
	c := &all[0]
	is := func(name, want string) {
		if got := c.Get(name); got != want && why == "" {
			why = fmt.Sprintf("%s is %q, not %q", name, got, want)
		}
	}
	is("realm", digestRealm)
	is("uri", r.URL.RequestURI())
	is("opaque", digestOpaque)
	is("algorithm", s.algorithm)
	switch {
	case strings.Contains(s.more, "userhash"):
		is("userhash", "true")
		is("username", s.h(s.user, digestRealm))
		is("username*", "")
	case strings.Contains(s.more, "UTF-8"):
		is("username", "")
		is("username*", "UTF-8''"+strings.ReplaceAll(url.QueryEscape(s.user), "+", "%20"))
	default:
		is("username", s.user)
	}
	qop := ""
	switch {
	case strings.Contains(s.qop, "auth-int") && body != "", s.qop == "auth-int":
		qop = "auth-int"
	case s.qop != "":
		qop = "auth"
	}
	is("qop", qop)
	if qop != "" {
		is("nc", fmt.Sprintf("%08x", s.used+1))
	}
	cnonce := c.Get("cnonce")
	if (qop != "" || strings.HasSuffix(s.algorithm, "-sess")) && cnonce == "" {
		return "there is no cnonce", false
	}
	if why != "" {
		return why, false
	}
	if c.Get("nonce") != s.nonce() || s.used == s.uses {
		return "the nonce is stale", true
	}
	response := func(method, body string) string {
		ha1 := s.h(s.user, digestRealm, s.password)
		if strings.HasSuffix(s.algorithm, "-sess") {
			ha1 = s.h(ha1, s.nonce(), cnonce)
		}
		ha2 := s.h(method, r.URL.RequestURI())
		if qop == "auth-int" {
			ha2 = s.h(method, r.URL.RequestURI(), s.h(body))
		}
		if qop == "" {
			return s.h(ha1, s.nonce(), ha2)
		}
		return s.h(ha1, s.nonce(), c.Get("nc"), cnonce, qop, ha2)
	}
	if is("response", response(r.Method, body)); why != "" {
		return why, false
	}
	s.used++
	info := ""
	if qop != "" {
		proof := response("", hello)
		if s.impostor {
			proof = s.h("guess")
		}
		info = fmt.Sprintf(`qop=%s, rspauth="%s", cnonce="%s", nc=%s`, qop, proof, cnonce, c.Get("nc"))
	}
	if s.next {
		s.nonces++
		s.used = 0
		info += `, nextnonce="` + strings.ReplaceAll(s.nonce(), `"`, `\"`) + `"`
	}
	if info != "" {
		w.Header().Set("Authentication-Info", info)
	}
	return "", false
}
