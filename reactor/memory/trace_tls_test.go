package memory_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// ed25519Configs returns configurations with an Ed25519 key. Unlike ECDSA's, its
// signatures have one length, so the records of all handshakes are equally long.
func ed25519Configs(t *testing.T) (client, server *tls.Config) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		DNSNames:              []string{"an.example"},
		NotBefore:             time.Unix(0, 0),
		NotAfter:              time.Unix(0, 0).AddDate(100, 0, 0),
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	curves := []tls.CurveID{tls.X25519} // the others take much longer
	client = &tls.Config{ServerName: "an.example", RootCAs: roots, CurvePreferences: curves}
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, CurvePreferences: curves}
	return client, server
}

// secretStory is a program with several connections that speak TLS, over a slow
// network, and timers.
func secretStory(t *testing.T, r *memory.Reactor, client, server *tls.Config) memory.Trace {
	r.StartTrace()
	r.Latency("", "", 30*time.Millisecond)
	tlsServer := reactor.TLSServer(r, reactor.TLSConfig{Config: server}, reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &peer{data: echo}
	}))
	if _, err := r.ListenTCP("192.0.2.1:443", tlsServer); err != nil {
		t.Fatal(err)
	}
	left := 2
	for range left {
		p := &peer{made: func(p *peer) {
			p.Write(make([]byte, 1+r.Rand().IntN(40<<10)))
			r.CallLater(time.Duration(r.Rand().IntN(1000))*time.Millisecond, func() { p.LoseConnection() })
		}}
		d := reactor.TLSClient(r, reactor.TLSConfig{Config: client}, just(p)).Connect(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			return r.ConnectTCP("192.0.2.1:443", f, reactor.ConnectConfig{})
		})
		d.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
			if left--; left == 0 {
				r.CallLater(2*time.Second, func() { r.Stop() })
			}
			return p, err
		})
	}
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	trace := r.Trace()
	for i := range trace {
		if kind := trace[i].Kind; kind == "read" || kind == "write" {
			trace[i].Text = "" // crypto/tls takes the system's random numbers
		}
	}
	return trace
}

func TestTheSameProgramGivesTheSameTraceOverTLS(t *testing.T) {
	client, server := ed25519Configs(t)
	first := secretStory(t, memory.New(), client, server)
	if len(first) < 30 {
		t.Errorf("little happened:\n%s", first)
	}
	runs := 1000
	if raceEnabled {
		runs = 100 // cryptography takes ten times as long then
	}
	for i := range runs {
		if again := secretStory(t, memory.New(), client, server); !slices.Equal(again, first) {
			t.Fatalf("run %d was another:\n%s\nfirst it was\n%s", i+2, again, first)
		}
	}
}

func TestTheSameChoicesGiveTheSameTraceOverTLS(t *testing.T) {
	client, server := ed25519Configs(t)
	conditions := everything
	conditions.MayFail = nil // a lost handshake ends the story early
	for seed := range uint64(10) {
		run := func() memory.Trace {
			return secretStory(t, memory.NewReactor(memory.Config{Choices: newRandom(seed, 5), Conditions: conditions}), client, server)
		}
		if first, second := run(), run(); !slices.Equal(first, second) {
			t.Fatalf("seed %d gave\n%s\nand then\n%s", seed, first, second)
		}
	}
}
