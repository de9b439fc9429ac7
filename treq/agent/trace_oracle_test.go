package agent_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/loopback"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file compares the hooks with those that net/http calls, in the same exchanges with the
// same servers.

// A scenario is some requests, one after the other, on one client.
type scenario struct {
	name  string
	proxy bool
	steps []step
}

// A step is a request. Its URL begins with the name of a server, and its path says what the
// server does.
type step struct {
	method, url, body string
	expect            bool   // it has "Expect: 100-continue"
	end               string // "": the whole body is read; "fails", "cancel": cancelled when it is written
}

var scenarios = []scenario{
	{"new, and reused", false, []step{{"GET", "http/", "", false, ""}, {"GET", "http/", "", false, ""}}},
	{"an IP address", false, []step{{"GET", "address/", "", false, ""}}},
	{"https", false, []step{{"GET", "https/", "", false, ""}, {"GET", "https/", "", false, ""}}},
	{"a body", false, []step{{"POST", "http/", "text", false, ""}}},
	{"a large body", false, []step{{"PUT", "http/", strings.Repeat("x", 1<<20), false, ""}}},
	{"HEAD", false, []step{{"HEAD", "http/", "", false, ""}}},
	{"no content", false, []step{{"GET", "http/empty", "", false, ""}}},
	{"two redirects", false, []step{{"GET", "http/redirect2", "", false, ""}}},
	{"a redirect to https", false, []step{{"GET", "http/secure", "", false, ""}}},
	{"Connection: close", false, []step{{"GET", "http/close", "", false, ""}, {"GET", "http/close", "", false, ""}}},
	{"interim responses", false, []step{{"GET", "http/hints", "", false, ""}}},
	{"the body is asked for", false, []step{{"POST", "http/", "text", true, ""}}},
	{"the body is refused", false, []step{{"POST", "http/refuse", "text", true, ""}}},
	{"connecting is refused", false, []step{{"GET", "closed/", "", false, "fails"}}},
	{"no such name", false, []step{{"GET", "nowhere/", "", false, "fails"}}},
	{"closed before the response", false, []step{{"GET", "http/vanish", "", false, "fails"}}},
	{"closed within the body", false, []step{{"GET", "http/half", "", false, "fails"}}},
	{"an unknown authority", false, []step{{"GET", "untrusted/", "", false, "fails"}}},
	{"cancelled", false, []step{{"GET", "http/wait", "", false, "cancel"}}},
	{"through a proxy", true, []step{{"GET", "http/", "", false, ""}, {"GET", "http/", "", false, ""}}},
	{"through a tunnel", true, []step{{"GET", "https/", "", false, ""}, {"GET", "https/", "", false, ""}}},
	{"no tunnel", true, []step{{"GET", "untrusted/", "", false, "fails"}}},
}

// An oracleStage is the servers of a scenario. A server answers a request when WroteRequest was
// called for it, so that the order of the hooks does not depend on luck.
type oracleStage struct {
	t         *testing.T
	addresses map[string]string // of the servers, by name
	written   chan bool         // gets a value at each WroteRequest and Wait100Continue
	roots     *tls.Config
	ready     chan bool // closed when all servers listen
}

func newOracleStage(t *testing.T) *oracleStage {
	s := &oracleStage{t: t, addresses: map[string]string{}, written: make(chan bool, 100), ready: make(chan bool)}
	cert, roots := testcert.New("localhost")
	other, _ := testcert.New("localhost")
	s.roots = &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}}
	s.listen("http", nil)
	s.listen("https", &tls.Config{Certificates: []tls.Certificate{cert}})
	s.listen("untrusted", &tls.Config{Certificates: []tls.Certificate{other}})
	s.listen("proxy", nil)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addresses["closed"] = closed.Addr().String()
	closed.Close()
	close(s.ready)
	return s
}

func (s *oracleStage) listen(name string, config *tls.Config) {
	s.addresses[name] = loopback.Serve(s.t, func(c net.Conn) {
		if config != nil {
			c = tls.Server(c, config)
		}
		s.serve(c)
	})
}

// url returns the URL of a step.
func (s *oracleStage) url(u string) string {
	server, path, _ := strings.Cut(u, "/")
	switch server {
	case "nowhere":
		return "http://nowhere.invalid/" + path
	case "address":
		return "http://" + s.addresses["http"] + "/" + path
	}
	scheme := "http"
	if server == "https" || server == "untrusted" {
		scheme = "https"
	}
	_, port, _ := net.SplitHostPort(s.addresses[server])
	return scheme + "://localhost:" + port + "/" + path
}

