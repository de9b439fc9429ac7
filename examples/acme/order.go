package main

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// The states of accounts, orders, authorizations and challenges (RFC 8555, section 7.1.6).
const (
	pending    = "pending"
	ready      = "ready"
	processing = "processing"
	valid      = "valid"
)

// An Account is an account, as the server has it (RFC 8555, section 7.1.2).
type Account struct {
	URL     string `json:"-"`
	Terms   string `json:"-"` // the URL of the terms of service, or ""
	Status  string
	Contact []string
	Key     *jwk // may be nil
}

// An Identifier is what a certificate is for: mostly a name, of the type "dns".
type Identifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// An Order is an order of a certificate (RFC 8555, section 7.1.3).
type Order struct {
	URL            string           `json:"-"`
	Authorizations []*Authorization `json:"-"`
	Status         string
	Identifiers    []Identifier
	URLs           []string `json:"authorizations"`
	Finalize       string
	Certificate    string // its URL, once the order is valid
	Error          *Problem
	request        []byte // for the certificate, in DER
}

// An Authorization says whether the account may have certificates for an identifier (RFC 8555,
// section 7.1.4). One valid challenge is enough.
type Authorization struct {
	URL        string `json:"-"`
	Status     string
	Identifier Identifier
	Challenges []Challenge
}

// A Challenge is a task that proves control of an identifier (RFC 8555, section 8).
type Challenge struct {
	Type, URL, Status, Token string
	Error                    *Problem
}

// object makes a signed request, and returns the object that the server answers with status code.
func object[T any](co *deferred.Co, c *Client, account, url string, payload any, codes ...int) (value T, resp *response.Response, err error) {
	if resp, err = deferred.Await(co, c.postAs(account, url, payload, jsonType)); err != nil {
		return value, resp, err
	}
	if !slices.Contains(codes, resp.Code) {
		return value, resp, fmt.Errorf("%w: status %d of %s, want %d", ErrProtocol, resp.Code, url, codes)
	}
	value, err = deferred.Await(co, response.JSON[T](resp))
	return value, resp, err
}

// Register makes the account of the key, or finds it and updates its addresses. It is called
// before any other request.
func (c *Client) Register(emails ...string) *deferred.Deferred[Account] {
	return deferred.Go(func(co *deferred.Co) (Account, error) {
		var request struct {
			Agreed  bool     `json:"termsOfServiceAgreed"`
			Contact []string `json:"contact,omitempty"`
		}
		request.Agreed = true
		for _, email := range emails {
			request.Contact = append(request.Contact, "mailto:"+email)
		}
		account, resp, err := object[Account](co, c, "", c.Directory.NewAccount, request, http.StatusCreated, http.StatusOK)
		if err != nil {
			return account, err
		}
		url := resp.Header.Get("Location")
		if url == "" {
			return account, fmt.Errorf("%w: an account without a Location", ErrProtocol)
		}
		if resp.Code == http.StatusOK && len(emails) > 0 { // it exists
			if account, resp, err = object[Account](co, c, url, url, request, http.StatusOK); err != nil {
				return account, err
			}
		}
		if account.Terms, err = resp.Link("terms-of-service"); err != nil {
			return account, err
		}
		if account.URL = url; account.Status != valid || account.Key != nil && *account.Key != c.key.public {
			return account, fmt.Errorf("%w: the account is %s and has the key %v", ErrProtocol, account.Status, account.Key)
		}
		c.account = url
		return account, nil
	})
}

