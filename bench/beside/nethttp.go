package main

import (
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

// toThisMachine dials this machine for every name that ends in .test.
func toThisMachine(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, _ := net.SplitHostPort(address); strings.HasSuffix(host, ".test") {
		address = "127.0.0.1:" + port
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func portOf(rawURL string) string {
	u, _ := url.Parse(rawURL)
	return u.Port()
}

func probeNetHTTP(p *prober) {
	get := func(c *http.Client, url string) (string, error) {
		resp, err := c.Get(url)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode/100 != 2 {
			err = fmt.Errorf("%s", resp.Status)
		}
		return string(body), err
	}
	text := func(url string) (string, error) { return get(http.DefaultClient, url) }
	with := func(t *http.Transport, url string) error {
		_, err := get(&http.Client{Transport: t}, url)
		return err
	}
	fixed := func(proxy string) func(*http.Request) (*url.URL, error) {
		u, _ := url.Parse(proxy)
		return http.ProxyURL(u)
	}
	p.row("keep", "yes", func() error {
		first, _ := text(p.HTTP + "/remote")
		second, err := text(p.HTTP + "/remote")
		return want(second, first, err)
	})
	p.row("idna", "yes", func() error {
		body, err := get(&http.Client{Transport: &http.Transport{DialContext: toThisMachine}}, "http://bücher.test:"+portOf(p.HTTP)+"/host")
		return want(body, "xn--bcher-kva.test:"+portOf(p.HTTP), err)
	})
	p.row("baseurl", "no", absent)
	p.row("pathparams", "no", absent)
	p.row("agent", "yes", func() error {
		body, err := text(p.HTTP + "/agent")
		return want(body, "Go-http-client/1.1", err)
	})
	p.row("cookies", "with a jar", func() error {
		jar, _ := cookiejar.New(nil)
		c := &http.Client{Jar: jar}
		get(c, p.HTTP+"/cookies/set?a=b")
		body, err := get(c, p.HTTP+"/cookies")
		return want(fmt.Sprint(strings.Contains(body, `"b"`)), "true", err)
	})
	p.row("basic", "yes", func() error {
		req, _ := http.NewRequest("GET", p.HTTP+"/basic-auth/user/passwd", nil)
		req.SetBasicAuth("user", "passwd")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return want(resp.Status, "200 OK", resp.Body.Close())
	})
	p.row("digest", "no", absent)
	p.row("netrc", "no", func() error {
		_, err := text(p.HTTP + "/basic-auth/user/passwd")
		return err
	})
	p.row("token", "no", absent)
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
	p.row("multipart", "by hand", func() error {
		f := &slowFile{prober: p, id: p.id()}
		r, w := io.Pipe()
		form := multipart.NewWriter(w)
		go func() {
			part, _ := form.CreateFormFile("f", "slow.bin")
			io.Copy(part, f)
			w.CloseWithError(form.Close())
		}()
		_, err := http.Post(p.HTTP+"/upload?id="+f.id, form.FormDataContentType(), r)
		return want(f.how(), "streamed", err)
	})
	p.several("timeouts", []labelled{
		{"connect", func() error {
			dial := (&net.Dialer{Timeout: 300 * time.Millisecond}).DialContext
			return fails(func() error { return with(&http.Transport{DialContext: dial}, "http://"+p.Dead) })
		}},
		{"response", func() error {
			t := &http.Transport{ResponseHeaderTimeout: 300 * time.Millisecond}
			return fails(func() error { return with(t, p.HTTP+"/silent") })
		}},
		{"total", func() error {
			c := &http.Client{Timeout: 300 * time.Millisecond}
			return fails(func() error { _, err := get(c, p.HTTP+"/trickle"); return err })
		}},
	})
	p.row("history", "by hand", func() error {
		hops := 0
		c := &http.Client{CheckRedirect: func(_ *http.Request, via []*http.Request) error { hops = len(via); return nil }}
		_, err := get(c, p.HTTP+"/redirect/2")
		return want(fmt.Sprint(hops), "2", err)
	})
	p.row("status", "no", absent)
	p.row("links", "no", absent)
	p.row("proxy", "yes", func() error {
		return with(&http.Transport{Proxy: fixed(p.Proxy), TLSClientConfig: p.tlsConfig()}, "https://example.com/get")
	})
	p.row("env", "yes", func() error {
		_, err := text("http://example.com/get")
		return err
	})
	p.row("socks", "yes", func() error {
		return with(&http.Transport{Proxy: fixed("socks5://" + p.SOCKS)}, "http://example.com/get")
	})
	p.row("retries", "no", func() error {
		_, err := text(p.HTTP + "/flaky?id=" + p.id())
		return err
	})
	p.row("times", "httptrace", func() error {
		seen := false
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotFirstResponseByte: func() { seen = true }})
		req, _ := http.NewRequestWithContext(ctx, "GET", p.HTTP+"/get", nil)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		return want(fmt.Sprint(seen), "true", nil)
	})
	p.row("curl", "no", absent)
	p.row("limits", "connections", func() error { return with(&http.Transport{MaxConnsPerHost: 1}, p.HTTP+"/get") })
	p.row("http2", "yes", func() error {
		body, err := get(&http.Client{Transport: &http.Transport{TLSClientConfig: p.tlsConfig(), ForceAttemptHTTP2: true}}, p.HTTPS+"/proto")
		return want(body, "HTTP/2.0", err)
	})
}
