package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"golang.org/x/text/unicode/norm"
)

// A Digest is the credentials of RFC 7616: they prove knowledge of the password
// without sending it. MD5, SHA-256 and SHA-512-256 and their -sess forms, qop auth
// and auth-int, user names hashed or in UTF-8, and what RFC 2069 had before all
// that, are as the server asks; of several challenges the one with the strongest
// hash is answered.
//
// A Digest remembers what servers have asked for, so that only the first of many
// requests takes two turns. That makes it worth keeping.
type Digest struct {
	// Random is where client nonces come from; nil is crypto/rand. A test gives
	// it something that is the same every time.
	Random io.Reader

	user, password string
	spaces         []*space // the last one that was heard of is last
}

// NewDigest returns Digest credentials. A user name that has a control character
// or is not UTF-8 cannot be sent: requests then fail with [ErrInvalid].
func NewDigest(user, password string) *Digest {
	return &Digest{user: norm.NFC.String(user), password: norm.NFC.String(password)}
}

// Errors of a Digest.
var (
	// ErrNotBytes says that a server wants the body of a request signed (qop
	// auth-int) and it is not one that is there beforehand.
	ErrNotBytes = errors.New("digest: the server wants the body signed, which can be done only for request.Bytes")
	// ErrServerUnproved says that a server, which said that it proves to know the
	// password, does not.
	ErrServerUnproved = errors.New("digest: the server's own proof that it knows the password is wrong")
)

// A space is a protection space: the part of a server that one challenge is for.
type space struct {
	origin    Origin
	realm     string
	within    []string // the paths of it; none are all
	algorithm algorithm
	name      string // of the algorithm, as the server wrote it
	opaque    string
	hasOpaque bool
	auth      bool // the qop that are offered
	authInt   bool
	userhash  bool
	utf8      bool
	nonce     *nonce
}

// A nonce is the server's, with what is ours about it.
type nonce struct {
	value  string
	client string // our nonce. One for all its requests, since -sess asks for that
	count  uint32 // how often it was used
	proven bool   // the server has taken it, or gave it for later use
}

// maxSpaces bounds what is remembered, should a server make up a realm for every
// request.
const maxSpaces = 32

// Authorize adds the answer to the last challenge that was for req's URL, if there
// was one. What req has of Authorization is replaced.
func (d *Digest) Authorize(req *request.Request) error {
	if !utf8.ValidString(d.user) || hasControl(d.user) {
		return fmt.Errorf("%w: digest: the user name has a control character or is not UTF-8", ErrInvalid)
	}
	req.Header.Del("Authorization")
	for _, s := range slices.Backward(d.spaces) {
		if s.has(req.URL) {
			value, err := d.authorization(s, req)
			if err == nil {
				req.Header.Set("Authorization", value)
			}
			return err
		}
	}
	return nil
}

// has reports whether u is in s.
func (s *space) has(u *url.URL) bool {
	if OriginOf(u) != s.origin {
		return false
	}
	return s.within == nil || slices.ContainsFunc(s.within, func(path string) bool {
		return strings.HasPrefix(u.EscapedPath(), path)
	})
}

