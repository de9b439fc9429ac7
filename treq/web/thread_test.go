package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// threaded returns a factory of sites that run h in threads.
func threaded(h http.HandlerFunc) func(reactor.Reactor) reactor.Factory {
	return func(reactor.Reactor) reactor.Factory {
		return &web.Site{Root: &web.HandlerResource{InThreads: true, Handler: h}}
	}
}

// TestThreadsRunTogether checks that handlers in threads can wait for each other. On the
// loop they would wait for ever.
func TestThreadsRunTogether(t *testing.T) {
	first := make(chan string)
	address := listen(t, threaded(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/send":
			first <- string(data)
		case "/receive":
			io.WriteString(w, <-first)
		}
	}))
	var wait sync.WaitGroup
	wait.Go(func() {
		resp, err := http.Get("http://" + address + "/receive")
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		want(t, string(text), "over")
	})
	resp, err := http.Post("http://"+address+"/send", "text/plain", strings.NewReader("over"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	wait.Wait()
}

func TestThreadedStreams(t *testing.T) {
	address := listen(t, threaded(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := io.Copy(w, r.Body)
		if err != nil {
			t.Error(n, err)
		}
		r.Body.Close()
		if _, err := r.Body.Read(nil); err != http.ErrBodyReadAfterClose {
			t.Error(err)
		}
		func() {
			defer func() { want(t, recover() != nil, true) }()
			web.Await(r.Context(), deferred.New[int]())
		}()
	}))
	const size = 3_000_000
	resp, err := http.Post("http://"+address, "x/y", strings.NewReader(strings.Repeat("x", size)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	want(t, fmt.Sprint(n, err), fmt.Sprint(size, " <nil>"))
}

// TestThreadedContext checks that the context ends when the client disconnects.
func TestThreadedContext(t *testing.T) {
	began, ended := make(chan bool), make(chan bool)
	address := listen(t, threaded(func(w http.ResponseWriter, r *http.Request) {
		began <- true
		<-r.Context().Done()
		ended <- true
	}))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, get)
	<-began
	conn.Close()
	<-ended
}

// TestThreadedHijack checks that any goroutine may use a connection hijacked in a thread.
func TestThreadedHijack(t *testing.T) {
	address := listen(t, threaded(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		var wait sync.WaitGroup
		wait.Go(func() {
			for line, err := rw.ReadString('\n'); err == nil; line, err = rw.ReadString('\n') {
				io.WriteString(conn, "you said "+line)
			}
		})
		wait.Wait()
	}))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, get+"hello\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	want(t, fmt.Sprint(line, err), "you said hello\n<nil>")
}

// TestThreadedInMemory checks that handlers in threads run as coroutines on a reactor in
// memory.
func TestThreadedInMemory(t *testing.T) {
	s := serve(t, &web.Site{Root: &web.HandlerResource{InThreads: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		w.Write(make([]byte, 10_000))
		fmt.Fprint(w, n, err)
	})}})
	p := s.connect().send("POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\nab").send("cd")
	want(t, strings.HasSuffix(p.take(), "4 <nil>"), true)
}

// TestThreadedAfterTheLoop checks that a thread does not wait for a loop that has ended.
func TestThreadedAfterTheLoop(t *testing.T) {
	r := reactor.New()
	defer r.Close()
	began, ended := make(chan bool), make(chan bool)
	var result string
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		began <- true
		<-ended
		_, err := req.Body.Read(make([]byte, 1))
		_, err2 := w.Write(make([]byte, 10_000))
		_, _, err3 := w.(http.Hijacker).Hijack()
		result = fmt.Sprint(err, ", ", err2, ", ", err3)
		began <- true
	})
	port, err := r.ListenTCP("127.0.0.1:0", &web.Site{
		ShutdownTimeout: time.Millisecond,
		Root:            &web.HandlerResource{InThreads: true, Handler: handler},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- r.Run() }()
	conn, err := net.Dial("tcp", port.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
	<-began
	r.CallFromThread(func() { r.Stop() })
	<-done
	close(ended)
	<-began
	want(t, result, "unexpected EOF, web: the connection was lost, web: the connection was lost")
}

// TestLargeWritesOfThreads checks that handlers in threads that write much before a deadline
// share the site's copies on the loop's goroutine only. The race detector finds others.
func TestLargeWritesOfThreads(t *testing.T) {
	const size = 100_000
	address := listen(t, threaded(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		io.WriteString(w, strings.Repeat(r.URL.Path[1:], size))
	}))
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			letter := string('a' + rune(i))
			for range 5 {
				resp, err := http.Get("http://" + address + "/" + letter)
				if err != nil {
					t.Error(err)
					return
				}
				text, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(text) != strings.Repeat(letter, size) {
					t.Errorf("%s: %d bytes, or others; %v", letter, len(text), err)
				}
			}
		})
	}
	wait.Wait()
}
