package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

func serve(t *testing.T) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			t.Errorf("the token is asked for by %q, %q", user, password)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"t0ken","token_type":"Bearer","expires_in":3600}`)
	})
	mux.HandleFunc("/private", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Authorization")) })
	tries := 0
	mux.HandleFunc("/flaky", func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "try %d", tries)
	})
	return mux
}

// TestProgram runs the program.
func TestProgram(t *testing.T) {
	s := httptest.NewServer(serve(t))
	defer s.Close()
	var out strings.Builder
	if err := run(s.URL, &out); err != nil {
		t.Fatal(err)
	}
	const want = "resty: hello, a new connection true, timed true\n" +
		"resty: hello, a new connection false, timed true\n" +
		"oauth2: Bearer t0ken\n" +
		"retryablehttp: try 3\n" +
		"blocking: hello\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// secure returns a server that speaks TLS and has a host name, and an http.Client that an agent
// is under.
func secure(t *testing.T) (url string, c *http.Client) {
	s := httptest.NewTLSServer(serve(t))
	t.Cleanup(s.Close)
	roots := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	r := reactor.Background()
	a := agent.New(r, agent.Config{
		Pool: agent.NewPool(r, agent.PoolConfig{}),
		TLS:  agent.NewTLSPolicy(&tls.Config{RootCAs: roots, ServerName: "example.com"}),
	})
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1), &http.Client{Transport: agent.NewRoundTripper(r, a)}
}

// TestResty: EnableTrace has all times of a request over a new connection, and those of one that
// uses it again.
func TestResty(t *testing.T) {
	url, c := secure(t)
	for _, again := range []bool{false, true} {
		resp, err := resty.NewWithClient(c).R().EnableTrace().Get(url + "/hello")
		if err != nil {
			t.Fatal(err)
		}
		info := resp.Request.TraceInfo()
		for name, d := range map[string]time.Duration{
			"DNSLookup": info.DNSLookup, "ConnTime": info.ConnTime, "TCPConnTime": info.TCPConnTime, "TLSHandshake": info.TLSHandshake,
			"ServerTime": info.ServerTime, "ResponseTime": info.ResponseTime, "TotalTime": info.TotalTime,
		} {
			connecting := name == "DNSLookup" || name == "TCPConnTime" || name == "TLSHandshake"
			if d < 0 || d > time.Minute || d == 0 != (again && connecting) && !(again && name == "ConnTime") {
				t.Errorf("again %v: %s is %v", again, name, d)
			}
		}
		if info.TotalTime < info.ServerTime+info.ResponseTime || info.IsConnReused != again || info.IsConnWasIdle != again {
			t.Errorf("again %v: %+v", again, info)
		}
		if info.RemoteAddr == nil || !strings.HasSuffix(url, info.RemoteAddr.String()[strings.LastIndex(info.RemoteAddr.String(), ":"):]) {
			t.Errorf("the address is %v, not that of %s", info.RemoteAddr, url)
		}
	}
}

// TestOpenTelemetry: otelhttptrace makes a span of each part of a request.
func TestOpenTelemetry(t *testing.T) {
	for name, do := range map[string]func(ctx context.Context, url string, c *http.Client) error{
		"http.Client": func(ctx context.Context, url string, c *http.Client) error {
			req, err := http.NewRequestWithContext(ctx, "GET", url+"/hello", nil)
			if err != nil {
				return err
			}
			return show(io.Discard, "")(c.Do(req))
		},
		"blocking": func(ctx context.Context, url string, c *http.Client) error {
			r := reactor.Background()
			resp, err := blocking.Get(ctx, url+"/hello", client.Agent(agent.FromRoundTripper(r, c.Transport)))
			if err != nil {
				return err
			}
			_, err = resp.Text()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, c := secure(t)
			recorder := tracetest.NewSpanRecorder()
			provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
			ctx, root := provider.Tracer("test").Start(context.Background(), "root")
			ctx = httptrace.WithClientTrace(ctx, otelhttptrace.NewClientTrace(ctx))
			if err := do(ctx, url, c); err != nil {
				t.Fatal(err)
			}
			root.End()
			ended := map[string]sdktrace.ReadOnlySpan{}
			for _, span := range recorder.Ended() {
				ended[span.Name()] = span
				if span.Parent().TraceID() != root.SpanContext().TraceID() && span.Name() != "root" {
					t.Errorf("%s is in another trace", span.Name())
				}
				if span.EndTime().Before(span.StartTime()) {
					t.Errorf("%s ends before it starts", span.Name())
				}
			}
			for _, part := range []string{"http.getconn", "http.dns", "http.connect", "http.tls", "http.send", "http.receive"} {
				if ended[part] == nil {
					t.Errorf("there is no span %s; there are %d", part, len(ended))
				}
			}
			if conn := ended["http.getconn"]; conn != nil && !slices.ContainsFunc(conn.Attributes(), func(a attribute.KeyValue) bool {
				return a.Key == otelhttptrace.HTTPRemoteAddr && strings.Contains(a.Value.AsString(), ":")
			}) {
				t.Errorf("http.getconn has %v", conn.Attributes())
			}
		})
	}
}
