package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
)

// Servers are the servers that both clients talk to. They record what arrives.
type Servers struct {
	bin     *httptest.Server
	raw     net.Listener
	secure  net.Listener      // the raw server with TLS
	roots   *x509.CertPool    // verify its certificate
	pem     string            // the certificate
	replace *strings.Replacer // replaces the placeholders
	fronts  fronts            // the same servers over HTTP/2
	serving sync.WaitGroup

	mu         sync.Mutex
	current    Case
	sent       []Sent
	boundaries []string
	numbers    map[net.Conn]int      // numbers the case's connections
	open       map[net.Conn]struct{} // all connections of the raw server
}

// StartServers starts go-httpbin and the raw server on loopback ports.
func StartServers() (*Servers, error) {
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	certificate, roots := testcert.New("raw.example", "other.example")
	secure, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		raw.Close()
		return nil, err
	}
	s := &Servers{
		raw:    raw,
		secure: secure,
		roots:  roots,
		pem:    string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})),
		open:   make(map[net.Conn]struct{}),
	}
	s.bin = httptest.NewUnstartedServer(s.recorded(httpbin.New()))
	s.bin.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	s.bin.Start()
	s.replace = strings.NewReplacer(
		"{bin}", "http://bin.example:"+portOf(s.bin.Listener),
		"{binport}", portOf(s.bin.Listener),
		"{raw}", "http://raw.example:"+portOf(raw),
		"{port}", portOf(raw),
		"{secure}", "https://raw.example:"+portOf(secure),
		"{secureport}", portOf(secure),
	)
	s.serving.Go(func() { s.accept(raw) })
	s.serving.Go(func() { s.accept(secure) })
	if err := s.startFronts(certificate); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func portOf(l net.Listener) string { return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) }

// Close stops the servers, and returns when they have stopped.
func (s *Servers) Close() {
	s.bin.CloseClientConnections()
	s.bin.Close()
	s.raw.Close()
	s.secure.Close()
	s.fronts.close()
	s.mu.Lock()
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// Outcome returns the outcome of c when run makes its requests.
func (s *Servers) Outcome(c Case, run func(Case) ([]Got, error)) (Outcome, error) {
	c.Requests = slices.Clone(c.Requests)
	for i := range c.Requests {
		r := &c.Requests[i]
		r.URL = s.replace.Replace(r.URL)
		r.Method = cmp.Or(r.Method, http.MethodGet)
		if r.Read == nil {
			r.Read = defaultRead
		}
	}
	s.mu.Lock()
	s.current, s.sent, s.boundaries, s.numbers = c, nil, nil, make(map[net.Conn]int)
	s.mu.Unlock()
	got, err := run(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range got { // go-httpbin's answers contain the boundary
		g := &got[i]
		for _, b := range s.boundaries {
			if longer := strings.Count(g.Content, b) * (len(b) - len(boundary)); g.Length > 0 {
				g.Length -= int64(longer)
			}
			g.Content = strings.ReplaceAll(g.Content, b, boundary)
			g.Text = strings.ReplaceAll(g.Text, b, boundary)
		}
	}
	return Outcome{s.sent, got}, err
}

// record records r, which came on c, and returns the raw server's answer.
func (s *Servers) record(c net.Conn, r Sent) Answer {
	path, _, _ := strings.Cut(r.Target, "?")
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.numbers[c]; !ok {
		s.numbers[c] = len(s.numbers)
	}
	r.Connection = s.numbers[c]
	s.withoutBoundary(&r)
	r.Body = latin1(r.Body)
	s.sent = append(s.sent, r)
	if a, ok := s.current.Answers[path]; ok {
		return Answer{s.replace.Replace(a.Text), a.Then}
	}
	if r.Method == http.MethodHead {
		return Answer{Text: strings.TrimSuffix(defaultAnswer, "ok")}
	}
	return Answer{Text: defaultAnswer}
}

// boundary stands for the random boundary of a multipart body.
const boundary = "{boundary}"

func (s *Servers) withoutBoundary(r *Sent) {
	types := r.Header["Content-Type"]
	if len(types) == 0 {
		return
	}
	if _, params, err := mime.ParseMediaType(types[0]); err == nil && params["boundary"] != "" {
		s.boundaries = append(s.boundaries, params["boundary"])
		types[0] = strings.Replace(types[0], params["boundary"], boundary, 1)
		length := strconv.Itoa(len(r.Body))
		r.Body = strings.ReplaceAll(r.Body, params["boundary"], boundary)
		if lengths := r.Header["Content-Length"]; len(lengths) == 1 && lengths[0] == length {
			lengths[0] = strconv.Itoa(len(r.Body))
		}
	}
}

type connKey struct{}

// recorded is h, with its requests recorded.
func (s *Servers) recorded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client left, or sent a malformed body
		}
		header := r.Header.Clone()
		header["Host"] = []string{r.Host}
		if r.TransferEncoding != nil {
			header["Transfer-Encoding"] = r.TransferEncoding
		}
		s.record(r.Context().Value(connKey{}).(net.Conn), Sent{
			Method: r.Method, Target: r.RequestURI, Version: r.Proto, Header: latin1Header(header), Body: string(body),
		})
		// go-httpbin repeats the request in its answer. Headers that are random, or that
		// differ on purpose, were compared above and must not differ there again.
		r.Header.Del("Accept-Encoding")
		if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
			r.Header.Del("Content-Length")
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		h.ServeHTTP(w, r)
	})
}

