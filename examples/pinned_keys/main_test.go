package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestShow runs the whole program on a memory reactor.
func TestShow(t *testing.T) {
	var out bytes.Buffer
	status := task.ReactOn(memory.New(), func(r reactor.Reactor) *deferred.Deferred[deferred.None] {
		return show(r, &out)
	}, os.Stderr)
	want := `beside the roots: 800 bytes
in place of the roots: 800 bytes
other roots: GET https://127.0.0.1:49152: TLS handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority
the backup alone: GET https://127.0.0.1:49152: TLS handshake failed: no pin names a key of 127.0.0.1: it has [sha256//9ASlNOHMFoqEwGuwzwb39wutAJr/HjbH3FxtNa9nXRc=]
a body that is too large: GET https://127.0.0.1:49152: the response failed: the body has 800 bytes, more than 100 (MaxSize)
`
	if got := out.String(); got != want || status != 0 {
		t.Errorf("status %d, got\n%s\nwant\n%s", status, got, want)
	}
}

// TestPin: a pin is the hash that OpenSSL makes of the key:
//
//	openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
func TestPin(t *testing.T) {
	const openssl = "sha256//BjVRr5a1jWTKL6kfeR2yUP5xiruKb4yrLXWI5ZLMneM="
	block, _ := pem.Decode([]byte(`-----BEGIN CERTIFICATE-----
MIIBLTCB4KADAgECAgEBMAUGAytlcDAVMRMwEQYDVQQDDAphbi5leGFtcGxlMCAX
DTI2MTEyNjE0MTAyMFoYDzIxMjYxMTAyMTQxMDIwWjAVMRMwEQYDVQQDDAphbi5l
eGFtcGxlMCowBQYDK2VwAyEAzldHbqpn/RL2w2JQiJq7oTOBSgSxBVkOWhPuiXY1
N7KjUzBRMB0GA1UdDgQWBBQebpX69s8rCXQfPG707kbGZXQSYDAfBgNVHSMEGDAW
gBQebpX69s8rCXQfPG707kbGZXQSYDAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANB
AJL0+tRuvcyyfPjWNNe73myceI7YEuCVqRLPAcd+GguEaEBWAj3QJ8X/l0Mf0pMb
kv28sYESV/L4+cnNd8X5hAc=
-----END CERTIFICATE-----`))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	p := pinOf(certificate)
	if got, err := parsePin(openssl); p.String() != openssl || got != p || err != nil {
		t.Errorf("the pin is %v; %s is %v, %v", p, openssl, got, err)
	}
	for _, bad := range []string{"", "sha256//", openssl[8:], "sha1//" + openssl[8:], openssl[:len(openssl)-1], openssl + "AAAA", "sha256//*"} {
		if got, err := parsePin(bad); got != (pin{}) || err == nil || !strings.Contains(err.Error(), `"`+bad+`" is no pin`) {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

// The keys of the tests.
var (
	authority = &treqtesting.Authority{}
	stranger  = &treqtesting.Authority{Name: "a stranger"}
	server    = authority.ServerTLS("an.example")
	key       = pinOf(server.Certificates[0].Leaf)
	another   = pinOf(authority.Certificate("another.example").Leaf)
	root      = pinOf(parsed(authority.RootPEM()))
	beside    = fast(authority.ClientTLS())
	alone     = fast(&tls.Config{InsecureSkipVerify: true})
)

// fast leaves the slow curves out.
func fast(c *tls.Config) *tls.Config {
	c.CurvePreferences = []tls.CurveID{tls.X25519}
	return c
}

func parsed(text []byte) *x509.Certificate {
	block, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	return c
}

// serve serves site for an.example, with the certificates of config.
func serve(t *testing.T, config *tls.Config, site *web.Site) *memory.Reactor {
	deferred.FailOnUnhandled(t)
	r := memory.New()
	r.AddHost("an.example", "192.0.2.1")
	if _, err := r.ListenTCP("192.0.2.1:443", reactor.TLSServer(r, reactor.TLSConfig{Config: config}, site)); err != nil {
		t.Fatal(err)
	}
	return r
}

var page = &web.Site{Root: web.NewData([]byte("YOYODYNE"), "text/plain")}

// get requests the page.
func get(r *memory.Reactor, policy *agent.TLSPolicy) *deferred.Deferred[[]byte] {
	d := deferred.Then(newClient(r, policy).Get("https://an.example/"), (*response.Response).Content)
	r.Pump()
	return d
}

// TestServers: whom a client trusts with the pins beside the roots, and in their place.
func TestServers(t *testing.T) {
	logtest.Capture(t) // of the server's
	year := func(from, to int) *treqtesting.Authority {
		return &treqtesting.Authority{NotBefore: time.Unix(0, 0).AddDate(from, 0, 0), NotAfter: time.Unix(0, 0).AddDate(to, 0, 0)}
	}
	expired, other, strange := year(-2, -1).ServerTLS("an.example"), authority.ServerTLS("another.example"), stranger.ServerTLS("an.example")
	strangeKey := pinOf(strange.Certificates[0].Leaf)
	with := func(certificates ...[]byte) *tls.Config { // a stranger's server that shows these certificates
		c := strange.Certificates[0]
		c.Certificate = certificates
		return &tls.Config{Certificates: []tls.Certificate{c}}
	}
	own, pinnedOne := strange.Certificates[0].Certificate[0], server.Certificates[0].Certificate[0]
	for _, test := range []struct {
		name   string
		server *tls.Config
		client *tls.Config
		pins   []pin
		found  []pin  // of the error
		other  string // a part of an error that is no pinError
	}{
		{"beside: the server's key", server, beside, []pin{key}, nil, ""},
		{"beside: a backup", server, beside, []pin{another, key}, nil, ""},
		{"beside: the key of the root", server, beside, []pin{root}, nil, ""},
		{"beside: another key", server, beside, []pin{another}, []pin{key, root}, ""},
		{"beside: no pin", server, beside, nil, []pin{key, root}, ""},
		{"beside: another root", strange, beside, []pin{strangeKey}, nil, "unknown authority"},
		{"beside: another name", other, beside, []pin{another}, nil, "not an.example"},
		{"beside: expired", expired, beside, []pin{key}, nil, "expired"},
		{"alone: the server's key", server, alone, []pin{key}, nil, ""},
		{"alone: a backup", server, alone, []pin{another, key}, nil, ""},
		{"alone: another root", strange, alone, []pin{strangeKey}, nil, ""},
		{"alone: another name", other, alone, []pin{another}, nil, ""},
		{"alone: expired", expired, alone, []pin{key}, nil, ""},
		{"alone: not yet valid", year(1, 2).ServerTLS("an.example"), alone, []pin{key}, nil, ""},
		{"alone: another key", server, alone, []pin{another}, []pin{key}, ""},
		{"alone: the same name, another key", strange, alone, []pin{key}, []pin{strangeKey}, ""},
		{"alone: a pinned certificate beside its own", with(own, pinnedOne), alone, []pin{key}, []pin{strangeKey}, ""},
		{"alone: a pinned certificate without its key", with(pinnedOne), alone, []pin{key}, nil, "invalid signature"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := get(serve(t, test.server, page), pinned(test.client, test.pins...))
			switch {
			case test.found != nil:
				refused := deferredtest.FailureAs[*pinError](t, d)
				if refused.host != "an.example" || !slices.Equal(refused.found, test.found) {
					t.Errorf("%v; want the keys %v", refused, test.found)
				}
				for _, p := range test.found {
					if !strings.Contains(refused.Error(), "an.example: it has [") || !strings.Contains(refused.Error(), p.String()) {
						t.Errorf("%v does not name %v", refused, p)
					}
				}
			case test.other != "":
				err := deferredtest.FailureIs(t, d, reactor.ErrHandshake)
				if !strings.Contains(err.Error(), test.other) || errors.As(err, new(*pinError)) {
					t.Errorf("%v; want %q", err, test.other)
				}
			default:
				if got := deferredtest.SuccessResultOf(t, d); string(got) != "YOYODYNE" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
}

// TestResumed: the pins hold for a session that TLS resumes, too.
func TestResumed(t *testing.T) {
	logtest.Capture(t) // of the server's
	var resumed []bool
	config := server.Clone()
	config.VerifyConnection = func(s tls.ConnectionState) error {
		resumed = append(resumed, s.DidResume)
		return nil
	}
	r := serve(t, config, page)
	base := beside.Clone()
	base.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	deferredtest.SuccessResultOf(t, get(r, pinned(base, key)))
	deferredtest.SuccessResultOf(t, get(r, pinned(base, key)))
	deferredtest.FailureAs[*pinError](t, get(r, pinned(base, another)))
	if want := []bool{false, true, true}; !slices.Equal(resumed, want) {
		t.Errorf("resumed: %v, want %v", resumed, want)
	}
}

// TestContent: a body is read if it is small enough and does not stop.
func TestContent(t *testing.T) {
	const most = 1000
	body := func(size int) treqtesting.Reply { return treqtesting.Reply{Body: strings.Repeat("x", size)} }
	chunked := func(size int) treqtesting.Reply {
		half := strings.Repeat("x", size/2)
		return treqtesting.Reply{Pieces: []treqtesting.Piece{{Data: half}, {Data: half}}}
	}
	slow := treqtesting.Reply{Pieces: []treqtesting.Piece{{After: 50 * time.Second, Data: "a"}, {After: 50 * time.Second, Data: "b"}, {After: 50 * time.Second, Data: "c"}}}
	silent := slow
	silent.Ending = treqtesting.Stall
	for _, test := range []struct {
		name  string
		reply treqtesting.Reply
		size  int   // of the content
		large bool  // it is too large
		after []int // the seconds to which the clock moves
	}{
		{"fits", body(most), most, false, nil},
		{"fits, in chunks", chunked(most), most, false, nil},
		{"too large", body(most + 1), 0, true, nil},
		{"too large, in chunks", chunked(most + 2), 0, true, nil},
		{"slow", slow, 3, false, []int{50, 50, 50}},
		{"silent", silent, 0, false, []int{50, 50, 50, 60}},
	} {
		t.Run(test.name, func(t *testing.T) {
			site := &web.Site{Root: treqtesting.StringStubbingResource(treqtesting.ResponderFunc(func(treqtesting.Received) treqtesting.Reply { return test.reply }))}
			r := serve(t, server, site)
			c := newClient(r, pinned(alone, key))
			d := deferred.Then(c.Get("https://an.example/", client.MaxSize(most)), (*response.Response).Content)
			r.Pump()
			for _, seconds := range test.after {
				deferredtest.NoResult(t, d)
				r.RunFor(time.Duration(seconds) * time.Second)
			}
			switch {
			case test.large:
				if err := deferredtest.FailureAs[*response.TooLargeError](t, d); err.MaxSize != most {
					t.Errorf("%v", err)
				}
			case test.size == 0:
				deferredtest.FailureIs(t, d, os.ErrDeadlineExceeded)
			default:
				if got := deferredtest.SuccessResultOf(t, d); len(got) != test.size {
					t.Errorf("got %d bytes, want %d", len(got), test.size)
				}
			}
		})
	}
}
