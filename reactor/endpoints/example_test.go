package endpoints_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A Greeting is a protocol that prints the received data.
type Greeting struct{ transport reactor.Transport }

func (g *Greeting) ConnectionMade(t reactor.Transport) { g.transport = t }
func (g *Greeting) DataReceived(data []byte)           { fmt.Printf("%s says: %s", g.transport.Peer(), data) }
func (g *Greeting) ConnectionLost(error)               {}

// A Greeter is a protocol that greets the client.
type Greeter struct{}

func (Greeter) ConnectionMade(t reactor.Transport) { t.Write([]byte("hello\n")) }
func (Greeter) DataReceived([]byte)                {}
func (Greeter) ConnectionLost(error)               {}

var greeters = reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return Greeter{} })

// Packets to the first address are lost, so the attempt at the second address starts
// after a quarter of a second.
func ExampleHostname() {
	r := memory.New()
	r.AddHost("www.example.com", "2001:db8::1", "192.0.2.1")
	r.ListenTCP(":80", greeters)
	r.Hold("2001:db8::1", "")

	endpoint := endpoints.NewHostname(r, "www.example.com", "80", endpoints.HostnameConfig{})
	endpoints.ConnectProtocol(endpoint, &Greeting{})
	r.RunFor(250 * time.Millisecond)
	// Output:
	// 192.0.2.1:80 says: hello
}

func ExampleHostname_error() {
	r := memory.New()
	r.AddHost("www.example.com", "2001:db8::1", "192.0.2.1")
	endpoint := endpoints.NewHostname(r, "www.example.com", "80", endpoints.HostnameConfig{})
	endpoints.ConnectProtocol(endpoint, &Greeting{}).AddErrback(func(err error) (*Greeting, error) {
		fmt.Println(err)
		return nil, nil
	})
	r.Pump()
	// Output:
	// connecting to www.example.com:80: connection was refused at [2001:db8::1]:80 (1 other address failed too)
}

func ExampleServerFromString() {
	r := memory.New()
	server, err := endpoints.ServerFromString(r, "tcp:8080:interface=127.0.0.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	server.Listen(greeters)

	client, err := endpoints.ClientFromString(r, "tcp:localhost:8080:timeout=5")
	if err != nil {
		fmt.Println(err)
		return
	}
	endpoints.ConnectProtocol(client, &Greeting{})
	r.Pump()
	// Output:
	// 127.0.0.1:8080 says: hello
}

// The folder has the server's certificate, with its key, in a file. It is the only one that
// the client trusts.
func ExampleClientFromString() {
	folder, remove := certificateOf("www.example.com") // a temporary folder with cert.pem
	defer remove()
	key := filepath.Join(folder, "cert.pem")
	r := memory.New()
	r.AddHost("www.example.com", "192.0.2.1")

	server, err := endpoints.ServerFromString(r, "ssl:443:privateKey="+endpoints.QuoteStringArgument(key))
	if err != nil {
		fmt.Println(err)
		return
	}
	server.Listen(greeters)

	client, err := endpoints.ClientFromString(r, "tls:www.example.com:443:trustRoots="+endpoints.QuoteStringArgument(folder))
	if err != nil {
		fmt.Println(err)
		return
	}
	endpoints.ConnectProtocol(client, &Greeting{})
	r.Pump()
	// Output:
	// 192.0.2.1:443 says: hello
}

// No server listens at first. Later the connection is lost.
func ExampleClientService() {
	r := memory.New()
	now := func() time.Duration { return r.Now().Sub(time.Unix(0, 0)) }
	service := endpoints.NewClientService(r, endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{}),
		func(net.Addr) *Greeting { return &Greeting{} },
		endpoints.ClientServiceConfig[*Greeting]{
			RetryPolicy: endpoints.BackoffPolicy{MaxDelay: 10 * time.Second}.Delay,
			PrepareConnection: func(*Greeting) *deferred.Deferred[deferred.None] {
				fmt.Println("connected after", now())
				return deferred.Succeed(deferred.None{})
			},
			Lost: func(reason error) { fmt.Println("lost:", reason) },
		})
	service.StartService()
	r.RunFor(3 * time.Second)

	r.ListenTCP("192.0.2.1:80", greeters)
	r.RunFor(2 * time.Second)

	service.WhenConnected(0).AddCallback(func(g *Greeting) (*Greeting, error) {
		g.transport.AbortConnection()
		return g, nil
	})
	r.RunFor(time.Minute)

	service.StopService()
	r.Pump()
	// Output:
	// connected after 4.489344577s
	// 192.0.2.1:80 says: hello
	// lost: connection was aborted
	// connected after 6.549999111s
	// 192.0.2.1:80 says: hello
	// lost: connection was closed cleanly
}

