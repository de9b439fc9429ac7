package response_test

import (
	"runtime"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// between is the transport of its reader, as a decoder is.
type between struct {
	response.BodyProtocol
	response.BodyTransport
}

func (b *between) ConnectionMade(t response.BodyTransport) {
	b.BodyTransport = t
	b.BodyProtocol.ConnectionMade(b)
}

// TestWrapIsFreed: what was between the connection and the reader need not live as long as a response whose body was
// read.
func TestWrapIsFreed(t *testing.T) {
	for _, buffer := range []bool{false, true} {
		r, s := bodytest.New(200)
		if buffer {
			r.Buffer()
		}
		var freed garbage.Count
		r.WrapBody(func(reader response.BodyProtocol) response.BodyProtocol {
			b := &between{BodyProtocol: reader}
			garbage.Watch(&freed, b)
			return b
		})
		read := r.Discard()
		if s.SendAll("text"); !read.Called() {
			t.Errorf("buffered %v: the body was not read", buffer)
		}
		if n := freed.Collect(); n != 1 {
			t.Errorf("buffered %v: %d freed", buffer, n)
		}
		runtime.KeepAlive(r)
	}
}
