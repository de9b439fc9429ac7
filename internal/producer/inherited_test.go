package producer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/producer"
)

// transport has the methods that make a Transport.
type transport interface {
	producer.Push
	Write([]byte)
	LoseConnection()
	AbortConnection()
	Disconnecting() bool
}

// connection is a Transport.
type connection struct{ fake }

func (*connection) Write([]byte)        {}
func (*connection) LoseConnection()     {}
func (*connection) AbortConnection()    {}
func (*connection) Disconnecting() bool { return false }

// wire is a Transport with methods of values.
type wire struct{}

func (wire) PauseProducing()     {}
func (wire) ResumeProducing()    {}
func (wire) StopProducing()      {}
func (wire) Write([]byte)        {}
func (wire) LoseConnection()     {}
func (wire) AbortConnection()    {}
func (wire) Disconnecting() bool { return false }

// received makes what embeds it a protocol.
type received struct{}

func (received) DataReceived([]byte)  {}
func (received) ConnectionLost(error) {}

// The protocols of the table.
type (
	bare     struct{ transport } // a Transport, no protocol
	wrapping struct{ transport } // a Transport that wraps another
	plain    struct{ received }  // no Transport
	nothing  struct {            // declares nothing
		received
		transport
	}
	concrete struct { // embeds a type
		received
		*connection
	}
	byValue struct { // embeds a value
		received
		connection
	}
	values struct { // with methods of values
		received
		wire
	}
	two struct { // declares two of three
		received
		transport
	}
	three struct { // declares all
		received
		transport
	}
	three1 struct { // on a value
		received
		transport
	}
	pulls struct { // declares those of a pull producer
		received
		transport
	}
	deep           struct{ *nothing } // embeds a protocol that declares nothing
	deeper         struct{ deep }     // at depth 3
	based          struct{ *three }   // embeds a protocol that declares all
	based1         struct{ three1 }   // on a value
	generic[T any] struct {           // declares all
		received
		transport
		v T
	}
	generic2[T any] struct { // declares two
		received
		transport
		v T
	}
	named struct { // not embedded
		received
		transport transport
	}
	itself struct { // embeds itself
		*itself
		received
		transport
	}
	delegate struct { // delegates to a producer
		received
		producer.Push
	}
	layer struct{ below transport } // a Transport and a protocol by its own methods
)

func (w *wrapping) ResumeProducing()    { w.transport.ResumeProducing() }
func (p *plain) PauseProducing()        {}
func (p *plain) ResumeProducing()       {}
func (p *plain) StopProducing()         {}
func (p *two) PauseProducing()          {}
func (p *two) ResumeProducing()         {}
func (p *three) PauseProducing()        { p.transport.PauseProducing() }
func (p *three) ResumeProducing()       { p.transport.ResumeProducing() }
func (p *three) StopProducing()         {}
func (p three1) PauseProducing()        {}
func (p three1) ResumeProducing()       {}
func (p three1) StopProducing()         { p.transport.StopProducing() }
func (p *pulls) ResumeProducing()       {}
func (p *pulls) StopProducing()         {}
func (p *generic[T]) PauseProducing()   { fmt.Println(p.v) }
func (p *generic[T]) ResumeProducing()  {}
func (p generic[T]) StopProducing()     { fmt.Println(p.v) }
func (p *generic2[T]) ResumeProducing() { fmt.Println(p.v) }
func (p *generic2[T]) PauseProducing()  {}
func (p *named) PauseProducing()        {}
func (p *named) ResumeProducing()       {}
func (p *named) StopProducing()         {}
func (d *delegate) Write([]byte)        {}
func (d *delegate) LoseConnection()     {}
func (d *delegate) AbortConnection()    {}
func (d *delegate) Disconnecting() bool { return false }
func (*layer) DataReceived([]byte)      {}
func (*layer) ConnectionLost(error)     {}
func (l *layer) PauseProducing()        { l.below.PauseProducing() }
func (l *layer) ResumeProducing()       { l.below.ResumeProducing() }
func (l *layer) StopProducing()         { l.below.StopProducing() }
func (l *layer) Write([]byte)           {}
func (l *layer) LoseConnection()        {}
func (l *layer) AbortConnection()       {}
func (l *layer) Disconnecting() bool    { return false }

// TestCheck: a protocol that inherits a method of a producer from a Transport is refused, and
// nothing else.
func TestCheck(t *testing.T) {
	var c transport = &connection{}
	local := struct {
		received
		transport
	}{transport: c}
	for _, test := range []struct {
		p          producer.Push
		push, pull string // the inherited method, or ""
	}{
		{p: &fake{}},
		{p: c},
		{p: wire{}},
		{p: &bare{c}},
		{p: bare{c}},
		{p: &wrapping{c}},
		{p: &plain{}},
		{p: &three{transport: c}},
		{p: &three1{transport: c}},
		{p: three1{transport: c}},
		{p: &based{}},
		{p: based{}},
		{p: &based1{}},
		{p: based1{}},
		{p: &generic[int]{transport: c}},
		{p: &generic[*string]{transport: c}},
		{p: &named{transport: c}},
		{p: &delegate{}},
		{p: &layer{c}},
		{&nothing{transport: c}, "PauseProducing", "ResumeProducing"},
		{nothing{transport: c}, "PauseProducing", "ResumeProducing"},
		{&concrete{}, "PauseProducing", "ResumeProducing"},
		{concrete{}, "PauseProducing", "ResumeProducing"},
		{&byValue{}, "PauseProducing", "ResumeProducing"},
		{&values{}, "PauseProducing", "ResumeProducing"},
		{values{}, "PauseProducing", "ResumeProducing"},
		{&two{transport: c}, "StopProducing", "StopProducing"},
		{&pulls{transport: c}, "PauseProducing", ""},
		{&deep{}, "PauseProducing", "ResumeProducing"},
		{deep{}, "PauseProducing", "ResumeProducing"},
		{&deeper{}, "PauseProducing", "ResumeProducing"},
		{&generic2[int]{transport: c}, "StopProducing", "StopProducing"},
		{&itself{itself: nil, transport: c}, "PauseProducing", "ResumeProducing"},
		{&local, "PauseProducing", "ResumeProducing"},
		{local, "PauseProducing", "ResumeProducing"},
	} {
		for range 2 { // the second time from the cache
			wantInherited(t, test.p, "CheckPush", producer.CheckPush(test.p), test.push)
			wantInherited(t, test.p, "CheckPull", producer.CheckPull(test.p), test.pull)
		}
	}
}

func wantInherited(t *testing.T, p any, name string, err error, method string) {
	t.Helper()
	var inherited *producer.InheritedError
	switch {
	case method == "" && err == nil:
	case !errors.As(err, &inherited):
		t.Errorf("%s of %T: %v, want one about %q", name, p, err, method)
	case inherited.Method != method || inherited.Type != fmt.Sprintf("%T", p):
		t.Errorf("%s of %T: %+v, want %s", name, p, inherited, method)
	case !strings.Contains(err.Error(), inherited.Type) || !strings.Contains(err.Error(), method) || !strings.Contains(err.Error(), "field with a name"):
		t.Errorf("%s of %T: %v does not name the type, the method and the way out", name, p, err)
	}
}

// BenchmarkCheck: hardly any producer is a Transport, so one check fails at once.
func BenchmarkCheck(b *testing.B) {
	for _, p := range []producer.Push{&fake{}, &connection{}, &layer{}, &three{}} {
		b.Run(fmt.Sprintf("%T", p), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := producer.CheckPush(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
