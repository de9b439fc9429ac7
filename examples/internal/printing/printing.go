// Package printing prints responses.
package printing

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Response prints a line about resp and its body.
func Response(resp *response.Response) *deferred.Deferred[string] {
	fmt.Println(resp)
	return resp.Text().AddCallback(func(body string) (string, error) {
		fmt.Println(body)
		return body, nil
	})
}