// serve answers the requests on c.
func (s *oracleStage) serve(c net.Conn) {
	<-s.ready
	in := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if req.Method == http.MethodConnect {
			s.tunnel(c, in, req.Host)
			return
		}
		path := req.URL.Path
		if req.Header.Get("Expect") != "" {
			<-s.written // by Wait100Continue
			if path == "/refuse" {
				io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
				io.Copy(io.Discard, in)
				return
			}
			io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		io.Copy(io.Discard, req.Body)
		if path == "/wait" {
			io.Copy(io.Discard, in)
			return
		}
		<-s.written
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
		switch path {
		case "/empty":
			answer = "HTTP/1.1 204 No Content\r\n\r\n"
		case "/redirect2":
			answer = "HTTP/1.1 302 Found\r\nLocation: /redirect1\r\nContent-Length: 0\r\n\r\n"
		case "/redirect1":
			answer = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 5\r\n\r\nhello"
		case "/secure":
			answer = "HTTP/1.1 302 Found\r\nLocation: " + s.url("https/") + "\r\nContent-Length: 0\r\n\r\n" // a body would be read beside the next request
		case "/close":
			answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
		case "/hints":
			answer = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + answer
		case "/half":
			answer = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"
		case "/vanish":
			return
		}
		if req.Method == "HEAD" {
			answer = strings.TrimSuffix(answer, "hello")
		}
		io.WriteString(c, answer)
		if path == "/half" || path == "/close" {
			return
		}
	}
}

// tunnel is what a proxy does with CONNECT.
func (s *oracleStage) tunnel(c net.Conn, in *bufio.Reader, target string) {
	_, port, _ := net.SplitHostPort(target)
	if _, secure, _ := net.SplitHostPort(s.addresses["https"]); port != secure {
		io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
		return
	}
	far, err := net.Dial("tcp", s.addresses["https"])
	if err != nil {
		return
	}
	io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(far, in)
		far.Close()
	}()
	io.Copy(c, far)
}

// A hookLog records hooks, which any goroutine may call.
type hookLog struct {
	mu sync.Mutex
	recorder
}

// trace returns the hooks. It leaves out what differs for a good reason: the headers.
func (l *hookLog) trace(s *oracleStage) *httptrace.ClientTrace {
	trace := l.recorder.trace()
	locked := func(f func()) {
		l.mu.Lock()
		defer l.mu.Unlock()
		f()
	}
	all := *trace
	trace.WroteHeaderField = nil
	trace.GetConn = func(address string) { locked(func() { all.GetConn(address) }) }
	trace.GotConn = func(info httptrace.GotConnInfo) { locked(func() { all.GotConn(info) }) }
	trace.PutIdleConn = func(err error) { locked(func() { all.PutIdleConn(err) }) }
	trace.GotFirstResponseByte = func() { locked(all.GotFirstResponseByte) }
	trace.Got100Continue = func() { locked(all.Got100Continue) }
	trace.Got1xxResponse = nil // that of a 100 comes while another goroutine of net/http writes
	if s.t.Name() == "TestTraceLikeNetHTTP/interim_responses" {
		trace.Got1xxResponse = func(code int, header textproto.MIMEHeader) (err error) {
			locked(func() { err = all.Got1xxResponse(code, header) })
			return err
		}
	}
	trace.DNSStart = func(info httptrace.DNSStartInfo) { locked(func() { all.DNSStart(info) }) }
	trace.DNSDone = func(info httptrace.DNSDoneInfo) { locked(func() { all.DNSDone(info) }) }
	trace.ConnectStart = func(n, a string) { locked(func() { all.ConnectStart(n, a) }) }
	trace.ConnectDone = func(n, a string, err error) { locked(func() { all.ConnectDone(n, a, err) }) }
	trace.TLSHandshakeStart = func() { locked(all.TLSHandshakeStart) }
	trace.TLSHandshakeDone = func(s tls.ConnectionState, err error) { locked(func() { all.TLSHandshakeDone(s, err) }) }
	trace.WroteHeaders = func() { locked(all.WroteHeaders) }
	trace.Wait100Continue = func() {
		locked(all.Wait100Continue)
		s.written <- true
	}
	trace.WroteRequest = func(info httptrace.WroteRequestInfo) {
		locked(func() { all.WroteRequest(info) })
		s.written <- true
	}
	return trace
}

