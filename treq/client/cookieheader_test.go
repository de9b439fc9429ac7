package client_test

import (
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

// TestCookieHeaderAndCookies checks that a Cookie header, the option Cookies and the
// client's jar go together, also after a redirect that sets a cookie.
func TestCookieHeaderAndCookies(t *testing.T) {
	for _, test := range []struct {
		name    string
		options []client.Option
		set     string
		first   string
		second  string
	}{
		{"a header", []client.Option{client.Headers{"Cookie": {"a=own"}}}, "", "a=own", "a=own"},
		{"in lower case", []client.Option{client.Headers{"cookie": {"a=own"}}, client.Cookies{"b": "2"}}, "", "a=own; b=2", "a=own; b=2"},
		{"a header and Cookies", []client.Option{client.Headers{"Cookie": {"a=own"}}, client.Cookies{"b": "2"}}, "", "a=own; b=2", "a=own; b=2"},
		{"of one name", []client.Option{client.Headers{"Cookie": {"a=own"}}, client.Cookies{"a": "2"}}, "", "a=own; a=2", "a=own; a=2"},
		{"a redirect sets another", []client.Option{client.Headers{"Cookie": {"a=own"}}}, "c=3", "a=own", "a=own; c=3"},
		{"a redirect sets one of the header", []client.Option{client.Headers{"Cookie": {"a=own; b=own"}}}, "a=3", "a=own; b=own", "b=own; a=3"},
		{"a redirect sets one of Cookies", []client.Option{client.Headers{"Cookie": {"a=own"}}, client.Cookies{"b": "2"}}, "b=3", "a=own; b=2", "a=own; b=3"},
		{"a redirect sets both", []client.Option{client.Headers{"Cookie": {"a=own"}}, client.Cookies{"a": "2"}}, "a=3", "a=own; a=2", "a=3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, s, r := newClient(t)
			d := c.Get("http://a.example/", test.options...)
			r.Pump()
			set := ""
			if test.set != "" {
				set = "Set-Cookie: " + test.set + "\r\n"
			}
			s.Conn(0).Send("HTTP/1.1 302 Found\r\nLocation: /b\r\n" + set + "Content-Length: 0\r\n\r\n")
			r.Pump()
			s.Conn(0).Send(okHello)
			deferredtest.SuccessResultOf(t, d)
			first, second, _ := strings.Cut(s.Conn(0).Got(), "\r\n\r\n")
			for got, want := range map[string]string{first: test.first, second: test.second} {
				if lines := cookieLines(got); len(lines) != 1 || lines[0] != "Cookie: "+want {
					t.Errorf("got %q, want %q", lines, want)
				}
			}
		})
	}
}

// cookieLines returns the lines of a head that are cookies.
func cookieLines(head string) []string {
	var lines []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if name, _, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Cookie") {
			lines = append(lines, line)
		}
	}
	return lines
}
