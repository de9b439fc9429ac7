package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// ErrNoChallenge is the error of an authorization for which there is no Responder.
var ErrNoChallenge = errors.New("no challenge that can be answered")

// A Responder puts the answers to challenges of one type where the server looks for them.
type Responder interface {
	// Type is that of the challenges.
	Type() string
	// Start puts keyAuthorization in its place (RFC 8555, section 8.1).
	Start(name string, challenge Challenge, keyAuthorization string) *deferred.Deferred[deferred.None]
	// Stop takes it away.
	Stop(name string, challenge Challenge) *deferred.Deferred[deferred.None]
}

// An AuthorizationError says why the server does not authorize an account. errors.As finds the
// problems of the challenges.
type AuthorizationError struct{ Authorization *Authorization }

func (e *AuthorizationError) Error() string {
	return fmt.Sprintf("the authorization of %s is %s: %v", e.Authorization.Identifier.Value, e.Authorization.Status, e.Unwrap())
}

// Unwrap returns the problems.
func (e *AuthorizationError) Unwrap() (problems []error) {
	for _, challenge := range e.Authorization.Challenges {
		if challenge.Error != nil {
			problems = append(problems, challenge.Error)
		}
	}
	return problems
}

// Authorize proves control of the identifier of authorization, by the first of responders that
// can, and fires when the server has seen the proof. The server has the time timeout for it.
func (c *Client) Authorize(authorization *Authorization, timeout time.Duration, responders ...Responder) *deferred.Deferred[*Authorization] {
	responder, challenge := choose(authorization, responders)
	if responder == nil {
		return deferred.Fail[*Authorization](fmt.Errorf("%s: %w", authorization.Identifier.Value, ErrNoChallenge))
	}
	name := authorization.Identifier.Value
	return deferred.Go(func(co *deferred.Co) (_ *Authorization, err error) {
		if _, err := deferred.Await(co, responder.Start(name, challenge, challenge.Token+"."+c.key.public.thumbprint())); err != nil {
			return nil, err
		}
		defer func() {
			_, e := deferred.Shield(co, func() (deferred.None, error) { return deferred.Await(co, responder.Stop(name, challenge)) })
			err = errors.Join(err, e)
		}()
		if _, err := deferred.Await(co, c.AnswerChallenge(challenge)); err != nil {
			return nil, err
		}
		seen, err := poll(co, c, authorization.URL, timeout, func(a *Authorization) string { return a.Status })
		if err == nil && seen.Status != valid {
			err = &AuthorizationError{seen}
		}
		return seen, err
	})
}

// choose returns the first of responders that can answer a challenge, and the challenge.
func choose(authorization *Authorization, responders []Responder) (Responder, Challenge) {
	for _, responder := range responders {
		for _, challenge := range authorization.Challenges {
			if challenge.Type == responder.Type() {
				return responder, challenge
			}
		}
	}
	return nil, Challenge{}
}

// HTTP01 answers the challenges of the type http-01 (RFC 8555, section 8.3). It serves the paths
// below /.well-known/acme-challenge/ of the names. Its keys are tokens.
type HTTP01 map[string]string

// Type is "http-01".
func (h HTTP01) Type() string { return "http-01" }

// Start lets h serve keyAuthorization.
func (h HTTP01) Start(_ string, challenge Challenge, keyAuthorization string) *deferred.Deferred[deferred.None] {
	h[challenge.Token] = keyAuthorization
	return deferred.Succeed(deferred.None{})
}

// Stop undoes Start.
func (h HTTP01) Stop(_ string, challenge Challenge) *deferred.Deferred[deferred.None] {
	delete(h, challenge.Token)
	return deferred.Succeed(deferred.None{})
}

func (h HTTP01) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if text, ok := h[r.PathValue("token")]; ok {
		io.WriteString(w, text)
	} else {
		http.NotFound(w, r)
	}
}
