package peers_test

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file has the exam: requests, and what each must lead to. Any client can sit it with any
// server behind which the handler of the exam is, over either version of HTTP. The clients are
// ours and net/http's.

var (
	// all runs the tests that take long, and those of the exam itself, which say that a failure
	// is not the exam's.
	all = flag.Bool("peers.all", false, "run the long tests too")
	// bodySize is the size of the large bodies of the exam.
	bodySize = flag.Int("peers.body", 150_000, "bytes of the large bodies")
	// manySize is the number of requests of the runs that have many.
	manySize = flag.Int("peers.many", 300, "requests of the runs with many")
	// hugeSize is the size of the body whose memory is measured.
	hugeSize = flag.Int64("peers.huge", 2<<20, "bytes of the bodies whose memory is measured")
)

// long skips a test that is only for -peers.all.
func long(t *testing.T) {
	t.Helper()
	if !*all {
		t.Skip("SKIPPED: it runs with -peers.all")
	}
}

// few returns only the odd settings that are all odd, unless the long tests run.
func few[V any](odd map[string]V) map[string]V {
	const hardest = "all small"
	if *all {
		return odd
	}
	return map[string]V{hardest: odd[hardest]}
}

// A question is a request of the exam.
type question struct {
	name         string
	method, path string
	header       http.Header
	body         string
	unknown      bool        // the length of the body is not announced
	trailer      http.Header // follows the body
	expect       bool        // the body waits for a 100
	alone        bool        // the questions after it wait for its answer, also when the others are asked together
	shows        string      // the names of the headers of the response that the answer shows
	want         string      // the answer
}

// blob returns n bytes that do not repeat, and depend on seed.
func blob(seed uint64, n int) string {
	key := [2]uint64{seed, uint64(n)}
	if b, ok := blobs.Load(key); ok {
		return b.(string)
	}
	b := make([]byte, (n+7)&^7)
	r := rand.NewPCG(seed, 1)
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	blobs.Store(key, string(b[:n]))
	return string(b[:n])
}

var blobs sync.Map // from the arguments of blob to its results

// digest returns the length and the hash of a body.
func digest(body string) string {
	return fmt.Sprintf("%d %.8x", len(body), sha256.Sum256([]byte(body)))
}

// brief returns body, or the digest of a long one.
func brief(body string) string {
	if len(body) > 200 {
		return digest(body)
	}
	return body
}

