package blocking

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

// This file spreads the requests of a client over several reactors.

// A GroupConfig configures a [Client] on several reactors, for a program that makes more requests
// than one core can.
type GroupConfig struct {
	// Loops is the number of reactors. 0 means GOMAXPROCS: one for each core that Go uses.
	Loops int
	// Config returns the configuration of the client on r, one of the reactors. Except for its Jar,
	// what it refers to belongs to r. nil means the zero value.
	Config func(r reactor.Reactor) client.Config
	// LoopsPerOrigin is the number of reactors that share the requests to one origin, in turn.
	// 0 means 1: all requests to an origin, and the redirects that they follow, are on one reactor,
	// and share its connections and its limits. A program that makes most of its requests to one
	// origin needs more. Each reactor then has connections of its own to it, and the bounds of
	// client.Config are for each reactor.
	LoopsPerOrigin int
}

// NewGroupClient returns a Client on several reactors, which are running; see [NewClient]. An
// origin's requests are on the reactor that the client chooses for it, unless a [client.Reactor]
// option names another one of the client's.
//
// All share cookies: in place of the Jars that are nil, they have one [cookies.Jar], and the client
// uses one Jar at a time, so that any may be the Jar of several reactors.
func NewGroupClient(config GroupConfig) *Client {
	c := newClient()
	c.group = reactor.NewGroup(config.Loops)
	c.group.HandleSignals(false)
	loops := c.group.Loops()
	c.perOrigin = min(cmp.Or(config.LoopsPerOrigin, 1), len(loops))
	if c.perOrigin < 0 {
		panic(fmt.Sprintf("blocking: LoopsPerOrigin is %d", config.LoopsPerOrigin))
	}
	var lock sync.Mutex
	shared := &cookies.Jar{}
	for _, l := range loops {
		own := client.Config{}
		if config.Config != nil {
			own = config.Config(l)
		}
		if len(loops) > 1 && own.NewJar == nil {
			if own.Jar == nil {
				own.Jar = shared
			}
			own.Jar = &lockedJar{&lock, own.Jar}
		}
		c.join(l, own)
	}
	if base, err := url.Parse(c.members[0].config.BaseURL); err == nil {
		c.base = base
	}
	c.run()
	return c
}

// memberFor returns the member that makes a request to rawURL.
func (c *Client) memberFor(rawURL string, options []client.Option) (*member, error) {
	if r := client.ReactorOf(options...); r != nil {
		for _, m := range c.members {
			if r == m.reactor {
				return m, nil
			}
		}
		return nil, fmt.Errorf("%w: Reactor: the blocking client has a reactor of its own", client.ErrOption)
	}
	n := len(c.members)
	if n == 1 {
		return c.members[0], nil
	}
	first := 0
	if c.perOrigin < n {
		first = c.memberOf(rawURL)
	}
	if c.perOrigin > 1 {
		first += int(c.turn.Add(1) % uint32(c.perOrigin))
	}
	return c.members[first%n], nil
}

// memberOf returns the index of the first member for the origin of rawURL. A URL without an origin
// has one too, whose error says what is wrong.
func (c *Client) memberOf(rawURL string) int {
	u, err := origin.Resolve(c.base, rawURL)
	var o origin.Origin
	if err == nil {
		o, _ = origin.Of(u)
	}
	owner := c.group.LoopOf(o.Scheme + "://" + o.Host + ":" + o.Port)
	return slices.IndexFunc(c.members, func(m *member) bool { return m.reactor == owner })
}

// A lockedJar is a jar of one reactor that others use too.
type lockedJar struct {
	*sync.Mutex
	jar http.CookieJar
}

func (j *lockedJar) Cookies(u *url.URL) []*http.Cookie {
	j.Lock()
	defer j.Unlock()
	return j.jar.Cookies(u)
}

func (j *lockedJar) SetCookies(u *url.URL, set []*http.Cookie) {
	j.Lock()
	defer j.Unlock()
	j.jar.SetCookies(u, set)
}
