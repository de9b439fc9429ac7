package auth_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// zeros is a source of randomness that always returns 0.
type zeros struct{}

func (zeros) Uint64() uint64 { return 0 }

func newDigest() *auth.Digest {
	d := auth.NewDigest("user", "pass")
	d.Rand = rand.New(zeros{})
	return d
}

// challenge answers a GET of u by d with a 401. It returns whether d wants to repeat the
// request, and the Authorization of the next one.
func challenge(t testing.TB, d *auth.Digest, u string, challenges ...string) (again bool, authorization auth.Challenge) {
	t.Helper()
	req := get(u)
	if err := d.Authorize(req); err != nil {
		t.Fatal(err)
	}
	again, err := d.Answered(req, answer(401, "Www-Authenticate", challenges...))
	if err != nil {
		t.Fatal(err)
	}
	return again, authorized(t, d, u)
}

// authorized returns the parsed Authorization of a GET of u by d.
func authorized(t testing.TB, d *auth.Digest, u string) auth.Challenge {
	t.Helper()
	all := auth.ParseChallenges([]string{authorization(t, d, u)})
	if len(all) == 0 {
		return auth.Challenge{}
	}
	return all[0]
}

const anURL = "http://h.example/a?b=c"

// TestDigestChooses checks which of several challenges is answered, and how.
func TestDigestChooses(t *testing.T) {
	const sha = `Digest realm="r", nonce="sha", algorithm=SHA-256, qop="auth"`
	for _, test := range []struct {
		challenges []string
		nonce      string // "" if no challenge is answered
		params     map[string]string
	}{
		{[]string{`Digest realm="r", nonce="n"`}, "n", map[string]string{"algorithm": "", "qop": "", "nc": "", "cnonce": "", "opaque": ""}},
		{[]string{`digest Realm="r", Nonce="n", OPAQUE="", algorithm=md5`}, "n", map[string]string{"algorithm": "md5", "username": "user", "uri": "/a?b=c"}},
		{[]string{`Digest realm="r", nonce="md5", algorithm=MD5, ` + sha}, "sha", map[string]string{"algorithm": "SHA-256", "qop": "auth", "nc": "00000001"}},
		{[]string{sha, `Digest realm="r", nonce="md5"`}, "sha", nil},
		{[]string{sha, `Digest realm="r", nonce="other", algorithm="SHA-256-sess"`}, "sha", nil},
		{[]string{`Digest realm="r", nonce="n512", algorithm=SHA-512-256-sess`, sha}, "n512", map[string]string{"cnonce": "00000000000000000000000000000000", "qop": "", "nc": ""}},
		{[]string{`Basic realm="r", Negotiate x==, Digest realm="r", nonce="n"`}, "n", nil},
		{[]string{`Digest realm="r", nonce="new", algorithm=SHA-1024`, `Digest realm="r", nonce="n"`}, "n", nil},
		{[]string{`Digest realm="r", nonce="n", algorithm="-sess"`}, "", nil},
		{[]string{`Digest realm="r", nonce="n", qop="auth-conf"`}, "", nil},
		{[]string{`Digest realm="r", nonce="n", qop="auth-conf, AUTH"`}, "n", map[string]string{"qop": "auth"}},
		{[]string{`Digest realm="r", nonce="n", qop="auth-int"`}, "n", map[string]string{"qop": "auth-int"}},
		{[]string{`Digest realm="r", nonce="n", qop="auth-int,auth"`}, "n", map[string]string{"qop": "auth"}},
		{[]string{`Digest realm="a \"b\" \\", nonce="n\"", opaque="o\\"`}, `n"`, map[string]string{"realm": `a "b" \`, "opaque": `o\`}},
		{[]string{"Digest realm=\"r\x01\", nonce=\"n\""}, "", nil},
		{[]string{"Digest realm=\"r\", nonce=\"n\", opaque=\"\x7f\""}, "", nil},
		{[]string{"Digest realm=\"\x1b\", nonce=\"m\"", `Digest realm="r", nonce="n"`}, "n", nil},
		{[]string{"Digest\trealm=\"r\té\",\tnonce=\"n\""}, "n", map[string]string{"realm": "r\té"}},
		{[]string{`Digest realm="r"`}, "", nil},
		{[]string{`Basic realm="r"`}, "", nil},
		{nil, "", nil},
	} {
		d := newDigest()
		again, got := challenge(t, d, anURL, test.challenges...)
		if again != (test.nonce != "") || got.Get("nonce") != test.nonce {
			t.Errorf("%q: again is %v, the answer is %v", test.challenges, again, got)
		}
		for name, want := range test.params {
			if got.Get(name) != want {
				t.Errorf("%q: %s is %q, want %q", test.challenges, name, got.Get(name), want)
			}
		}
	}
}

func TestDigestUserNames(t *testing.T) {
	for _, test := range []struct{ user, params, name, want string }{
		{`a"b\c`, "", "username", `a"b\c`},
		{"a:b", "", "username", "a:b"},
		{"Jäsøn Doe", "", "username", "Jäsøn Doe"},
		{"Jäsøn Doe", ", charset=UTF-8", "username*", "UTF-8''J%C3%A4s%C3%B8n%20Doe"},
		{"Ja\u0308son", ", charset=utf-8", "username*", "UTF-8''J%C3%A4son"},
		{"é!#$&+-.^_`|~azAZ09", ", charset=UTF-8", "username*", "UTF-8''%C3%A9!#$&+-.^_`|~azAZ09"},
		{"é \"%'()*,/:;<=>?@[\\]{}", ", charset=UTF-8", "username*", "UTF-8''%C3%A9%20%22%25%27%28%29%2A%2C%2F%3A%3B%3C%3D%3E%3F%40%5B%5C%5D%7B%7D"},
		{"user", ", charset=UTF-8", "username", "user"},
		{"user", ", userhash=true", "username", md5Hex("user:r")},
	} {
		d := auth.NewDigest(test.user, "pass")
		_, got := challenge(t, d, anURL, `Digest realm="r", nonce="n"`+test.params)
		if got.Get(test.name) != test.want {
			t.Errorf("%q%s: got %v", test.user, test.params, got)
		}
	}
	for _, user := range []string{"a\nb", "\xff"} {
		if err := authorize(t, auth.NewDigest(user, "pass"), get(anURL)); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%q: error %v", user, err)
		}
	}
}

func TestDigestCountsItsRequests(t *testing.T) {
	d := newDigest()
	const one = `Digest realm="r", nonce="one", qop="auth"`
	if got := authorization(t, d, anURL); got != "" {
		t.Errorf("before any challenge: %s", got)
	}
	_, got := challenge(t, d, anURL, one)
	for i := 1; i < 4; i++ {
		if want := fmt.Sprintf("%08x", i); got.Get("nc") != want || got.Get("nonce") != "one" {
			t.Errorf("request %d: %v", i, got)
		}
		got = authorized(t, d, anURL)
	}
	// A request sent before the first challenge arrived gets the same challenge.
	again, err := d.Answered(get(anURL), answer(401, "Www-Authenticate", one))
	if got := authorized(t, d, anURL); !again || err != nil || got.Get("nc") != "00000005" {
		t.Errorf("the same nonce again: %v, %v, %v", again, err, got)
	}
}

// TestDigestGivesUp checks when a 401 is final, and when the request is repeated.
func TestDigestGivesUp(t *testing.T) {
	const (
		one   = `Digest realm="r", nonce="one", qop="auth"`
		two   = `Digest realm="r", nonce="two", qop="auth"`
		stale = two + `, stale=TRUE`
		other = `Digest realm="other", nonce="three", qop="auth"`
	)
	for _, test := range []struct {
		name    string
		proven  bool // the server has accepted "one" before
		answer  string
		again   bool
		keepsIt bool // the next request is authorized
	}{
		{"wrong password, same nonce", false, one, false, false},
		{"wrong password, new nonce", false, two, false, false},
		{"stale", false, stale, true, true},
		{"stale, but the same", false, one + ", stale=true", false, false},
		{"old", true, two, true, true},
		{"old and stale", true, stale, true, true},
		{"not for this user", true, one, false, true},
		{"another realm", false, other, true, true},
		{"no digest any more", true, "Basic realm=x", false, true},
	} {
		d := newDigest()
		if again, _ := challenge(t, d, anURL, one); !again {
			t.Fatal("the first challenge is not answered")
		}
		if test.proven {
			req := get(anURL)
			authorize(t, d, req)
			if again, err := d.Answered(req, answer(200, "X")); again || err != nil {
				t.Errorf("%s: after a 200: %v, %v", test.name, again, err)
			}
		}
		again, next := challenge(t, d, anURL, test.answer)
		if again != test.again || (next.Scheme != "") != test.keepsIt {
			t.Errorf("%s: again is %v, next is %v", test.name, again, next)
		}
	}
}

// TestDigestOfSeveralAtOnce checks that concurrent requests may be challenged with
// different nonces.
func TestDigestOfSeveralAtOnce(t *testing.T) {
	d := newDigest()
	first, second := get(anURL), get(anURL)
	for i, req := range []*request.Request{first, second} {
		again, _ := d.Answered(req, answer(401, "Www-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="%d", qop="auth"`, i)))
		if !again {
			t.Errorf("request %d is not sent again", i)
		}
		authorize(t, d, req)
	}
	// The server no longer accepts the older nonce.
	if again, _ := d.Answered(first, answer(401, "Www-Authenticate", `Digest realm="r", nonce="2", qop="auth"`)); !again {
		t.Error("a replaced nonce counts as a wrong password")
	}
	if _, err := d.Answered(second, answer(200, "Authentication-Info", `nextnonce="x"`)); err != nil {
		t.Error(err)
	}
	if got := authorized(t, d, anURL); got.Get("nonce") != "2" {
		t.Errorf("the next request has nonce %q", got.Get("nonce"))
	}
}

func TestDigestProtectionSpaces(t *testing.T) {
	d := newDigest()
	challenge(t, d, "http://h.example/a/x", `Digest realm="a", nonce="a", domain="/a/ http://h.example:80/b/ http://other.example/ %zz"`)
	challenge(t, d, "http://h.example/c/x", `Digest realm="c", nonce="c", domain="/d/"`)
	challenge(t, d, "https://h.example/", `Digest realm="s", nonce="s"`)
	challenge(t, d, "http://g.example/", `Digest realm="g", nonce="g", domain="http://other.example/"`)
	for u, want := range map[string]string{
		"http://h.example/a/y":    "a",
		"http://h.example:80/b/y": "a",
		"http://h.example/b":      "",
		"http://h.example/":       "",
		"http://h.example/c/x":    "c",
		"http://h.example/c/x/y":  "c",
		"http://h.example/d/":     "c",
		"https://h.example/a/y":   "s",
		"http://other.example/":   "",
		"http://h.example:81/a/y": "",
		"http://g.example/x":      "g",
	} {
		if got := authorized(t, d, u); got.Get("nonce") != want {
			t.Errorf("%s: got %q, want %q", u, got.Get("nonce"), want)
		}
	}
	for i := range 100 {
		challenge(t, d, fmt.Sprintf("http://%d.example/", i), `Digest realm="r", nonce="n"`)
	}
	if authorized(t, d, "http://0.example/").Scheme != "" || authorized(t, d, "http://99.example/").Scheme == "" {
		t.Error("the wrong challenges are remembered")
	}
}

func TestDigestBodies(t *testing.T) {
	for _, test := range []struct {
		qop  string
		body request.BodyProducer
		want string
		err  error
	}{
		{"auth,auth-int", request.Bytes("text"), "auth-int", nil},
		{"auth,auth-int", stream{}, "auth", nil},
		{"auth,auth-int", nil, "auth", nil},
		{"auth-int", request.Bytes("text"), "auth-int", nil},
		{"auth-int", nil, "auth-int", nil},
		{"auth-int", stream{}, "", auth.ErrNotBytes},
		{"auth", request.Bytes("text"), "auth", nil},
	} {
		d := newDigest()
		challenge(t, d, anURL, `Digest realm="r", nonce="n", qop="`+test.qop+`"`)
		req := get(anURL)
		req.Body = test.body
		err := authorize(t, d, req)
		if !errors.Is(err, test.err) || err == nil && !strings.Contains(req.Header.Get("Authorization"), "qop="+test.want+",") {
			t.Errorf("%s, %T: %v, %v", test.qop, test.body, req.Header, err)
		}
	}
}

// A stream is a body that can be read only once.
type stream struct{ request.Bytes }

func (stream) Length() int64 { return request.UnknownLength }
func (s stream) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	return s.Bytes.StartProducing(to)
}

func TestDigestNextNonce(t *testing.T) {
	d := newDigest()
	challenge(t, d, anURL, `Digest realm="r", nonce="one", qop="auth"`)
	req := get(anURL)
	authorize(t, d, req)
	if _, err := d.Answered(req, answer(200, "Authentication-Info", `nextnonce="two", qop=auth`)); err != nil {
		t.Fatal(err)
	}
	req = get(anURL)
	authorize(t, d, req)
	if got := auth.ParseChallenges(req.Header["Authorization"])[0]; got.Get("nonce") != "two" || got.Get("nc") != "00000001" {
		t.Errorf("after nextnonce: %v", got)
	}
	if _, err := d.Answered(req, answer(200, "Authentication-Info", "nextnonce=\"\x01\"")); err != nil { // no request can have it
		t.Error(err)
	}
	if got := authorized(t, d, anURL); got.Get("nonce") != "two" {
		t.Errorf("after a nextnonce that cannot be sent: %v", got)
	}
	// The server chose this nonce, so a refusal does not mean a wrong password.
	if again, _ := d.Answered(req, answer(401, "Www-Authenticate", `Digest realm="r", nonce="three", qop="auth"`)); !again {
		t.Error("a refused nextnonce counts as a wrong password")
	}
	if _, err := d.Answered(get(anURL), answer(200, "Authentication-Info", `nextnonce="four"`)); err != nil {
		t.Error(err)
	}
	if got := authorized(t, d, anURL); got.Get("nonce") != "three" {
		t.Errorf("a request without authorization changed the nonce to %q", got.Get("nonce"))
	}
	req = get(anURL)
	authorize(t, d, req)
	d.Answered(req, answer(503, "Authentication-Info", `nextnonce="five"`))
	if got := authorized(t, d, anURL); got.Get("nonce") != "three" {
		t.Errorf("a broken server changed the nonce to %q", got.Get("nonce"))
	}
}

// TestDigestAcceptedByCode checks that a response accepts the digest, except a 5xx, which
// says nothing about it.
func TestDigestAcceptedByCode(t *testing.T) {
	for code, accepted := range map[int]bool{200: true, 204: true, 304: true, 404: true, 499: true, 500: false, 501: false, 503: false, 599: false} {
		d := newDigest()
		challenge(t, d, anURL, `Digest realm="r", nonce="one", qop="auth"`)
		req := get(anURL)
		authorize(t, d, req)
		if again, err := d.Answered(req, answer(code, "Authentication-Info", `nextnonce="two"`)); again || err != nil {
			t.Errorf("%d: %v, %v", code, again, err)
		}
		want := map[bool]string{true: "two", false: "one"}[accepted]
		if got := authorized(t, d, anURL); got.Get("nonce") != want {
			t.Errorf("%d: the next nonce is %q, want %q", code, got.Get("nonce"), want)
		}
		d = newDigest()
		challenge(t, d, anURL, `Digest realm="r", nonce="one", qop="auth"`)
		req = get(anURL)
		authorize(t, d, req)
		_, err := d.Answered(req, answer(code, "Authentication-Info", `rspauth="x", qop=auth`))
		if unproved := errors.Is(err, auth.ErrServerUnproved); unproved != accepted {
			t.Errorf("%d with a wrong proof: %v", code, err)
		}
	}
}

func TestDigestServerProof(t *testing.T) {
	for _, test := range []struct {
		qop, info string
		err       error
	}{
		{`, qop="auth"`, `rspauth="RIGHT", cnonce="0", nc=1, qop=auth`, nil},
		{`, qop="auth"`, `rspauth="RIGHT"`, nil},
		{`, qop="auth"`, `rspauth="0123456789abcdef0123456789abcdef", qop=auth`, auth.ErrServerUnproved},
		{`, qop="auth"`, `rspauth="x"`, auth.ErrServerUnproved},
		{`, qop="auth"`, `rspauth="x", qop=auth-int`, nil},
		{`, qop="auth-int"`, `rspauth="x"`, nil},
		{`, qop="auth-int"`, `rspauth="x", qop="auth"`, auth.ErrServerUnproved},
		{``, `rspauth="x"`, nil},
	} {
		d := newDigest()
		challenge(t, d, anURL, `Digest realm="r", nonce="n"`+test.qop)
		req := get(anURL)
		authorize(t, d, req)
		sent := auth.ParseChallenges(req.Header["Authorization"])[0]
		right := md5Hex(md5Hex("user:r:pass"), "n", sent.Get("nc"), sent.Get("cnonce"), "auth", md5Hex(":/a?b=c"))
		info := strings.ReplaceAll(test.info, "RIGHT", strings.ToUpper(right))
		if _, err := d.Answered(req, answer(200, "Authentication-Info", info)); err != test.err {
			t.Errorf("%s: %s: error %v, want %v", test.qop, info, err, test.err)
		}
	}
}

// TestDigestIsForItsURL checks that a request that was redirected after it was authorized
// is authorized again.
func TestDigestIsForItsURL(t *testing.T) {
	d := newDigest()
	const one = `Digest realm="r", nonce="one", qop="auth"`
	challenge(t, d, anURL, one)
	req := get(anURL)
	authorize(t, d, req)
	req.URL = urls.MustParse("http://h.example/elsewhere")
	if again, _ := d.Answered(req, answer(401, "Www-Authenticate", one)); !again {
		t.Error("an answer for another URL counts as a wrong password")
	}
	req.Header.Set("Authorization", "Basic x")
	if again, _ := d.Answered(req, answer(401, "Www-Authenticate", one)); !again {
		t.Error("the answer of another scheme counts as a wrong password")
	}
}

func TestDigestRandom(t *testing.T) {
	nonces := make(map[string]bool)
	for range 10 {
		_, got := challenge(t, auth.NewDigest("user", "pass"), anURL, `Digest realm="r", nonce="n", qop="auth"`)
		nonces[got.Get("cnonce")] = true
	}
	if len(nonces) != 10 {
		t.Errorf("client nonces repeat: %v", nonces)
	}
	clear(nonces)
	for range 3 {
		d := auth.NewDigest("user", "pass")
		d.Rand = rand.New(rand.NewPCG(1, 2))
		_, got := challenge(t, d, anURL, `Digest realm="r", nonce="n", qop="auth"`)
		nonces[got.Get("cnonce")] = true
	}
	if len(nonces) != 1 {
		t.Errorf("one seed has several client nonces: %v", nonces)
	}
}

// FuzzDigest checks that Authorization is one line without the password, whatever the
// server sends.
func FuzzDigest(f *testing.F) {
	f.Add(`Digest realm="r", nonce="n", algorithm=SHA-256-sess, qop="auth-int,auth", opaque="o", domain="/a /b", userhash=true`, `rspauth="x", nextnonce="n2", nc=1, cnonce="c", qop=auth`)
	f.Add("Digest realm=\"a\\\r\n\", nonce=\"\\\"\"", "nextnonce=\"\r\nA: b\"")
	f.Fuzz(func(t *testing.T, challenge, info string) {
		d := auth.NewDigest("user", "zQpassword")
		d.Rand = rand.New(zeros{})
		req := get(anURL)
		if err := authorize(t, d, req); err != nil {
			t.Fatal(err)
		}
		d.Answered(req, answer(401, "Www-Authenticate", challenge))
		for range 2 {
			req = get(anURL)
			if authorize(t, d, req) != nil {
				return
			}
			sent := req.Header.Get("Authorization")
			if strings.ContainsAny(sent, "\r\n\x00") || strings.Contains(sent, "zQpassword") {
				t.Fatalf("%q: authorized with %q", challenge, sent)
			}
			d.Answered(req, answer(200, "Authentication-Info", info))
		}
	})
}
