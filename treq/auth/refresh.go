package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A BearerConfig says how the credentials of [NewBearer] work. The zero value works.
type BearerConfig struct {
	// Token is the first token, from a file for instance. If its Value is "", the first
	// request fetches one.
	Token Token
	// Early is how long before its expiry a token is replaced, so that it does not expire
	// on the way. 0 means [DefaultEarly]; a negative time means at the expiry.
	Early time.Duration
	// Clock tells whether a token has expired: the reactor of the requests. nil means the
	// clock of the reactor that brings the responses; until the first response, no token
	// counts as expired.
	Clock deferred.Clock
}

// DefaultEarly is the default of [BearerConfig].Early, as in golang.org/x/oauth2.
const DefaultEarly = 10 * time.Second

// BearerFrom returns the credentials of RFC 6750 for tokens that fetch gets. It is [NewBearer]
// with the zero BearerConfig.
//
//	credentials := auth.BearerFrom(func() *deferred.Deferred[auth.Token] {
//		grant := client.Data(url.Values{"grant_type": {"client_credentials"}})
//		return deferred.Then(c.Post(tokenURL, grant, client.BasicAuth(id, secret)), response.JSON[auth.Token])
//	})
func BearerFrom(fetch func() *deferred.Deferred[Token]) Credentials {
	return NewBearer(fetch, BearerConfig{})
}

// NewBearer returns the credentials of RFC 6750 for tokens that fetch gets. Keep them: all
// requests that they authorize share one token. Requests wait while fetch runs, which is
// called when there is no token, when the token has expired, and when a server answers 401 to
// a request with it. The refused request is then sent again with the new token.
//
// A request does not ask for tokens for ever: if it waits for the token that replaces a
// refused one, and the server refuses that one too, the 401 is the result. So a server that
// refuses all tokens costs a request two calls of fetch. Once a server accepts a token, that
// is answers anything but 401, the next refusal replaces it again.
//
// If fetch fails or panics, or if its token cannot be sent, all requests that wait fail; the
// next one calls fetch again. A request that is cancelled leaves the others waiting. If all
// are cancelled, the Deferred of fetch is.
//
// The requests of fetch must not be authorized by these same credentials: they would wait for
// themselves. If fetch sends such a request before it returns, the request fails with
// [ErrOwnToken]. If it does so later, it waits for itself: its timeout ends the wait of all.
func NewBearer(fetch func() *deferred.Deferred[Token], config BearerConfig) Credentials {
	if fetch == nil {
		panic("auth: NewBearer without a function")
	}
	c := &refreshing{fetch: fetch, config: config}
	if config.Token.Value != "" {
		c.err = config.Token.check()
		c.accept(config.Token)
	}
	return c
}

// ErrOwnToken says that the request for a token asks for the token itself, because it is made
// with the credentials that wait for it.
var ErrOwnToken = errors.New("bearer: the request for a token is made with the credentials that wait for the token: give it other ones")

// refreshing is the credentials of NewBearer.
type refreshing struct {
	fetch   func() *deferred.Deferred[Token]
	config  BearerConfig
	err     error    // the first token cannot be sent
	issued  *issued  // the present token; nil if there is none
	refused bool     // the last token was dropped because a server refused it
	refresh *refresh // non-nil while a token is being fetched
}

// An issued token is a result of fetch, or the first token. fetch may return equal tokens:
// each one is another issued.
type issued struct {
	Token
	doubtful bool // it replaces a token that a server refused, and no server has accepted it
}

// A refresh is a call of fetch and the requests that wait for its token.
type refresh struct {
	fetching bool                      // fetch has not returned yet
	result   *deferred.Deferred[Token] // the Deferred of fetch; nil while fetching
	waiters  list.List[waiter]
}

// A waiter is a request that waits for a token.
type waiter struct {
	place   list.Node[waiter]
	request *request.Request
	ready   *deferred.Deferred[deferred.None]
}

// Authorize adds the token to req, and fetches one first if there is none that is valid.
func (c *refreshing) Authorize(req *request.Request) *deferred.Deferred[deferred.None] {
	switch {
	case c.err != nil:
		return deferred.Fail[deferred.None](c.err)
	case c.valid():
		c.issued.authorize(req, carries{c})
		return nil
	case c.refresh != nil && c.refresh.fetching:
		return deferred.Fail[deferred.None](ErrOwnToken)
	}
	return c.wait(req)
}

// carries and waitedFor are the keys, in the Context of a request, of the token that it has:
// carries of one that was there, waitedFor of one that the request waited for.
type (
	carries   struct{ *refreshing }
	waitedFor struct{ *refreshing }
)

