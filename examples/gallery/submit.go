package gallery

import (
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A form with a large file waits for the server's "100 Continue" before it sends the file. Some servers do
// not know that, and say nothing. Therefore the form is submitted again, without waiting, if it has no
// answer after five seconds. On slow days it arrives twice: the server has said 100, has the file, and is
// only late with its answer.

const form = "http://office/forms"

// submitFaulty submits a form.
func submitFaulty(c *client.HTTPClient, file []byte) *response.Deferred {
	d := c.Post(form, client.Body(file), client.ExpectContinue(time.Hour), client.Timeout(5*time.Second))
	return d.ThenErrback(func(err error) *response.Deferred {
		return c.Post(form, client.Body(file))
	})
}

// submitMended submits a form again only if the server has not asked for the file: then it has not been sent.
func submitMended(c *client.HTTPClient, file []byte) *response.Deferred {
	asked := false
	d := c.Post(form, client.Body(file), client.ExpectContinue(time.Hour), client.Timeout(5*time.Second),
		client.Informational(func(code int, _ http.Header) { asked = asked || code == http.StatusContinue }))
	return d.ThenErrback(func(err error) *response.Deferred {
		if asked {
			return deferred.Fail[*response.Response](err)
		}
		return c.Post(form, client.Body(file))
	})
}
