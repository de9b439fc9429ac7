package reactor_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// halfRecorder is a half-closeable recorder.
type halfRecorder struct {
	recorder
	readLost, writeLost bool
}

func (r *halfRecorder) ReadConnectionLost()  { r.readLost = true }
func (r *halfRecorder) WriteConnectionLost() { r.writeLost = true }

// tlsPair is a client and a server, in memory, before the handshake.
type tlsPair struct {
	r              *memory.Reactor
	client, server recorder
	handshaken     *deferred.Deferred[reactor.Protocol] // the client's
	clientLost     error
	serverLost     error
	port           reactor.Port
}

func newTLSPair(t *testing.T, clientConfig, serverConfig *tls.Config) *tlsPair {
	t.Helper()
	p := &tlsPair{r: memory.New()}
	p.server.lost = func(_ *recorder, err error) { p.serverLost = err }
	p.client.lost = func(_ *recorder, err error) { p.clientLost = err }
	p.connect(t, clientConfig, serverConfig, &p.client, &p.server)
	return p
}

func (p *tlsPair) connect(t *testing.T, clientConfig, serverConfig *tls.Config, client, server reactor.Protocol) {
	t.Helper()
	var err error
	p.port, err = p.r.ListenTCP("127.0.0.1:443", reactor.TLSServer(p.r, reactor.TLSConfig{Config: serverConfig}, build(server)))
	if err != nil {
		t.Fatal(err)
	}
	p.handshaken = reactor.TLSClient(p.r, reactor.TLSConfig{Config: clientConfig}, build(client)).Connect(dialer(p.r))
}

// dialer returns a function that connects to port 443.
func dialer(r reactor.TCP) func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
		return r.ConnectTCP("127.0.0.1:443", f, reactor.ConnectConfig{})
	}
}

func tlsConfigs() (client, server *tls.Config) {
	cert, roots := testcert.New("an.example")
	return &tls.Config{ServerName: "an.example", RootCAs: roots}, &tls.Config{Certificates: []tls.Certificate{cert}}
}

func TestTLSExchange(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			clientConfig, serverConfig := tlsConfigs()
			clientConfig.MaxVersion = version
			clientConfig.NextProtos = []string{"http/1.1"}
			serverConfig.NextProtos = []string{"h2", "http/1.1"}
			p := newTLSPair(t, clientConfig, serverConfig)
			want := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
			p.client.made = func(r *recorder) { r.t.Write(want) }
			p.server.data = func(r *recorder) {
				if r.got.Len() == len(want) {
					r.t.WriteSequence(want[:10], want[10:])
					r.t.LoseConnection()
				}
			}
			p.r.Pump()
			if !bytes.Equal(p.server.got.Bytes(), want) || !bytes.Equal(p.client.got.Bytes(), want) {
				t.Errorf("server got %d bytes and client %d, want %d", p.server.got.Len(), p.client.got.Len(), len(want))
			}
			if p.clientLost != reactor.ErrConnectionDone || p.serverLost != reactor.ErrConnectionDone {
				t.Errorf("client lost for %v, server for %v", p.clientLost, p.serverLost)
			}
			state := p.client.t.TLS()
			if state.Version != version || state.NegotiatedProtocol != "http/1.1" {
				t.Errorf("negotiated %v and %q", tls.VersionName(state.Version), state.NegotiatedProtocol)
			}
			if n := len(p.r.DelayedCalls()); n != 0 {
				t.Errorf("%d delayed calls are left", n)
			}
		})
	}
}

// A negotiating factory names protocols.
type negotiating struct {
	reactor.Factory
	protocols []string
	asked     int
}

func (n *negotiating) AcceptableProtocols() []string {
	n.asked++
	return n.protocols
}

