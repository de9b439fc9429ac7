package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func probeGotreq(p *prober) {
	fmt.Printf("version\t%s\t\n", client.Version)
	ctx := context.Background()
	text := func(c *blocking.Client, url string, options ...client.Option) (string, error) {
		resp, err := c.Get(ctx, url, append(options, client.RaiseForStatus(true))...)
		if err != nil {
			return "", err
		}
		return resp.Text()
	}
	c := blocking.NewClient(client.Config{})
	defer c.Close()
	get := func(path string, options ...client.Option) error {
		_, err := text(c, p.HTTP+path, options...)
		return err
	}
	with := func(config client.Config, url string) error {
		c := blocking.NewClient(config)
		defer c.Close()
		_, err := text(c, url)
		return err
	}
	through := func(proxy string) client.Config {
		return client.Config{AgentConfig: agent.Config{Proxy: agent.ProxyURL(proxy), TLS: agent.NewTLSPolicy(p.tlsConfig())}}
	}
	p.row("keep", "yes", func() error {
		first, _ := text(c, p.HTTP+"/remote")
		second, err := text(c, p.HTTP+"/remote")
		return want(second, first, err)
	})
	p.row("baseurl", "HTTPClient", func() error { return with(client.Config{BaseURL: p.HTTP}, "/get") })
	p.row("pathparams", "yes", func() error {
		body, err := text(c, p.HTTP+"/path/{id}", client.PathParams{"id": "a/b"})
		return want(body, "/path/a%2Fb", err)
	})
	p.row("idna", "yes", func() error {
		r := reactor.Background()
		body, err := reactor.BlockingCallFromThread(ctx, r, func() *deferred.Deferred[string] {
			r.InstallNameResolver(thisMachine{})
			resp := client.New(r, client.Config{}).Get("http://bücher.test:" + portOf(p.HTTP) + "/host")
			return deferred.Then(resp, (*response.Response).Text)
		})
		return want(body, "xn--bcher-kva.test:"+portOf(p.HTTP), err)
	})
	p.row("agent", "yes", func() error {
		body, err := text(c, p.HTTP+"/agent")
		return want(body, client.DefaultUserAgent, err)
	})
	p.row("cookies", "HTTPClient", func() error {
		get("/cookies/set?a=b")
		body, err := text(c, p.HTTP+"/cookies")
		return want(fmt.Sprint(strings.Contains(body, `"b"`)), "true", err)
	})
	p.row("basic", "yes", func() error { return get("/basic-auth/user/passwd", client.BasicAuth("user", "passwd")) })
	p.row("digest", "yes", func() error {
		return get("/digest-auth/auth/user/passwd", client.Auth(auth.NewDigest("user", "passwd")))
	})
	p.row("netrc", "yes", func() error {
		netrc, err := auth.ReadNetrcFile(filepath.Join(p.Home, ".netrc"))
		if err != nil {
			return err
		}
		return get("/basic-auth/user/passwd", client.Auth(netrc))
	})
	p.row("token", "yes", func() error {
		tokens := []string{"old", "new"}
		return get("/token", client.Auth(auth.BearerFrom(func() *deferred.Deferred[auth.Token] {
			token := tokens[0]
			tokens = tokens[1:]
			return deferred.Succeed(auth.Token{Value: token})
		})))
	})
	var codings []labelled
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		codings = append(codings, labelled{coding, func() error {
			body, err := text(c, p.HTTP+"/coded?coding="+coding)
			return want(body, "decoded", err)
		}})
	}
	p.several("decodes", codings)
	p.row("charset", "yes", func() error {
		body, err := text(c, p.HTTP+"/latin1")
		return want(body, "café", err)
	})
	p.row("status", "RaiseForStatus", func() error {
		var status *response.StatusError
		if err := get("/status/404"); !errors.As(err, &status) {
			return fmt.Errorf("%v is no StatusError", err)
		}
		return nil
	})
	p.row("links", "yes", func() error {
		next, err := onLoop(ctx, p.HTTP+"/links", func(resp *response.Response) (string, error) { return resp.Link("next") })
		return want(next, p.HTTP+"/2", err)
	})
	p.row("multipart", "streamed", func() error {
		f := &slowFile{prober: p, id: p.id()}
		resp, err := c.Post(ctx, p.HTTP+"/upload?id="+f.id, client.Files{{Name: "f", Value: multipart.FromReader("slow.bin", f)}})
		if err != nil {
			return err
		}
		return want(f.how(), "streamed", resp.Body.Close())
	})
	late := 300 * time.Millisecond
	p.several("timeouts", []labelled{
		{"connect", func() error {
			return fails(func() error {
				return with(client.Config{AgentConfig: agent.Config{ConnectTimeout: late}}, "http://"+p.Dead)
			})
		}},
		{"response", func() error { return fails(func() error { return get("/silent", client.Timeout(late)) }) }},
		{"between reads", func() error { return fails(func() error { return get("/stall", client.ReadTimeout(late)) }) }},
		{"total", func() error { return fails(func() error { return get("/trickle", client.TotalTimeout(late)) }) }},
	})
	p.row("retries", "yes, with a budget", func() error { return get("/flaky?id="+p.id(), client.Retries(3)) })
	p.row("limits", "requests a second, at a time, per host", func() error {
		return with(client.Config{Limits: &agent.LimitConfig{PerHost: agent.Limit{Rate: 100, Concurrent: 1}}}, p.HTTP+"/get")
	})
	p.row("history", "History", func() error {
		n, err := onLoop(ctx, p.HTTP+"/redirect/2", func(resp *response.Response) (int, error) { return len(resp.History()), nil })
		return want(fmt.Sprint(n), "2", err)
	})
	p.row("proxy", "yes", func() error { return with(through(p.Proxy), "https://example.com/get") })
	p.row("socks", "yes", func() error { return with(through("socks5h://"+p.SOCKS), "http://example.com/get") })
	p.row("env", "by one word", func() error {
		return with(client.Config{AgentConfig: agent.Config{Proxy: agent.ProxyFromEnvironment}}, "http://example.com/get")
	})
	p.row("times", "Times, httptrace", func() error {
		var lines strings.Builder
		logger := slog.New(slog.NewTextHandler(&lines, nil))
		err := with(client.Config{Log: &agent.LogConfig{Logger: logger}}, p.HTTP+"/get")
		return want(fmt.Sprint(strings.Contains(lines.String(), "connect=")), "true", err)
	})
	p.row("curl", "yes", func() error {
		command, err := onLoop(ctx, p.HTTP+"/get", func(resp *response.Response) (string, error) { return resp.Request.Curl(), nil })
		return want(fmt.Sprint(strings.HasPrefix(command, "curl ")), "true", err)
	})
	p.row("http2", "yes", func() error {
		c := blocking.NewClient(client.Config{AgentConfig: agent.Config{TLS: agent.NewTLSPolicy(p.tlsConfig())}})
		defer c.Close()
		body, err := text(c, p.HTTPS+"/proto")
		return want(body, "HTTP/2.0", err)
	})
}

// onLoop returns what look makes of the response to a GET of url, on the loop's goroutine.
func onLoop[T any](ctx context.Context, url string, look func(*response.Response) (T, error)) (T, error) {
	r := reactor.Background()
	return reactor.BlockingCallFromThread(ctx, r, func() *deferred.Deferred[T] {
		return deferred.Map(client.New(r, client.Config{}).Get(url), look)
	})
}

// thisMachine resolves every name to this machine.
type thisMachine struct{}

func (thisMachine) LookupHost(string) *deferred.Deferred[[]netip.Addr] {
	return deferred.Succeed([]netip.Addr{netip.MustParseAddr("127.0.0.1")})
}
