package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// show asks a server of its own, with its pin and with others.
func show(r reactor.Reactor, w io.Writer) *deferred.Deferred[deferred.None] {
	return deferred.Go(func(co *deferred.Co) (none deferred.None, err error) {
		var authority treqtesting.Authority
		config := authority.ServerTLS("127.0.0.1")
		page := web.NewData([]byte(strings.Repeat("YOYODYNE", 100)), "text/plain")
		port, err := r.ListenTCP("127.0.0.1:0", reactor.TLSServer(r, reactor.TLSConfig{Config: config}, &web.Site{Root: page}))
		if err != nil {
			return none, err
		}
		key := pinOf(config.Certificates[0].Leaf)
		backup, err := parsePin("sha256//BjVRr5a1jWTKL6kfeR2yUP5xiruKb4yrLXWI5ZLMneM=")
		if err != nil {
			return none, err
		}
		alone := &tls.Config{InsecureSkipVerify: true}
		for _, test := range []struct {
			name    string
			policy  *agent.TLSPolicy
			options []client.Option
		}{
			{"beside the roots", pinned(authority.ClientTLS(), backup, key), nil},
			{"in place of the roots", pinned(alone, key), nil},
			{"other roots", pinned(nil, key), nil},
			{"the backup alone", pinned(alone, backup), nil},
			{"a body that is too large", pinned(alone, key), []client.Option{client.MaxSize(100)}},
		} {
			d := newClient(r, test.policy).Get("https://"+port.Addr().String(), test.options...)
			body, err := deferred.Await(co, deferred.Then(d, (*response.Response).Content))
			if err != nil {
				fmt.Fprintf(w, "%s: %v\n", test.name, err)
				continue
			}
			fmt.Fprintf(w, "%s: %d bytes\n", test.name, len(body))
		}
		return none, nil
	})
}