// TestTLSNegotiation checks which protocols are offered, that the factory is asked once, at
// the first connection, and that the program's tls.Config is not changed.
func TestTLSNegotiation(t *testing.T) {
	both := []string{"h2", "http/1.1"}
	for _, test := range []struct {
		name                       string
		server, client             []string // of the factories
		serverConfig, clientConfig []string // of the tls.Configs
		want                       string
		askedServer, askedClient   int
	}{
		{"both factories", both, both, nil, nil, "h2", 1, 1},
		{"the server decides", both, []string{"http/1.1", "h2"}, nil, nil, "h2", 1, 1},
		{"one in common", both, []string{"http/1.1"}, nil, nil, "http/1.1", 1, 1},
		{"a server without", nil, both, nil, nil, "", 1, 1},
		{"a client without", both, nil, nil, nil, "", 1, 1},
		{"the server's config", both, both, []string{"http/1.1"}, nil, "http/1.1", 0, 1},
		{"the client's config", both, both, nil, []string{"http/1.1"}, "http/1.1", 1, 0},
		{"an empty config", both, both, []string{}, nil, "", 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			clientConfig, serverConfig := tlsConfigs()
			serverConfig.NextProtos, clientConfig.NextProtos = test.serverConfig, test.clientConfig
			r := memory.New()
			var server, client recorder
			serverFactory := &negotiating{Factory: build(&server)}
			clientFactory := &negotiating{build(&client), test.client, 0}
			above := reactor.TLSServer(r, reactor.TLSConfig{Config: serverConfig}, serverFactory)
			serverFactory.protocols = test.server // a program may change the factory before the first connection
			if _, err := r.ListenTCP("127.0.0.1:443", above); err != nil {
				t.Fatal(err)
			}
			below := reactor.TLSClient(r, reactor.TLSConfig{Config: clientConfig}, clientFactory)
			for range 2 {
				below.Connect(dialer(r))
				r.Pump()
				if client.t == nil || server.t == nil {
					t.Fatal("no connection")
				}
				if got := client.t.TLS().NegotiatedProtocol; got != test.want || got != server.t.TLS().NegotiatedProtocol {
					t.Errorf("negotiated %q, want %q", got, test.want)
				}
			}
			if serverFactory.asked != test.askedServer || clientFactory.asked != test.askedClient {
				t.Errorf("the factories were asked %d and %d times, want %d and %d", serverFactory.asked, clientFactory.asked, test.askedServer, test.askedClient)
			}
			if len(serverConfig.NextProtos) != len(test.serverConfig) || len(clientConfig.NextProtos) != len(test.clientConfig) {
				t.Error("the program's configs were changed")
			}
		})
	}
}

// TestTLSReceivingTakesNoMemory: connections share the buffers for decrypted data, so that many small
// records do not take 16 KiB each.
func TestTLSReceivingTakesNoMemory(t *testing.T) {
	clientConfig, serverConfig := tlsConfigs()
	p := newTLSPair(t, clientConfig, serverConfig)
	p.r.Pump()
	const count = 1000
	received := 0
	p.server.data = func(r *recorder) {
		received += r.got.Len()
		r.got.Reset()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range count {
		p.client.t.Write([]byte("x"))
		p.r.Pump()
	}
	runtime.ReadMemStats(&after)
	if received != count {
		t.Fatalf("%d bytes were received", received)
	}
	// The race detector drops some of what is put into a sync.Pool.
	if took := (after.TotalAlloc - before.TotalAlloc) / count; took > 8<<10 {
		t.Errorf("a record of one byte took %d bytes", took)
	}
}

func TestTLSHandshakeRefused(t *testing.T) {
	client, server := tlsConfigs()
	otherClient, _ := tlsConfigs()
	wrongName := client.Clone()
	wrongName.ServerName = "another.example"
	demanding := server.Clone()
	demanding.ClientAuth = tls.RequireAndVerifyClientCert
	old := client.Clone()
	old.MaxVersion = tls.VersionTLS12
	onlyNew := server.Clone()
	onlyNew.MinVersion = tls.VersionTLS13
	for _, c := range []struct {
		name           string
		client, server *tls.Config
		is             any
		text           string
	}{
		{"unknown authority", otherClient, server, new(x509.UnknownAuthorityError), "signed by unknown authority"},
		{"wrong name", wrongName, server, new(x509.HostnameError), "another.example"},
		{"no version in common", old, onlyNew, new(*net.OpError), "protocol version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newTLSPair(t, c.client, c.server)
			p.r.Pump()
			_, err, _ := result(p.handshaken)
			if !errors.Is(err, reactor.ErrHandshake) || !errors.As(err, c.is) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
			if p.client.t != nil || p.server.t != nil {
				t.Error("a protocol was connected")
			}
			if n := len(p.r.DelayedCalls()); n != 0 {
				t.Errorf("%d delayed calls are left", n)
			}
		})
	}
	t.Run("no client certificate", func(t *testing.T) {
		// In TLS 1.3 the client's handshake is complete before the server refuses.
		p := newTLSPair(t, client, demanding)
		p.r.Pump()
		if p.server.t != nil || p.clientLost == nil || !strings.Contains(p.clientLost.Error(), "certificate required") {
			t.Errorf("client lost for %v", p.clientLost)
		}
	})
}

