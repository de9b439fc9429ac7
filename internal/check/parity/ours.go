package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// Ours makes the requests with this module's client, on a loop of its own.
type Ours struct {
	reactor *reactor.Loop
	ended   chan error
	folder  string // for files to upload
	tls     *agent.TLSPolicy
	fronts  map[string]string // the servers over HTTP/2, by the port of each; nil over HTTP/1.1
}

// StartOurs starts the loop. The client verifies certificates with roots. With fronts, it speaks HTTP/2 with them.
func StartOurs(roots *x509.CertPool, fronts map[string]string) (*Ours, error) {
	folder, err := os.MkdirTemp("", "parity")
	if err != nil {
		return nil, err
	}
	o := &Ours{reactor: reactor.New(), ended: make(chan error, 1), folder: folder, fronts: fronts,
		tls: agent.NewTLSPolicy(&tls.Config{RootCAs: roots})}
	o.reactor.InstallNameResolver(names{})
	go func() { o.ended <- o.reactor.Run() }()
	return o, nil
}

// Close ends the loop.
func (o *Ours) Close() error {
	o.reactor.CallFromThread(func() { o.reactor.Stop() })
	return errors.Join(<-o.ended, os.RemoveAll(o.folder))
}

// names resolves every name to this machine, except for those under .invalid.
type names struct{}

