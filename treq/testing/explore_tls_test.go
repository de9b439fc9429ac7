package testing_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// secret is hello over TLS.
func secret(server, clients func() *tls.Config) program {
	return func(t testing.TB, r *memory.Reactor) {
		site := &web.Site{Root: &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "Hello, world!")
		})}, MemoryContent: -1, MemoryContentTotal: -1}
		r.AddHost("an.example", "10.0.0.2")
		if _, err := r.ListenTCP("10.0.0.2:443", reactor.TLSServer(r, reactor.TLSConfig{Config: server()}, site)); err != nil {
			t.Fatal(err)
		}
		c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{}), TLS: agent.NewTLSPolicy(clients())})})
		d := deferred.Then(c.Get("https://an.example/"), (*response.Response).Text)
		r.RunFor(time.Minute)
		deferredtest.SuccessResultOf(t, d)
	}
}

// TestReplayOverTLS: the bytes of TLS are the same in a replay, also those whose number depends on random
// numbers.
func TestReplayOverTLS(t *testing.T) {
	cert, roots := testcert.New("an.example") // ECDSA's
	for _, test := range []struct {
		name            string
		server, clients func() *tls.Config
	}{
		{"Ed25519",
			func() *tls.Config { return new(treqtesting.Authority).ServerTLS("an.example") },
			func() *tls.Config { return new(treqtesting.Authority).ClientTLS() },
		},
		{"ECDSA",
			func() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}} },
			func() *tls.Config {
				return &tls.Config{RootCAs: roots, Time: func() time.Time { return cert.Leaf.NotBefore.Add(time.Hour) }}
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := treqtesting.Exploration{Network: faults, Runs: 40}
			e.Network.Faults = memory.Reset
			program := secret(test.server, test.clients)
			found := treqtesting.Search(t, e, program).Finding
			if found == nil || found.Run == 1 {
				t.Fatalf("found %+v", found)
			}
			t.Setenv("TREQTESTING_TAPE", found.Tape)
			again := treqtesting.Search(t, e, program).Finding
			if again == nil || again.Trace.String() != found.Trace.String() {
				t.Errorf("not\n%s\nbut\n%s", found.Report, again.Report)
			}
			bytes := 0
			for _, event := range found.Trace {
				if event.Kind == "write" {
					bytes += event.N
				}
			}
			if bytes < 100 {
				t.Errorf("%d bytes were sent:\n%s", bytes, found.Trace)
			}
		})
	}
}
