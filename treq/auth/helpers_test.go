package auth_test

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// md5Hex returns the MD5 hash, in hex, of the parts joined by colons.
func md5Hex(parts ...string) string {
	return fmt.Sprintf("%x", md5.Sum([]byte(strings.Join(parts, ":"))))
}

// authorize lets c authorize req, which must not take any time.
func authorize(t testing.TB, c auth.Credentials, req *request.Request) error {
	t.Helper()
	if wait := c.Authorize(req); wait != nil {
		return deferredtest.FailureResultOf(t, wait)
	}
	return nil
}

// A requesterFunc is an agent that is only a function.
type requesterFunc func(*request.Request) *deferred.Deferred[*response.Response]

func (f requesterFunc) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	return f(req)
}
