package gallery

import (
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// An editor saves a text. After five seconds without an answer, it says that it could not. The author writes
// on and saves again, with success. The next day, the text is the old one. The first request was on its way
// all the time, and came after the second: a timeout ends the waiting for an answer, and cannot call back
// what was sent.

// An editor saves one text again and again.
type editor struct {
	client *client.HTTPClient
	saves  int
}

// saveFaulty saves a text.
func (e *editor) saveFaulty(text string) *response.Deferred {
	return e.client.Put("http://files/text", client.Body(text), client.Timeout(5*time.Second))
}

// saveMended numbers the versions of the text. The server takes none that is older than the one it has.
func (e *editor) saveMended(text string) *response.Deferred {
	e.saves++
	version := client.Headers{"Version": {strconv.Itoa(e.saves)}}
	return e.client.Put("http://files/text", client.Body(text), version, client.Timeout(5*time.Second))
}
