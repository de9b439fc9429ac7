package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"sync"
)

// The names of the clients in the tables.
const (
	floorName    = "floor" // epoll or crypto/tls alone, with the bytes of HTTP
	floorCName   = "C"     // the same in C
	gotreqName   = "gotreq"
	agentName    = "gotreq/agent" // gotreq without package client
	netHTTPName  = "net/http"
	fasthttpName = "fasthttp"
	restyName    = "resty"
	treqName     = "python treq"
	http1Name    = "gotreq/1.1" // gotreq over HTTP/1.1, in the scenarios of HTTP/2
	h2loadName   = "h2load"     // a client in C that reads no header fields

	// Beside Deferreds:
	callbackName  = "callback"  // gotreq, without a coroutine
	goroutineName = "goroutine" // Go's own: a goroutine waits for a channel
	v8Name        = "V8"        // promises

	oneLoopName, twoLoopsName = "gotreq/1 loop", "gotreq/2 loops" // on as many cores
)

// clientNames are the names in the order of the tables.
var clientNames = []string{floorCName, floorName, gotreqName, agentName, netHTTPName, fasthttpName, restyName, treqName, http1Name, h2loadName,
	callbackName, goroutineName, v8Name, oneLoopName, twoLoopsName}

// inOtherLanguages are the clients that are no Go programs.
var inOtherLanguages = map[string]bool{floorCName: true, treqName: true, h2loadName: true, v8Name: true}

// A taskFunc runs a task of one kind.
type taskFunc func(t *task, m *meter) error

// clients has the functions of each client, by the kind of task. Those in other languages are programs of their own.
var clients = map[string]map[kind]taskFunc{
	floorCName:    {requests: nil},
	floorName:     {requests: floorRequests},
	gotreqName:    {requests: gotreqRequests, hold: gotreqHold, stub: gotreqStub, chain: gotreqChain, wait: gotreqWait},
	agentName:     {requests: agentRequests},
	netHTTPName:   {requests: netHTTPRequests, hold: netHTTPHold, stub: netHTTPStub},
	fasthttpName:  {requests: fasthttpRequests},
	restyName:     {requests: restyRequests},
	treqName:      {requests: nil, stub: nil, chain: nil},
	http1Name:     {requests: gotreqRequests, hold: gotreqHold},
	h2loadName:    {requests: nil},
	callbackName:  {wait: callbackWait},
	goroutineName: {wait: goroutineWait},
	v8Name:        {chain: nil, wait: nil},
	oneLoopName:   {both: oneLoop},
	twoLoopsName:  {both: twoLoops},
}

// supports reports whether client can run t.
func supports(client string, t *task) bool {
	_, ok := clients[client][t.Kind]
	if t.HTTP2 {
		switch client {
		case floorName, gotreqName, netHTTPName, http1Name:
			return ok
		case h2loadName:
			return ok && haveH2load()
		}
		return false
	}
	switch client {
	case http1Name, h2loadName:
		return false
	case floorCName:
		small := t.Length == int64(len(smallBody)) && t.Roots == "" && !t.Fresh && !t.Cookies && t.Redirects == 0 && t.Upload == 0
		return ok && small && cCompiler() != ""
	case twoLoopsName:
		return ok && haveTwoCores()
	case v8Name:
		return ok && node() != ""
	case treqName:
		return ok && havePythonTreq() && t.Connections <= 1000
	case restyName:
		return ok && t.Upload == 0 && !t.Stream
	case agentName:
		return ok && t.Redirects == 0 && !t.Cookies && t.Upload == 0 && t.JSON == "" && !t.Fresh
	}
	return ok
}

// haveTwoCores reports whether there are two cores, and says it if not.
var haveTwoCores = sync.OnceValue(func() bool {
	one, other := cores()
	if one == other {
		fmt.Fprintln(os.Stderr, "bench: there is only one core: what a second one is worth is left out")
	}
	return one != other
})

// tlsConfig returns a configuration that trusts the server, or nil for a task without TLS.
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

// protocols returns the versions of HTTP of the task: one.
func protocols(t *task) *http.Protocols {
	var p http.Protocols
	switch {
	case !t.HTTP2 || t.Client == http1Name:
		p.SetHTTP1(true)
	case t.Roots != "":
		p.SetHTTP2(true)
	default:
		p.SetUnencryptedHTTP2(true)
	}
	return &p
}

// inGoroutines calls once repeatedly until it returns false, in one goroutine for each
// connection of the task. Over HTTP/2, the first call makes the one connection.
func inGoroutines(t *task, once func() (more bool, err error)) error {
	if t.HTTP2 {
		if more, err := once(); !more || err != nil {
			return err
		}
	}
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

// readSize is the size of buffers for streamed bodies.
const readSize = 256 << 10