// examHandler answers the questions.
func examHandler(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	switch r.URL.Path {
	case "/hello":
		io.WriteString(w, r.Method+" hello")
	case "/query":
		io.WriteString(w, r.URL.RawQuery)
	case "/known":
		h.Set("Content-Length", strconv.Itoa(n))
		io.WriteString(w, blob(1, n))
	case "/streamed":
		body := blob(2, n)
		for len(body) > 0 {
			part := body[:min(len(body), 10_007)]
			io.WriteString(w, part)
			w.(http.Flusher).Flush()
			body = body[len(part):]
		}
	case "/upload":
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, " ", digest(string(body)), " ", r.ContentLength >= 0, " ", err)
	case "/echo":
		http.NewResponseController(w).EnableFullDuplex() // HTTP/1.1 of net/http would drop what it has not read
		h.Set("X-Length", strconv.FormatInt(r.ContentLength, 10))
		io.Copy(w, r.Body)
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/tagged":
		h.Set("Etag", `"x"`)
		if r.Header.Get("If-None-Match") == `"x"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, "tagged")
	case "/missing":
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "missing")
	case "/to":
		code, _ := strconv.Atoi(r.URL.Query().Get("code"))
		http.Redirect(w, r, "/echo", code)
	case "/gzip":
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			io.WriteString(w, "not asked for")
			return
		}
		h.Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, blob(3, n))
		z.Close()
	case "/cookies":
		h.Add("Set-Cookie", "c=3")
		h.Add("Set-Cookie", "d=4; Path=/")
		io.WriteString(w, strings.Join(r.Header["Cookie"], " AND "))
	case "/headers": // the sum of the request's X- headers, and as much in the response
		var sum int
		for name, values := range r.Header {
			if strings.HasPrefix(name, "X-Many") {
				for _, v := range values {
					sum += len(v)
				}
			}
		}
		for i := range n {
			h.Set(fmt.Sprint("X-Many-", i), blobText(i, 100))
		}
		h["X-Twice"] = []string{"1", "2"}
		h.Set("X-Empty", "")
		fmt.Fprint(w, sum)
	case "/trailers":
		h.Set("Trailer", "X-Sum, X-Echo")
		body, err := io.ReadAll(r.Body)
		io.WriteString(w, "trailed")
		h.Set("X-Sum", fmt.Sprint(digest(string(body)), " ", err))
		h.Set("X-Echo", r.Trailer.Get("X-Sent"))
		h.Set(http.TrailerPrefix+"X-Late", "late")
	case "/continue":
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, digest(string(body)), " ", err)
	case "/refuse":
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "no, thank you")
	case "/early":
		h.Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		io.WriteString(w, "early")
	case "/cut":
		h.Set("Content-Length", "100")
		io.WriteString(w, "cut")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "/proto":
		io.WriteString(w, r.Proto)
	case "/remote":
		io.WriteString(w, r.RemoteAddr)
	case "/":
		io.WriteString(w, "root")
	default:
		http.NotFound(w, r)
	}
}

// blobText returns n letters that depend on seed.
func blobText(seed, n int) string {
	return strings.Repeat(string(rune('a'+seed%26)), n)
}

// questions returns the exam.
func questions() []question {
	large := blob(4, *bodySize)
	many := http.Header{}
	for i := range 60 {
		many.Set(fmt.Sprint("X-Many-", i), blobText(i, 100))
	}
	long := http.Header{"X-Many": {strings.Repeat("v", 20_000)}} // more than a frame
	var q []question
	for _, method := range []string{"GET", "DELETE", "PUT", "POST", "PATCH", "OPTIONS", "PURGE"} {
		q = append(q, question{name: method, method: method, path: "/hello", want: "200 " + method + " hello"})
	}
	sized := func(path string) string { return fmt.Sprint(path, "?n=", *bodySize) }
	return append(q, []question{
		{name: "HEAD", method: "HEAD", path: "/known?n=5", shows: "Content-Length", want: "200 |Content-Length: 5"},
		{name: "HEAD of a large body", method: "HEAD", path: sized("/streamed"), want: "200 "},
		{name: "query", method: "GET", path: "/query?a=b%20c&d=%2F/?:@!$'()*,;~e", want: "200 a=b%20c&d=%2F/?:@!$'()*,;~e"},
		{name: "known", method: "GET", path: sized("/known"), shows: "Content-Length", want: fmt.Sprintf("200 %s|Content-Length: %d", digest(blob(1, *bodySize)), *bodySize)},
		{name: "streamed", method: "GET", path: sized("/streamed"), want: "200 " + digest(blob(2, *bodySize))},
		{name: "upload", method: "POST", path: "/upload", body: large, want: "200 POST " + digest(large) + " true <nil>"},
		{name: "upload of unknown length", method: "PUT", path: "/upload", body: large, unknown: true, want: "200 PUT " + digest(large) + " false <nil>"},
		{name: "empty upload of unknown length", method: "POST", path: "/continue", unknown: true, want: "200 " + digest("") + " <nil>"},
		{name: "both ways", method: "POST", path: "/echo", body: large, want: "200 " + digest(large)},
		{name: "both ways, unknown", method: "POST", path: "/echo", body: large, unknown: true, want: "200 " + digest(large)},
		{name: "small", method: "POST", path: "/echo", body: "small", shows: "X-Length", want: "200 small|X-Length: 5"},
		{name: "204", method: "GET", path: "/empty", want: "204 "},
		{name: "304", method: "GET", path: "/tagged", header: http.Header{"If-None-Match": {`"x"`}}, shows: "Etag", want: `304 |Etag: "x"`},
		{name: "404", method: "GET", path: "/missing", want: "404 missing"},
		{name: "302", method: "GET", path: "/to?code=302", want: "200 "},
		{name: "307", method: "POST", path: "/to?code=307", body: "again", want: "200 again"},
		{name: "gzip", method: "GET", path: sized("/gzip"), want: "200 " + digest(blob(3, *bodySize))},
		{name: "cookies", method: "GET", path: "/cookies", header: http.Header{"Cookie": {"a=1; b=2"}}, shows: "Set-Cookie",
			want: "200 a=1; b=2|Set-Cookie: c=3, d=4; Path=/"},
		{name: "many headers", method: "GET", path: "/headers?n=60", header: many, shows: "X-Many-0 X-Many-59 X-Twice X-Empty",
			want: "200 6000|X-Many-0: " + blobText(0, 100) + "|X-Many-59: " + blobText(59, 100) + "|X-Twice: 1, 2|X-Empty: "},
		{name: "long header", method: "GET", path: "/headers", header: long, want: "200 20000"},
		{name: "trailers", method: "POST", path: "/trailers", body: "a body", want: "200 trailed+X-Echo: +X-Late: late+X-Sum: " + digest("a body") + " <nil>"},
		{name: "trailers both ways", method: "POST", path: "/trailers", body: large, unknown: true, trailer: http.Header{"X-Sent": {"sent"}},
			want: "200 trailed+X-Echo: sent+X-Late: late+X-Sum: " + digest(large) + " <nil>"},
		{name: "100-continue", method: "POST", path: "/continue", body: large, expect: true, want: "200 " + digest(large) + " <nil>"},
		{name: "100-continue refused", method: "POST", path: "/refuse", body: large, expect: true, want: "403 no, thank you"},
		{name: "early answer", method: "POST", path: "/refuse", body: "not read", want: "403 no, thank you"},
		{name: "interim", method: "GET", path: "/early", want: "103 </style.css>; rel=preload 102 </style.css>; rel=preload 200 early"},
		{name: "cut short", method: "GET", path: "/cut", want: "cut short"},
		{name: "after that", method: "GET", path: "/hello", want: "200 GET hello"},
	}...)
}

// An examinee makes the requests of an exam, and returns the answers. together makes them at
// the same time.
type examinee func(t *testing.T, base string, exam []question, together bool) []string

// A finding is what a client finds in a response.
type finding struct {
	interim         []string
	proto           string
	code            int
	body            string
	header, trailer http.Header
	err             error
}

// interimReceived notes an interim response other than 100.
func (f *finding) interimReceived(code int, link string) {
	if code != http.StatusContinue {
		f.interim = append(f.interim, fmt.Sprint(code, " ", link))
	}
}

// answer returns what want of q is compared with.
func (f *finding) answer(q question, proto string) string {
	if f.err != nil {
		if q.want == "cut short" {
			return q.want
		}
		return "error: " + f.err.Error()
	}
	var b strings.Builder
	for _, interim := range f.interim {
		b.WriteString(interim + " ")
	}
	if f.proto != proto {
		b.WriteString("over " + f.proto + ": ")
	}
	fmt.Fprintf(&b, "%d %s", f.code, brief(f.body))
	for _, name := range strings.Fields(q.shows) {
		fmt.Fprintf(&b, "|%s: %s", name, strings.Join(f.header[name], ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(f.trailer)) {
		if len(f.trailer[name]) > 0 { // else it was only announced
			fmt.Fprintf(&b, "+%s: %s", name, strings.Join(f.trailer[name], ", "))
		}
	}
	return b.String()
}

// A trailing agent gives requests the trailers that their contexts hold.
type trailing struct{ agent.Requester }

type trailerKey struct{}

func (a trailing) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	if req.Context != nil {
		if trailer, ok := req.Context.Value(trailerKey{}).(http.Header); ok {
			req = req.Clone()
			req.Trailer = trailer
		}
	}
	return a.Requester.Request(req)
}

// ours is our client with config. Its answers must come over proto.
func ours(config agent.Config, proto string) examinee {
	return func(t *testing.T, base string, exam []question, together bool) []string {
		t.Helper()
		answers := make([]string, len(exam))
		ask := func(c *client.HTTPClient, i int) *deferred.Deferred[deferred.None] {
			q, f := exam[i], &finding{}
			options := []client.Option{client.Headers(q.header), client.Informational(func(code int, header http.Header) {
				f.interimReceived(code, header.Get("Link"))
			}), client.BrowserLikeRedirects(true)}
			switch {
			case q.unknown:
				options = append(options, client.Data(io.LimitReader(strings.NewReader(q.body), int64(len(q.body)))))
			case q.body != "":
				options = append(options, client.Body(q.body))
			}
			if q.trailer != nil {
				options = append(options, client.Context(context.WithValue(context.Background(), trailerKey{}, q.trailer)))
			}
			if q.expect {
				options = append(options, client.ExpectContinue(10*time.Second))
			}
			d := deferred.Then(c.Request(q.method, base+q.path, options...), func(resp *response.Response) *deferred.Deferred[deferred.None] {
				f.proto, f.code, f.header = resp.Version, resp.Code, resp.Header
				return deferred.Map(resp.Content(), func(body []byte) (deferred.None, error) {
					f.body, f.trailer = string(body), resp.Trailer
					return deferred.None{}, nil
				})
			})
			return d.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
				f.err = err
				answers[i] = f.answer(q, proto)
				return deferred.None{}, nil
			})
		}
		_, err := run(t, config, func(c *client.HTTPClient) *deferred.Deferred[string] {
			return deferred.Go(func(co *deferred.Co) (string, error) {
				var all []*deferred.Deferred[deferred.None]
				for i := range exam {
					d := ask(c, i)
					if all = append(all, d); !together || exam[i].alone {
						if _, err := deferred.Await(co, d); err != nil {
							return "", err
						}
					}
				}
				_, err := deferred.Await(co, deferred.GatherResults(all))
				return "", err
			})
		})
		if err != nil {
			t.Error(err)
		}
		return answers
	}
}

// theirs is net/http's client, over HTTP/2 alone. config nil means plain connections.
func theirs(config *tls.Config) examinee { return oddly(config, nil) }

// theirClient returns net/http's client with the settings of second, over HTTP/2 alone.
func theirClient(config *tls.Config, second *http.HTTP2Config) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: config, ExpectContinueTimeout: 10 * time.Second, HTTP2: second}
	transport.Protocols.SetHTTP2(config != nil)
	transport.Protocols.SetUnencryptedHTTP2(config == nil)
	return &http.Client{Transport: transport, Timeout: 5 * time.Minute}
}

// oddly is theirs with the settings of second.
func oddly(config *tls.Config, second *http.HTTP2Config) examinee {
	return func(t *testing.T, base string, exam []question, together bool) []string {
		t.Helper()
		c := theirClient(config, second)
		defer c.CloseIdleConnections()
		answers := make([]string, len(exam))
		ask := func(i int) {
			q, f := exam[i], &finding{}
			f.err = func() error {
				ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
					f.interimReceived(code, header.Get("Link"))
					return nil
				}})
				var body io.Reader
				if q.body != "" {
					body = strings.NewReader(q.body)
				}
				if q.unknown {
					body = io.MultiReader(strings.NewReader(q.body))
				}
				req, err := http.NewRequestWithContext(ctx, q.method, base+q.path, body)
				if err != nil {
					return err
				}
				for name, values := range q.header {
					req.Header[name] = values
				}
				if q.expect {
					req.Header.Set("Expect", "100-continue")
				}
				req.Trailer = q.trailer
				resp, err := c.Do(req)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				f.proto, f.code, f.header = resp.Proto, resp.StatusCode, resp.Header
				text, err := io.ReadAll(resp.Body)
				f.body, f.trailer = string(text), resp.Trailer
				return err
			}()
			answers[i] = f.answer(q, "HTTP/2.0")
		}
		var running sync.WaitGroup
		for i := range exam {
			if !together || exam[i].alone {
				ask(i)
				continue
			}
			running.Go(func() { ask(i) })
		}
		running.Wait()
		return answers
	}
}

// sit has an examinee sit the exam with the server at base, first one question after another,
// then all of them at the same time. except names the questions that are left out, and why.
func sit(t *testing.T, e examinee, base string, except map[string]string) {
	t.Helper()
	var exam []question
	left := 0
	for _, q := range questions() {
		if except[q.name] != "" {
			left++
			continue
		}
		exam = append(exam, q)
	}
	if left != len(except) {
		t.Errorf("%d of %v are questions", left, except)
	}
	ask(t, e, base, exam)
}

// ask is sit with the questions of exam.
func ask(t *testing.T, e examinee, base string, exam []question) {
	t.Helper()
	for _, together := range []bool{false, true} {
		began := time.Now()
		for i, got := range e(t, base, exam, together) {
			if got != exam[i].want {
				t.Errorf("%s, together %v:\ngot  %s\nwant %s", exam[i].name, together, got, exam[i].want)
			}
		}
		if d := time.Since(began); d > 8*time.Second { // less than the wait for a 100
			t.Errorf("together %v: it took %v", together, d)
		}
	}
}

// serveTheirs starts net/http's server with the handler of the exam, over plain HTTP/1.1 and
// HTTP/2 if config is nil, else over TLS. It returns its URL.
func serveTheirs(t *testing.T, config *tls.Config, change func(s *http.Server)) string {
	t.Helper()
	s := &http.Server{Handler: http.HandlerFunc(examHandler), Protocols: new(http.Protocols), ErrorLog: quiet(t)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(config != nil)
	s.Protocols.SetUnencryptedHTTP2(config == nil)
	if change != nil {
		change(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve := s.Serve
	url := "http://"
	if config != nil {
		s.TLSConfig, url = config.Clone(), "https://"
		serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
	}
	ended := make(chan error)
	go func() { ended <- serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return url + l.Addr().String()
}
