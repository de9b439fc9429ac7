package client_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
)

// TestFilesThatAreNotSentAreClosed: each file of a form is closed, whatever is wrong with
// the other fields.
func TestFilesThatAreNotSentAreClosed(t *testing.T) {
	for name, wrong := range map[string]multipart.Field{
		"missing":  {Name: "b", Value: multipart.FromPath("/missing/file")},
		"no name":  {Value: multipart.Text("x")},
		"no value": {Name: "b"},
		"no body":  {Name: "b", Value: multipart.File{}},
	} {
		t.Run(name, func(t *testing.T) {
			f, g := memfile.New("x"), memfile.New("x")
			c := client.New(memory.New(), client.Config{})
			deferredtest.FailureResultOf(t, c.Post("http://a.example/", client.Files{
				{Name: "a", Value: multipart.FromReader("a", f)}, wrong, {Name: "c", Value: multipart.FromReader("c", g)},
			}))
			if f.Closed != 1 || g.Closed != 1 {
				t.Errorf("closed %d and %d times", f.Closed, g.Closed)
			}
		})
	}
}