func TestTLSClientCertificate(t *testing.T) {
	client, server := tlsConfigs()
	cert, roots := testcert.New("a client")
	client.Certificates = []tls.Certificate{cert}
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, roots
	p := newTLSPair(t, client, server)
	p.r.Pump()
	if peers := p.server.t.TLS().PeerCertificates; len(peers) != 1 || !peers[0].Equal(cert.Leaf) {
		t.Errorf("the server saw %v", peers)
	}
}

func TestTLSResumption(t *testing.T) {
	client, server := tlsConfigs()
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	p := newTLSPair(t, client, server)
	p.r.Pump()
	var second recorder
	p.r.ConnectTCP("127.0.0.1:443", reactor.TLSClient(p.r, reactor.TLSConfig{Config: client}, build(&second)), reactor.ConnectConfig{})
	p.r.Pump()
	if p.client.t.TLS().DidResume || !second.t.TLS().DidResume {
		t.Error("the second connection did not resume the session of the first")
	}
}

// TestTLSTruncated ends the connection below TLS, as when the server's process dies.
func TestTLSTruncated(t *testing.T) {
	client, server := tlsConfigs()
	p := &tlsPair{r: memory.New()}
	p.client.lost = func(_ *recorder, err error) { p.clientLost = err }
	var below reactor.Transport
	tlsServer := reactor.TLSServer(p.r, reactor.TLSConfig{Config: server}, build(&recorder{made: func(r *recorder) { r.t.Write([]byte("part")) }}))
	p.r.ListenTCP("127.0.0.1:443", reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
		return &tap{tlsServer.BuildProtocol(peer), &below}
	}))
	p.r.ConnectTCP("127.0.0.1:443", reactor.TLSClient(p.r, reactor.TLSConfig{Config: client}, build(&p.client)), reactor.ConnectConfig{})
	p.r.Pump()
	below.LoseConnection()
	p.r.Pump()
	if p.client.got.String() != "part" {
		t.Errorf("got %q", p.client.got.String())
	}
	if !errors.Is(p.clientLost, reactor.ErrTruncated) || !errors.Is(p.clientLost, reactor.ErrConnectionLost) {
		t.Errorf("client lost for %v", p.clientLost)
	}
}

// tap stores the transport below a protocol.
type tap struct {
	reactor.Protocol
	below *reactor.Transport
}

func (p *tap) ConnectionMade(t reactor.Transport) {
	*p.below = t
	p.Protocol.ConnectionMade(t)
}

// TestTLSFailsWithAProducer lets a connection fail, or the peer end it, while a producer
// is registered that never ends.
func TestTLSFailsWithAProducer(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(server, below reactor.Transport)
		want error
	}{
		{"no record", func(_, below reactor.Transport) { below.Write([]byte("garbage")) }, reactor.ErrConnectionLost},
		{"the peer's end", func(server, _ reactor.Transport) { server.LoseWriteConnection() }, reactor.ErrConnectionDone},
	} {
		for _, kind := range []string{"push", "pull"} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				f := newFixture(t, func() loop { return memory.New() }, overTLS)
				client, server := f.probe("client"), f.halfProbe("server")
				var below reactor.Transport
				var s *source
				client.made = func() {
					s = f.source(client, 1<<30, 1)
					if kind == "push" {
						client.RegisterProducer(s)
					} else {
						client.RegisterPullProducer(&silentSource{s})
					}
				}
				clientConfig, serverConfig := sharedTLS()
				tlsServer := reactor.TLSServer(f, reactor.TLSConfig{Config: serverConfig}, build(server))
				port, _ := f.ListenTCP("127.0.0.1:0", reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
					return &tap{tlsServer.BuildProtocol(peer), &below}
				}))
				f.ConnectTCP(port.Addr().String(), reactor.TLSClient(f, reactor.TLSConfig{Config: clientConfig}, build(client)), reactor.ConnectConfig{})
				f.memory.Pump()
				c.end(server, below)
				f.memory.Pump()
				client.lostFor(c.want)
				if s.stops != 1 {
					t.Errorf("the producer was stopped %d times", s.stops)
				}
				late := f.source(client, 1, 1)
				if err := client.RegisterProducer(late); err != nil || late.stops != 1 {
					t.Errorf("registered late: %v, stopped %d times", err, late.stops)
				}
				f.finish()
			})
		}
	}
}

