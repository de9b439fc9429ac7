package web_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A portions producer writes size bytes of left at a time.
type portions struct {
	req  *web.Request
	left []byte
	size int
}

func (p *portions) ResumeProducing() {
	n := min(p.size, len(p.left))
	p.req.Write(p.left[:n])
	if p.left = p.left[n:]; len(p.left) == 0 {
		p.req.UnregisterProducer()
		p.req.Finish()
	}
}
func (p *portions) StopProducing() {}

// TestPullProducers checks that the whole body of a pull producer arrives, however much it
// writes at a time and however the body is framed, and that the connection can be used again.
func TestPullProducers(t *testing.T) {
	for _, framing := range []struct {
		name, request string
		length, again bool
	}{
		{"Content-Length", get, true, true},
		{"chunked", get, false, true},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", false, false},
		{"HTTP/1.0 with a Content-Length", "GET / HTTP/1.0\r\n\r\n", true, false},
	} {
		for _, size := range []int{1, 64 << 10, 64<<10 + 1, 300_000} {
			t.Run(fmt.Sprint(framing.name, " ", size), func(t *testing.T) {
				content := random(min(1_000_000, 1000*size))
				s := serveFunc(t, func(req *web.Request) {
					if framing.length {
						req.SetHeader("Content-Length", itoa(len(content)))
					}
					req.RegisterPullProducer(&portions{req, content, size})
				})
				p := s.connect().send(framing.request)
				if got := entity(t, p.got); !bytes.Equal(got, content) {
					t.Errorf("%d bytes of %d, or others; %v", len(got), len(content), p.lost)
				}
				if want(t, p.ended, !framing.again); framing.again {
					p.got = nil
					if got := entity(t, p.send(framing.request).got); !bytes.Equal(got, content) {
						t.Errorf("the second time: %d bytes of %d, or others; %v", len(got), len(content), p.lost)
					}
				}
			})
		}
	}
}
