package agent

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A journey is a trip with more than one hop.
type journey struct {
	trip
	result  response.Deferred
	next    *request.Request   // the request to send next; nil if there is none
	sending bool               // send is running, perhaps further up the stack
	hop     *response.Deferred // the response of the present hop; nil on the first
	drains  []cancellable      // one for each earlier response that is still being read

	onResponse func(*response.Response, error) (*response.Response, error) // responded
	onPanic    func(error) (*response.Response, error)                     // panicked
}

// startJourney continues t after its first hop, whose response is resp, and returns the
// result of all hops. next and err are the results of received.
func (t trip) startJourney(resp *response.Response, next *request.Request, err error) *response.Deferred {
	j := &journey{trip: t}
	j.result.Init(j)
	j.onResponse, j.onPanic = j.responded, j.panicked
	j.proceed(resp, next, err)
	return &j.result
}

// A detour is the error of a first hop that is not the last. It never leaves the chain of
// Send: takeDetour replaces it by the result of the journey. Thus a request with one hop,
// the usual case, needs no Deferred but its agent's.
type detour struct {
	result *response.Deferred
}

func (*detour) Error() string { return "agent: the request has another hop" }

func takeDetour(err error) *response.Deferred {
	if d, ok := err.(*detour); ok {
		return d.result
	}
	return deferred.Fail[*response.Response](err)
}

// send sends req. If a hop's response is there at once and is not the last, the loop
// sends the next request: any number of such hops takes constant stack.
func (j *journey) send(req *request.Request) {
	j.next = req
	if j.sending {
		return
	}
	j.sending = true
	for j.next != nil {
		j.req, j.next = j.next, nil
		j.hop = deferred.MaybeDeferred(j.trip.send)
		if j.result.Called() { // a callback cancelled it
			j.hop.Cancel()
		}
		j.hop.AddBoth(j.onResponse)
		j.hop.AddErrback(j.onPanic)
	}
	j.sending = false
}

// responded handles the result of a hop.
func (j *journey) responded(resp *response.Response, err error) (*response.Response, error) {
	if j.result.Called() {
		if err == nil {
			resp.DeliverBody(refusal{})
		}
		return resp, nil
	}
	if err != nil {
		j.stopDraining()
		j.result.Errback(j.failed(j.req, afterOthers(err)))
		return nil, nil
	}
	next, err := j.received(resp)
	j.proceed(resp, next, err)
	return resp, nil
}

// panicked handles a panic in responded: an agent from outside this package may return
// anything.
func (j *journey) panicked(err error) (*response.Response, error) {
	j.stopDraining()
	if j.result.Called() {
		return nil, err
	}
	j.result.Errback(j.failed(j.req, err))
	return nil, nil
}

// proceed takes the next hop after resp, if there is one. A hop to the same origin waits
// for a limited time until the connection of resp is free.
func (j *journey) proceed(resp *response.Response, next *request.Request, err error) {
	switch {
	case err != nil:
		j.stopDraining()
		j.drain(resp, true, nil)
		j.result.Errback(WithRequest(j.req, err))
	case next == nil:
		j.stopDraining()
		j.result.Callback(resp)
	case !delimited(resp) || j.elsewhere:
		j.drain(resp, resp == j.previous, nil)
		j.send(next)
	default:
		j.drain(resp, resp == j.previous, next)
	}
}

// CancelDeferred cancels the hop under way, or ends the journey between hops.
func (j *journey) CancelDeferred(*response.Deferred) {
	if j.hop != nil {
		j.hop.Cancel()
	}
	if !j.result.Called() { // no hop is under way
		j.result.Errback(WithRequest(j.req, deferred.ErrCancelled))
	}
	j.stopDraining()
}

// stopDraining stops the reading of the earlier responses.
func (j *journey) stopDraining() {
	for len(j.drains) != 0 {
		j.drains[0].Cancel()
	}
}

// drain reads the body of resp, so that its connection becomes free, and then sends next unless
// it is nil. If keep is set, the body is kept for the user, who finds resp in the History or in
// an error.
func (j *journey) drain(resp *response.Response, keep bool, next *request.Request) {
	switch {
	case !keep:
		drained(j, drain(resp), next)
	case 0 <= resp.Length && resp.Length <= response.DiscardLimit:
		drained(j, inTime(resp, resp.Content()), next)
	default:
		resp.Buffer()
		drained(j, discard(resp), next)
	}
}

// drained notes d, which fires when an earlier response is read, and sends next then.
func drained[T any](j *journey, d *deferred.Deferred[T], next *request.Request) {
	j.drains = append(j.drains, d)
	d.AddBoth(func(none T, _ error) (T, error) {
		i := slices.Index(j.drains, cancellable(d))
		j.drains = slices.Delete(j.drains, i, i+1)
		if next != nil && !j.result.Called() {
			j.send(next)
		}
		return none, nil
	})
}

// A cancellable is a Deferred of any type.
type cancellable interface{ Cancel() }
