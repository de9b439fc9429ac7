package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
)

func probeResty(p *prober) {
	fmt.Printf("version\t%s\t\n", resty.Version)
	// do returns the body of a response, and an error for a status that is not 2xx.
	do := func(r *resty.Request, url string) (string, error) {
		resp, err := r.Get(url)
		if err == nil && resp.IsError() {
			err = errors.New(resp.Status())
		}
		if err != nil {
			return "", err
		}
		return resp.String(), nil
	}
	shared := resty.New()
	text := func(url string) (string, error) { return do(shared.R(), url) }
	with := func(c *resty.Client, url string) error {
		_, err := do(c.R(), url)
		return err
	}
	p.row("keep", "yes", func() error {
		first, _ := text(p.HTTP + "/remote")
		second, err := text(p.HTTP + "/remote")
		return want(second, first, err)
	})
	p.row("idna", "yes", func() error {
		c := resty.New().SetTransport(&http.Transport{DialContext: toThisMachine})
		body, err := do(c.R(), "http://bücher.test:"+portOf(p.HTTP)+"/host")
		return want(body, "xn--bcher-kva.test:"+portOf(p.HTTP), err)
	})
	p.row("baseurl", "Client", func() error { return with(resty.New().SetBaseURL(p.HTTP), "/get") })
	p.row("pathparams", "yes", func() error {
		body, err := do(shared.R().SetPathParam("id", "a/b"), p.HTTP+"/path/{id}")
		return want(body, "/path/a%2Fb", err)
	})
	p.row("agent", "yes", func() error {
		body, err := text(p.HTTP + "/agent")
		return want(fmt.Sprint(strings.Contains(body, "resty")), "true", err)
	})
	p.row("cookies", "yes", func() error {
		c := resty.New()
		with(c, p.HTTP+"/cookies/set?a=b")
		body, err := do(c.R(), p.HTTP+"/cookies")
		return want(fmt.Sprint(strings.Contains(body, `"b"`)), "true", err)
	})
	p.row("basic", "yes", func() error {
		return with(resty.New().SetBasicAuth("user", "passwd"), p.HTTP+"/basic-auth/user/passwd")
	})
	p.row("digest", "yes", func() error {
		return with(resty.New().SetDigestAuth("user", "passwd"), p.HTTP+"/digest-auth/auth/user/passwd")
	})
	p.row("netrc", "no", func() error { return with(resty.New(), p.HTTP+"/basic-auth/user/passwd") })
	p.row("token", "by a retry hook", func() error {
		c := resty.New().SetAuthToken("old").SetRetryCount(1)
		c.AddRetryCondition(func(r *resty.Response, _ error) bool { return r.StatusCode() == http.StatusUnauthorized })
		c.AddRetryHook(func(r *resty.Response, _ error) { r.Request.SetAuthToken("new") })
		return with(c, p.HTTP+"/token")
	})
	var codings []labelled
	for _, c := range []string{"gzip", "deflate", "br", "zstd"} {
		codings = append(codings, labelled{c, func() error {
			body, err := text(p.HTTP + "/coded?coding=" + c)
			return want(body, "decoded", err)
		}})
	}
	p.several("decodes", codings)
	p.row("charset", "no", func() error {
		body, err := text(p.HTTP + "/latin1")
		return want(body, "café", err)
	})
	how := "no"
	p.row("multipart", "from memory", func() error {
		f := &slowFile{prober: p, id: p.id()}
		_, err := shared.R().SetFileReader("f", "slow.bin", f).Post(p.HTTP + "/upload?id=" + f.id)
		how = f.how()
		return want(how, "from memory", err)
	})
	p.several("timeouts", []labelled{
		{"connect", func() error {
			dial := (&net.Dialer{Timeout: 300 * time.Millisecond}).DialContext
			c := resty.New().SetTransport(&http.Transport{DialContext: dial})
			return fails(func() error { return with(c, "http://"+p.Dead) })
		}},
		{"response", func() error {
			c := resty.New().SetTransport(&http.Transport{ResponseHeaderTimeout: 300 * time.Millisecond})
			return fails(func() error { return with(c, p.HTTP+"/silent") })
		}},
		{"total", func() error {
			c := resty.New().SetTimeout(300 * time.Millisecond)
			return fails(func() error { return with(c, p.HTTP+"/trickle") })
		}},
	})
	p.row("history", "by hand", func() error {
		hops := 0
		c := resty.New().SetRedirectPolicy(resty.RedirectPolicyFunc(func(_ *http.Request, via []*http.Request) error {
			hops = len(via)
			return nil
		}))
		err := with(c, p.HTTP+"/redirect/2")
		return want(fmt.Sprint(hops), "2", err)
	})
	p.row("status", "an error result", func() error {
		type failure struct{}
		resp, err := shared.R().SetError(&failure{}).Get(p.HTTP + "/status/404")
		return want(fmt.Sprint(resp.IsError()), "true", err)
	})
	p.row("links", "no", absent)
	p.row("proxy", "yes", func() error {
		return with(resty.New().SetTLSClientConfig(p.tlsConfig()).SetProxy(p.Proxy), "https://example.com/get")
	})
	p.row("env", "yes", func() error { return with(resty.New(), "http://example.com/get") })
	p.row("socks", "yes", func() error { return with(resty.New().SetProxy("socks5://"+p.SOCKS), "http://example.com/get") })
	p.row("retries", "yes", func() error {
		c := resty.New().SetRetryCount(3).AddRetryCondition(func(r *resty.Response, _ error) bool { return r.StatusCode() == 503 })
		return with(c, p.HTTP+"/flaky?id="+p.id())
	})
	p.row("times", "trace", func() error {
		resp, err := resty.New().R().EnableTrace().Get(p.HTTP + "/get")
		return want(fmt.Sprint(resp.Request.TraceInfo().TotalTime > 0), "true", err)
	})
	p.row("curl", "yes", func() error {
		r := resty.New().R().EnableGenerateCurlOnDebug().SetDebug(true).SetLogger(silent{})
		_, err := r.Get(p.HTTP + "/get")
		return want(fmt.Sprint(strings.HasPrefix(r.GenerateCurlCommand(), "curl ")), "true", err)
	})
	p.row("limits", "by an interface", func() error { return with(resty.New().SetRateLimiter(allow{}), p.HTTP+"/get") })
	p.row("http2", "yes", func() error {
		body, err := do(resty.New().SetTLSClientConfig(p.tlsConfig()).R(), p.HTTPS+"/proto")
		return want(body, "HTTP/2.0", err)
	})
}

// silent is a logger that writes nothing.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// allow is a rate limiter that allows everything.
type allow struct{}

func (allow) Allow() bool { return true }
