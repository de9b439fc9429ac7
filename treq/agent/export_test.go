package agent

import (
	"math"
	"net/url"
	"reflect"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

// Hosts returns the number of p's groups.
func (p *Pool) Hosts() int { return len(p.groups) }

// Accounts returns the number of b's accounts.
func (b *RetryBudget) Accounts() int { return len(b.accounts) }

// Hosts returns the number of hosts that l remembers.
func (l *Limiter) Hosts() int { return len(l.hosts) }

// UseUpStreams makes the next stream of each unused HTTP/2 connection of p the last one.
func (p *Pool) UseUpStreams() {
	for c := range p.idle.All() {
		next := reflect.ValueOf(&c.conn.(*http2Connection).client).Elem().FieldByName("next")
		*(*uint32)(next.Addr().UnsafePointer()) = math.MaxInt32
	}
}

// Tunnel returns the endpoint of host and port 443, through a tunnel that the proxy at u opens.
func (a *Agent) Tunnel(u *url.URL, host string) (endpoints.ClientEndpoint, error) {
	p, err := newProxy(u)
	if err != nil {
		return nil, err
	}
	return a.through(p, origin.Server{Scheme: "https", Host: host, Port: "443"}, nil), nil
}
