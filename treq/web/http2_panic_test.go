package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestHTTP2PanicsHarmOneStream checks that a panic in any function of the program ends its own
// request only: the other requests of the connection are answered, the connection's window is not
// used up, and each request ends once, for the log and for NotifyFinish.
func TestHTTP2PanicsHarmOneStream(t *testing.T) {
	for _, test := range []struct {
		panics, path string
		content      int    // bytes; -1: the client resets the request
		want         string // "": the request is over before
	}{
		{"StreamsContent", "/", 2, "500 "},
		{"Render", "/", 2, "500 "},
		{"ContentReceived", "/", 30_000, "500 "},
		{"ContentReceived", "/begun", 30_000, `200 "begun" reset INTERNAL_ERROR`},
		{"ContentEnded", "/", 2, "500 "},
		{"ContentEnded", "/begun", 2, `200 "begun" reset INTERNAL_ERROR`},
		{"ContentEnded", "/", -1, ""},
		{"ContentEnded, late", "/", 0, "500 "},
		{"pull", "/pull", 2, "500 "},
		{"pull", "/begun/pull", 2, `200 "begun" reset INTERNAL_ERROR`},
		{"ResumeProducing", "/push", 2, "200 Content-Type:application/octet-stream 200000 bytes reset INTERNAL_ERROR"},
		{"StopProducing", "/stop/pull", -1, ""},
		{"StopProducing", "/stop/push", -1, ""},
		{"AccessLog", "/", 2, "200 "},
	} {
		t.Run(fmt.Sprint(test.panics, test.path, test.content), func(t *testing.T) {
			logged := logs(t)
			f := &breakable{panics: strings.TrimSuffix(test.panics, ", late")}
			root := &web.Node{}
			root.PutChild("broken", f)
			var waiting *web.Request
			root.PutChild("other", web.RenderFunc(func(req *web.Request) { req.NotDoneYet(); waiting = req }))
			s := serve(t, &web.Site{Root: root, AccessLog: func(req *web.Request) {
				if f.accesses++; strings.HasPrefix(req.Path, "/broken") {
					f.call("AccessLog")
				}
			}})
			c := s.dial()
			other := c.get("/other").wait()
			a := c.begin("POST", "/broken"+test.path, nil, -1, false).wait()
			second := c.get("/broken/quick")
			switch {
			case test.content < 0:
				a.cancel()
			case test.content == 0:
				c.flush()
				s.Advance(time.Minute)
			default:
				a.send(strings.Repeat("x", test.content), true)
			}
			c.wait()
			s.Advance(10 * time.Second) // a stream is not overdue yet
			if got := a.String(); test.want != "" && !strings.HasPrefix(strings.ReplaceAll(got, " Content-Type:text/plain; charset=utf-8", ""), test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
			want(t, f.ends, 2)
			if n := strings.Count(logged(), "panic=oops"); n != 1 && (n != 2 || test.panics != "AccessLog") {
				t.Errorf("logged %s", logged())
			}
			want(t, second.code, 200)
			waiting.WriteString("still here")
			waiting.Finish()
			c.wait()
			want(t, other.String(), `200 Content-Type:text/plain; charset=utf-8 "still here"`)
			want(t, f.accesses, 3)
			big := c.begin("POST", "/other", nil, -1, false)
			want(t, c.machine.Room(&big.Stream) > 60_000, true)
			c.gone(t)
		})
	}
}

// A breakable is a resource whose function of the name that panics has panics.
type breakable struct {
	web.Leaf
	panics         string
	ends, accesses int
}

func (b *breakable) call(name string) {
	if name == b.panics {
		panic("oops")
	}
}

func (b *breakable) StreamsContent() bool {
	if b.panics == "StreamsContent" {
		b.panics = ""
		b.ends++ // there will be no Render
		panic("oops")
	}
	return true
}

func (b *breakable) Render(req *web.Request) {
	req.NotifyFinish().AddBoth(func(deferred.None, error) (deferred.None, error) {
		b.ends++
		return deferred.None{}, nil
	})
	if strings.HasSuffix(req.Path, "/quick") {
		return
	}
	b.call("Render")
	req.NotDoneYet()
	if strings.Contains(req.Path, "/begun") {
		req.WriteString("begun")
	}
	content := &breakableContent{b, req}
	if strings.HasSuffix(req.Path, "/stop/pull") {
		req.RegisterPullProducer(&breakableProducer{content})
	} else if strings.HasSuffix(req.Path, "/stop/push") {
		req.RegisterProducer(&breakableProducer{content})
	}
	req.DeliverContent(content)
}

type breakableContent struct {
	*breakable
	req *web.Request
}

func (c *breakableContent) ContentReceived([]byte) { c.call("ContentReceived") }

func (c *breakableContent) ContentEnded(err error) {
	c.call("ContentEnded")
	switch {
	case err != nil:
	case strings.HasSuffix(c.req.Path, "/pull"):
		c.req.RegisterPullProducer(&breakableProducer{c})
	case strings.HasSuffix(c.req.Path, "/push"):
		c.req.RegisterProducer(&breakableProducer{c})
		c.req.Write(make([]byte, 200_000))
	default:
		c.req.Finish()
	}
}

type breakableProducer struct{ *breakableContent }

func (p *breakableProducer) PauseProducing()  {}
func (p *breakableProducer) ResumeProducing() { p.call("ResumeProducing"); p.call("pull") }
func (p *breakableProducer) StopProducing()   { p.call("StopProducing") }
