package auth

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/random"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"golang.org/x/text/unicode/norm"
)

// A Digest holds the credentials of RFC 7616, which prove knowledge of a password without
// sending it. It supports MD5, SHA-256, SHA-512-256 and their -sess forms, qop auth and
// auth-int, user names hashed or in UTF-8, and the challenges of RFC 2069. If there are
// several challenges, it answers the one with the strongest hash.
//
// A Digest remembers challenges, so that only the first request is sent twice. Keep it for
// all requests.
type Digest struct {
	// Rand is the source of client nonces. nil: the system's.
	Rand *rand.Rand

	user, password string
	spaces         []*space // in the order of their last challenges
}

// NewDigest returns Digest credentials. A user name with a control character, or one that
// is not UTF-8, cannot be sent: requests then fail with [ErrInvalid].
func NewDigest(user, password string) *Digest {
	return &Digest{user: norm.NFC.String(user), password: norm.NFC.String(password)}
}

// String does not show the password.
func (d *Digest) String() string { return "Digest xxxxx" }

// GoString is String, for the verb %#v.
func (d *Digest) GoString() string { return d.String() }

// Errors of a Digest.
var (
	// ErrNotBytes says that the server wants a digest of the body (qop auth-int), which
	// needs a body of [request.Bytes].
	ErrNotBytes = errors.New("digest: the server wants the body signed, which can be done only for request.Bytes")
	// ErrServerUnproved says that the server failed to prove that it knows the password.
	ErrServerUnproved = errors.New("digest: the server's own proof that it knows the password is wrong")
)

// A space is a protection space: the part of a server that a challenge is for.
type space struct {
	origin    origin.Origin
	realm     string
	paths     []string // prefixes of the paths in the space; nil: all paths
	algorithm algorithm
	name      string // the name of the algorithm, as the server wrote it
	opaque    string
	hasOpaque bool
	auth      bool // the server offers qop auth
	authInt   bool // the server offers qop auth-int
	userhash  bool
	utf8      bool
	nonce     *nonce
}

// A nonce is a server's nonce and our use of it.
type nonce struct {
	value  string
	client string // our nonce, the same for all requests, as -sess requires
	count  uint32 // the number of requests with the nonce
	proven bool   // the server has accepted the nonce, or sent it for later requests
}

// maxSpaces bounds the challenges that a Digest remembers, in case a server invents a
// realm for every request.
const maxSpaces = 32

// Authorize replaces the Authorization of req by the answer to the last challenge for its
// URL. Without such a challenge it removes the Authorization.
func (d *Digest) Authorize(req *request.Request) *deferred.Deferred[deferred.None] {
	if !utf8.ValidString(d.user) || strings.ContainsFunc(d.user, unicode.IsControl) {
		return deferred.Fail[deferred.None](fmt.Errorf("%w: digest: the user name has a control character or is not UTF-8", ErrInvalid))
	}
	req.Header.Del("Authorization")
	for _, s := range slices.Backward(d.spaces) {
		if s.has(req.URL) {
			value, err := d.authorization(s, req)
			if err != nil {
				return deferred.Fail[deferred.None](err)
			}
			req.Header.Set("Authorization", value)
			return nil
		}
	}
	return nil
}

func (s *space) has(u *url.URL) bool {
	if of, err := origin.Of(u); err != nil || of != s.origin {
		return false
	}
	return s.paths == nil || slices.ContainsFunc(s.paths, func(path string) bool {
		return strings.HasPrefix(u.EscapedPath(), path)
	})
}

// authorization answers the challenge of s for req.
func (d *Digest) authorization(s *space, req *request.Request) (string, error) {
	qop, body, err := s.qop(req.Body)
	if err != nil {
		return "", err
	}
	if s.nonce.client == "" {
		var b [16]byte
		random.Fill(b[:], d.Rand)
		s.nonce.client = hex.EncodeToString(b[:])
	}
	s.nonce.count++
	a := answer{
		method: req.Method, uri: req.URL.RequestURI(),
		nonce: s.nonce.value, cnonce: s.nonce.client, nc: fmt.Sprintf("%08x", s.nonce.count),
		qop: qop, body: body,
	}
	params := []string{
		d.username(s), "realm=" + quote(s.realm), "nonce=" + quote(a.nonce), "uri=" + quote(a.uri),
		"response=" + quote(a.response(s.algorithm, d.user, s.realm, d.password)),
	}
	if s.name != "" {
		params = append(params, "algorithm="+s.name)
	}
	if s.hasOpaque {
		params = append(params, "opaque="+quote(s.opaque))
	}
	if qop != "" {
		params = append(params, "qop="+qop, "nc="+a.nc)
	}
	if qop != "" || s.algorithm.session {
		params = append(params, "cnonce="+quote(a.cnonce))
	}
	if s.userhash {
		params = append(params, "userhash=true")
	}
	return "Digest " + strings.Join(params, ", "), nil
}

// username returns the parameter with the user name, in the form that s asks for.
func (d *Digest) username(s *space) string {
	ascii := utf8.RuneCountInString(d.user) == len(d.user)
	switch {
	case s.userhash:
		return "username=" + quote(s.algorithm.h(d.user, s.realm))
	case s.utf8 && !ascii:
		return "username*=UTF-8''" + extended(d.user)
	}
	return "username=" + quote(d.user)
}

