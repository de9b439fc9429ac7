// Package gallery has twelve small programs. Each has one fault of asynchronous code, as one meets it in
// real life, beside its mended form: the two differ in a line or a few. An ordinary test of the faulty form
// passes, with its own server, on the first run and on each run. It breaks only under some order of events,
// some latency or some failure of the network, and treqtesting.Explore finds those:
//
//	go test ./examples/gallery -v
//
// shows for each fault what Explore found, as it shows it to the author of the program.
//
//	retry.go      a request is sent again that must not be sent twice
//	cancel.go     a cancellation is taken for a failure
//	unread.go     the bodies of responses stay unread, and hold the connections of the pool
//	lock.go       a lock is released twice
//	token.go      everybody refreshes the token
//	timeout.go    a timeout ends the waiting, but not the write
//	reconnect.go  everybody reconnects at the same time
//	update.go     a value is read, and then written, and changes in between
//	queue.go      a queue overflows while its reader is slow
//	cache.go      a late answer fills the cache
//	shutdown.go   a shutdown loses the last request
//	submit.go     a form is submitted again after the server has asked for its body
package gallery

import (
	"io"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// careful are the options of clients that wait a minute at most, and take an error status for an error.
var careful = []client.Option{client.TotalTimeout(time.Minute), client.RaiseForStatus(true)}

// content reads the content of a request. If it breaks off, the answer is a 400.
func content(w http.ResponseWriter, req *http.Request) (text string, ok bool) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return string(body), err == nil
}

// ended takes the cancellation of a coroutine for its end.
var ended = deferred.Trap(deferred.ErrCancelled, func(error) (none deferred.None, err error) { return none, nil })

// text fires with the text of the response of d.
func text(d *response.Deferred) *deferred.Deferred[string] {
	return deferred.Then(d, (*response.Response).Text)
}
