package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestGroupShutdown: the sites of a group shut down together. Who has connected and sent a request
// before is answered, also by a loop that had not accepted the connection yet.
func TestGroupShutdown(t *testing.T) {
	const loops, each = 3, 10
	before := runtime.NumGoroutine()
	g := reactor.NewGroup(loops)
	g.HandleSignals(false) // which leaves a goroutine
	port, err := g.ListenTCP("127.0.0.1:0", func(reactor.Reactor) reactor.Factory {
		return &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { fmt.Fprint(w, req.URL.Path) })}
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run() }()
	holding, release := make(chan struct{}), make(chan struct{})
	for _, l := range g.Loops()[1:] {
		l.CallFromThread(func() {
			holding <- struct{}{}
			<-release
		})
		<-holding
	}
	var clients []net.Conn
	for i := range loops*each + 1 {
		c, err := net.Dial("tcp", port.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: an.example\r\n\r\n", i)
		clients = append(clients, c)
	}
	first := g.Loops()[0]
	for { // until the first loop has the last connection, and has given the others away
		accepted, err := reactor.BlockingCallFromThread(t.Context(), first, func() *deferred.Deferred[uint64] {
			return deferred.Succeed(first.Stats().Accepted)
		})
		if err != nil {
			t.Fatal(err)
		}
		if accepted == each+1 {
			break
		}
	}
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	close(release)
	for i, c := range clients {
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		body, err := io.ReadAll(resp.Body)
		if want := fmt.Sprintf("/%d", i); resp.StatusCode != 200 || string(body) != want || err != nil {
			t.Errorf("client %d: %d %q, %v", i, resp.StatusCode, body, err)
		}
		c.Close()
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-t.Context().Done():
		t.Fatal("the group runs")
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

// TestGroupShutdownWaitsForAll: a response of one loop may need another loop until it ends.
func TestGroupShutdownWaitsForAll(t *testing.T) {
	g := reactor.NewGroup(2)
	defer g.Close()
	a, b := g.Loops()[0], g.Loops()[1]
	asked := make(chan struct{})
	port, err := b.ListenTCP("127.0.0.1:0", &web.Site{Root: &late{a: a, b: b, asked: asked}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run() }()
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		resp, err := http.Get("http://" + port.Addr().String() + "/")
		if err != nil {
			answers <- answer{"", err}
			return
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		answers <- answer{string(body), err}
	}()
	<-asked
	g.Stop()
	if got := <-answers; got.text != "late" || got.err != nil {
		t.Errorf("%q, %v", got.text, got.err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// late answers with what another loop says, some time later.
type late struct {
	web.Leaf
	a, b  *reactor.Loop
	asked chan struct{}
}

func (r *late) RenderGET(req *web.Request) {
	said := reactor.DeferToLoop(r.b, r.a, func() *deferred.Deferred[string] {
		d := deferred.New[string]()
		r.a.CallLater(20*time.Millisecond, func() { d.Callback("late") })
		close(r.asked)
		return d
	})
	web.FinishWhen(req, deferred.Map(said, func(text string) (deferred.None, error) {
		io.WriteString(req, text)
		return deferred.None{}, nil
	}))
}
