package reactor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// bench is the loop and the threads of a test, which runs them step by step.
type bench struct {
	Threads  // nil: only the two methods below are called
	resolver *systemResolver
	threads  []func()
	calls    []func()
	asked    []string // the looked-up names
	given    []context.Context
	answer   func(host string) ([]netip.Addr, error)
}

func (b *bench) CallInThread(f func())   { b.threads = append(b.threads, f) }
func (b *bench) CallFromThread(f func()) { b.calls = append(b.calls, f) }

func newBench(t *testing.T, answer func(host string) ([]netip.Addr, error)) *bench {
	deferred.FailOnUnhandled(t)
	b := &bench{answer: answer}
	b.resolver = &systemResolver{reactor: b, lookup: func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		if network != "ip" {
			t.Errorf("looked up by %q, want ip", network)
		}
		b.asked = append(b.asked, host)
		b.given = append(b.given, ctx)
		return b.answer(host)
	}}
	return b
}

// run runs the functions for threads, then those for the loop.
func (b *bench) run() {
	for _, queue := range []*[]func(){&b.threads, &b.calls} {
		for len(*queue) != 0 {
			f := (*queue)[0]
			*queue = (*queue)[1:]
			f()
		}
	}
}

type found struct {
	fired bool
	addrs []netip.Addr
	err   error
}

func (b *bench) lookUp(host string) (*deferred.Deferred[[]netip.Addr], *found) {
	d := b.resolver.LookupHost(host)
	f := &found{}
	d.AddBoth(func(addrs []netip.Addr, err error) ([]netip.Addr, error) {
		*f = found{true, addrs, err}
		return nil, nil
	})
	return d, f
}

func (f *found) check(t *testing.T, want ...string) {
	t.Helper()
	if got := fmt.Sprint(f.addrs); !f.fired || f.err != nil || got != fmt.Sprint(want) {
		t.Errorf("got %+v, want %v", *f, want)
	}
}

func addrs(list ...string) (parsed []netip.Addr) {
	for _, a := range list {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	return parsed
}

func always(list ...string) func(string) ([]netip.Addr, error) {
	return func(string) ([]netip.Addr, error) { return addrs(list...), nil }
}

func TestLookupHost(t *testing.T) {
	refused := errors.New("connection to the name server was refused")
	for _, c := range []struct {
		name   string
		answer func(string) ([]netip.Addr, error)
		want   []string
		is     error
		text   string
	}{
		{name: "keeps the order", answer: always("192.0.2.2", "2001:db8::1", "192.0.2.1"),
			want: []string{"192.0.2.2", "2001:db8::1", "192.0.2.1"}},
		{name: "IPv4 in IPv6 is IPv4", answer: always("::ffff:192.0.2.1"), want: []string{"192.0.2.1"}},
		{name: "no such name", answer: func(host string) ([]netip.Addr, error) {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}, is: ErrNameNotFound, text: `looking up "an.example": no address found for the host name`},
		{name: "a name without addresses", answer: always(),
			is: ErrNameNotFound, text: `looking up "an.example": no address found for the host name`},
		{name: "the name server does not answer", answer: func(host string) ([]netip.Addr, error) {
			return nil, &net.DNSError{Err: "i/o timeout", Name: host, Server: "192.0.2.53:53", IsTimeout: true}
		}, text: `looking up "an.example": i/o timeout`},
		{name: "an error of another kind", answer: func(string) ([]netip.Addr, error) { return nil, refused },
			is: refused, text: `looking up "an.example": connection to the name server was refused`},
		{name: "a panic", answer: func(string) ([]netip.Addr, error) { panic("on purpose") },
			text: `looking up "an.example": panic: on purpose`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.answer)
			_, got := b.lookUp("an.example")
			if got.fired {
				t.Error("the lookup did not wait for a thread")
			}
			b.run()
			if c.text == "" {
				got.check(t, c.want...)
				return
			}
			if got.err == nil || got.err.Error() != c.text {
				t.Errorf("error\n%v, want\n%v", got.err, c.text)
			}
			if c.is != nil && !errors.Is(got.err, c.is) {
				t.Errorf("the error is not %q", c.is)
			}
			if lookup, ok := errors.AsType[*LookupError](got.err); !ok || lookup.Host != "an.example" {
				t.Errorf("error %#v, want a LookupError of the host", got.err)
			}
			if notFound := c.is == ErrNameNotFound; errors.Is(got.err, ErrNameNotFound) != notFound {
				t.Errorf("errors.Is with ErrNameNotFound is %v, want %v", !notFound, notFound)
			}
			if d, ok := errors.AsType[*net.DNSError](got.err); ok && d.Name != "an.example" {
				t.Errorf("the system's error is %#v", d)
			}
		})
	}
}

func TestLookupHostOfAnAddress(t *testing.T) {
	b := newBench(t, nil)
	for host, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1", "fe80::1%eth0": "fe80::1%eth0", "::ffff:192.0.2.1": "192.0.2.1",
	} {
		_, got := b.lookUp(host)
		got.check(t, want)
	}
	if len(b.threads) != 0 {
		t.Error("addresses are looked up")
	}
}

