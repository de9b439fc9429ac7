package main

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A Build is a build, as the code host shows it.
type Build struct {
	Number   int       `json:"number"`
	State    string    `json:"state"`
	Finished Timestamp `json:"finished"`
}

// A Reporter is a component of the build server: it tells the code host how builds end.
// http is a Session, or in a test a StubTreq.
type Reporter struct{ http treq.Client }

// Report sends build, which is one of commit, and fires with the URL of its page.
func (r Reporter) Report(commit string, build Build) *deferred.Deferred[string] {
	d := r.http.Post("commits/{commit}/builds", treq.PathParams{"commit": commit}, treq.JSON(build), treq.RaiseForStatus(true))
	page := deferred.Then(d, response.JSON[struct{ URL string }])
	return deferred.Map(page, func(p struct{ URL string }) (string, error) { return p.URL, nil })
}
