package memory_test

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

func TestTrace(t *testing.T) {
	r := memory.New()
	connect(r, "192.0.2.9:1", &peer{})
	r.Pump()
	if got := r.Trace(); len(got) != 0 {
		t.Errorf("before StartTrace:\n%v", got)
	}
	r.StartTrace()
	server := &halfPeer{}
	server.onReadLost = func() { server.AbortConnection() }
	client := &halfPeer{}
	client.made = func(p *peer) { p.Write([]byte("a request that is longer than what is shown of it")) }
	listen(t, r, address, server)
	connect(r, address, client)
	connect(r, "192.0.2.9:1", client)
	r.Pump()
	server.Write([]byte("reply"))
	r.CallLater(2*time.Second, func() { client.LoseWriteConnection() })
	r.Advance(1500 * time.Millisecond)
	r.RunFor(time.Second)
	want := `
0s       listen 192.0.2.1:80
0s       #2 connect 192.0.2.1:80
0s       #3 connect 192.0.2.9:1
0s       #2 server accept 192.0.2.1:80
0s       #2 client connected 10.0.0.1:49153
0s       #3 client failed connection was refused
0s       #2 client write 49 "a request that is longer than what is sh"...
0s       #2 server read 49 "a request that is longer than what is sh"...
1.5s     advance 1.5s
1.5s     #2 server write 5 "reply"
1.5s     #2 client read 5 "reply"
2s       timer 1
2s       #2 client half close
2s       #2 server end EOF
2s       #2 server reset
2s       #2 client end connection was reset by the peer
2s       #2 client reset
`
	if got := "\n" + r.Trace().String(); got != want {
		t.Errorf("got%s\nwant%s", got, want)
	}
}

// story is a program in which much happens at once.
func story(t *testing.T, r *memory.Reactor) memory.Trace {
	r.StartTrace()
	r.AddHost("far", "192.0.2.1")
	r.Latency("far", "", 30*time.Millisecond)
	for _, address := range []string{"192.0.2.1:80", "[2001:db8::1]:80"} {
		_, err := r.ListenTCP(address, reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			return &peer{data: func(p *peer, b []byte) {
				p.Write(b)
				if p.got.Len() > 8<<10 {
					p.AbortConnection()
				}
			}}
		}))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			client := &peer{made: func(p *peer) {
				p.Write(make([]byte, 1+r.Rand().IntN(6<<10)))
				r.CallLater(time.Duration(r.Rand().IntN(1000))*time.Millisecond, func() {
					p.Write(make([]byte, 10<<(i*4)))
					p.LoseConnection()
				})
			}}
			connect(r, address, client)
		}
	}
	cut := connect(r, "192.0.2.3:80", &peer{})
	r.Hold("192.0.2.3", "")
	r.NameResolver().LookupHost("nowhere").AddErrback(func(error) (none addrs, _ error) { return })
	r.CallInThread(func() { r.CallLater(0, func() {}) })
	r.RunFor(200 * time.Millisecond)
	r.Advance(200 * time.Millisecond)
	r.CallLater(time.Minute, func() { r.Stop() })
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(cut.Err, reactor.ErrConnectTimeout) && len(r.FaultsMade()) == 0 {
		t.Errorf("the attempt over a held link: %v", cut.Err)
	}
	return r.Trace()
}

func TestTheSameProgramGivesTheSameTrace(t *testing.T) {
	first := story(t, memory.New())
	if len(first) < 60 {
		t.Errorf("little happened:\n%s", first)
	}
	for i := range 1000 {
		if again := story(t, memory.New()); !slices.Equal(again, first) {
			t.Fatalf("run %d was another:\n%s\nfirst it was\n%s", i+2, again, first)
		}
	}
}
