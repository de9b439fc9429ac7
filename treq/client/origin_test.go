package client_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

// TestRedirectWithinOrigin checks that credentials, a Cookie header and the cookies of
// the jar are either all sent to the target of a redirect, or none of them. A trailing
// dot does not make another origin.
func TestRedirectWithinOrigin(t *testing.T) {
	for _, test := range []struct {
		from, to, host string
		same           bool
	}{
		{"an.example", "an.example.", "an.example.", true},
		{"an.example.", "AN.example:80", "an.example", true},
		{"bücher.example", "xn--bcher-kva.example.", "xn--bcher-kva.example.", true},
		{"an.example", "another.example.", "another.example.", false},
		{"an.example.", "www.an.example.", "www.an.example.", false},
	} {
		t.Run(test.from+" to "+test.to, func(t *testing.T) {
			for name, option := range map[string]client.Option{
				"Authorization: Basic dTpw": client.BasicAuth("u", "p"),
				"Authorization: Bearer x":   client.Headers{"Authorization": {"Bearer x"}},
				"Cookie: a=1":               client.Headers{"Cookie": {"a=1"}},
				"Cookie: b=2":               client.Cookies{"b": "2"},
				"Cookie: c=3":               nil, // the server sets this cookie
			} {
				options := []client.Option{option}
				if option == nil {
					options = nil
				}
				c, s, r := newClient(t)
				d := c.Get("http://"+test.from+"/", options...)
				r.Pump()
				first := s.Conn(0).Got()
				if sent := strings.Contains(first, "\r\n"+name+"\r\n"); sent != (option != nil) {
					t.Errorf("%s: the first request is %q", name, first)
				}
				cookie := ""
				if option == nil {
					cookie = "Set-Cookie: c=3\r\n"
				}
				s.Conn(0).Send(fmt.Sprintf("HTTP/1.1 302 Found\r\nLocation: http://%s/\r\n%sContent-Length: 0\r\n\r\n", test.to, cookie))
				r.Pump()
				second := s.Conn(1).Got()
				if !strings.Contains(second, "\r\nHost: "+test.host+"\r\n") || strings.Contains(second, "\r\n"+name+"\r\n") != test.same {
					t.Errorf("%s: the second request is %q", name, second)
				}
				s.Conn(1).Send(okHello)
				deferredtest.SuccessResultOf(t, d)
			}
		})
	}
}