// silentSource is a pull producer that writes nothing.
type silentSource struct{ *source }

func (*silentSource) ResumeProducing() {}

func TestTLSGarbage(t *testing.T) {
	client, _ := tlsConfigs()
	r := memory.New()
	r.ListenTCP("127.0.0.1:443", build(&recorder{made: func(r *recorder) { r.t.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }}))
	d := reactor.TLSClient(r, reactor.TLSConfig{Config: client}, build(&recorder{})).Connect(dialer(r))
	r.Pump()
	_, err, fired := result(d)
	if !fired || !errors.As(err, new(tls.RecordHeaderError)) {
		t.Errorf("got %v", err)
	}
}

func TestTLSHandshakeTimeout(t *testing.T) {
	client, _ := tlsConfigs()
	r := memory.New()
	r.ListenTCP("127.0.0.1:443", build(&recorder{})) // does not answer
	config := reactor.TLSConfig{Config: client, HandshakeTimeout: 5 * time.Second}
	waiting := reactor.TLSClient(r, config, build(&recorder{})).Connect(dialer(r))
	r.Pump()
	r.RunFor(5*time.Second - 1)
	if waiting.Called() {
		t.Error("failed too soon")
	}
	r.RunFor(1)
	if _, err, _ := result(waiting); !errors.Is(err, reactor.ErrHandshake) || !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "longer than 5s") {
		t.Errorf("got %v", err)
	}
}

// TestTLSHandshakeWithoutABound: a negative HandshakeTimeout means no bound, as in other
// configurations.
func TestTLSHandshakeWithoutABound(t *testing.T) {
	client, _ := tlsConfigs()
	r := memory.New()
	r.ListenTCP("127.0.0.1:443", build(&recorder{})) // does not answer
	d := reactor.TLSClient(r, reactor.TLSConfig{Config: client, HandshakeTimeout: -1}, build(&recorder{})).Connect(dialer(r))
	r.RunFor(24 * time.Hour)
	if d.Called() {
		_, err, _ := result(d)
		t.Errorf("got %v", err)
	}
	d.Cancel()
	r.Pump()
	if _, err, _ := result(d); !errors.Is(err, deferred.ErrCancelled) {
		t.Errorf("got %v", err)
	}
}

// A zero TLSConfig leaves the decision to crypto/tls, which refuses a client that
// cannot check the server's name.
func TestTLSZeroConfig(t *testing.T) {
	r := memory.New()
	r.ListenTCP("127.0.0.1:443", build(&recorder{}))
	d := reactor.TLSClient(r, reactor.TLSConfig{}, build(&recorder{})).Connect(dialer(r))
	r.Pump()
	if _, err, _ := result(d); !errors.Is(err, reactor.ErrHandshake) || !strings.Contains(err.Error(), "ServerName") {
		t.Errorf("got %v", err)
	}
}

// A connect function that ignores its factory has no TLS.
func TestTLSConnectWithoutTheFactory(t *testing.T) {
	d := reactor.TLSClient(memory.New(), reactor.TLSConfig{}, build(&recorder{})).Connect(
		func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			return deferred.Succeed[reactor.Protocol](&recorder{})
		})
	if _, err, _ := result(d); err == nil || !strings.Contains(err.Error(), "did not use the TLS factory") {
		t.Errorf("got %v", err)
	}
}

