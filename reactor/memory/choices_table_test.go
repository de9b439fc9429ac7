package memory_test

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// script answers the choices of each kind in turn, and 0 after the last. The answers for Order
// are those of Pick.
type script struct {
	answers map[memory.Choice][]int
	asked   []string
}

func (s *script) Choose(kind memory.Choice, n int) int {
	s.asked = append(s.asked, fmt.Sprint(kind, " ", n))
	left := s.answers[kind]
	if len(left) == 0 {
		return 0
	}
	s.answers[kind] = left[1:]
	return left[0]
}

func (s *script) Pick(tasks []memory.Task) int { return s.Choose(memory.Order, len(tasks)) }

// dialogue is a program in which a client greets a server, which answers and closes.
func dialogue(r *memory.Reactor) {
	r.AddHost("client", "10.0.0.1")
	r.AddHost("server", "192.0.2.1")
	r.StartTrace()
	r.ListenTCP(address, reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &peer{data: func(p *peer, b []byte) {
			if p.got.Len() == 5 {
				p.Write([]byte("world"))
				p.LoseConnection()
			}
		}}
	}))
	connect(r, address, &halfPeer{peer: peer{made: func(p *peer) { p.Write([]byte("hello")) }}})
}

// lookup looks up a name, and calls a function in a thread. Their results are timers after 2 s
// if the name is found, after 1 s if not, and after 3 s.
func lookup(r *memory.Reactor) {
	r.AddHost("client", "10.0.0.1")
	r.AddHost("server", "192.0.2.1")
	r.StartTrace()
	r.NameResolver().LookupHost("server").AddBoth(func(found addrs, err error) (addrs, error) {
		r.CallLater(time.Duration(1+len(found))*time.Second, func() {})
		return nil, nil
	})
	r.CallInThread(func() { r.CallLater(3*time.Second, func() {}) })
}

// fourTimers has delayed calls for one time: two of one place, and two of others.
func fourTimers(r *memory.Reactor) {
	r.StartTrace()
	for range 2 {
		r.CallLater(time.Second, func() {})
	}
	r.CallLater(time.Second, func() {})
	r.RunFor(time.Second / 2)
	r.CallLater(time.Second/2, func() {})
}

// twoClients has two dialogues at once.
func twoClients(r *memory.Reactor) {
	dialogue(r)
	connect(r, address, &peer{made: func(p *peer) { p.Write([]byte("hello")) }})
}

// lines finds the numbers of lines of this file, which change with it.
var lines = regexp.MustCompile(`(choices_table_test\.go):\d+`)