// A wrong password stays wrong, so the service gives up. What waits for a connection gets the
// reason.
func ExampleClientServiceConfig() {
	r := memory.New()
	r.ListenTCP("192.0.2.1:80", greeters)
	errLogin := errors.New("wrong password")

	var service *endpoints.ClientService[*Greeting]
	service = endpoints.NewClientService(r, endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{}),
		func(net.Addr) *Greeting { return &Greeting{} },
		endpoints.ClientServiceConfig[*Greeting]{
			PrepareConnection: func(g *Greeting) *deferred.Deferred[deferred.None] {
				return deferred.Fail[deferred.None](errLogin) // a program would log in here
			},
			Failed: func(reason error) {
				fmt.Println("failed:", reason)
				if errors.Is(reason, errLogin) {
					service.StopService()
				}
			},
		})
	service.StartService()
	service.WhenConnected(0).AddErrback(func(err error) (*Greeting, error) {
		fmt.Println("no connection:", err)
		return nil, nil
	})
	r.Pump()
	fmt.Println("running:", service.Running())
	// Output:
	// failed: wrong password
	// no connection: wrong password
	// running: false
}

// A server that is too busy gets more time.
func ExampleRetryPolicy() {
	errBusy := errors.New("the server is busy")
	policy := func(failures int, reason error, random *rand.Rand) time.Duration {
		if errors.Is(reason, errBusy) {
			return 5 * time.Minute
		}
		return endpoints.BackoffPolicy{}.Delay(failures, reason, random)
	}
	config := endpoints.ClientServiceConfig[*Greeting]{RetryPolicy: policy}

	random := rand.New(rand.NewPCG(1, 2))
	fmt.Println(config.RetryPolicy(1, errBusy, random))
	fmt.Println(config.RetryPolicy(1, reactor.ErrConnectionRefused, random) < 3*time.Second)
	// Output:
	// 5m0s
	// true
}

// A SOCKS5 server at 192.0.2.1 connects to www.example.com, whose name it looks up.
func ExampleSOCKS5() {
	r := memory.New()
	r.ListenTCP("192.0.2.1:1080", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &obliging{} }))

	server := endpoints.NewTCPClient(r, "192.0.2.1:1080", reactor.ConnectConfig{})
	endpoint := endpoints.NewSOCKS5(r, server, "www.example.com", "80", endpoints.SOCKS5Config{})
	endpoints.ConnectProtocol(endpoint, &Greeting{})
	r.Pump()
	// Output:
	// the server is to connect to www.example.com
	// 192.0.2.1:1080 says: hello
}

// An obliging protocol is that of a SOCKS5 server, which connects everybody to a greeter.
type obliging struct {
	transport reactor.Transport
	greeted   bool
}

func (o *obliging) ConnectionMade(t reactor.Transport) { o.transport = t }
func (o *obliging) ConnectionLost(error)               {}

func (o *obliging) DataReceived(data []byte) {
	if !o.greeted {
		o.greeted = true
		o.transport.Write([]byte("\x05\x00"))
		return
	}
	fmt.Printf("the server is to connect to %s\n", data[5:len(data)-2])
	o.transport.Write([]byte("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00hello\n"))
}