// authorization answers the challenge of s, for req.
func (d *Digest) authorization(s *space, req *request.Request) (string, error) {
	if s.nonce.client == "" {
		random, b := d.Random, make([]byte, 16)
		if random == nil {
			random = rand.Reader
		}
		if _, err := io.ReadFull(random, b); err != nil {
			return "", fmt.Errorf("digest: making a nonce: %w", err)
		}
		s.nonce.client = hex.EncodeToString(b)
	}
	qop, body, err := s.qop(req.Body)
	if err != nil {
		return "", err
	}
	s.nonce.count++
	a := answer{
		method: req.Method, uri: req.URL.RequestURI(),
		nonce: s.nonce.value, cnonce: s.nonce.client, nc: fmt.Sprintf("%08x", s.nonce.count),
		qop: qop, body: body,
	}
	var b strings.Builder
	b.WriteString("Digest ")
	switch {
	case s.userhash:
		b.WriteString("username=" + quote(s.algorithm.h(d.user, s.realm)))
	case s.utf8 && !isASCII(d.user):
		b.WriteString("username*=UTF-8''" + extended(d.user))
	default:
		b.WriteString("username=" + quote(d.user))
	}
	fmt.Fprintf(&b, ", realm=%s, nonce=%s, uri=%s, response=%s",
		quote(s.realm), quote(a.nonce), quote(a.uri), quote(a.response(s.algorithm, d.user, s.realm, d.password)))
	if s.name != "" {
		b.WriteString(", algorithm=" + s.name)
	}
	if s.hasOpaque {
		b.WriteString(", opaque=" + quote(s.opaque))
	}
	if qop != "" {
		fmt.Fprintf(&b, ", qop=%s, nc=%s", qop, a.nc)
	}
	if qop != "" || s.algorithm.session {
		b.WriteString(", cnonce=" + quote(a.cnonce))
	}
	if s.userhash {
		b.WriteString(", userhash=true")
	}
	return b.String(), nil
}

// qop chooses what is protected: the body too, if the server offers that and the
// body is there, else the request without it, else what RFC 2069 did.
func (s *space) qop(body request.BodyProducer) (qop, bytes string, err error) {
	data, isBytes := body.(request.Bytes)
	switch {
	case s.authInt && isBytes:
		return "auth-int", string(data), nil
	case s.auth:
		return "auth", "", nil
	case s.authInt && body == nil:
		return "auth-int", "", nil
	case s.authInt:
		return "", "", ErrNotBytes
	}
	return "", "", nil
}

// An answer is what the response to a challenge is computed from, beside the
// secret.
type answer struct {
	method, uri, nonce, cnonce, nc, qop, body string
}

// response computes it: RFC 7616, sections 3.4.1 to 3.4.3.
func (a *answer) response(alg algorithm, user, realm, password string) string {
	a1 := alg.h(user, realm, password)
	if alg.session {
		a1 = alg.h(a1, a.nonce, a.cnonce)
	}
	a2 := alg.h(a.method, a.uri)
	if a.qop == "auth-int" {
		a2 = alg.h(a.method, a.uri, alg.h(a.body))
	}
	if a.qop == "" {
		return alg.h(a1, a.nonce, a2)
	}
	return alg.h(a1, a.nonce, a.nc, a.cnonce, a.qop, a2)
}

// Answered learns from the response what to send from now on. It asks for the
// request to be sent again if it was not authorized, or with a nonce that has
// become stale; not if it is the password that the server did not take.
func (d *Digest) Answered(req *request.Request, resp *response.Response) (again bool, err error) {
	sent := sentWith(req)
	if resp.Code == http.StatusUnauthorized {
		return d.challenged(req, sent, resp.Header["Www-Authenticate"]), nil
	}
	return false, d.accepted(req, sent, resp)
}

// sentWith returns the answer that went with req. It is nil if that was for
// another URL, which happens when the request was redirected underway.
func sentWith(req *request.Request) *Challenge {
	all := ParseChallenges(req.Header["Authorization"])
	if len(all) != 1 || all[0].Scheme != "Digest" || all[0].Get("uri") != req.URL.RequestURI() {
		return nil
	}
	return &all[0]
}

// challenged takes the best of the challenges, and reports whether it is worth an
// answer.
func (d *Digest) challenged(req *request.Request, sent *Challenge, challenges []string) (again bool) {
	var best *space
	stale := false
	for _, c := range ParseChallenges(challenges) {
		if s := newSpace(req.URL, &c); s != nil && (best == nil || s.algorithm.strength > best.algorithm.strength) {
			best, stale = s, strings.EqualFold(c.Get("stale"), "true")
		}
	}
	if best == nil {
		return false
	}
	var old *space
	i := slices.IndexFunc(d.spaces, func(s *space) bool { return s.origin == best.origin && s.realm == best.realm })
	if i >= 0 {
		old = d.spaces[i]
	}
	if old != nil && old.nonce.value == best.nonce.value {
		best.nonce = old.nonce // its count must go on
	}
	if sent != nil && sent.Get("realm") == best.realm {
		sameNonce := sent.Get("nonce") == best.nonce.value
		// A nonce that once was good may just be old, though the server does not
		// say so. Otherwise it must be the password.
		wasGood := old != nil && (old.nonce.proven || old.nonce.value != sent.Get("nonce"))
		if sameNonce || !stale && !wasGood {
			if old != nil && !wasGood {
				d.spaces = slices.Delete(d.spaces, i, i+1)
			}
			return false
		}
	}
	if old != nil {
		d.spaces = slices.Delete(d.spaces, i, i+1)
	}
	if len(d.spaces) == maxSpaces {
		d.spaces = slices.Delete(d.spaces, 0, 1)
	}
	d.spaces = append(d.spaces, best)
	return true
}

