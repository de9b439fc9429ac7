package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"testing"
)

// The keys of the tests are always the same. rfcKey is that of RFC 8037, appendix A.
var (
	rfcKey  = ed25519.NewKeyFromSeed(decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
	p256Key = ecdsaKey(elliptic.P256(), 32)
)

func ecdsaKey(curve elliptic.Curve, size int) *ecdsa.PrivateKey {
	key, err := ecdsa.ParseRawPrivateKey(curve, append(make([]byte, size-1), 7))
	if err != nil {
		panic(err)
	}
	return key
}

// TestKeys compares with RFC 8037, appendix A, and RFC 7638, section 3.1.
func TestKeys(t *testing.T) {
	ed, err := newAccountKey(rfcKey)
	if err != nil || ed.public.thumbprint() != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("got %+v, %v", ed.public, err)
	}
	signature, err := ed.sign([]byte("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"))
	if want := "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"; err != nil || encode(signature) != want {
		t.Errorf("got %s, %v", encode(signature), err)
	}
	rsaKey, err := newAccountKey(publicOnly{&rsa.PublicKey{E: 65537, N: new(big.Int).SetBytes(decode(
		"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64t" +
			"Z_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9" +
			"1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"))}})
	if err != nil || rsaKey.alg != "RS256" || rsaKey.public.thumbprint() != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("got %+v, %v", rsaKey.public, err)
	}
	for _, key := range []crypto.Signer{ecdsaKey(elliptic.P384(), 48), publicOnly{"a text"}} {
		if _, err := newAccountKey(key); !errors.Is(err, ErrKey) {
			t.Errorf("%T: got %v", key, err)
		}
	}
}

// A publicOnly signs nothing.
type publicOnly struct{ key crypto.PublicKey }

func (p publicOnly) Public() crypto.PublicKey { return p.key }

func (p publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the card is out")
}

// TestSign: what a key signs is what the other side verifies, also where a half of the signature
// begins with zeros, as one in 128 does.
func TestSign(t *testing.T) {
	short := 0
	for signer, times := range map[crypto.Signer]int{&rfcKey: 1, p256Key: 150} {
		key, err := newAccountKey(signer)
		if err != nil {
			t.Fatal(err)
		}
		for i := range times {
			signed, err := key.request(header{Nonce: fmt.Sprint(i), URL: "http://an.example/"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			half := decode(signed.Signature)
			if i == 0 || half[0] == 0 || half[32] == 0 {
				short += min(i, 1)
				again, err := key.request(header{Nonce: fmt.Sprint(i), URL: "http://an.example/"}, nil)
				if err != nil || signed != again || !verify(key.public, key.alg, signed) {
					t.Errorf("%s %d: %+v, %v", key.alg, i, signed, err)
				}
			}
		}
	}
	if short == 0 {
		t.Error("no half of a signature begins with a zero")
	}
	broken := accountKey{publicOnly{}, jwk{}, "ES256"}
	if _, err := broken.request(header{}, nil); err == nil || err.Error() != "the card is out" {
		t.Errorf("got %v", err)
	}
	if _, err := broken.request(header{}, func() {}); err == nil {
		t.Error("a function is a payload")
	}
	rs, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := newAccountKey(rs)
	signature, err := key.sign([]byte("a.b"))
	hash := sha256.Sum256([]byte("a.b"))
	if err != nil || rsa.VerifyPKCS1v15(&rs.PublicKey, crypto.SHA256, hash[:], signature) != nil {
		t.Errorf("RSA: %v", err)
	}
}
