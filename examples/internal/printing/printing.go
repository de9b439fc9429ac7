// Package printing has what most examples do with a response in the end.
package printing

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Response prints what a response is, reads its body and prints that too.
func Response(resp *response.Response) *deferred.Deferred[string] {
	fmt.Println(resp)
	return resp.Text().AddCallback(func(body string) (string, error) {
		fmt.Println(body)
		return body, nil
	})
}