func (names) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	if strings.HasSuffix(host, ".invalid") {
		return deferred.Fail[[]netip.Addr](&reactor.LookupError{Host: host, Err: reactor.ErrNameNotFound})
	}
	return deferred.Succeed([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
}

// hangsAfter is the time after which a request, or the reading of a body, hangs.
const hangsAfter = 4 * time.Second

// Run makes the requests of c.
func (o *Ours) Run(c Case) ([]Got, error) {
	return reactor.BlockingCallFromThread(context.Background(), o.reactor, func() *deferred.Deferred[[]Got] {
		return deferred.Go(func(co *deferred.Co) ([]Got, error) {
			pool := agent.NewPool(o.reactor, agent.PoolConfig{DisablePersistent: c.CloseEach})
			defer pool.CloseCachedConnections()
			client := client.New(o.reactor, client.Config{
				AgentConfig: o.config(pool),
				Defaults:    []client.Option{client.Headers{"User-Agent": {}}}, // treq sends none
			})
			var all []Got
			for _, r := range c.Requests {
				got, err := o.request(co, client, r)
				if err != nil {
					return nil, err
				}
				all = append(all, got)
			}
			return all, nil
		})
	})
}

// config returns the config of the client's agent.
func (o *Ours) config(pool *agent.Pool) agent.Config {
	c := agent.Config{Pool: pool, TLS: o.tls, Protocols: new(http.Protocols)}
	if o.fronts == nil {
		c.Protocols.SetHTTP1(true)
		return c
	}
	c.Protocols.SetHTTP2(true)
	c.Protocols.SetUnencryptedHTTP2(true)
	c.Endpoint = func(u *url.URL) (endpoints.ClientEndpoint, error) {
		if front := o.fronts[u.Port()]; front != "" {
			return endpoints.NewTCPClient(o.reactor, front, reactor.ConnectConfig{}), nil
		}
		return endpoints.NewHostname(o.reactor, u.Hostname(), cmp.Or(u.Port(), "80"), endpoints.HostnameConfig{}), nil
	}
	return c
}

// request makes one request and reads its body.
func (o *Ours) request(co *deferred.Co, c *client.HTTPClient, r Request) (Got, error) {
	got := Got{Errors: make(map[string]string)}
	options, err := optionsOf(r, o.folder)
	if err != nil {
		return got, err
	}
	resp, err := deferred.Await(co, within(o.reactor, c.Request(r.Method, r.URL, options...)))
	if err != nil {
		got.Errors["request"] = kindOf(err)
		return got, nil
	}
	got.Response = headOf(resp)
	for _, h := range resp.History() {
		got.History = append(got.History, headOf(h))
	}
	for _, how := range r.Read {
		var err error
		switch how {
		case "content":
			var data []byte
			data, err = deferred.Await(co, within(o.reactor, resp.Content()))
			got.Content = latin1(data)
		case "collect":
			var data []byte
			_, err = deferred.Await(co, within(o.reactor, resp.Collect(func(piece []byte) error {
				data = append(data, piece...)
				return nil
			})))
			if err == nil {
				got.Content = latin1(data)
			}
		case "text":
			d := resp.Text
			if r.Encoding != "" {
				d = func() *deferred.Deferred[string] { return resp.TextWith(r.Encoding) }
			}
			got.Text, err = deferred.Await(co, within(o.reactor, d()))
		case "json":
			got.JSON, err = deferred.Await(co, within(o.reactor, response.JSON[any](resp)))
		}
		if err != nil {
			got.Errors[how] = kindOf(err)
		}
	}
	for c := range resp.Cookies().All() {
		got.Cookies = append(got.Cookies, latin1(c.Name+"="+c.Value))
	}
	slices.Sort(got.Cookies)
	return got, nil
}

var errHangs = errors.New("hangs")

func within[T any](clock deferred.Clock, d *deferred.Deferred[T]) *deferred.Deferred[T] {
	return d.AddTimeout(hangsAfter, clock, func(v T, _ error, _ time.Duration) (T, error) { return v, errHangs })
}

// headOf returns the head of resp.
func headOf(resp *response.Response) Response {
	r := Response{
		Status:  resp.Code,
		Phrase:  latin1(resp.Phrase),
		Version: resp.Version,
		Header:  make(map[string][]string),
		Length:  resp.Length,
		URL:     latin1(resp.Request.URL.String()),
	}
	for name, values := range latin1Header(resp.Header) {
		if name = strings.ToLower(name); !slices.Contains(ignoredHeaders, name) {
			r.Header[name] = values
		}
	}
	return r
}

// optionsOf returns the options of r for our client. It writes files to folder if they
// have to be on the disk.
func optionsOf(r Request, folder string) ([]client.Option, error) {
	var all []client.Option
	add := func(o client.Option) { all = append(all, o) }
	if r.Params != nil {
		add(client.Params(r.Params))
	}
	if r.ParamList != nil {
		add(client.ParamList(r.ParamList))
	}
	if r.Headers != nil {
		add(client.Headers(r.Headers))
	}
	if r.Data != nil {
		add(client.Data(r.Data.value()))
	}
	if r.JSON != nil {
		var v any
		if err := json.Unmarshal(r.JSON, &v); err != nil {
			return nil, err
		}
		add(client.JSON(v))
	}
	if r.Files != nil {
		var fields client.Files
		for _, f := range r.Files {
			file, err := f.value(folder)
			if err != nil {
				return nil, err
			}
			fields = append(fields, multipart.Field{Name: f.Field, Value: file})
		}
		add(fields)
	}
	if r.Auth != nil {
		add(client.BasicAuth(r.Auth[0], r.Auth[1]))
	}
	if r.Cookies != nil {
		add(client.Cookies(r.Cookies))
	}
	if r.CookieJar != nil {
		jar := new(cookies.Jar)
		for _, c := range r.CookieJar {
			if err := jar.Put(cookies.Cookie{Name: c.Name, Value: c.Value, Domain: c.Domain, Path: c.Path}); err != nil {
				return nil, err
			}
		}
		add(client.CookieJar(jar))
	}
	if r.NoRedirects {
		add(client.AllowRedirects(false))
	}
	if r.BrowserLike {
		add(client.BrowserLikeRedirects(true))
	}
	if r.Unbuffered {
		add(client.Unbuffered(true))
	}
	if r.TimeoutMillisecond != 0 {
		add(client.Timeout(time.Duration(r.TimeoutMillisecond) * time.Millisecond))
	}
	return all, nil
}

// value returns d as the argument of the option Data.
func (d *Data) value() any {
	switch {
	case d.File != nil:
		return bytes.NewReader(d.File)
	case d.Dict != nil:
		return d.Dict
	case d.Pairs != nil:
		return d.Pairs
	default:
		return d.Bytes
	}
}

// value returns f in its form.
func (f *File) value(folder string) (multipart.File, error) {
	reader := bytes.NewReader(f.Content)
	switch f.Form {
	case "file":
		path := filepath.Join(folder, f.Name)
		if err := os.WriteFile(path, f.Content, 0o600); err != nil {
			return multipart.File{}, err
		}
		file, err := os.Open(path)
		if err != nil {
			return multipart.File{}, err
		}
		return multipart.FromFile(file), nil
	case "triple":
		file := multipart.FromReader(f.Name, reader)
		file.ContentType = f.ContentType
		return file, nil
	default:
		return multipart.FromReader(f.Name, reader), nil
	}
}

// kinds are the kinds of errors. The first that fits an error is its kind.
var kinds = []struct {
	is   func(error) bool
	kind string
}{
	{is(errHangs), "hangs"},
	{is(agent.ErrInfiniteRedirection), "too many redirects"},
	{is(agent.ErrRedirectWithNoLocation), "redirect without a location"},
	{is(agent.ErrPageRedirect), "redirect refused"},
	{is(agent.ErrLocation), "redirect to a bad URL"},
	{is(agent.ErrBodySpent), "redirect with a body that was sent already"},
	{is(agent.ErrSchemeNotSupported), "scheme"},
	{as[*deferred.TimeoutError], "timeout"},
	{as[*agent.DecodeError], "bad coding"},
	{as[*tls.CertificateVerificationError], "TLS"},
	{as[tls.RecordHeaderError], "TLS"},
	{is(reactor.ErrConnectionRefused), "refused"},
	{is(reactor.ErrNameNotFound), "no such host"},
	{is(wire.ErrPartialBody), "cut short"},
	{as[*wire.StreamError], "cut short"},
	{is(reactor.ErrConnectionLost), "connection lost"},
	{is(wire.ErrNoResponse), "connection closed"},
	{is(wire.ErrPartialHead), "connection closed"},
	{as[*wire.Error], "not HTTP"},
	{as[*json.SyntaxError], "not JSON"},
	{is(response.ErrUndecodable), "not in its charset"},
	{is(response.ErrUnknownCharset), "unknown charset"},
	{is(reactor.ErrConnectionDone), "connection closed"},
	{is(client.ErrOptionsConflict), "argument"},
	{is(client.ErrOption), "argument"},
	{is(client.ErrURL), "argument"},
	{is(agent.ErrNoHost), "argument"},
	{is(agent.ErrPort), "argument"},
	{is(agent.ErrNotUpgraded), "switched protocols"},
	{is(auth.ErrInvalid), "argument"},
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// kindOf returns the kind of err, in words that fit both clients.
func kindOf(err error) string {
	stage := ""
	switch {
	case as[*response.NeverReceivedError](err):
		stage = "never received: "
	case as[*response.FailedError](err):
		stage = "failed: "
	}
	if stage == "" && as[*wire.Error](err) {
		return "argument" // the request, not the response, is not HTTP
	}
	for _, k := range kinds {
		if k.is(err) {
			return stage + k.kind
		}
	}
	return stage + err.Error()
}
