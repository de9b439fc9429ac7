package gallery

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var queueExhibit = exhibit{
	file: "queue.go", fault: "a queue that overflows under a slow reader",
	network: memory.Conditions{MaxLatency: 5 * time.Second, Whole: true},
	faulty:  thirtyLines(newRelayFaulty), mended: thirtyLines(newRelayMended),
}

// thirtyLines sends a line a second to a relay. The archive has all of them, in their order.
func thirtyLines(newRelay func(archive *client.HTTPClient) *relay) program {
	return func(t testing.TB, r *memory.Reactor) {
		var sent, archived []string
		serve(t, r.Machine("archive", "192.0.2.1"), &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if line, ok := content(w, req); ok {
				archived = append(archived, line)
			}
		})})
		at := r.Machine("relay", "192.0.2.2")
		c := client.New(at, client.Config{Defaults: careful})
		port, err := at.ListenTCP(":1234", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return newRelay(c) }))
		if err != nil {
			t.Fatal(err)
		}
		sensor := &memory.Recorder{}
		r.Machine("sensor", "192.0.2.3").ConnectTCP("192.0.2.2:1234",
			reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return sensor }), reactor.ConnectConfig{})
		r.RunFor(time.Minute)
		for i := range 30 {
			sent = append(sent, fmt.Sprint(i))
			sensor.Transport.Write([]byte(sent[i] + "\r\n"))
			r.RunFor(time.Second)
		}
		r.RunFor(time.Hour)
		if !slices.Equal(archived, sent) {
			t.Errorf("the archive has %q", archived)
		}
		sensor.Transport.LoseConnection()
		port.StopListening()
		r.RunFor(time.Minute)
	}
}