// accept serves the connections to l as the raw server.
func (s *Servers) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[c] = struct{}{}
		s.mu.Unlock()
		s.serving.Go(func() {
			s.serve(c)
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
		})
	}
}

// serve answers the requests on c.
func (s *Servers) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		request, err := readRequest(in)
		if err != nil {
			return
		}
		answer := s.record(c, request)
		if _, err := io.WriteString(c, answer.Text); err != nil {
			return
		}
		switch answer.Then {
		case Close:
			return
		case Reset:
			c.(*net.TCPConn).SetLinger(0)
			return
		}
	}
}

// readRequest reads a request, and keeps the case of the names.
func readRequest(in *bufio.Reader) (r Sent, err error) {
	lines := textproto.NewReader(in)
	start, err := lines.ReadLine()
	if err != nil {
		return r, err
	}
	parts := strings.Split(start, " ")
	if len(parts) != 3 {
		return r, fmt.Errorf("not a request line: %q", start)
	}
	r.Method, r.Target, r.Version = latin1(parts[0]), latin1(parts[1]), parts[2]
	r.Header = make(map[string][]string)
	length, chunked := int64(0), false
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return r, err
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return r, fmt.Errorf("not a header: %q", line)
		}
		value = strings.Trim(value, " \t")
		switch strings.ToLower(name) {
		case "content-length":
			if _, err := fmt.Sscan(value, &length); err != nil {
				return r, err
			}
		case "transfer-encoding":
			chunked = true
		}
		name = latin1(name)
		r.Header[name] = append(r.Header[name], latin1(value))
	}
	body := io.LimitReader(in, length)
	if chunked {
		body = httputil.NewChunkedReader(in)
	}
	data, err := io.ReadAll(body)
	if err == nil && chunked {
		_, err = lines.ReadLine() // neither client sends trailers
	}
	if err == nil && !chunked && int64(len(data)) < length {
		err = io.ErrUnexpectedEOF
	}
	r.Body = string(data)
	return r, err
}

// latin1 returns s with a character for each of its bytes.
func latin1[T string | []byte](s T) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

func latin1Header(h map[string][]string) map[string][]string {
	out := make(map[string][]string, len(h))
	for name, values := range h {
		for _, v := range values {
			out[name] = append(out[name], latin1(v))
		}
	}
	return out
}
