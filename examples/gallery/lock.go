package gallery

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

// A printer gets its documents page by page. When it was out of reach for a moment, the pages of two
// documents are mixed. A lock keeps the documents apart, but the one whose page has failed releases it
// twice: the second time, it is the lock of the next one.

// A spooler prints one document at a time.
type spooler struct {
	client *client.HTTPClient
	lock   deferred.DeferredLock
}

// printFaulty prints the pages of a document.
func (s *spooler) printFaulty(document string, pages int) *deferred.Deferred[deferred.None] {
	return deferred.Go(func(co *deferred.Co) (none deferred.None, err error) {
		if _, err := deferred.Await(co, s.lock.Acquire()); err != nil {
			return none, err
		}
		defer s.lock.Release()
		for page := range pages {
			if _, err := deferred.Await(co, s.send(document, page)); err != nil {
				s.lock.Release() // the next one can print
				return none, err
			}
		}
		return none, nil
	})
}

// printMended leaves the release to the deferred call.
func (s *spooler) printMended(document string, pages int) *deferred.Deferred[deferred.None] {
	return deferred.Go(func(co *deferred.Co) (none deferred.None, err error) {
		if _, err := deferred.Await(co, s.lock.Acquire()); err != nil {
			return none, err
		}
		defer s.lock.Release()
		for page := range pages {
			if _, err := deferred.Await(co, s.send(document, page)); err != nil {
				return none, err
			}
		}
		return none, nil
	})
}

// send sends a page to the printer.
func (s *spooler) send(document string, page int) *deferred.Deferred[string] {
	return text(s.client.Post("http://printer/", client.Body(fmt.Sprint(document, page))))
}
