package agent_test

import (
	"errors"
	"net"
	"net/url"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func TestNetLocation(t *testing.T) {
	for rawURL, want := range map[string]string{
		"http://an.example":                    "an.example:80",
		"https://an.example/a?b=c:1":           "an.example:443",
		"HTTPS://An.Example":                   "an.example:443",
		"http://an.example:8080":               "an.example:8080",
		"http://an.example:0080":               "an.example:80",
		"http://an.example:":                   "an.example:80",
		"http://an.example.":                   "an.example.:80",
		"https://u:p@an.example":               "an.example:443",
		"http://192.0.2.1":                     "192.0.2.1:80",
		"https://[2001:DB8::1]":                "[2001:db8::1]:443",
		"http://[2001:db8:0:0::1]:81":          "[2001:db8::1]:81",
		"http://[fe80::1%25eth0]":              "[fe80::1%eth0]:80",
		"http://b\u00fccher.example":           "xn--bcher-kva.example:80",
		"http://B%C3%9Ccher.example:81/%C3%BC": "xn--bcher-kva.example:81",
	} {
		u, err := url.Parse(rawURL)
		if err != nil {
			t.Fatal(err)
		}
		got, err := agent.NetLocation(u)
		if got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", rawURL, got, err, want)
		}
		if _, _, err := net.SplitHostPort(got); err != nil {
			t.Errorf("%s: %v", rawURL, err)
		}
	}
	for _, c := range []struct {
		u    *url.URL
		want error
	}{
		{nil, agent.ErrNoHost},
		{&url.URL{}, agent.ErrSchemeNotSupported},
		{&url.URL{Scheme: "ftp", Host: "an.example"}, agent.ErrSchemeNotSupported},
		{&url.URL{Scheme: "http"}, agent.ErrNoHost},
		{&url.URL{Scheme: "http", Host: ":80"}, agent.ErrNoHost},
		{&url.URL{Scheme: "http", Host: "an.example:65536"}, agent.ErrPort},
		{&url.URL{Scheme: "http", Host: "a b"}, wire.ErrHost},
	} {
		if got, err := agent.NetLocation(c.u); got != "" || !errors.Is(err, c.want) {
			t.Errorf("%v: %q, %v; want %v", c.u, got, err, c.want)
		}
	}
}
