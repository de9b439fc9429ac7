// Package ladder draws the trace of a reactor in memory as a ladder diagram: hosts are columns, time
// runs down, and messages are arrows from the host that writes to the host that reads.
//
//	r := memory.New()
//	r.StartTrace()
//	... // run the program
//	fmt.Print(ladder.Of(r).Text())
//
// [Ladder.Text] is for the log of a test. [Ladder.SVG] is a picture that stands alone, for a document.
// [Ladder.HTML] is a page that shows each event of the trace besides. [Ladder.Mermaid] is a diagram that
// GitHub renders in Markdown. The same trace always gives the same bytes.
//
// The order of rows in a column is the order of the events at that host. A message that arrives at once is
// one row. A message that takes time, or that arrives after something else has happened at both hosts, has
// one row where it leaves and one where it arrives. The bytes of a connection are matched in their order:
// one write may arrive in several pieces, and one read may get several writes.
//
// Whatever a peer has sent is escaped: a ladder shows hostile bytes, and does nothing with them.
package ladder

import (
	"maps"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A Ladder is the picture of a trace. Make one by [New] or [Of]. Its fields may be set before it is drawn.
type Ladder struct {
	// Title is the heading of the picture. "" means none.
	Title string
	// MaxRows bounds the number of rows. In a longer ladder, the rows in the middle are left out, but
	// not the choices among them, as far as they fit in a quarter of MaxRows. 0 means 400.
	MaxRows int
	// Unfolded shows each of many rows that repeat. Otherwise a ladder shows them once, and says how
	// often they repeat.
	Unfolded bool

	trace memory.Trace
	names map[string]string
}

// defaultMaxRows is the MaxRows of a Ladder with 0.
const defaultMaxRows = 400

// New returns the ladder of trace. names gives hosts names, by IP address or by address and port. Addresses
// of one name are one column. A host without a name is called by its IP address. A server at a loopback
// address is called by address and port, and its client is called client.
func New(trace memory.Trace, names map[string]string) *Ladder {
	return &Ladder{trace: trace, names: names}
}

// Of returns the ladder of r's trace, with the names of r's hosts; see [memory.Reactor.AddHost]. The host
// that connections come from by default is called client.
func Of(r *memory.Reactor) *Ladder {
	names := map[string]string{"10.0.0.1": clientName, "fd00::1": clientName}
	maps.Copy(names, r.HostNames())
	return New(r.Trace(), names)
}