// TestTLSBackPressure pauses a client in the middle of a large transfer.
func TestTLSBackPressure(t *testing.T) {
	client, server := tlsConfigs()
	p := newTLSPair(t, client, server)
	const size = 4 << 20
	producer := &chunkProducer{left: size}
	p.server.made = func(r *recorder) {
		producer.to = r.t
		r.t.RegisterProducer(producer)
		producer.ResumeProducing()
	}
	p.client.data = func(r *recorder) {
		if r.got.Len() < 100<<10 {
			r.t.PauseProducing()
		}
	}
	p.r.Pump()
	got := p.client.got.Len()
	if got == 0 || got > 32<<10 || size-producer.left > 1<<20 {
		t.Errorf("client got %d bytes after it paused, server wrote %d", got, size-producer.left)
	}
	for range 100 {
		p.client.t.ResumeProducing()
		p.r.Pump()
	}
	if got := p.client.got.Len(); got != size {
		t.Errorf("client got %d bytes in the end, want %d", got, size)
	}
}

// chunkProducer writes until it is paused.
type chunkProducer struct {
	to     reactor.Transport
	left   int
	paused bool
}

func (c *chunkProducer) ResumeProducing() {
	c.paused = false
	for !c.paused && c.left > 0 {
		n := min(c.left, 10_000)
		c.left -= n
		c.to.Write(make([]byte, n))
	}
	if c.left == 0 {
		c.to.UnregisterProducer()
	}
}

func (c *chunkProducer) PauseProducing() { c.paused = true }
func (c *chunkProducer) StopProducing()  { c.paused = true }

func TestTLSHalfClose(t *testing.T) {
	client, server := tlsConfigs()
	p := &tlsPair{r: memory.New()}
	var c, s halfRecorder
	var serverLost, clientLost error
	c.lost = func(_ *recorder, err error) { clientLost = err }
	s.lost = func(_ *recorder, err error) { serverLost = err }
	p.connect(t, client, server, &c, &s)
	p.r.Pump()
	c.t.Write([]byte("question"))
	c.t.LoseWriteConnection()
	p.r.Pump()
	if s.got.String() != "question" || !s.readLost || !c.writeLost || serverLost != nil || clientLost != nil {
		t.Fatalf("server got %q, readLost %v, writeLost %v, lost %v, %v", s.got.String(), s.readLost, c.writeLost, serverLost, clientLost)
	}
	s.t.Write([]byte("answer"))
	s.t.LoseConnection()
	p.r.Pump()
	if c.got.String() != "answer" || !c.readLost || serverLost != reactor.ErrConnectionDone || clientLost != reactor.ErrConnectionDone {
		t.Errorf("client got %q, readLost %v; lost for %v, %v", c.got.String(), c.readLost, clientLost, serverLost)
	}
}

// startTLS answers a line in the clear, then starts TLS.
type startTLS struct {
	recorder
	handshaken bool
}

func (s *startTLS) HandshakeCompleted() { s.handshaken = true }

func TestStartTLS(t *testing.T) {
	clientConfig, serverConfig := tlsConfigs()
	r := memory.New()
	var client, server startTLS
	server.data = func(rec *recorder) {
		if rec.got.String() == "STARTTLS\n" {
			rec.t.Write([]byte("OK\n"))
			rec.t = reactor.StartTLS(r, rec.t, &server, reactor.TLSConfig{Config: serverConfig}, reactor.TLSServer)
			rec.t.Write([]byte("secret"))
		}
	}
	client.made = func(rec *recorder) { rec.t.Write([]byte("STARTTLS\n")) }
	client.data = func(rec *recorder) {
		if rec.got.String() == "OK\n" {
			rec.t = reactor.StartTLS(r, rec.t, &client, reactor.TLSConfig{Config: clientConfig}, reactor.TLSClient)
		}
	}
	r.ListenTCP("127.0.0.1:25", build(&server))
	r.ConnectTCP("127.0.0.1:25", build(&client), reactor.ConnectConfig{})
	r.Pump()
	if got := client.got.String(); got != "OK\nsecret" || !client.handshaken || !server.handshaken {
		t.Errorf("client got %q, handshaken %v and %v", got, client.handshaken, server.handshaken)
	}
}

