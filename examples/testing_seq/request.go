package main

import (
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq"
)

// A Status is the status of a server.
type Status struct {
	Status string `json:"status"`
}

// MakeARequest asks the server at url for its status.
func MakeARequest(c treq.Client, url string) *deferred.Deferred[Status] {
	return deferred.Go(func(co *deferred.Co) (Status, error) {
		resp, err := deferred.Await(co, c.Get(url,
			treq.Params{"a": {"b"}}, treq.Headers{"Accept": {"application/json"}}))
		if err != nil {
			return Status{}, err
		}
		if resp.Code == http.StatusOK {
			return deferred.Await(co, treq.JSONContent[Status](resp))
		}
		message, err := deferred.Await(co, resp.Text())
		if err != nil {
			return Status{}, err
		}
		return Status{}, fmt.Errorf("got an error from the server: %s", message)
	})
}
