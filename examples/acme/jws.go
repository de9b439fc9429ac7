package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// ErrKey is the error of a key that a client cannot sign with.
var ErrKey = errors.New("not an Ed25519, P-256 or RSA key")

// A jwk is a public key in JSON (RFC 7517). Its members are in the order of their names, as
// the thumbprint demands.
type jwk struct {
	Crv string `json:"crv,omitempty"`
	E   string `json:"e,omitempty"`
	Kty string `json:"kty"`
	N   string `json:"n,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

// thumbprint returns the hash of k that stands for it (RFC 7638).
func (k jwk) thumbprint() string {
	text, _ := json.Marshal(k) // cannot fail
	hash := sha256.Sum256(text)
	return encode(hash[:])
}

// An accountKey is the key of an account, which signs its requests.
type accountKey struct {
	crypto.Signer
	public jwk
	alg    string
}

func newAccountKey(key crypto.Signer) (accountKey, error) {
	switch public := key.Public().(type) {
	case ed25519.PublicKey:
		return accountKey{key, jwk{Kty: "OKP", Crv: "Ed25519", X: encode(public)}, "EdDSA"}, nil
	case *ecdsa.PublicKey:
		if point, err := public.Bytes(); err == nil && public.Curve == elliptic.P256() { // 4, x and y
			return accountKey{key, jwk{Kty: "EC", Crv: "P-256", X: encode(point[1:33]), Y: encode(point[33:])}, "ES256"}, nil
		}
	case *rsa.PublicKey:
		return accountKey{key, jwk{Kty: "RSA", E: encode(big.NewInt(int64(public.E)).Bytes()), N: encode(public.N.Bytes())}, "RS256"}, nil
	}
	return accountKey{}, fmt.Errorf("%T: %w", key, ErrKey)
}

// A header is the protected header of a request (RFC 8555, section 6.2).
type header struct {
	Alg   string `json:"alg"`
	JWK   *jwk   `json:"jwk,omitempty"`
	KID   string `json:"kid,omitempty"` // the account; "" means the one of JWK
	Nonce string `json:"nonce"`
	URL   string `json:"url"`
}

// A jws is a signed request (RFC 7515, section 7.2.2).
type jws struct {
	Protected string `json:"protected"`
	Payload   string `json:"payload"`
	Signature string `json:"signature"`
}

// request returns a signed request. Its payload is empty if payload is nil, or else JSON.
func (k accountKey) request(h header, payload any) (request jws, err error) {
	h.Alg = k.alg
	if h.KID == "" {
		h.JWK = &k.public
	}
	protected, _ := json.Marshal(h) // cannot fail
	request.Protected = encode(protected)
	if payload != nil {
		text, err := json.Marshal(payload)
		if err != nil {
			return request, err
		}
		request.Payload = encode(text)
	}
	signature, err := k.sign([]byte(request.Protected + "." + request.Payload))
	request.Signature = encode(signature)
	return request, err
}

// sign returns the signature of data (RFC 7518, section 3; RFC 8037, section 3.1). It needs no
// randomness.
func (k accountKey) sign(data []byte) ([]byte, error) {
	if k.alg == "EdDSA" {
		return k.Sign(nil, data, crypto.Hash(0))
	}
	hash := sha256.Sum256(data)
	signature, err := k.Sign(nil, hash[:], crypto.SHA256)
	if err != nil || k.alg == "RS256" {
		return signature, err
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &pair); err != nil {
		return nil, err
	}
	return append(pair.R.FillBytes(make([]byte, 32)), pair.S.FillBytes(make([]byte, 32))...), nil
}

// encode returns data in the encoding that JWS and ACME use for everything.
func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
