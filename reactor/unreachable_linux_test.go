package reactor_test

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// TestUnreachableLoop: a loop that nobody closed and nobody can use any more frees its
// descriptors, whatever it has done.
func TestUnreachableLoop(t *testing.T) {
	for name, use := range map[string]func(l *reactor.Loop){
		"unused":         func(*reactor.Loop) {},
		"a delayed call": func(l *reactor.Loop) { l.CallLater(time.Hour, func() { l.Stop() }) },
		"has run": func(l *reactor.Loop) {
			l.CallWhenRunning(func() { l.Stop() })
			if err := l.Run(); err != nil {
				t.Error(err)
			}
		},
		"listens and is connected": func(l *reactor.Loop) {
			made := 0
			factory := reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
				return &recorder{made: func(*recorder) { made++ }}
			})
			port, err := l.ListenTCP("127.0.0.1:0", factory)
			if err != nil {
				t.Fatal(err)
			}
			l.ConnectTCP(port.Addr().String(), factory, reactor.ConnectConfig{})
			for made < 2 {
				if err := l.Iterate(time.Second); err != nil {
					t.Fatal(err)
				}
			}
		},
		"closed": func(l *reactor.Loop) {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := openDescriptors()
			for range 20 {
				use(reactor.New())
			}
			for end := time.Now().Add(20 * time.Second); openDescriptors() > before; {
				if time.Now().After(end) {
					t.Fatalf("%d descriptors, %d before", openDescriptors(), before)
				}
				runtime.GC()
			}
		})
	}
}
