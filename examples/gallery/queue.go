package gallery

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

// A relay posts each line of a sensor to an archive. A queue between the two has room for three lines, more
// than have ever waited. On a slow day of the archive, lines are missing: Put does not wait for a place in a
// full queue, and nobody has looked at its error.

const room = 3

// A relay is the receiver of a sensor's lines.
type relay struct {
	protocols.LineReceiver
	archive *client.HTTPClient
	queue   *deferred.DeferredQueue[string]
	posting *deferred.Deferred[deferred.None]
}

// newRelayFaulty returns a relay that takes the lines as they come.
func newRelayFaulty(archive *client.HTTPClient) *relay {
	r := newRelay(archive)
	r.LineReceived = func(line []byte) { r.queue.Put(string(line)) }
	return r
}

// newRelayMended returns a relay that takes no line while the queue is full: then the sensor waits.
func newRelayMended(archive *client.HTTPClient) *relay {
	r := newRelay(archive)
	r.LineReceived = func(line []byte) {
		if r.queue.Put(string(line)); r.queue.Len() == room {
			r.PauseProducing()
		}
	}
	return r
}

func newRelay(archive *client.HTTPClient) *relay {
	return &relay{archive: archive, queue: deferred.NewDeferredQueue[string](deferred.QueueConfig{Size: room})}
}

func (r *relay) ConnectionMade(t reactor.Transport) {
	r.LineReceiver.ConnectionMade(t)
	r.posting = deferred.Go(func(co *deferred.Co) (none deferred.None, err error) {
		for {
			line, err := deferred.Await(co, r.queue.Get())
			if err != nil {
				return none, err
			}
			r.ResumeProducing()
			if _, err := deferred.Await(co, text(r.archive.Post("http://archive/", client.Body(line)))); err != nil {
				return none, err
			}
		}
	}).AddErrback(ended)
}

func (r *relay) ConnectionLost(reason error) {
	r.posting.Cancel()
	r.LineReceiver.ConnectionLost(reason)
}
