package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A server is a small ACME server, for the demonstration and the tests. It verifies what a real
// one verifies, and validates challenges of the type http-01 by requests of its own.
type server struct {
	http.ServeMux
	clock    reactor.Clock
	http     treq.Client // for the validation
	host     string      // that http finds all names at, or ""
	key      ed25519.PrivateKey
	issued   int             // nonces
	nonces   map[string]bool // that were not used
	accounts map[string]*known
	order    map[string]any // the only one
	state    string         // of the authorization
	problem  map[string]any
	pem      []byte
}

// A known account is one of the server's.
type known struct {
	key     jwk
	contact any
}

// newServer returns a server.
func newServer(clock reactor.Clock) *server {
	s := &server{clock: clock, key: ed25519.NewKeyFromSeed(make([]byte, 32)), nonces: map[string]bool{}, accounts: map[string]*known{}}
	s.HandleFunc("GET /directory", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, map[string]any{"newNonce": base(r) + "/nonce", "newAccount": base(r) + "/account", "newOrder": base(r) + "/order"})
	})
	s.HandleFunc("HEAD /nonce", func(w http.ResponseWriter, r *http.Request) {})
	s.post("/account", s.account)
	s.post("/account/{key}", s.account)
	s.post("/order", func(w http.ResponseWriter, r *http.Request, _ *known, payload map[string]any) {
		s.state = pending
		s.order = map[string]any{"status": pending, "identifiers": payload["identifiers"], "authorizations": []string{base(r) + "/authorization"}, "finalize": base(r) + "/finalize"}
		w.Header().Set("Location", base(r)+"/order/1")
		answer(w, 201, s.order)
	})
	s.post("/order/1", func(w http.ResponseWriter, r *http.Request, _ *known, _ map[string]any) { answer(w, 200, s.order) })
	s.post("/authorization", func(w http.ResponseWriter, r *http.Request, _ *known, _ map[string]any) {
		answer(w, 200, map[string]any{"status": s.state, "identifier": s.order["identifiers"].([]any)[0], "challenges": []any{s.challenge(r)}})
	})
	s.post("/challenge", func(w http.ResponseWriter, r *http.Request, a *known, _ map[string]any) {
		s.state = processing
		w.Header().Set("Link", `<`+base(r)+`/authorization>;rel="up"`)
		answer(w, 200, s.challenge(r))
		s.validate(a)
	})
	s.post("/finalize", s.finalize)
	s.post("/certificate", func(w http.ResponseWriter, r *http.Request, _ *known, _ map[string]any) {
		w.Header().Set("Content-Type", pemType)
		w.Write(s.pem)
	})
	return s
}

func base(r *http.Request) string { return "http://" + r.Host }

// ServeHTTP adds a nonce to each response.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.issued++
	nonce := encode(fmt.Append(nil, "nonce", s.issued))
	s.nonces[nonce] = true
	w.Header().Set("Replay-Nonce", nonce)
	s.ServeMux.ServeHTTP(w, r)
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, kind, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]any{"type": "urn:ietf:params:acme:error:" + kind, "detail": detail})
}

// post serves signed requests by f. The account is nil for a request that has its key.
func (s *server) post(path string, f func(w http.ResponseWriter, r *http.Request, a *known, payload map[string]any)) {
	s.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var signed jws
		var head header
		var payload map[string]any
		body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if json.Unmarshal(body, &signed) != nil || json.Unmarshal(decode(signed.Protected), &head) != nil ||
			r.Header.Get("Content-Type") != "application/jose+json" || head.URL != base(r)+r.URL.Path || (head.JWK == nil) == (head.KID == "") {
			refuse(w, 400, "malformed", "not a signed request for "+r.URL.Path)
			return
		}
		if !s.nonces[head.Nonce] {
			refuse(w, 400, "badNonce", "this nonce is not one of mine, or was used")
			return
		}
		delete(s.nonces, head.Nonce)
		a := s.accounts[head.KID]
		if a == nil && head.JWK != nil && path == "/account" {
			a = &known{key: *head.JWK}
		}
		if a == nil || !verify(a.key, head.Alg, signed) {
			refuse(w, 401, "unauthorized", "the signature is not that of an account")
			return
		}
		json.Unmarshal(decode(signed.Payload), &payload)
		f(w, r, a, payload)
	})
}