func TestLookupHostShares(t *testing.T) {
	b := newBench(t, always("192.0.2.1", "192.0.2.2"))
	_, first := b.lookUp("an.example")
	_, second := b.lookUp("an.example")
	_, other := b.lookUp("other.example")
	if len(b.threads) != 2 {
		t.Errorf("%d threads are asked for, want one for each name", len(b.threads))
	}
	b.run()
	if want := []string{"an.example", "other.example"}; !slices.Equal(b.asked, want) {
		t.Errorf("looked up %v, want %v", b.asked, want)
	}
	for _, f := range []*found{first, second, other} {
		f.check(t, "192.0.2.1", "192.0.2.2")
	}
	first.addrs[0] = netip.IPv6Loopback()
	second.check(t, "192.0.2.1", "192.0.2.2") // each lookup has its own list

	_, later := b.lookUp("an.example")
	b.run()
	later.check(t, "192.0.2.1", "192.0.2.2")
	if len(b.asked) != 3 {
		t.Errorf("looked up %v; an answer was kept", b.asked)
	}
	for i, ctx := range b.given {
		if ctx.Err() == nil {
			t.Errorf("the context of lookup %d is not released", i)
		}
	}
	if n := len(b.resolver.flights); n != 0 {
		t.Errorf("%d lookups are left", n)
	}
}

func TestLookupHostSharesAnError(t *testing.T) {
	b := newBench(t, func(string) ([]netip.Addr, error) { return nil, &net.DNSError{IsNotFound: true} })
	_, first := b.lookUp("an.example")
	_, second := b.lookUp("an.example")
	b.run()
	for _, f := range []*found{first, second} {
		if !errors.Is(f.err, ErrNameNotFound) {
			t.Errorf("error %v, want ErrNameNotFound", f.err)
		}
	}
}

func TestLookupHostCancelled(t *testing.T) {
	b := newBench(t, always("192.0.2.1"))
	d, first := b.lookUp("an.example")
	_, second := b.lookUp("an.example")
	d.Cancel()
	if !errors.Is(first.err, deferred.ErrCancelled) || second.fired {
		t.Errorf("got %+v and %+v, want ErrCancelled and nothing yet", *first, *second)
	}
	_, third := b.lookUp("an.example")
	b.run()
	second.check(t, "192.0.2.1")
	third.check(t, "192.0.2.1")
	if len(b.asked) != 1 {
		t.Errorf("looked up %v, want once", b.asked)
	}
}

func TestLookupHostCancelledByAll(t *testing.T) {
	b := newBench(t, nil)
	var during error
	b.answer = func(string) ([]netip.Addr, error) {
		during = b.given[0].Err()
		return nil, context.Canceled
	}
	d1, first := b.lookUp("an.example")
	d2, second := b.lookUp("an.example")
	d1.Cancel()
	d2.Cancel()
	for _, f := range []*found{first, second} {
		if !errors.Is(f.err, deferred.ErrCancelled) {
			t.Errorf("error %v, want ErrCancelled", f.err)
		}
	}
	// A new lookup does not get the result of the cancelled one.
	_, third := b.lookUp("an.example")
	old, fresh := b.threads[0], b.threads[1]
	b.threads = []func(){old}
	b.run()
	if during == nil {
		t.Error("the lookup's context was not cancelled")
	}
	if third.fired {
		t.Errorf("got %+v from the cancelled lookup", *third)
	}
	_, fourth := b.lookUp("an.example")
	b.answer = always("192.0.2.1")
	b.threads = append(b.threads, fresh)
	b.run()
	third.check(t, "192.0.2.1")
	fourth.check(t, "192.0.2.1")
	if n := len(b.resolver.flights); n != 0 {
		t.Errorf("%d lookups are left", n)
	}
}

// The handler of the first lookup cancels the second one.
func TestLookupHostCancelledByAnotherHandler(t *testing.T) {
	b := newBench(t, always("192.0.2.1"))
	var d2 *deferred.Deferred[[]netip.Addr]
	d1 := b.resolver.LookupHost("an.example")
	d1.AddCallback(func(list []netip.Addr) ([]netip.Addr, error) {
		d2.Cancel()
		return list, nil
	})
	var second *found
	d2, second = b.lookUp("an.example")
	b.run()
	if !errors.Is(second.err, deferred.ErrCancelled) {
		t.Errorf("got %+v, want ErrCancelled", *second)
	}
}

// The default resolver asks the system. The empty name has no address, even
// without a name server.
func TestLookupHostByTheSystem(t *testing.T) {
	deferred.FailOnUnhandled(t)
	l := New()
	defer l.Close()
	var got error
	l.CallWhenRunning(func() {
		l.NameResolver().LookupHost("").AddBoth(func(_ []netip.Addr, err error) ([]netip.Addr, error) {
			got = err
			return nil, l.Stop()
		})
	})
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(got, ErrNameNotFound) {
		t.Errorf("error %v, want ErrNameNotFound", got)
	}
}
