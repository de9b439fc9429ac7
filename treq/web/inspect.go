package web

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/inspect"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file shows in dumps of the reactor which requests a site serves, and its connections. It
// reads what is there anyway, so that a request pays for none of it.

// show makes the site appear in the dumps of r.
func (s *Site) show(r reactor.Reactor) {
	if s.house.shownOn != r {
		s.house.shownOn = r
		reactor.AddInspectable(r, s, (*Site).inspect)
	}
}

// inspect writes the requests and the connections of the site.
func (s *Site) inspect(w io.Writer) {
	h := &s.house
	var requests []*Request
	var lines []string // of connections that neither wait for a request nor have one
	for _, all := range []*list.List[connection]{&h.busy, &h.fresh, &h.idle} {
		for c := range all.All() {
			before := len(requests)
			if requests = slices.AppendSeq(requests, c.requestsOf()); len(requests) == before && all == &h.busy {
				lines = append(lines, c.line())
			}
		}
	}
	slices.SortStableFunc(requests, func(a, b *Request) int { return a.started.Compare(b.started) })
	inspect.Section(w, "requests to a site", len(requests), func(yield func(string) bool) {
		for _, r := range requests {
			if !yield(r.line()) {
				return
			}
		}
	})
	if h.open == 0 {
		return
	}
	fmt.Fprintf(w, "connections to a site (%d): %d busy, %d idle, %d shaking hands", h.open, h.busy.Len(), h.idle.Len()+h.fresh.Len(), h.shaking.Len())
	if h.shutting {
		io.WriteString(w, ", shutting down")
	}
	io.WriteString(w, "\n")
	inspect.Section(w, "connections to a site without a request", len(lines), slices.Values(lines))
}

// requestsOf returns the requests of c whose responses are not taken.
func (c *connection) requestsOf() iter.Seq[*Request] {
	return func(yield func(*Request) bool) {
		switch c := c.speaker.(type) {
		case *channel:
			if c.unwritten != nil && c.unwritten != c.req && !yield(c.unwritten) {
				return
			}
			if c.req != nil {
				yield(c.req)
			}
		case *h2Connection:
			for _, s := range append(slices.Clip(c.unwritten), c.allStreams()...) {
				if !(s.over && s.finished && s.body.Size() == 0 && !slices.Contains(c.unwritten, s)) && !yield(&s.req) {
					return
				}
			}
		}
	}
}

// line describes a connection without a request that does not wait for one.
func (c *connection) line() string {
	what := "the head of a request is coming"
	if c.closing {
		what = "closing"
	}
	return c.remoteAddr + ": " + what
}

// line describes r, its phase and its age.
func (r *Request) line() string {
	text := fmt.Sprintf("%s: %s", r.shown(), r.phase())
	if !r.contentOver && r.announced >= 0 {
		text += fmt.Sprintf(", its content of %d bytes is not complete", r.announced)
	} else if !r.contentOver {
		text += ", its content is not complete"
	}
	if r.gone != nil {
		text += ", the client is gone"
	}
	text += fmt.Sprintf(", %v old, from %s", inspect.Round(r.conn.clock.Now().Sub(r.started)), r.conn.remoteAddr)
	if s, ok := r.carrier.(*h2Stream); ok {
		text += fmt.Sprintf(", stream %d", s.ID())
	}
	return text
}

// shown returns the method, the host and the target of the request, without secrets. They come
// from the client, so they are made printable and short.
func (r *Request) shown() string {
	target := secret.Known.RawURL(r.URI)
	if strings.HasPrefix(target, "/") {
		target = r.host + target
	}
	const most = 500
	if len(target) > most {
		target = target[:most] + "..."
	}
	quoted := strconv.Quote(r.Method[:min(len(r.Method), most)] + " " + target)
	return quoted[1 : len(quoted)-1]
}

// timed calls f, which answers the request, as a callback with the request's name.
func (r *Request) timed(kind string, f func()) {
	if r.conn.reactor == nil {
		f()
		return
	}
	reactor.Timed(r.conn.reactor, kind, (*requestName)(r), f)
}

// A requestName describes a request by what [Request.shown] returns.
type requestName Request

func (n *requestName) String() string { return (*Request)(n).shown() }

// phase says what the request waits for.
func (r *Request) phase() string {
	inv := r.invocation
	switch {
	case r.over():
		return fmt.Sprintf("answered, %d bytes, not yet taken by the client", r.sent)
	case r.full():
		return fmt.Sprintf("answering, %d bytes so far, the client takes no more", r.sent)
	case inv != nil && !inv.returned && inv.inThread:
		return fmt.Sprintf("its handler runs in a thread, %d bytes so far", r.sent)
	case inv != nil && !inv.returned && inv.waiting:
		return fmt.Sprintf("its handler waits, %d bytes so far", r.sent)
	case inv != nil && !inv.returned:
		return fmt.Sprintf("its handler runs, %d bytes so far", r.sent)
	case r.headSent:
		return fmt.Sprintf("answering, %d bytes so far", r.sent)
	case !r.contentOver && !r.streams:
		return fmt.Sprintf("waiting for its content, %d bytes so far", r.kept.Size())
	}
	return "waiting for its resource to answer"
}
