package blocking_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A server answers requests over package net/http.
type server struct {
	*httptest.Server
	release chan struct{} // closed to let /hang and /half go on
	once    sync.Once
	gone    chan string // the paths of requests whose clients went away
}

func serve(t *testing.T) *server {
	s := &server{release: make(chan struct{}), gone: make(chan string, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(s.handle))
	t.Cleanup(func() {
		s.letGo()
		s.Server.Close()
	})
	return s
}

func (s *server) letGo() { s.once.Do(func() { close(s.release) }) }

const halfSize = 64 << 10

func (s *server) handle(w http.ResponseWriter, req *http.Request) {
	wait := func() {
		select {
		case <-s.release:
		case <-req.Context().Done():
			s.gone <- req.URL.Path
		}
	}
	switch path := req.URL.Path; path {
	case "/echo":
		body, _ := io.ReadAll(req.Body)
		w.Header().Set("X-Method", req.Method)
		fmt.Fprintf(w, "%s", body)
	case "/json":
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"path": "ü"}`)
	case "/latin":
		w.Header().Set("Content-Type", "text/plain; charset=latin1")
		w.Write([]byte("\xfc"))
	case "/missing":
		http.Error(w, "no such thing", 404)
	case "/hang":
		wait()
	case "/half":
		w.Header().Set("Content-Length", fmt.Sprint(2*halfSize))
		w.Write(make([]byte, halfSize))
		w.(http.Flusher).Flush()
		wait()
		w.Write(make([]byte, halfSize))
	case "/endless":
		piece := make([]byte, 64<<10)
		for {
			if _, err := w.Write(piece); err != nil {
				s.gone <- path
				return
			}
		}
	case "/endless-error":
		w.WriteHeader(500)
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				s.gone <- path
				return
			}
		}
	case "/cut":
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "half")
	case "/to":
		http.Redirect(w, req, "/json", http.StatusFound)
	}
}

// newClient returns a client of s whose goroutines must be gone when it is closed.
func newClient(t *testing.T, s *server) *blocking.Client {
	t.Helper()
	reactor.Background() // its goroutine stays
	before := runtime.NumGoroutine()
	c := blocking.NewClient(client.Config{BaseURL: s.URL})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		s.CloseClientConnections() // ends the server's goroutines
		for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
			runtime.Gosched()
		}
		if n := runtime.NumGoroutine(); n > before {
			buf := make([]byte, 1<<20)
			t.Errorf("%d goroutines are left, there were %d\n%s", n, before, buf[:runtime.Stack(buf, true)])
		}
	})
	return c
}

// TestMethods: each method, on a client of its own and on the default reactor.
func TestMethods(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	type do func(ctx context.Context, url string, options ...client.Option) (*blocking.Response, error)
	for want, calls := range map[string][]do{
		"GET": {c.Get, blocking.Get}, "POST": {c.Post, blocking.Post}, "PUT": {c.Put, blocking.Put},
		"PATCH": {c.Patch, blocking.Patch}, "DELETE": {c.Delete, blocking.Delete}, "HEAD": {c.Head, blocking.Head},
	} {
		for _, call := range calls {
			resp, err := call(t.Context(), s.URL+"/echo", client.Body("text"))
			if err != nil {
				t.Fatal(err)
			}
			text, err := resp.Text()
			wantText := "text"
			if want == "HEAD" {
				wantText = ""
			}
			if got := resp.Header.Get("X-Method"); got != want || resp.Code != 200 || resp.Phrase != "OK" || text != wantText || err != nil {
				t.Errorf("%s: got %s, %d %s %q, %v", want, got, resp.Code, resp.Phrase, text, err)
			}
		}
	}
}

type document struct {
	Path string `json:"path"`
}

// TestBody: the ways to read a body, any number of times and in any order.
func TestBody(t *testing.T) {
	c := newClient(t, serve(t))
	resp, err := c.Get(t.Context(), "/to")
	if err != nil {
		t.Fatal(err)
	}
	if resp.Request.URL.Path != "/json" || resp.Version != "HTTP/1.1" || resp.Length != 14 || resp.Tries != 1 {
		t.Errorf("got %+v", resp)
	}
	for range 2 {
		var d document
		if err := resp.JSON(&d); err != nil || d.Path != "ü" {
			t.Errorf("JSON: %v, %v", d, err)
		}
		if text, err := resp.Text(); text != `{"path": "ü"}` || err != nil {
			t.Errorf("Text: %q, %v", text, err)
		}
		if content, err := resp.Content(); string(content) != `{"path": "ü"}` || err != nil {
			t.Errorf("Content: %q, %v", content, err)
		}
		if d, err := blocking.Read(resp, response.JSON[document]); err != nil || d.Path != "ü" {
			t.Errorf("Read: %v, %v", d, err)
		}
	}
	if err := resp.RaiseForStatus(); err != nil {
		t.Error(err)
	}
	if err := json.NewDecoder(resp.Body).Decode(new(document)); err != nil {
		t.Errorf("Body after Content: %v", err)
	}
	resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err != io.ErrClosedPipe {
		t.Errorf("Body after Close: %v", err)
	}

	resp, err = c.Get(t.Context(), "/latin")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := resp.Text(); text != "ü" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	if err := resp.JSON(new(any)); err == nil || !strings.Contains(err.Error(), "/latin") {
		t.Errorf("JSON of what is not JSON: %v", err)
	}

	resp, err = c.Get(t.Context(), "/json")
	if err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(resp.Body); len(all) != 14 || err != nil {
		t.Errorf("Body: %q, %v", all, err)
	}
	if _, err := resp.Text(); !errors.Is(err, response.ErrBodyTaken) {
		t.Errorf("Text after Body: %v", err)
	}

	resp, err = c.Get(t.Context(), "/json")
	if err != nil {
		t.Fatal(err)
	}
	_, err = blocking.Read(resp, func(*response.Response) *deferred.Deferred[int] { return deferred.New[int]() })
	if err == nil || !strings.Contains(err.Error(), "Read waits for something else") {
		t.Errorf("a Read that waits: %v", err)
	}
}

// TestErrors: errors name the request.
func TestErrors(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	resp, err := c.Get(t.Context(), "/missing")
	if err != nil {
		t.Fatal(err)
	}
	var status *response.StatusError
	if err := resp.RaiseForStatus(); !errors.As(err, &status) || status.Code != 404 || string(status.Body) != "no such thing\n" {
		t.Errorf("RaiseForStatus: %v", err)
	}
	_, err = c.Get(t.Context(), "/missing", client.RaiseForStatus(true))
	if want := "GET " + s.URL + "/missing: 404 Not Found: no such thing"; !errors.As(err, &status) || err.Error() != want {
		t.Errorf("the option RaiseForStatus: got %v\nwant %s", err, want)
	}
	resp, err = c.Get(t.Context(), "/cut")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := resp.Text(); err == nil || !strings.Contains(err.Error(), "GET "+s.URL+"/cut") {
			t.Errorf("a body that is cut short: %v", err)
		}
	}
	if err := resp.RaiseForStatus(); err != nil {
		t.Errorf("RaiseForStatus of a 200: %v", err)
	}
	if all, err := io.ReadAll(resp.Body); string(all) != "half" || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Body: %q, %v", all, err)
	}

	resp, err = c.Get(t.Context(), "/endless-error")
	if err != nil {
		t.Fatal(err)
	}
	err = resp.RaiseForStatus()
	if !errors.As(err, &status) || len(status.Body) == 0 {
		t.Errorf("an endless error: %v", err)
	}
	if path := <-s.gone; path != "/endless-error" {
		t.Errorf("%s is gone", path)
	}
	if _, err := resp.Content(); err == nil || !strings.Contains(err.Error(), "GET "+s.URL+"/endless-error: the body of the error status has more than 262144 bytes") {
		t.Errorf("the rest of an endless error: %.300v", err)
	}
	resp, err = c.Get(t.Context(), "/json")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Read(make([]byte, 1))
	if _, err := resp.Content(); !errors.Is(err, response.ErrBodyTaken) || !strings.HasPrefix(err.Error(), "GET "+s.URL+"/json: ") {
		t.Errorf("a body that is taken: %v", err)
	}

	var nobody context.Context
	for name, call := range map[string]func() (*blocking.Response, error){
		"ftp://me:secret@an.example/": func() (*blocking.Response, error) { return c.Get(t.Context(), "ftp://me:secret@an.example/") },
		"Timeout":                     func() (*blocking.Response, error) { return c.Get(t.Context(), "/", client.Timeout(-1)) },
		"nil context":                 func() (*blocking.Response, error) { return c.Get(nobody, "/") },
		"Reactor":                     func() (*blocking.Response, error) { return c.Get(t.Context(), "/", client.Reactor(reactor.Default())) },
	} {
		_, err := call()
		var named *agent.RequestError
		if !errors.As(err, &named) || !strings.HasPrefix(err.Error(), "GET ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestManyGoroutines: many goroutines make requests and read bodies at once.
func TestManyGoroutines(t *testing.T) {
	c := newClient(t, serve(t))
	var wg sync.WaitGroup
	var failed atomic.Int32
	for i := range 50 {
		wg.Go(func() {
			for j := range 10 {
				want := fmt.Sprintf("%d/%d", i, j)
				resp, err := c.Post(t.Context(), "/echo", client.Data(strings.NewReader(want)))
				if err == nil {
					var text string
					if text, err = resp.Text(); text != want && err == nil {
						err = fmt.Errorf("got %q, want %q", text, want)
					}
				}
				if err != nil && failed.Add(1) == 1 {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	// One response, which many read.
	resp, err := c.Get(t.Context(), "/json")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		wg.Go(func() {
			if text, err := resp.Text(); text != `{"path": "ü"}` || err != nil {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
	wg.Wait()
}

// TestBackPressure: the server waits for a reader that is slow, and learns that it left off.
func TestBackPressure(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	resp, err := c.Get(t.Context(), "/endless")
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if n, err := io.CopyN(io.Discard, resp.Body, 50<<20); n != 50<<20 || err != nil {
		t.Fatalf("read %d, %v", n, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 10<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	resp.Body.Close()
	if path := <-s.gone; path != "/endless" {
		t.Errorf("%s is gone", path)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err != io.ErrClosedPipe {
		t.Errorf("Read after Close: %v", err)
	}
}

// TestDroppedResponse: the garbage collector closes the connection of a response that is
// neither read nor closed.
func TestDroppedResponse(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	if _, err := c.Get(t.Context(), "/endless"); err != nil {
		t.Fatal(err)
	}
	for {
		runtime.GC()
		select {
		case <-s.gone:
			return
		case <-t.Context().Done():
			t.Fatal("the connection is open")
		default:
		}
	}
}

// TestCloseEndsARead: Close of a Body ends the Read, and the Content, of another goroutine.
func TestCloseEndsARead(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	for name, read := range map[string]func(r *blocking.Response) error{
		"Read":    func(r *blocking.Response) error { _, err := io.Copy(io.Discard, r.Body); return err },
		"Content": func(r *blocking.Response) error { _, err := r.Content(); return err },
	} {
		resp, err := c.Get(t.Context(), "/half")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- read(resp) }()
		resp.Body.Close()
		if err := <-ended; err != io.ErrClosedPipe {
			t.Errorf("%s: %v", name, err)
		}
		<-s.gone
	}
}

var errEnough = errors.New("enough")

// TestContext: the cause of the context is in the error, before the response and in the body.
func TestContext(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	wantCause := func(name string, err error) {
		t.Helper()
		var named *agent.RequestError
		if !errors.Is(err, errEnough) || !errors.As(err, &named) || !strings.Contains(err.Error(), s.URL) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	go cancel(errEnough)
	_, err := c.Get(ctx, "/hang")
	wantCause("while it hangs", err)
	file := &closer{Reader: strings.NewReader("text")}
	_, err = c.Post(ctx, s.URL+"/echo", client.Data(file))
	wantCause("before it begins", err)
	if file.closed.Load() != 1 {
		t.Errorf("the file was closed %d times", file.closed.Load())
	}

	for name, read := range map[string]func(r *blocking.Response) error{
		"Read":    func(r *blocking.Response) error { _, err := io.Copy(io.Discard, r.Body); return err },
		"Content": func(r *blocking.Response) error { _, err := r.Content(); return err },
		"Text":    func(r *blocking.Response) error { _, err := r.Text(); return err },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		resp, err := c.Get(ctx, "/half")
		if err != nil {
			t.Fatal(err)
		}
		go cancel(errEnough)
		wantCause(name, read(resp))
	}
	// Nobody reads.
	ctx, cancel = context.WithCancelCause(t.Context())
	resp, err := c.Get(ctx, "/endless")
	if err != nil {
		t.Fatal(err)
	}
	cancel(errEnough)
	for path := <-s.gone; path != "/endless"; path = <-s.gone {
	}
	_, err = io.Copy(io.Discard, resp.Body)
	wantCause("what has come is read before the end", err)
	// After the end of the body, the context does not matter.
	ctx, cancel = context.WithCancelCause(t.Context())
	resp, err = c.Get(ctx, "/json")
	if err != nil {
		t.Fatal(err)
	}
	resp.Text()
	cancel(errEnough)
	if text, err := resp.Text(); err != nil || text == "" {
		t.Errorf("after the end: %q, %v", text, err)
	}
	// Its values reach the agents.
	var value any
	c.Get(context.WithValue(t.Context(), key{}, "value"), "/json", onLoop(func(req *request.Request) { value = req.Context.Value(key{}) }))
	if value != "value" {
		t.Errorf("the value is %v", value)
	}
}

type key struct{}

// onLoop calls f on the goroutine of the reactor, and then fails the request with errEnough.
func onLoop(f func(req *request.Request)) client.Option { return client.Agent(failingAgent(f)) }

type failingAgent func(req *request.Request)

func (f failingAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	f(req)
	return deferred.Fail[*response.Response](errEnough)
}

// A closer counts calls of Close.
type closer struct {
	io.Reader
	closed atomic.Int32
}

func (c *closer) Close() error { c.closed.Add(1); return nil }

// TestClose: requests and bodies in flight fail, later requests too.
func TestClose(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	half, err := c.Get(t.Context(), "/half")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(half.Body, make([]byte, halfSize-1)); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	go func() { _, err := c.Get(t.Context(), "/hang"); errs <- err }()
	go func() {
		n, err := io.Copy(io.Discard, half.Body)
		if n != 1 {
			t.Errorf("%d bytes of the half", n)
		}
		errs <- err
	}()
	unread, err := c.Get(t.Context(), "/json")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, blocking.ErrClosed) || !strings.Contains(err.Error(), s.URL) {
			t.Errorf("in flight: %v", err)
		}
	}
	if text, err := unread.Text(); text == "" || err != nil {
		t.Errorf("a body that had come: %q, %v", text, err)
	}
	file := &closer{Reader: strings.NewReader("text")}
	if _, err := c.Post(t.Context(), "/echo", client.Data(file)); !errors.Is(err, blocking.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if file.closed.Load() != 1 {
		t.Errorf("the file was closed %d times", file.closed.Load())
	}
	if err := c.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := c.Shutdown(t.Context()); err != nil {
		t.Errorf("again, in order: %v", err)
	}
}

// TestShutdown waits for what is in flight, and for its bodies.
func TestShutdown(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	half, err := c.Get(t.Context(), "/half")
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error)
	go func() { _, err := c.Get(t.Context(), "/hang"); answered <- err }()
	ended := make(chan error, 1)
	go func() { ended <- c.Shutdown(context.Background()) }()
	for {
		_, err := c.Get(t.Context(), "/echo")
		if errors.Is(err, blocking.ErrClosed) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-ended:
		t.Fatal("Shutdown did not wait")
	default:
	}
	s.letGo()
	if err := <-answered; err != nil && !errors.Is(err, blocking.ErrClosed) { // it may come after Shutdown
		t.Errorf("in flight: %v", err)
	}
	if n, err := io.Copy(io.Discard, half.Body); n != 2*halfSize || err != nil {
		t.Errorf("the body: %d bytes, %v", n, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestShutdownGivesUp: it cuts off what is left when its context ends.
func TestShutdownGivesUp(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	resp, err := c.Get(t.Context(), "/endless") // nobody reads it
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnough)
	if err := c.Shutdown(ctx); err != errEnough {
		t.Errorf("got %v", err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); n == 0 || !errors.Is(err, blocking.ErrClosed) {
		t.Errorf("the body: %d bytes, %v", n, err)
	}
}

// TestCloseAtOnce: a client may end as soon as it began, from many goroutines.
func TestCloseAtOnce(t *testing.T) {
	c := newClient(t, serve(t))
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := c.Get(t.Context(), "/json"); err != nil && !errors.Is(err, blocking.ErrClosed) {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestOnLoop: what would wait for itself fails.
func TestOnLoop(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	half, err := c.Get(t.Context(), "/half")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(half.Body, make([]byte, halfSize)); err != nil {
		t.Fatal(err)
	}
	errs := make(map[string]error)
	file := &closer{Reader: strings.NewReader("text")}
	read, err := c.Get(t.Context(), "/half")
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error)
	go func() { // it waits for the loop, and must not make the loop wait for it
		_, err := read.Content()
		waiting <- err
	}()
	for stacks := make([]byte, 1<<20); !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "bridge.(*Pipe).Read("); {
		runtime.Gosched()
	}
	unread, err := c.Get(t.Context(), "/json")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Get(t.Context(), "/json", onLoop(func(*request.Request) {
		_, errs["Get"] = c.Get(context.Background(), "/json")
		_, errs["Post"] = c.Post(context.Background(), "/json", client.Data(file))
		_, errs["Read"] = half.Body.Read(make([]byte, 1))
		_, errs["Text"] = unread.Text()
		_, errs["Content"] = read.Content()
		_, errs["Read while another waits"] = read.Body.Read(make([]byte, 1))
		errs["Close"] = c.Close()
		errs["Shutdown"] = c.Shutdown(context.Background())
	}))
	if !errors.Is(err, errEnough) || len(errs) != 8 || file.closed.Load() != 1 {
		t.Errorf("%d errors, %v, the file was closed %d times", len(errs), err, file.closed.Load())
	}
	for name, err := range errs {
		if !errors.Is(err, reactor.ErrOnLoop) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text, err := unread.Text(); err != nil || text == "" {
		t.Errorf("later, elsewhere: %q, %v", text, err)
	}
	read.Body.Close()
	if err := <-waiting; err != io.ErrClosedPipe {
		t.Errorf("the Content that waited: %v", err)
	}
	// On other loops, too: the server may be there.
	loops := map[string]reactor.Reactor{"default": reactor.Background(), "another": background.Loop(t, nil)}
	for name, r := range loops {
		onLoop := make(chan error)
		r.CallFromThread(func() {
			_, err := blocking.Get(context.Background(), s.URL+"/json")
			onLoop <- err
			_, err = c.Get(context.Background(), "/json")
			onLoop <- err
			deferred.Go(func(*deferred.Co) (deferred.None, error) {
				_, err := c.Get(context.Background(), "/json")
				onLoop <- err
				return deferred.None{}, nil
			})
		})
		for range 3 {
			if err := <-onLoop; !errors.Is(err, reactor.ErrOnLoop) {
				t.Errorf("on the loop %s: %v", name, err)
			}
		}
	}
	if reactor.OnAnyLoop() {
		t.Error("the test is on a loop")
	}
}

// TestReactorEnds: a callback ends the reactor's goroutine while others wait.
func TestReactorEnds(t *testing.T) {
	c := newClient(t, serve(t))
	half, err := c.Get(t.Context(), "/half")
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	go func() { _, err := io.Copy(io.Discard, half.Body); errs <- err }()
	go func() { _, err := c.Get(t.Context(), "/hang"); errs <- err }()
	_, err = c.Get(t.Context(), "/json", onLoop(func(*request.Request) { runtime.Goexit() }))
	if !errors.Is(err, reactor.ErrStopped) {
		t.Errorf("the callback's: %v", err)
	}
	for range 2 {
		if err := <-errs; err == nil {
			t.Error("no error")
		}
	}
	if _, err := c.Get(t.Context(), "/json"); !errors.Is(err, reactor.ErrStopped) {
		t.Errorf("later: %v", err)
	}
}

// TestReadersThatBlock: the body of a request comes from a reader that waits for another
// request of the client, or that fails.
func TestReadersThatBlock(t *testing.T) {
	s := serve(t)
	c := newClient(t, s)
	r, w := io.Pipe()
	go func() {
		for i := range 3 {
			resp, err := c.Post(t.Context(), "/echo", client.Body(fmt.Sprint(i)))
			if err != nil {
				t.Error(err)
				break
			}
			io.Copy(w, resp.Body)
		}
		w.Close()
	}()
	resp, err := c.Post(t.Context(), "/echo", client.Data(r))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := resp.Text(); text != "012" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	r, w = io.Pipe()
	go w.CloseWithError(errEnough)
	if _, err := c.Post(t.Context(), "/echo", client.Data(r)); !errors.Is(err, errEnough) {
		t.Errorf("a reader that fails: %v", err)
	}
	r, w = io.Pipe()
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		w.Write([]byte("begin"))
		cancel(errEnough)
		if _, err := w.Write(make([]byte, 1<<20)); err != io.ErrClosedPipe {
			t.Errorf("the reader was not closed: %v", err)
		}
	}()
	if _, err := c.Post(ctx, "/echo", client.Data(r)); !errors.Is(err, errEnough) {
		t.Errorf("a reader that waits: %v", err)
	}
	// A file on a disk is sent with its length.
	name := t.TempDir() + "/file"
	os.WriteFile(name, []byte("on disk"), 0o600)
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	resp, err = c.Post(t.Context(), "/echo", client.Data(file))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := resp.Text(); text != "on disk" || err != nil || resp.Request.Body.Length() != 7 {
		t.Errorf("got %q, %v", text, err)
	}
}

// TestUpgrade: a blocking client cannot speak another protocol.
func TestUpgrade(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			_, err = io.Copy(io.Discard, conn) // until the client closes it
			conn.Close()
		}
		ended <- err
	}()
	c := newClient(t, serve(t))
	_, err = c.Get(t.Context(), "http://"+l.Addr().String(), client.Headers{"Connection": {"upgrade"}, "Upgrade": {"x"}})
	if !errors.Is(err, blocking.ErrUpgrade) {
		t.Errorf("got %v", err)
	}
	<-ended
}