// authorize adds the token to req. key is carries or waitedFor.
func (t *issued) authorize(req *request.Request, key any) {
	req.Header.Set("Authorization", "Bearer "+t.Value)
	req.Context = context.WithValue(cmp.Or(req.Context, context.Background()), key, t)
}

// Answered drops the token of req if the server refused it. Another token is worth another
// attempt.
func (c *refreshing) Answered(req *request.Request, resp *response.Response) (again bool, err error) {
	c.learnTime(resp)
	if req.Context == nil {
		return false, nil // Authorize has not seen req
	}
	used, waited := req.Context.Value(waitedFor{c}).(*issued)
	if !waited {
		used, _ = req.Context.Value(carries{c}).(*issued)
	}
	switch {
	case used == nil:
		return false, nil
	case resp.Code != http.StatusUnauthorized:
		used.doubtful = false
		return false, nil
	case used != c.issued:
		return true, nil // another request has replaced the token, or is about to
	case waited && used.doubtful:
		return false, nil // the next token would be refused, too
	}
	c.issued, c.refused = nil, true
	return true, nil
}

// valid reports whether there is a token that has not expired.
func (c *refreshing) valid() bool {
	t := c.issued
	if t == nil || t.Expiry.IsZero() || c.config.Clock == nil {
		return t != nil
	}
	return c.config.Clock.Now().Before(t.Expiry.Add(-max(0, cmp.Or(c.config.Early, DefaultEarly))))
}

// learnTime finds a clock if the token needs one.
func (c *refreshing) learnTime(resp *response.Response) {
	t := c.issued
	if c.config.Clock != nil || t == nil || t.Expiry.IsZero() && t.ExpiresIn == 0 {
		return
	}
	if tasks := resp.Cooperator(); tasks != nil {
		c.config.Clock = tasks.Clock()
		c.date(t)
	}
}

// date sets the Expiry of t.
func (c *refreshing) date(t *issued) {
	if t.ExpiresIn > 0 && c.config.Clock != nil {
		t.Expiry, t.ExpiresIn = c.config.Clock.Now().Add(t.ExpiresIn), 0
	}
}

// accept makes t the present token.
func (c *refreshing) accept(t Token) {
	c.issued = &issued{Token: t, doubtful: c.refused}
	c.refused = false
	c.date(c.issued)
}

// wait returns a Deferred that fires when req has a new token.
func (c *refreshing) wait(req *request.Request) *deferred.Deferred[deferred.None] {
	r := c.refresh
	if r == nil {
		r = &refresh{}
	}
	w := &waiter{request: req}
	w.ready = deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) {
		w.place.Remove()
		c.abandon(r)
	})
	r.waiters.Push(&w.place, w)
	if c.refresh == nil {
		c.start(r)
	}
	return w.ready
}

// start calls fetch.
func (c *refreshing) start(r *refresh) {
	c.refresh, r.fetching = r, true
	r.result = deferred.MaybeDeferred(c.fetch)
	r.fetching = false
	r.result.AddBoth(func(t Token, err error) (Token, error) {
		c.fetched(r, t, err)
		return Token{}, nil
	})
	c.abandon(r) // all its waiters may have been cancelled while fetch ran
}

// abandon cancels r if no request waits for it.
func (c *refreshing) abandon(r *refresh) {
	if c.refresh == r && !r.fetching && r.waiters.Len() == 0 {
		c.refresh = nil
		r.result.Cancel()
	}
}

// fetched ends r, whose result is t or err.
func (c *refreshing) fetched(r *refresh, t Token, err error) {
	if c.refresh != r {
		return // abandoned
	}
	c.refresh = nil
	if err == nil {
		err = t.check()
	} else {
		err = fmt.Errorf("bearer: fetching a token: %w", err)
	}
	if err == nil {
		c.accept(t)
	}
	got := c.issued // the first of the waiters may replace it
	for w := r.waiters.First(); w != nil; w = r.waiters.First() {
		w.place.Remove()
		if err == nil {
			got.authorize(w.request, waitedFor{c})
		}
		w.ready.Resolve(deferred.None{}, err)
	}
}

// check returns an error if t cannot be sent.
func (t *Token) check() error {
	if t.Type != "" && !strings.EqualFold(t.Type, "Bearer") {
		return fmt.Errorf("%w: bearer: the token is of type %.40q", ErrInvalid, t.Type)
	}
	return checkToken(t.Value)
}

// String does not show the token.
func (c *refreshing) String() string   { return "Bearer xxxxx" }
func (c *refreshing) GoString() string { return c.String() }
