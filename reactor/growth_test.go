package reactor

import (
	"net/netip"
	"strconv"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// This file measures what triggers and lookups of names cost for one item when there are
// many. The cost should be about the same for any number of them:
//
//	go test -run '^$' -bench Growth -benchtime 20000x ./reactor
//
// Package memory measures timers and connections.

// growths make n items and return what is measured.
var growths = []struct {
	name string
	make func(n int) (step func())
}{
	{"trigger-removed-and-added", func(n int) func() {
		l := &Loop{}
		nothing := func() *deferred.Deferred[deferred.None] { return nil }
		ids := make([]TriggerID, n)
		for i := range ids {
			ids[i] = l.AddSystemEventTrigger(Before, Shutdown, nothing)
		}
		i := 0
		return func() {
			l.RemoveSystemEventTrigger(ids[i])
			ids[i] = l.AddSystemEventTrigger(Before, Shutdown, nothing)
			i = (i + 7919) % n
		}
	}},
	{"trigger-called", func(n int) func() {
		l := &Loop{}
		for range n {
			l.AddSystemEventTrigger(Before, Shutdown, func() *deferred.Deferred[deferred.None] { return nil })
		}
		id := 0
		return func() {
			next, ok := l.triggers.after(Shutdown, Before, id)
			if id = next.id; !ok {
				id = 0
			}
		}
	}},
	{"lookup-cancelled-and-made", func(n int) func() {
		b := &bench{}
		b.resolver = &systemResolver{reactor: b}
		look := func() *deferred.Deferred[[]netip.Addr] {
			d := b.resolver.LookupHost("an.example")
			return d.AddErrback(func(error) ([]netip.Addr, error) { return nil, nil })
		}
		waits := make([]*deferred.Deferred[[]netip.Addr], n)
		for i := range waits {
			waits[i] = look()
		}
		i := 0
		return func() {
			waits[i].Cancel()
			waits[i] = look()
			i = (i + 7919) % n
		}
	}},
}

func BenchmarkGrowth(b *testing.B) {
	for _, of := range growths {
		for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
			b.Run(of.name+"/"+strconv.Itoa(n), func(b *testing.B) {
				step := of.make(n)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					step()
				}
			})
		}
	}
}

// TestTriggersAgainstModel adds and removes triggers, while others are called too.
func TestTriggersAgainstModel(t *testing.T) {
	l := &Loop{}
	var called []int
	var ids []TriggerID
	for i := range 100 {
		ids = append(ids, l.AddSystemEventTrigger(Before, Shutdown, func() *deferred.Deferred[deferred.None] {
			called = append(called, i)
			if i == 50 { // removes many that follow, and some that went before
				for j := 10; j < 80; j++ {
					l.RemoveSystemEventTrigger(ids[j])
				}
			}
			return nil
		}))
	}
	for i := 0; i < 100; i += 3 {
		l.RemoveSystemEventTrigger(ids[i])
		l.RemoveSystemEventTrigger(ids[i])
	}
	l.callTriggers(Shutdown, Before)
	var want []int
	for i := range 100 {
		if i%3 != 0 && (i <= 50 || i >= 80) {
			want = append(want, i)
		}
	}
	check := func(what string, want []int) {
		t.Helper()
		if len(called) != len(want) {
			t.Errorf("%s: called %v, want %v", what, called, want)
			return
		}
		for i := range want {
			if called[i] != want[i] {
				t.Errorf("%s: called %v, want %v", what, called, want)
				return
			}
		}
	}
	check("first", want)
	called = nil
	l.callTriggers(Shutdown, Before)
	want = nil
	for i := range 100 {
		if i%3 != 0 && (i < 10 || i >= 80) {
			want = append(want, i)
		}
	}
	check("second", want)
}