// play runs the steps of sc by a client, whose do makes a request and reads the body.
func (s *oracleStage) play(sc scenario, do func(ctx context.Context, st step) error) []string {
	log := &hookLog{}
	for _, st := range sc.steps {
		st.url = s.url(st.url)
		ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(context.Background(), log.trace(s)), 20*time.Second)
		if st.end == "cancel" {
			go func() {
				<-s.written
				cancel()
			}()
		}
		err := do(ctx, st)
		cancel()
		if (err != nil) != (st.end != "") {
			s.t.Errorf("%s %s: %v", st.method, st.url, err)
		}
		if strings.HasSuffix(st.url, "/refuse") {
			<-s.written // net/http calls the hook on another goroutine
		}
		log.mu.Lock()
		log.add("the end")
		log.mu.Unlock()
	}
	return log.events
}

func TestTraceLikeNetHTTP(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			s := newOracleStage(t)
			theirs := s.play(sc, s.theirs(s.transport(sc.proxy)))
			if len(theirs) < 2 {
				t.Errorf("net/http called %q", theirs)
			}
			r := s.loop()
			for name, do := range map[string]func(context.Context, step) error{
				"an Agent":                        s.ours(r, s.agent(r, sc.proxy)),
				"NewRoundTripper of an Agent":     s.theirs(agent.NewRoundTripper(r, s.agent(r, sc.proxy))),
				"FromRoundTripper of a Transport": s.ours(r, agent.FromRoundTripper(r, s.transport(sc.proxy))),
			} {
				if sc.name == "the body is refused" && strings.HasPrefix(name, "From") {
					continue // net/http calls WroteRequest when the response has come, and is over
				}
				ours, theirs := s.play(sc, do), slices.Clone(theirs)
				if sc.name == "interim responses" && strings.HasPrefix(name, "New") {
					slices.Sort(ours) // RoundTrip calls Got1xxResponse beside the loop
					slices.Sort(theirs)
				}
				if !slices.Equal(ours, theirs) {
					t.Errorf("%s\n\t%s\nnet/http\n\t%s", name, strings.Join(ours, "\n\t"), strings.Join(theirs, "\n\t"))
				}
			}
		})
	}
}

// transport returns an http.Transport.
func (s *oracleStage) transport(proxy bool) http.RoundTripper {
	dialer := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("there is no name server")
	}}}
	transport := &http.Transport{
		TLSClientConfig:       s.roots.Clone(),
		ExpectContinueTimeout: time.Minute,
		DisableCompression:    true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp4", address)
		},
	}
	if proxy {
		transport.Proxy = http.ProxyURL(must(url.Parse(s.url("proxy"))))
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// theirs makes requests by an http.Client.
func (s *oracleStage) theirs(rt http.RoundTripper) func(context.Context, step) error {
	client := &http.Client{Transport: rt}
	return func(ctx context.Context, st step) error {
		req := must(http.NewRequestWithContext(ctx, st.method, st.url, nil))
		if st.body != "" {
			req = must(http.NewRequestWithContext(ctx, st.method, st.url, strings.NewReader(st.body)))
		}
		if st.expect {
			req.Header.Set("Expect", "100-continue")
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
}

// loop returns a reactor that runs.
func (s *oracleStage) loop() *reactor.Loop {
	return background.Loop(s.t, func(l *reactor.Loop) { l.InstallNameResolver(localhost{}) })
}

// agent returns an Agent on r.
func (s *oracleStage) agent(r *reactor.Loop, proxy bool) (a *agent.Agent) {
	config := agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{}), TLS: agent.NewTLSPolicy(s.roots)}
	if proxy {
		config.Proxy = agent.ProxyURL(s.url("proxy"))
	}
	return agent.New(r, config)
}

// ours makes requests by a Stack.
func (s *oracleStage) ours(r *reactor.Loop, a agent.Requester) func(context.Context, step) error {
	stack := &agent.Stack{Agent: a, Redirects: &agent.RedirectConfig{}}
	return func(ctx context.Context, st step) error {
		_, err := reactor.BlockingCallFromThread(ctx, r, func() *deferred.Deferred[[]byte] {
			req := newRequest(st.method, st.url)
			req.Context = ctx
			if st.body != "" {
				req.Body = request.Bytes(st.body)
			}
			if st.expect {
				req.ExpectContinue = time.Minute
			}
			return deferred.Then(stack.Send(req), (*response.Response).Content)
		})
		return err
	}
}

// localhost is a resolver that knows one name.
type localhost struct{}

func (localhost) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	if addr, err := netip.ParseAddr(host); err == nil {
		return deferred.Succeed([]netip.Addr{addr})
	}
	if host == "localhost" {
		return deferred.Succeed([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
	}
	return deferred.Fail[[]netip.Addr](fmt.Errorf("no %s: %w", host, reactor.ErrNameNotFound))
}