// qop chooses what the digest protects: the request and its body if the server offers
// that and the body is in memory; else only the request; else what RFC 2069 protects.
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

// An answer has the public values from which the response to a challenge is computed.
type answer struct {
	method, uri, nonce, cnonce, nc, qop, body string
}

// response computes the response: RFC 7616, sections 3.4.1 to 3.4.3.
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

// Answered learns from the response how to authorize later requests. again is true if the
// request was not authorized, or with a stale nonce, and false if the server refused the
// password.
func (d *Digest) Answered(req *request.Request, resp *response.Response) (again bool, err error) {
	sent := sentWith(req)
	if resp.Code == http.StatusUnauthorized {
		return d.challenged(req, sent, resp.Header["Www-Authenticate"]), nil
	}
	return false, d.accepted(req, sent, resp)
}

// sentWith returns the answer that req carried. It returns nil if the answer is for
// another URL, because the request was redirected.
func sentWith(req *request.Request) *Challenge {
	all := ParseChallenges(req.Header["Authorization"])
	if len(all) != 1 || all[0].Scheme != "Digest" || all[0].Get("uri") != req.URL.RequestURI() {
		return nil
	}
	return &all[0]
}

// challenged remembers the strongest of the challenges, and reports whether it is worth
// an answer.
func (d *Digest) challenged(req *request.Request, sent *Challenge, challenges []string) (again bool) {
	best, stale := bestSpace(req.URL, challenges)
	if best == nil {
		return false
	}
	var old *space
	i := slices.IndexFunc(d.spaces, func(s *space) bool { return s.origin == best.origin && s.realm == best.realm })
	if i >= 0 {
		old = d.spaces[i]
		if old.nonce.value == best.nonce.value {
			best.nonce = old.nonce // to continue its count
		}
	}
	if sent != nil && sent.Get("realm") == best.realm {
		// The server may not say that a good nonce has become stale. In all other
		// cases the password is wrong.
		wasGood := old != nil && (old.nonce.proven || old.nonce.value != sent.Get("nonce"))
		if sent.Get("nonce") == best.nonce.value || !stale && !wasGood {
			if !wasGood {
				d.forget(i)
			}
			return false
		}
	}
	d.forget(i)
	if len(d.spaces) == maxSpaces {
		d.forget(0)
	}
	d.spaces = append(d.spaces, best)
	return true
}

// forget removes space i, or none if i is negative.
func (d *Digest) forget(i int) {
	if i >= 0 {
		d.spaces = slices.Delete(d.spaces, i, i+1)
	}
}

// bestSpace returns the space of the strongest challenge that can be answered, or nil, and
// whether that challenge calls the last nonce stale.
func bestSpace(u *url.URL, challenges []string) (best *space, stale bool) {
	for _, c := range ParseChallenges(challenges) {
		if s := newSpace(u, &c); s != nil && (best == nil || s.algorithm.strength > best.algorithm.strength) {
			best, stale = s, strings.EqualFold(c.Get("stale"), "true")
		}
	}
	return best, stale
}

// newSpace returns the space of c, a challenge from u, or nil if c cannot be answered.
func newSpace(u *url.URL, c *Challenge) *space {
	of, err := origin.Of(u)
	alg, known := algorithmNamed(c.Get("algorithm"))
	if err != nil || !strings.EqualFold(c.Scheme, "Digest") || !known || c.Get("nonce") == "" {
		return nil
	}
	s := &space{
		origin:    of,
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
	for _, ref := range strings.Fields(c.Get("domain")) {
		if in, err := origin.Resolve(u, ref); err == nil {
			if of, err := origin.Of(in); err == nil && of == s.origin {
				s.paths = append(s.paths, in.EscapedPath())
			}
		}
	}
	if s.paths != nil {
		s.paths = append(s.paths, u.EscapedPath()) // the challenge was for this path
	}
	return s
}

// accepted records that the server accepted sent, and reads Authentication-Info (RFC 7616,
// section 3.5).
func (d *Digest) accepted(req *request.Request, sent *Challenge, resp *response.Response) error {
	if sent == nil || resp.Code >= 500 {
		return nil
	}
	i := slices.IndexFunc(d.spaces, func(s *space) bool { return s.has(req.URL) && s.nonce.value == sent.Get("nonce") })
	if i < 0 {
		return nil // the response to another request brought a newer nonce
	}
	s := d.spaces[i]
	s.nonce.proven = true
	info := parseParams(strings.Join(resp.Header["Authentication-Info"], ","))
	if next := info.Get("nextnonce"); next != "" && next != s.nonce.value {
		s.nonce = &nonce{value: next, proven: true}
	}
	qop := sent.Get("qop")
	infoQop := strings.ToLower(info.Get("qop"))
	if info.Get("rspauth") == "" || qop == "" || infoQop == "auth-int" || qop == "auth-int" && infoQop == "" {
		return nil // no proof, or a proof that includes the body, which has not arrived
	}
	a := answer{uri: sent.Get("uri"), nonce: sent.Get("nonce"), cnonce: sent.Get("cnonce"), nc: sent.Get("nc"), qop: "auth"}
	want := a.response(s.algorithm, d.user, s.realm, d.password)
	if subtle.ConstantTimeCompare([]byte(strings.ToLower(info.Get("rspauth"))), []byte(want)) == 0 {
		return ErrServerUnproved
	}
	return nil
}

// extended writes s for a parameter whose name ends in "*" (RFC 8187).
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