// TestTLSPeers talks, over a real loop, to crypto/tls with goroutines.
func TestTLSPeers(t *testing.T) {
	clientConfig, serverConfig := tlsConfigs()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", serverConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.Copy(conn, conn)
	}()
	l := reactor.New()
	watchdog(t, l)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	var reason error
	client := &recorder{
		made: func(r *recorder) { r.t.Write(want) },
		data: func(r *recorder) {
			if r.got.Len() == len(want) {
				r.t.LoseConnection()
			}
		},
		lost: func(_ *recorder, err error) {
			reason = err
			l.Stop()
		},
	}
	l.ConnectTCP(listener.Addr().String(), reactor.TLSClient(l, reactor.TLSConfig{Config: clientConfig}, build(client)), reactor.ConnectConfig{})
	l.Run()
	l.Close()
	if !bytes.Equal(client.got.Bytes(), want) || reason != reactor.ErrConnectionDone {
		t.Errorf("got %d bytes, want %d; lost for %v", client.got.Len(), len(want), reason)
	}
	// The loop as the server.
	l = reactor.New()
	watchdog(t, l)
	port, err := l.ListenTCP("127.0.0.1:0", reactor.TLSServer(l, reactor.TLSConfig{Config: serverConfig}, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &echo{} })))
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		defer l.CallFromThread(func() { l.Stop() })
		conn, err := tls.Dial("tcp", port.Addr().String(), clientConfig)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer conn.Close()
		conn.Write([]byte("hello"))
		got := make([]byte, 5)
		io.ReadFull(conn, got)
		answer <- string(got)
	}()
	l.Run()
	l.Close()
	if got := <-answer; got != "hello" {
		t.Errorf("got %q", got)
	}
}

// TestTLSZone: a certificate for an IPv6 address is valid for that address with a zone.
func TestTLSZone(t *testing.T) {
	for _, test := range []struct {
		cert, name string
		valid      bool
	}{
		{"fe80::1", "fe80::1", true},
		{"fe80::1", "fe80::1%eth0", true},
		{"fe80::1", "FE80:0::1%25", true},
		{"fe80::1", "fe80::2%eth0", false},
		{"an.example", "fe80::1%eth0", false},
	} {
		t.Run(test.cert+" for "+test.name, func(t *testing.T) {
			cert, roots := testcert.New(test.cert)
			config := &tls.Config{ServerName: test.name, RootCAs: roots}
			p := newTLSPair(t, config, &tls.Config{Certificates: []tls.Certificate{cert}})
			p.r.Pump()
			_, err, fired := result(p.handshaken)
			var wrongName x509.HostnameError
			if !fired || (err == nil) != test.valid || err != nil && !errors.As(err, &wrongName) {
				t.Errorf("the handshake ended: %v, with %v", fired, err)
			}
			if config.ServerName != test.name {
				t.Errorf("the program's config was changed: %q", config.ServerName)
			}
		})
	}
}

// A writeCounter is a transport that counts writes, as one that frames them does.
type writeCounter struct {
	reactor.Transport
	writes, empty int
}

func (c *writeCounter) Write(data []byte) {
	c.writes++
	if len(data) == 0 {
		c.empty++
	}
	c.Transport.Write(data)
}

// A between gives the protocol a transport of the test.
type between struct {
	reactor.Protocol
	counter *writeCounter
}

func (b *between) ConnectionMade(t reactor.Transport) {
	b.counter.Transport = t
	b.Protocol.ConnectionMade(b.counter)
}

// TestTLSWritesNothingElse: TLS calls Write of the transport below only with data.
func TestTLSWritesNothingElse(t *testing.T) {
	clientConfig, serverConfig := tlsConfigs()
	p := newTLSPair(t, clientConfig, serverConfig)
	p.r.Pump()
	var client recorder
	counter := &writeCounter{}
	reactor.TLSClient(p.r, reactor.TLSConfig{Config: clientConfig}, build(&client)).Connect(
		func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			return dialer(p.r)(reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
				return &between{f.BuildProtocol(peer), counter}
			}))
		})
	p.r.Pump()
	before := counter.writes
	client.t.PauseProducing()
	client.t.ResumeProducing()
	client.t.PeerClosed()
	client.t.TLS()
	client.t.UnregisterProducer()
	client.t.Write([]byte("one"))
	client.t.LoseConnection()
	p.r.Pump()
	if n := counter.writes - before; counter.empty != 0 || n != 2 {
		t.Errorf("%d writes, %d in all without data; want 2, for the data and the alert, and 0", n, counter.empty)
	}
}

