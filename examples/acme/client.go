package main

import (
	"cmp"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

const (
	jsonType = "application/json"
	pemType  = "application/pem-certificate-chain"
	// maxTries bounds how often a request is sent whose nonce the server refuses.
	maxTries = 3
	// requestTimeout bounds the wait for each response.
	requestTimeout = 40 * time.Second
	// serverTimeout is how long the server may take for a validation or a certificate.
	serverTimeout = 5 * time.Minute
)

var (
	// ErrProtocol is the error of an answer that no ACME server gives.
	ErrProtocol = errors.New("the server does not keep to ACME")
	// ErrStopped is the error of requests of a Client that was stopped.
	ErrStopped = errors.New("the ACME client was stopped")
)

// A Problem is what a server says with an error status (RFC 8555, section 6.7). It is found by
// errors.As, and so is the [*response.StatusError].
type Problem struct {
	Type        string
	Title       string
	Detail      string
	Identifier  *Identifier // in a subproblem
	Subproblems []Problem
}

// Kind returns the last part of the type, such as "badNonce". What comes before it has changed
// with the versions of ACME.
func (p *Problem) Kind() string { return p.Type[strings.LastIndex(p.Type, ":")+1:] }

func (p *Problem) Error() string {
	text := cmp.Or(p.Kind(), "problem") + ": " + cmp.Or(p.Detail, p.Title, "no details")
	for _, sub := range p.Subproblems {
		if text += "; "; sub.Identifier != nil {
			text += sub.Identifier.Value + ": "
		}
		text += sub.Error()
	}
	return text
}

// A Directory has the URLs of a server (RFC 8555, section 7.1.1).
type Directory struct {
	NewNonce, NewAccount, NewOrder string
	Meta                           struct{ TermsOfService string }
}

// A Client makes the signed requests of one account. Many may be under way at a time.
type Client struct {
	Directory Directory
	http      treq.Client
	reactor   reactor.Reactor
	key       accountKey
	account   string   // its URL, or "" before Register
	nonces    []string // that no request has used
	context   context.Context
	stop      context.CancelCauseFunc
}

// NewClient fires with a client of the server whose directory is at url. Key is the key of the
// account: of Ed25519, P-256 or RSA.
func NewClient(r reactor.Reactor, http treq.Client, key crypto.Signer, url string) *deferred.Deferred[*Client] {
	c := &Client{http: http, reactor: r}
	c.context, c.stop = context.WithCancelCause(context.Background())
	var err error
	if c.key, err = newAccountKey(key); err != nil {
		return deferred.Fail[*Client](err)
	}
	checked := http.Get(url, c.options()).ThenCallback(func(resp *response.Response) *response.Deferred { return check(resp, jsonType) })
	return deferred.Map(deferred.Then(checked, response.JSON[Directory]), func(d Directory) (*Client, error) {
		if d.NewNonce == "" || d.NewAccount == "" || d.NewOrder == "" {
			return nil, fmt.Errorf("%w: the directory %s lacks URLs: %+v", ErrProtocol, url, d)
		}
		c.Directory = d
		return c, nil
	})
}

// Stop ends all that is under way with ErrStopped. Later requests fail with it too.
func (c *Client) Stop() { c.stop(ErrStopped) }

// options returns the options of all requests.
func (c *Client) options() treq.Option {
	return treq.All{treq.Timeout(requestTimeout), treq.Context(c.context), treq.Headers{"User-Agent": {"gotreq-acme/1.0"}}}
}

// Post sends payload to url, signed by the account. A nil payload makes a POST-as-GET (RFC 8555,
// section 6.3). Post fires with a response of the media type want, whose status is 2xx. If the
// server refuses the nonce, Post tries again with another one.
func (c *Client) Post(url string, payload any, want string) *response.Deferred {
	return c.postAs(c.account, url, payload, want)
}

// postAs is Post by account. If that is "", the request has the key in its place.
func (c *Client) postAs(account, url string, payload any, want string) *response.Deferred {
	return deferred.Go(func(co *deferred.Co) (*response.Response, error) {
		for try := 1; ; try++ {
			nonce, err := c.nonce(co)
			if err != nil {
				return nil, err
			}
			signed, err := c.key.request(header{KID: account, Nonce: nonce, URL: url}, payload)
			if err != nil {
				return nil, err
			}
			resp, err := deferred.Await(co, c.http.Post(url, c.options(), treq.JSON(signed), treq.Headers{"Content-Type": {"application/jose+json"}}))
			if err != nil {
				return nil, err
			}
			_, err = deferred.Await(co, check(resp, want))
			var problem *Problem
			refused := errors.As(err, &problem) && problem.Kind() == "badNonce"
			if refused {
				c.nonces = nil // they are as old
			}
			if next := nonceOf(resp); next != "" {
				c.nonces = append(c.nonces, next)
			}
			if !refused || try == maxTries {
				return resp, err
			}
		}
	})
}

// nonce returns a nonce that no request has used, and fetches one if there is none.
func (c *Client) nonce(co *deferred.Co) (string, error) {
	if last := len(c.nonces) - 1; last >= 0 {
		nonce := c.nonces[last]
		c.nonces = c.nonces[:last]
		return nonce, nil
	}
	resp, err := deferred.Await(co, c.http.Head(c.Directory.NewNonce, c.options()))
	if err != nil {
		return "", err
	}
	nonce := nonceOf(resp)
	if nonce == "" {
		return "", fmt.Errorf("%w: no Replay-Nonce from %s: %v", ErrProtocol, c.Directory.NewNonce, resp)
	}
	return nonce, nil
}

// nonceOf returns the nonce that came with resp, or "". A client ignores invalid ones (RFC 8555,
// section 6.5.1).
func nonceOf(resp *response.Response) string {
	nonce := resp.Header.Get("Replay-Nonce")
	if _, err := base64.RawURLEncoding.DecodeString(nonce); err != nil {
		return ""
	}
	return nonce
}

// check fires with resp if its status is 2xx and its media type want. Another status fails with a
// [*response.StatusError], and with a [*Problem] if there is one.
func check(resp *response.Response, want string) *response.Deferred {
	return deferred.Map(response.JSONOr[deferred.None, Problem](resp), func(deferred.None) (*response.Response, error) {
		if got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); got != want {
			return nil, fmt.Errorf("%w: %s is %q, want %q", ErrProtocol, resp.Request.URL, got, want)
		}
		return resp, nil
	})
}