// newSpace returns what c, a challenge from u, is for; nil if c is not one that can
// be answered.
func newSpace(u *url.URL, c *Challenge) *space {
	alg, known := algorithmNamed(c.Get("algorithm"))
	if !strings.EqualFold(c.Scheme, "Digest") || !known || c.Get("nonce") == "" {
		return nil
	}
	s := &space{
		origin:    OriginOf(u),
		realm:     c.Get("realm"),
		algorithm: alg,
		name:      c.Get("algorithm"),
		opaque:    c.Get("opaque"),
		hasOpaque: slices.ContainsFunc(c.Params, func(p Param) bool { return p.Name == "opaque" }),
		userhash:  strings.EqualFold(c.Get("userhash"), "true"),
		utf8:      strings.EqualFold(c.Get("charset"), "UTF-8"),
		nonce:     &nonce{value: c.Get("nonce")},
	}
	if qop := c.Get("qop"); qop != "" {
		for option := range strings.FieldsFuncSeq(strings.ToLower(qop), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
			s.auth = s.auth || option == "auth"
			s.authInt = s.authInt || option == "auth-int"
		}
		if !s.auth && !s.authInt {
			return nil
		}
	}
	for _, where := range strings.Fields(c.Get("domain")) {
		if in, err := u.Parse(where); err == nil && OriginOf(in) == s.origin {
			s.within = append(s.within, in.EscapedPath())
		}
	}
	if s.within != nil {
		s.within = append(s.within, u.EscapedPath()) // it was this that it was asked for
	}
	return s
}

// accepted notes that the server took what was sent, and what it has to say about
// that in Authentication-Info (RFC 7616, section 3.5).
func (d *Digest) accepted(req *request.Request, sent *Challenge, resp *response.Response) error {
	if sent == nil || resp.Code >= 500 {
		return nil
	}
	i := slices.IndexFunc(d.spaces, func(s *space) bool { return s.has(req.URL) && s.nonce.value == sent.Get("nonce") })
	if i < 0 {
		return nil // another request has learned something newer
	}
	s := d.spaces[i]
	s.nonce.proven = true
	info := parseParams(strings.Join(resp.Header["Authentication-Info"], ","))
	if next := info.Get("nextnonce"); next != "" && next != s.nonce.value {
		s.nonce = &nonce{value: next, proven: true}
	}
	proof := info.Get("rspauth")
	if proof == "" || sent.Get("qop") == "" || strings.EqualFold(info.Get("qop"), "auth-int") {
		return nil // there is none, or one of the body, which is not there yet
	}
	a := answer{
		uri: sent.Get("uri"), nonce: sent.Get("nonce"), cnonce: sent.Get("cnonce"), nc: sent.Get("nc"),
		qop: sent.Get("qop"),
	}
	if a.qop == "auth-int" && info.Get("qop") == "" {
		return nil // of the body too, presumably
	}
	a.qop = "auth"
	want := a.response(s.algorithm, d.user, s.realm, d.password)
	if subtle.ConstantTimeCompare([]byte(strings.ToLower(proof)), []byte(want)) == 0 {
		return ErrServerUnproved
	}
	return nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// extended writes s as RFC 8187 has it in a parameter whose name ends in "*".
func extended(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isAlphanumeric(c) || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