// SubmitOrder orders a certificate of key for names, and fetches its authorizations.
func (c *Client) SubmitOrder(key crypto.Signer, names ...string) *deferred.Deferred[*Order] {
	return deferred.Go(func(co *deferred.Co) (*Order, error) {
		request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, key)
		if err != nil {
			return nil, err
		}
		var asked struct {
			Identifiers []Identifier `json:"identifiers"`
		}
		for _, name := range names {
			asked.Identifiers = append(asked.Identifiers, Identifier{"dns", name})
		}
		order, resp, err := object[*Order](co, c, c.account, c.Directory.NewOrder, asked, http.StatusCreated)
		if err != nil {
			return nil, err
		}
		order.URL, order.request = resp.Header.Get("Location"), request
		for _, identifier := range order.Identifiers {
			if !slices.Contains(asked.Identifiers, identifier) {
				return nil, fmt.Errorf("%w: the order is for %v", ErrProtocol, order.Identifiers)
			}
		}
		for _, url := range order.URLs {
			authorization, _, err := object[*Authorization](co, c, c.account, url, nil, http.StatusOK)
			if err != nil {
				return nil, err
			}
			authorization.URL = url
			order.Authorizations = append(order.Authorizations, authorization)
		}
		return order, nil
	})
}

// AnswerChallenge tells the server that the answer to challenge is in its place.
func (c *Client) AnswerChallenge(challenge Challenge) *deferred.Deferred[Challenge] {
	if challenge.Status != pending { // it was answered
		return deferred.Succeed(challenge)
	}
	return deferred.Go(func(co *deferred.Co) (Challenge, error) {
		answered, resp, err := object[Challenge](co, c, c.account, challenge.URL, struct{}{}, http.StatusOK)
		if err != nil {
			return answered, err
		}
		if up, err := resp.Link("up"); err != nil || up == "" || answered.URL != challenge.URL {
			return answered, fmt.Errorf("%w: %s is the challenge %s of %q: %v", ErrProtocol, challenge.URL, answered.URL, up, err)
		}
		return answered, nil
	})
}

// Certificate ends order, whose authorizations are valid, and fires with the certificate and its
// chain, in PEM. The server has the time timeout for it.
func (c *Client) Certificate(order *Order, timeout time.Duration) *deferred.Deferred[string] {
	return deferred.Go(func(co *deferred.Co) (string, error) {
		request := map[string]string{"csr": encode(order.request)}
		if _, _, err := object[Order](co, c, c.account, order.Finalize, request, http.StatusOK); err != nil {
			return "", err
		}
		done, err := poll(co, c, order.URL, timeout, func(o *Order) string { return o.Status })
		if err != nil {
			return "", err
		}
		if done.Status != valid {
			return "", fmt.Errorf("the order is %s: %w", done.Status, cmp.Or(done.Error, &Problem{}))
		}
		resp, err := deferred.Await(co, c.Post(done.Certificate, nil, pemType))
		if err != nil {
			return "", err
		}
		return deferred.Await(co, resp.Text())
	})
}

// poll fetches the object at url until its status is final. The waits between grow: half a
// second, then twice as long each time.
func poll[T any](co *deferred.Co, c *Client, url string, timeout time.Duration, status func(T) string) (value T, err error) {
	end := c.reactor.Now().Add(timeout)
	for wait := time.Second / 2; ; wait *= 2 {
		if value, _, err = object[T](co, c, c.account, url, nil, http.StatusOK); err != nil {
			return value, err
		}
		if state := status(value); state != pending && state != ready && state != processing {
			return value, nil
		} else if c.reactor.Now().After(end) {
			return value, fmt.Errorf("%s is still %s: %w", url, state, os.ErrDeadlineExceeded)
		}
		if _, err = deferred.Await(co, task.Sleep(c.reactor, wait).AddContext(c.context, c.reactor)); err != nil {
			return value, err
		}
	}
}

// certificate orders a certificate of key for names, proves control of them, and returns it in PEM.
func certificate(co *deferred.Co, c *Client, key crypto.Signer, responder Responder, names ...string) (string, error) {
	order, err := deferred.Await(co, c.SubmitOrder(key, names...))
	if err != nil {
		return "", err
	}
	for _, authorization := range order.Authorizations {
		if _, err := deferred.Await(co, c.Authorize(authorization, serverTimeout, responder)); err != nil {
			return "", err
		}
	}
	return deferred.Await(co, c.Certificate(order, serverTimeout))
}
