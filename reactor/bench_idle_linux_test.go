package reactor_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"golang.org/x/sys/unix"
)

// idleConnections is the number of connections in BenchmarkIdleConnections.
const idleConnections = 5000

// BenchmarkIdleConnections reports the bytes of Go's heap and stacks of an idle
// server connection that has answered once. For comparison, it reports
// the same for a server of package net with a goroutine and a buffer of 4 KiB, as in
// bufio, per connection. The clients are in a process of their own.
func BenchmarkIdleConnections(b *testing.B) {
	_, config := sharedTLS()
	b.Run("reactor/plain", func(b *testing.B) { idleOnReactor(b, nil) })
	b.Run("reactor/tls", func(b *testing.B) { idleOnReactor(b, config) })
	b.Run("net/plain", func(b *testing.B) { idleOnNet(b, nil) })
	b.Run("net/tls", func(b *testing.B) { idleOnNet(b, config) })
}

func idleOnReactor(b *testing.B, config *tls.Config) {
	l := reactor.New()
	defer l.Close()
	var factory reactor.Factory = reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &echo{} })
	if config != nil {
		factory = reactor.TLSServer(l, reactor.TLSConfig{Config: config}, factory)
	}
	port, err := l.ListenTCP("127.0.0.1:0", factory)
	if err != nil {
		b.Fatal(err)
	}
	withClients(b, port.Addr(), config != nil, func(opened <-chan struct{}) {
		go func() {
			<-opened
			l.CallFromThread(l.Crash)
		}()
		l.Run()
	})
}

func idleOnNet(b *testing.B, config *tls.Config) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	defer l.Close()
	withClients(b, l.Addr(), config != nil, func(opened <-chan struct{}) {
		for range idleConnections {
			conn, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 4<<10)
				for {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					conn.Write(buffer[:n])
				}
			}()
		}
		<-opened
	})
}

// withClients makes another process open connections to addr, and measures the memory
// that they take in this process. serve serves them until opened is closed.
func withClients(b *testing.B, addr net.Addr, tls bool, serve func(opened <-chan struct{})) {
	raiseDescriptorLimit(b)
	clients := exec.Command(os.Args[0], "-test.run=^TestIdleClients$")
	clients.Env = append(os.Environ(), "REACTOR_IDLE_CLIENTS="+addr.String(), "REACTOR_IDLE_TLS="+strconv.FormatBool(tls))
	clients.Stderr = os.Stderr
	stdin, _ := clients.StdinPipe()
	stdout, _ := clients.StdoutPipe()
	before := memoryInUse()
	if err := clients.Start(); err != nil {
		b.Fatal(err)
	}
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "opened\n" {
			b.Errorf("the clients say %q, %v", line, err)
		}
	}()
	serve(opened)
	b.ReportMetric(float64(memoryInUse()-before)/idleConnections, "B/conn")
	b.ReportMetric(0, "ns/op")
	stdin.Close()
	clients.Wait()
}

// memoryInUse returns the size of the heap and the stacks after a garbage
// collection.
func memoryInUse() int64 {
	for range 3 { // the contents of a sync.Pool survive the first collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func raiseDescriptorLimit(t testing.TB) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < idleConnections+100 {
		limit.Cur = limit.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < idleConnections+100 {
			t.Skipf("only %d descriptors may be open", limit.Cur)
		}
	}
}

// TestIdleClients is not a test, but the process of withClients' clients.
func TestIdleClients(t *testing.T) {
	address := os.Getenv("REACTOR_IDLE_CLIENTS")
	if address == "" {
		t.Skip("a part of BenchmarkIdleConnections")
	}
	raiseDescriptorLimit(t)
	config := &tls.Config{InsecureSkipVerify: true}
	overTLS := os.Getenv("REACTOR_IDLE_TLS") == "true"
	conns := make([]net.Conn, idleConnections)
	for i := range conns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if overTLS {
			conn = tls.Client(conn, config)
		}
		hello := []byte("hello")
		conn.Write(hello)
		if _, err := io.ReadFull(conn, hello); err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	os.Stdout.WriteString("opened\n")
	io.Copy(io.Discard, os.Stdin) // until it is closed
	runtime.KeepAlive(conns)
	os.Exit(0)
}
