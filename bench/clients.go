package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync"
)

// The names of the clients, as the tables have them.
const (
	floorName    = "floor" // the bare loop, or bare crypto/tls: no HTTP, just its bytes
	gotreqName   = "gotreq"
	agentName    = "gotreq/agent" // gotreq without what package client adds
	netHTTPName  = "net/http"
	fasthttpName = "fasthttp"
	restyName    = "resty"
	treqName     = "python treq"
)

// clientNames has them in the order of the tables.
var clientNames = []string{floorName, gotreqName, agentName, netHTTPName, fasthttpName, restyName, treqName}

// A doer does a task of some kind.
type doer func(t *task, m *meter) error

// clients has what each client does. Python's is a program of its own; see
// pythontreq.go.
var clients = map[string]map[kind]doer{
	floorName:    {requests: floorRequests, hold: floorHold},
	gotreqName:   {requests: gotreqRequests, hold: gotreqHold, stub: gotreqStub, chain: gotreqChain},
	agentName:    {requests: agentRequests},
	netHTTPName:  {requests: netHTTPRequests, hold: netHTTPHold, stub: netHTTPStub},
	fasthttpName: {requests: fasthttpRequests},
	restyName:    {requests: restyRequests},
	treqName:     {requests: nil, stub: nil, chain: nil},
}

// does reports whether a client does tasks like t.
func does(client string, t *task) bool {
	_, ok := clients[client][t.Kind]
	switch client {
	case treqName:
		return ok && havePythonTreq() && t.Connections <= 1000
	case restyName:
		return ok && t.Upload == 0 && !t.Stream
	case agentName:
		return ok && t.Redirects == 0 && !t.Cookies && t.Upload == 0 && t.JSON == "" && !t.Fresh
	}
	return ok
}

// tlsConfig returns what a client needs to trust the server.
func tlsConfig(t *task) *tls.Config {
	if t.Roots == "" {
		return nil
	}
	pem, err := os.ReadFile(t.Roots)
	if err != nil {
		fail(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// inGoroutines calls once, in as many goroutines as the task has connections, as
// long as it says that there is more to do.
func inGoroutines(t *task, once func() (more bool, err error)) error {
	var wg sync.WaitGroup
	for range t.Connections {
		wg.Go(func() {
			for {
				more, err := once()
				if err != nil {
					fail(err)
				}
				if !more {
					return
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// readSize is the size of the buffers through which bodies are read that are not
// kept.
const readSize = 256 << 10