// TestTLSSharesRecords: what is written while received data is delivered shares records, in
// order and completely, however the delivery ends.
func TestTLSSharesRecords(t *testing.T) {
	large := strings.Repeat("large", 10_000)
	for _, test := range []struct {
		name   string
		answer func(c *recorder) // to each of eight bytes, each of which has a record of its own
		writes int               // of the transport below; 0: any number
		want   string
	}{
		{"small ones", func(c *recorder) { c.t.Write([]byte("small ")) }, 1, strings.Repeat("small ", 8)},
		{"and a large one", func(c *recorder) {
			c.t.Write([]byte("small "))
			if c.got.Len() == 4 {
				c.t.Write([]byte(large))
			}
		}, 0, strings.Repeat("small ", 4) + large + strings.Repeat("small ", 4)},
		{"more than a record", func(c *recorder) { c.t.Write(bytes.Repeat([]byte{'m'}, 5000)) }, 0, strings.Repeat("m", 8*5000)},
		{"pieces", func(c *recorder) { c.t.WriteSequence([]byte("one "), []byte("two ")) }, 1, strings.Repeat("one two ", 8)},
		{"and the end", func(c *recorder) {
			c.t.Write([]byte("small "))
			if c.got.Len() == 3 {
				c.t.LoseConnection()
			}
		}, 2, strings.Repeat("small ", 3)},
		{"and the end of writing", func(c *recorder) {
			c.t.Write([]byte("small "))
			if c.got.Len() == 3 {
				c.t.LoseWriteConnection()
			}
		}, 2, strings.Repeat("small ", 3)},
		{"and a pause", func(c *recorder) {
			c.t.Write([]byte("small "))
			if c.got.Len() == 3 {
				c.t.PauseProducing()
			}
		}, 1, strings.Repeat("small ", 3)},
	} {
		t.Run(test.name, func(t *testing.T) {
			clientConfig, serverConfig := tlsConfigs()
			p := newTLSPair(t, clientConfig, serverConfig)
			p.r.Pump()
			counter := &writeCounter{}
			client := &recorder{data: test.answer}
			reactor.TLSClient(p.r, reactor.TLSConfig{Config: clientConfig}, build(client)).Connect(
				func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
					return dialer(p.r)(reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
						return &between{f.BuildProtocol(peer), counter}
					}))
				})
			p.r.Pump()
			before := counter.writes
			for range 8 { // one turn, in eight records
				p.server.t.Write([]byte("?"))
			}
			p.r.Pump()
			if n := counter.writes - before; test.writes != 0 && n != test.writes {
				t.Errorf("%d writes, want %d", n, test.writes)
			}
			if got := p.server.got.String(); got != test.want {
				t.Errorf("received %d bytes, want %d: %.40q", len(got), len(test.want), got)
			}
		})
	}
}

// TestTLSReceivesNothingWhileItEnds checks that what comes after LoseConnection is dropped, not
// kept: a producer may go on for long, and so may the peer.
func TestTLSReceivesNothingWhileItEnds(t *testing.T) {
	f := newFixture(t, func() loop { return memory.New() }, overTLS)
	client, server := f.probe("client"), f.probe("server")
	server.made = func() {
		if err := server.RegisterProducer(idle{}); err != nil {
			t.Error(err)
		}
		server.LoseConnection()
	}
	server.data = func([]byte) { t.Error("DataReceived after LoseConnection") }
	client.made = func() { client.Write(make([]byte, 4<<20)) }
	f.join(client, server)
	f.memory.Pump()
	if kept := reactor.Undecrypted(server.Transport); kept != 0 {
		t.Errorf("%d received bytes are kept", kept)
	}
	server.UnregisterProducer()
	f.memory.Pump()
	server.lostFor(reactor.ErrConnectionDone)
	f.finish()
}

// idle is a producer that produces nothing.
type idle struct{}

func (idle) PauseProducing()  {}
func (idle) ResumeProducing() {}
func (idle) StopProducing()   {}
