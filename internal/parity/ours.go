package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Ours makes the requests through this module's client, on a loop of its own.
type Ours struct {
	reactor *reactor.Loop
	ended   chan error
}

// StartOurs starts the loop.
func StartOurs() *Ours {
	o := &Ours{reactor: reactor.New(), ended: make(chan error, 1)}
	o.reactor.InstallNameResolver(names{})
	go func() { o.ended <- o.reactor.Run() }()
	return o
}

// Close ends the loop.
func (o *Ours) Close() error {
	o.reactor.CallFromThread(func() { o.reactor.Stop() })
	return <-o.ended
}

// names are all this machine's, but for those that can be nobody's.
type names struct{}

func (names) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	if strings.HasSuffix(host, ".invalid") {
		return deferred.Fail[[]netip.Addr](&reactor.LookupError{Host: host, Err: reactor.ErrNameNotFound})
	}
	return deferred.Succeed([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
}

// hangsAfter is how long anything may take.
const hangsAfter = 10 * time.Second

// Run makes the requests of c.
func (o *Ours) Run(c Case) ([]Got, error) {
	return reactor.BlockingCallFromThread(context.Background(), o.reactor, func() *deferred.Deferred[[]Got] {
		return deferred.Go(func(co *deferred.Co) ([]Got, error) {
			pool := agent.NewPool(o.reactor, agent.Persistent(!c.CloseEach))
			defer pool.CloseCachedConnections()
			client := client.New(o.reactor, agent.New(o.reactor, agent.WithPool(pool)))
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

// request makes one request and reads its body.
func (o *Ours) request(co *deferred.Co, c *client.HTTPClient, r Request) (Got, error) {
	got := Got{Errors: make(map[string]string)}
	options, err := optionsOf(r)
	if err != nil {
		return got, err
	}
	resp, err := deferred.Await(co, within(o.reactor, c.Request(r.Method, r.URL, options...)))
	if err != nil {
		got.Errors["request"] = kindOf(err)
		return got, nil
	}
	got.Response = headOf(resp)
	for h := resp.PreviousResponse; h != nil; h = h.PreviousResponse {
		got.History = append(got.History, headOf(h))
	}
	slices.Reverse(got.History)
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

// optionsOf returns the options of r for our client.
func optionsOf(r Request) ([]client.Option, error) {
	var all []client.Option
	if r.Params != nil {
		all = append(all, client.Params(r.Params))
	}
	if r.Headers != nil {
		all = append(all, client.Headers(r.Headers))
	}
	if d := r.Data; d != nil {
		all = append(all, client.Body(d.Bytes))
	}
	if r.JSON != nil {
		var v any
		if err := json.Unmarshal(r.JSON, &v); err != nil {
			return nil, err
		}
		all = append(all, client.JSON(v))
	}
	if r.TimeoutMillisecond != 0 {
		all = append(all, client.Timeout(time.Duration(r.TimeoutMillisecond)*time.Millisecond))
	}
	return all, nil
}

// kinds are the kinds of errors. The first that err is, is its kind.
var kinds = []struct {
	is   func(error) bool
	kind string
}{
	{is(errHangs), "hangs"},
	{is(agent.ErrSchemeNotSupported), "scheme"},
	{as[*deferred.TimeoutError], "timeout"},
	{is(reactor.ErrConnectionRefused), "refused"},
	{is(reactor.ErrNameNotFound), "no such host"},
	{is(http1.ErrNoResponse), "connection closed"},
	{is(http1.ErrPartialHead), "connection closed"},
	{is(http1.ErrPartialBody), "cut short"},
	{as[*http1.Error], "not HTTP"},
	{as[*json.SyntaxError], "not JSON"},
	{is(reactor.ErrConnectionDone), "connection closed"},
	{is(reactor.ErrConnectionLost), "connection lost"},
	{is(client.ErrOptionsConflict), "argument"},
	{is(client.ErrURL), "argument"},
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// kindOf names what err is in words that both clients' errors have.
func kindOf(err error) string {
	stage := ""
	switch {
	case as[*response.NeverReceivedError](err):
		stage = "never received: "
	case as[*response.FailedError](err):
		stage = "failed: "
	}
	for _, k := range kinds {
		if k.is(err) {
			return stage + k.kind
		}
	}
	return stage + err.Error()
}
