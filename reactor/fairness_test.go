package reactor_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// TestFairness: a connection that always has more to read is read a bounded number of times
// in a turn of the loop, so that others get their turn.
func TestFairness(t *testing.T) {
	const rounds = 100
	for _, r := range reactors {
		t.Run(r.name, func(t *testing.T) {
			l := r.new()
			defer l.Close()
			reads, mostReads, bytes, mostBytes := 0, 0, 0, 0
			busy := &recorder{data: func(c *recorder) {
				reads++
				bytes += c.got.Len()
				c.got.Reset()
			}}
			sender := &recorder{made: func(c *recorder) { c.t.RegisterPullProducer(&endless{to: c.t}) }}
			pings := 0
			pinger := &recorder{made: func(c *recorder) { c.t.Write([]byte("x")) }}
			pinger.data = func(c *recorder) {
				pings++
				c.t.Write([]byte("x"))
			}
			for _, pair := range [][2]reactor.Protocol{{sender, busy}, {pinger, &echo{}}} {
				port, err := l.ListenTCP("127.0.0.1:0", build(pair[1]))
				if err != nil {
					t.Fatal(err)
				}
				l.ConnectTCP(port.Addr().String(), build(pair[0]), reactor.ConnectConfig{})
			}
			turns := 0
			for ; pings < rounds || mostReads == 0; turns++ { // a loaded system may start the sender late
				if turns == 1_000_000 {
					t.Fatalf("%d round trips, at most %d reads a turn, in %d turns", pings, mostReads, turns)
				}
				reads, bytes = 0, 0
				if err := l.Iterate(-1); err != nil {
					t.Fatal(err)
				}
				mostReads, mostBytes = max(mostReads, reads), max(mostBytes, bytes)
			}
			if mostReads > 8 || mostBytes > 512<<10 { // at its turn, and when there is news of it
				t.Errorf("the busy connection was read %d times in one turn, %d bytes", mostReads, mostBytes)
			}
			if r.name != "portable" && turns > 20*rounds { // its goroutines have their own pace
				t.Errorf("%d round trips took %d turns", pings, turns)
			}
		})
	}
}