func TestEachKindOfChoice(t *testing.T) {
	logtest.Capture(t) // a port that cannot accept
	link := []memory.Link{{A: "client", B: "server"}}
	for _, test := range []struct {
		name       string
		program    func(*memory.Reactor)
		conditions memory.Conditions
		answers    map[memory.Choice][]int
		want       string
	}{
		{"a read gets less", dialogue, memory.Conditions{}, map[memory.Choice][]int{memory.Split: {0, 2}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #1 server choice a read gets 2 of 5 bytes
0s       #1 server read 2 "he"
0s       #1 server read 3 "llo"
0s       #1 server write 5 "world"
0s       #1 server close
0s       #1 client read 5 "world"
0s       #1 client end EOF
`},
		{"a write takes less", dialogue, memory.Conditions{}, map[memory.Choice][]int{memory.Split: {2}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client choice a write takes 2 of 5 bytes
0s       #1 client write 2 "he"
0s       #1 server read 2 "he"
0s       #1 client write 3 "llo"
0s       #1 server read 3 "llo"
0s       #1 server write 5 "world"
0s       #1 server close
0s       #1 client read 5 "world"
0s       #1 client end EOF
`},
		{"whole", dialogue, memory.Conditions{Whole: true}, map[memory.Choice][]int{memory.Split: {2, 2}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #1 server read 5 "hello"
0s       #1 server write 5 "world"
0s       #1 server close
0s       #1 client read 5 "world"
0s       #1 client end EOF
`},
		{"order of sockets", twoClients, memory.Conditions{}, map[memory.Choice][]int{memory.Order: {1, 0, 1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #2 connect 192.0.2.1:80
0s       #2 server choice comes before #1 server
0s       #2 server accept 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #2 server choice comes before #2 client
0s       #2 client connected 10.0.0.1:49153
0s       #1 client connected 10.0.0.1:49152
0s       #2 client write 5 "hello"
0s       #1 client write 5 "hello"
0s       #2 server read 5 "hello"
0s       #1 server read 5 "hello"
0s       #2 server write 5 "world"
0s       #2 server close
0s       #1 server write 5 "world"
0s       #1 server close
0s       #2 client read 5 "world"
0s       #1 client read 5 "world"
0s       #2 client end EOF
0s       #2 client close
0s       #1 client end EOF
`},
		{"the loop has a turn before a socket", twoClients, memory.Conditions{}, map[memory.Choice][]int{memory.Order: {0, 1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #2 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       choice a turn of the loop comes before #2 server
0s       #2 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #2 client connected 10.0.0.1:49153
0s       #1 server read 5 "hello"
0s       #2 client write 5 "hello"
0s       #1 server write 5 "world"
0s       #1 server close
0s       #2 server read 5 "hello"
0s       #1 client read 5 "world"
0s       #1 client end EOF
0s       #2 server write 5 "world"
0s       #2 server close
0s       #2 client read 5 "world"
0s       #2 client end EOF
0s       #2 client close
`},
		{"order of delayed calls", fourTimers, memory.Conditions{}, map[memory.Choice][]int{memory.Order: {1, 1}}, `
1s       choice the delayed call of choices_table_test.go:N comes before the delayed call of choices_table_test.go:N
1s       timer 3
1s       choice the delayed call of choices_table_test.go:N comes before the delayed call of choices_table_test.go:N
1s       timer 4
1s       timer 1
1s       timer 2
`},
		{"a thread takes longer", lookup, memory.Conditions{}, map[memory.Choice][]int{memory.Order: {1}}, `
0s       choice thread 1, which looks up server, takes longer than others
2s       timer 2
3s       timer 1
`},
		{"latencies of threads", lookup, memory.Conditions{MaxLatency: 1600 * time.Millisecond}, map[memory.Choice][]int{memory.Latency: {1, 2}}, `
0s       choice thread 1, which looks up server, takes 100ms
0s       choice thread 2 takes 400ms
2.1s     timer 1
3.4s     timer 2
`},
		{"latency of a link", dialogue, memory.Conditions{MaxLatency: 1600 * time.Millisecond}, map[memory.Choice][]int{memory.Latency: {1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       choice 50ms of latency for each message between client and server
50ms     #1 server accept 192.0.2.1:80
100ms    #1 client connected 10.0.0.1:49152
100ms    #1 client write 5 "hello"
150ms    #1 server read 5 "hello"
150ms    #1 server write 5 "world"
150ms    #1 server close
200ms    #1 client read 5 "world"
200ms    #1 client end EOF
`},
		{"latency of messages", dialogue, memory.Conditions{MaxLatency: 1600 * time.Millisecond}, map[memory.Choice][]int{memory.Latency: {0, 1, 2, 3, 1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 client choice 50ms of latency for the attempt to connect
50ms     #1 server choice 200ms of latency for the answer to the attempt
50ms     #1 server accept 192.0.2.1:80
250ms    #1 client connected 10.0.0.1:49152
250ms    #1 client write 5 "hello"
250ms    #1 client choice 800ms of latency for 5 bytes
1.05s    #1 server read 5 "hello"
1.05s    #1 server write 5 "world"
1.05s    #1 server choice 50ms of latency for 5 bytes
1.05s    #1 server close
1.1s     #1 client read 5 "world"
1.1s     #1 client end EOF
`},
		{"bandwidth", dialogue, memory.Conditions{MinBandwidth: 8}, map[memory.Choice][]int{memory.Bandwidth: {3}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 client choice the connection carries 8 bytes a second each way
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
250ms    #1 server read 2 "he"
500ms    #1 server read 2 "ll"
625ms    #1 server read 1 "o"
625ms    #1 server write 5 "world"
625ms    #1 server close
875ms    #1 client read 2 "wo"
1.125s   #1 client read 2 "rl"
1.25s    #1 client read 1 "d"
1.25s    #1 client end EOF
`},
		{"bandwidth, whole", dialogue, memory.Conditions{MinBandwidth: 8, Whole: true}, map[memory.Choice][]int{memory.Bandwidth: {3}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 client choice the connection carries 8 bytes a second each way
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
625ms    #1 server read 5 "hello"
625ms    #1 server write 5 "world"
625ms    #1 server close
1.25s    #1 client read 5 "world"
1.25s    #1 client end EOF
`},
		{"refused", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 client choice the network refuses the attempt to connect
0s       #1 client failed connection was refused
`},
		{"attempt stalled", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {2}, memory.Detail: {1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 client choice the network holds all messages between client and server for 10s
10s      #1 server accept 192.0.2.1:80
10s      #1 client connected 10.0.0.1:49152
10s      #1 client write 5 "hello"
10s      #1 server read 5 "hello"
10s      #1 server write 5 "world"
10s      #1 server close
10s      #1 client read 5 "world"
10s      #1 client end EOF
`},
		{"attempt cut", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {3}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 client choice the network cuts the link between client and server
20s      #1 client failed connection was refused
`},
		{"answer stalled", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server choice the network holds all messages between client and server for 1s
0s       #1 server accept 192.0.2.1:80
1s       #1 client connected 10.0.0.1:49152
1s       #1 client write 5 "hello"
1s       #1 server read 5 "hello"
1s       #1 server write 5 "world"
1s       #1 server close
1s       #1 client read 5 "world"
1s       #1 client end EOF
`},
		{"answer cut", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 2}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server choice the network cuts the link between client and server
0s       #1 server accept 192.0.2.1:80
20s      #1 client reset
20s      #1 server end connection was reset by the peer
20s      #1 server reset
20s      #1 client failed connection was reset by the peer
`},
		{"a port cannot accept", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 0, 1}, memory.Detail: {1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       choice the port at 192.0.2.1:80 cannot accept for 1s
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
1s       #1 server accept 192.0.2.1:80
1s       #1 server read 5 "hello"
1s       #1 server write 5 "world"
1s       #1 server close
1s       #1 client read 5 "world"
1s       #1 client end EOF
`},
		{"a reset after the bytes", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 0, 0, 1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #1 client choice the network resets the connection after 5 bytes
0s       #1 client end connection was reset by the peer
0s       #1 client reset
0s       #1 server read 5 "hello"
0s       #1 server reset
`},
		{"a reset in place of the bytes", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 0, 0, 1}, memory.Detail: {1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #1 client choice the network resets the connection and loses 5 bytes
0s       #1 client end connection was reset by the peer
0s       #1 client reset
0s       #1 server end connection was reset by the peer
0s       #1 server reset
`},
		{"an end after the bytes", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 0, 0, 2}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #1 client choice the network ends what this side sends after 5 bytes
0s       #1 server read 5 "hello"
0s       #1 server write 5 "world"
0s       #1 server close
0s       #1 client read 5 "world"
0s       #1 client end EOF
`},
		{"an end in place of the bytes", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 0, 0, 2}, memory.Detail: {1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #1 client choice the network ends what this side sends in place of 5 bytes
0s       #1 server end EOF
0s       #1 server close
0s       #1 client end EOF
`},
		{"a message stalled", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 0, 0, 3}, memory.Detail: {1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #1 client choice the network holds all messages between client and server for 10s
10s      #1 server read 5 "hello"
10s      #1 server write 5 "world"
10s      #1 server close
10s      #1 client read 5 "world"
10s      #1 client end EOF
`},
		{"a message cut", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 0, 0, 4}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #1 client choice the network cuts the link between client and server
20s      #1 server end connection was reset by the peer
20s      #1 server reset
20s      #1 client end connection was reset by the peer
20s      #1 client reset
`},
		{"the end meets a reset", dialogue, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {0, 0, 0, 0, 0, 1}}, `
0s       listen 192.0.2.1:80
0s       #1 connect 192.0.2.1:80
0s       #1 server accept 192.0.2.1:80
0s       #1 client connected 10.0.0.1:49152
0s       #1 client write 5 "hello"
0s       #1 server read 5 "hello"
0s       #1 server write 5 "world"
0s       #1 server close
0s       #1 server choice the network resets the connection after the end
0s       #1 client read 5 "world"
0s       #1 client end EOF
`},
		{"name not found", lookup, memory.Conditions{MayFail: link}, map[memory.Choice][]int{memory.Fault: {1}}, `
0s       choice the resolver does not find server
1s       timer 1
3s       timer 2
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.NewReactor(memory.Config{Choices: &script{answers: test.answers}, Conditions: test.conditions})
			test.program(r)
			r.RunFor(20 * time.Second)
			r.EndFaults()
			r.RunFor(20 * time.Second)
			if got := lines.ReplaceAllString(r.Trace().String(), "$1:N"); strings.TrimSpace(got) != strings.TrimSpace(test.want) {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}
