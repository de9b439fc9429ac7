package memory

import (
	"net/netip"
	"slices"
)

// A ruleSet has rules for the messages between hosts: at most one for each two names of
// hosts. Finding the rule for a message takes the same time however many there are.
type ruleSet[T any] struct {
	last  int // number of the newest rule
	named map[[2]string]*rule[T]
	at    map[pair][]*rule[T] // in the order of their numbers
}

// A pair is a pair of hosts. The zero Addr stands for every host.
type pair [2]netip.Addr

type rule[T any] struct {
	number int
	pairs  []pair
	value  T
}

// A way leads from one host to another, or also back.
type way struct {
	names [2]string
	hosts [2][]netip.Addr // nil means every host
	both  bool
}

// name returns the names by which a ruleSet finds w.
func (w way) name() [2]string {
	if w.both && w.names[0] > w.names[1] {
		return [2]string{w.names[1], w.names[0]}
	}
	return w.names
}

func (w way) pairs() (all []pair) {
	every := []netip.Addr{{}}
	for _, a := range orElse(w.hosts[0], every) {
		for _, b := range orElse(w.hosts[1], every) {
			all = append(all, pair{a, b})
			if w.both && a != b {
				all = append(all, pair{b, a})
			}
		}
	}
	return all
}

func orElse(hosts, other []netip.Addr) []netip.Addr {
	if hosts == nil {
		return other
	}
	return hosts
}

// add returns the rule for w, and makes it if there is none. An older rule for the same
// names applies to the present addresses of w as well.
func (s *ruleSet[T]) add(w way) *rule[T] {
	r := s.named[w.name()]
	if r == nil {
		if s.named == nil {
			s.named, s.at = map[[2]string]*rule[T]{}, map[pair][]*rule[T]{}
		}
		s.last++
		r = &rule[T]{number: s.last}
		s.named[w.name()] = r
	}
	for _, p := range w.pairs() {
		if !slices.Contains(s.at[p], r) {
			s.at[p] = append(s.at[p], r)
			r.pairs = append(r.pairs, p)
		}
	}
	return r
}

// remove removes the rule for w and returns it, or nil if there is none.
func (s *ruleSet[T]) remove(w way) *rule[T] {
	r := s.named[w.name()]
	if r == nil {
		return nil
	}
	delete(s.named, w.name())
	for _, p := range r.pairs {
		if left := slices.DeleteFunc(s.at[p], func(other *rule[T]) bool { return other == r }); len(left) != 0 {
			s.at[p] = left
		} else {
			delete(s.at, p)
		}
	}
	return r
}

// find returns the newest rule for messages between two hosts, or nil.
func (s *ruleSet[T]) find(from, to netip.Addr) (newest *rule[T]) {
	if len(s.named) == 0 {
		return nil
	}
	for _, p := range [...]pair{{from, to}, {from}, {1: to}, {}} {
		if at := s.at[p]; len(at) != 0 {
			if r := at[len(at)-1]; newest == nil || r.number > newest.number {
				newest = r
			}
		}
	}
	return newest
}