// verify reports whether signed has a signature by key.
func verify(key jwk, alg string, signed jws) bool {
	data, signature := []byte(signed.Protected+"."+signed.Payload), decode(signed.Signature)
	switch hash := sha256.Sum256(data); key.Kty + " " + alg {
	case "OKP EdDSA":
		return ed25519.Verify(decode(key.X), data, signature)
	case "EC ES256":
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, decode(key.X)...), decode(key.Y)...))
		return err == nil && len(signature) == 64 &&
			ecdsa.Verify(public, hash[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	return false
}

func decode(text string) []byte {
	data, _ := base64.RawURLEncoding.DecodeString(text)
	return data
}

func (s *server) account(w http.ResponseWriter, r *http.Request, a *known, payload map[string]any) {
	code, url := 200, base(r)+"/account/"+a.key.thumbprint()
	if s.accounts[url] == nil {
		s.accounts[url], a.contact, code = a, payload["contact"], 201
	} else if a = s.accounts[url]; r.URL.Path != "/account" {
		a.contact = payload["contact"]
	}
	w.Header().Set("Location", url)
	w.Header().Set("Link", `<`+base(r)+`/terms>;rel="terms-of-service"`)
	answer(w, code, map[string]any{"status": valid, "contact": a.contact, "key": a.key})
}

func (s *server) challenge(r *http.Request) map[string]any {
	return map[string]any{"type": "http-01", "url": base(r) + "/challenge", "status": s.state, "token": "token-1", "error": s.problem}
}

// validate fetches the answer to the challenge, and goes on when it is there.
func (s *server) validate(a *known) {
	name := s.order["identifiers"].([]any)[0].(map[string]any)["value"].(string)
	host := "http://" + name
	if s.host != "" {
		host = s.host
	}
	text := deferred.Then(s.http.Get(host+"/.well-known/acme-challenge/token-1", treq.Headers{"Host": {name}}), (*response.Response).Text)
	text.AddBoth(func(text string, err error) (string, error) {
		s.state, s.order["status"] = valid, ready
		if text != "token-1."+a.key.thumbprint() || err != nil {
			s.state, s.order["status"] = "invalid", "invalid"
			s.problem = map[string]any{"type": "urn:ietf:params:acme:error:incorrectResponse", "detail": fmt.Sprintf("got %q, %v", strings.TrimSpace(text), err)}
		}
		return "", nil
	})
}

// finalize issues the certificate in a moment.
func (s *server) finalize(w http.ResponseWriter, r *http.Request, _ *known, payload map[string]any) {
	csr, _ := payload["csr"].(string)
	request, err := x509.ParseCertificateRequest(decode(csr))
	if err != nil || request.CheckSignature() != nil || s.state != valid {
		refuse(w, 403, "orderNotReady", "the order is "+s.order["status"].(string))
		return
	}
	now := s.clock.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: request.DNSNames, NotBefore: now, NotAfter: now.Add(90 * 24 * time.Hour)}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "the ACME server of an example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, request.PublicKey, s.key)
	if err != nil {
		refuse(w, 400, "badCSR", err.Error())
		return
	}
	s.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	s.order["status"] = processing
	answer(w, 200, s.order)
	s.clock.CallLater(time.Second, func() { s.order["status"], s.order["certificate"] = valid, base(r)+"/certificate" })
}

// site returns the handler of s, and of the challenges, which responder answers.
func (s *server) site(responder http.Handler) *web.Site {
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.Handle("/.well-known/acme-challenge/{token}", responder)
	return &web.Site{Handler: mux}
}
