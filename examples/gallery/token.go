package gallery

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Once in a while, users are logged out for no reason. A token expires, and each request that is refused
// asks for a new one. To do so, it shows the old one. Only the first is given a new one: to the server, a
// token that is shown twice is a stolen one, and it locks the account.

// A user asks an API with a token that expires.
type user struct {
	client *client.HTTPClient
	token  string
	lock   deferred.DeferredLock // held while the token is refreshed
}

// getFaulty fires with the response at url. It refreshes the token if it has expired.
func (u *user) getFaulty(url string) *response.Deferred {
	return deferred.Go(func(co *deferred.Co) (*response.Response, error) {
		used := u.token
		resp, err := deferred.Await(co, u.client.Get(url, client.Auth(auth.Bearer(used))))
		if err != nil || resp.Code != http.StatusUnauthorized {
			return resp, err
		}
		if err := u.refresh(co); err != nil {
			return nil, err
		}
		return deferred.Await(co, u.client.Get(url, client.Auth(auth.Bearer(u.token))))
	})
}

// getMended refreshes a token that nobody else refreshes or has refreshed.
func (u *user) getMended(url string) *response.Deferred {
	return deferred.Go(func(co *deferred.Co) (*response.Response, error) {
		used := u.token
		resp, err := deferred.Await(co, u.client.Get(url, client.Auth(auth.Bearer(used))))
		if err != nil || resp.Code != http.StatusUnauthorized {
			return resp, err
		}
		if err := u.refreshOnce(co, used); err != nil {
			return nil, err
		}
		return deferred.Await(co, u.client.Get(url, client.Auth(auth.Bearer(u.token))))
	})
}

// refreshOnce refreshes the token, unless it is no longer the used one.
func (u *user) refreshOnce(co *deferred.Co, used string) error {
	if _, err := deferred.Await(co, u.lock.Acquire()); err != nil {
		return err
	}
	defer u.lock.Release()
	if u.token != used {
		return nil
	}
	return u.refresh(co)
}

func (u *user) refresh(co *deferred.Co) (err error) {
	token, err := deferred.Await(co, text(u.client.Post("http://api/token", client.Body(u.token), client.RaiseForStatus(true))))
	if err == nil {
		u.token = token
	}
	return err
}
