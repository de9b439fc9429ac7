package client_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// secretURL has the secret wherever a URL can have one.
const secretURL = "http://user:s3cret@a.example/p;jsessionid=s3cret?token=s3cret&page=2&X-Amz-Signature=s3cret#access_token=s3cret"

// secretOptions have the secret wherever an option can have one.
func secretOptions() client.All {
	return client.All{
		client.Headers{"X-Api-Key": {"s3cret"}, "X-Mine": {"s3cret"}}, client.SensitiveHeaders{"X-Mine"},
		client.Cookies{"session": "s3cret"}, client.Params{"client_secret": {"s3cret"}},
		client.Data(map[string]string{"password": "s3cret"}), client.BrowserLikeRedirects(true), client.TotalTimeout(30 * time.Second),
	}
}

// TestSecretsStayHidden: whatever happens to a request, no error, line of a log, command or dump
// has its secrets.
func TestSecretsStayHidden(t *testing.T) {
	answer := func(text string) func(*rawserver.Server, *memory.Reactor) {
		return func(s *rawserver.Server, _ *memory.Reactor) {
			s.Accept = func(c *rawserver.Conn) { c.Data = func([]byte) { c.Write([]byte(text)) } }
		}
	}
	json := func(resp *response.Response) *deferred.Deferred[string] {
		return deferred.Map(response.JSON[int](resp), func(int) (string, error) { return "", nil })
	}
	for _, test := range []struct {
		name    string
		prepare func(s *rawserver.Server, r *memory.Reactor)
		url     string // secretURL if it is ""
		options client.All
		read    func(*response.Response) *deferred.Deferred[string]
		sent    bool // a log knows of the request
	}{
		{name: "not a URL", url: "http://user:s3cret@%zz.example/?token=s3cret"},
		{name: "a space in the password", url: "http://user:s3cret s3cret@[a/?token=s3cret&x"},
		{name: "a bad port", url: "http://user:s3cret@a.example:port/?token=s3cret"},
		{name: "no scheme", url: "user:s3cret@a.example/?token=s3cret"},
		{name: "another scheme", url: "ftp://user:s3cret@a.example/?token=s3cret"},
		{name: "no host", url: "http://user:s3cret@/?token=s3cret"},
		{name: "a bad option", options: client.All{client.MaxSize(-1)}},
		{name: "a bad header", options: client.All{client.Headers{"Authorization": {"Bearer s3cret\n"}}}, sent: true},
		{name: "a bad cookie", options: client.All{client.Cookies{"a": "s3cret\n"}}},
		{name: "nobody listens", url: strings.Replace(secretURL, "a.example", "a.example:1", 1), sent: true},
		{name: "no name", prepare: func(_ *rawserver.Server, r *memory.Reactor) { r.AddHost("a.example") }, sent: true},
		{name: "a timeout", options: client.All{client.Timeout(time.Second)}, sent: true},
		{name: "a success", prepare: answer("HTTP/1.1 200 OK\r\nSet-Cookie: session=s3cret\r\nX-Auth-Token: s3cret\r\nContent-Length: 5\r\n\r\nhello"), sent: true},
		{name: "a status that is an error", options: client.All{client.RaiseForStatus(true)},
			prepare: answer("HTTP/1.1 401 No\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{\"access_token\":\"s3cret\"}"), sent: true},
		{name: "not JSON", read: json,
			prepare: answer("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"access_token\":\"s3cret\""), sent: true},
		{name: "a body cut short",
			prepare: answer("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n{\"access_token\":\"s3cret\"}\r\nz"), sent: true},
		{name: "a redirect to no URL", prepare: answer("HTTP/1.1 307 OK\r\nLocation: http://u:s3cret@%zz/?token=s3cret\r\nContent-Length: 0\r\n\r\n"), sent: true},
		{name: "two redirects", prepare: answer("HTTP/1.1 302 OK\r\nLocation: /?token=s3cret\r\nLocation: http://u:s3cret@b/?sig=s3cret\r\nContent-Length: 0\r\n\r\n"), sent: true},
		{name: "too many redirects", prepare: answer("HTTP/1.1 302 OK\r\nLocation: http://u:s3cret@b.example/?token=s3cret\r\nContent-Length: 0\r\n\r\n"), sent: true},
		{name: "a bad head", prepare: answer("HTTP/1.1 200 OK\r\nSet-Cookie: session=s3cret\x00\r\n\r\n"), sent: true},
		{name: "not HTTP", prepare: answer("Set-Cookie: session=s3cret\r\n\r\n"), sent: true},
		{name: "a challenge", options: client.All{client.Auth(auth.NewDigest("user", "s3cret"))},
			prepare: answer("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=r, nonce=n, qop=auth\r\nContent-Length: 0\r\n\r\n"), sent: true},
		{name: "a token", options: client.All{client.Auth(auth.Bearer("s3cret"))}, prepare: answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), sent: true},
		{name: "retries", options: client.All{client.Retries(2), client.Data(nil)}, prepare: answer("HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"), sent: true},
	} {
		for _, proxy := range []string{"", "http://user:s3cret@proxy.example", "http://user:s3cret@proxy.example:1"} {
			t.Run(test.name+" "+proxy, func(t *testing.T) {
				std := logtest.Capture(t)
				r := memory.New()
				s := rawserver.Listen(t, r, "80")
				if test.prepare != nil {
					test.prepare(s, r)
				}
				var lines, dump bytes.Buffer
				config := client.Config{
					AgentConfig: agent.Config{Dump: &agent.DumpConfig{To: &dump, Secrets: []string{"X-Mine"}}},
					Log:         &agent.LogConfig{Logger: linesIn(&lines, slog.LevelDebug), Bodies: 1000},
				}
				if proxy != "" {
					config.AgentConfig.Proxy = agent.ProxyURL(proxy)
				}
				c := client.New(r, config)
				target := test.url
				if target == "" {
					target = secretURL
				}
				read := test.read
				if read == nil {
					read = (*response.Response).Text
				}
				var shown []string
				d := c.Post(target, secretOptions(), test.options)
				for _, p := range c.Pending() {
					shown = append(shown, p.String())
				}
				text := deferred.Then(d, func(resp *response.Response) *deferred.Deferred[string] {
					shown = append(shown, resp.String(), resp.Request.Curl("X-Mine"))
					return read(resp)
				})
				var failure error
				text.AddBoth(func(_ string, err error) (string, error) {
					failure = err
					return "", nil
				})
				r.RunFor(time.Minute)
				for _, err := range allErrors(failure) {
					shown = append(shown, err.Error())
					if e, ok := err.(*agent.RequestError); ok {
						shown = append(shown, e.URL)
					}
				}
				shown = append(shown, lines.String(), dump.String(), std.String())
				for _, text := range shown {
					if strings.Contains(text, "s3cret") {
						t.Errorf("got %s", text)
					}
				}
				if n := strings.Count(lines.String(), "msg=request "); (n == 1) != test.sent {
					t.Errorf("%d lines: %s", n, lines.String())
				}
				if failure == nil && lines.Len() == 0 {
					t.Error("nothing happened")
				}
			})
		}
	}
	// A proxy's URL that is none.
	for _, proxy := range []string{"http://user:s3cret@%zz", "ftp://user:s3cret@proxy.example", "http://user:s3cret@proxy.example:port"} {
		if _, err := agent.NewProxyAgent(memory.New(), proxy, agent.Config{}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", proxy, err)
		}
	}
}

// allErrors returns err and all that it wraps.
func allErrors(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			all = append(all, allErrors(e)...)
		}
	}
	return append(all, allErrors(errors.Unwrap(err))...)
}
