package agent

import (
	"cmp"

	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/origin"
)

// A RetryBudget bounds how often requests are tried again, so that a server which fails
// under its load does not get a multiple of it. Each server has an account of its own: a
// broken one does not use up the tries of the others, and they do not pay for more load on
// it.
//
// An account begins with Reserve. Each request adds Share to it, up to Reserve, and each
// retry takes 1. So in any period a server gets at most
//
//	(1 + Share) * requests + Reserve
//
// tries, however long it fails. The budget needs no clock: a program that makes no
// requests earns no retries.
//
// The zero value works. Several agents on one reactor may share a RetryBudget. It must not
// be copied after its first use.
type RetryBudget struct {
	// Share is the share of the requests that may be tried again in the long run. 0
	// means [DefaultRetryShare]. A negative Share means no bound.
	Share float64
	// Reserve is the number of retries that are possible at first, for programs that
	// make few requests. 0 means [DefaultRetryReserve]. The least is 1.
	Reserve int

	accounts map[origin.Origin]*account // those that are not full; a full one says nothing
	recent   list.List[account]         // the same, the most recently used last
}

const (
	// DefaultRetryShare is the default of Share of a [RetryBudget], as in Finagle.
	DefaultRetryShare = 0.2
	// DefaultRetryReserve is the default of Reserve of a [RetryBudget].
	DefaultRetryReserve = 20
)

// An account is the budget of one server.
type account struct {
	place list.Node[account]
	of    origin.Origin
	left  float64 // the retries that are left
}

// maxAccounts bounds the accounts of a budget. Beyond it, the one that was not used for the
// longest time is forgotten, and so is full again.
const maxAccounts = 10_000

// bounded reports whether b bounds anything.
func (b *RetryBudget) bounded() bool { return b.Share >= 0 }

func (b *RetryBudget) reserve() float64 {
	return float64(max(1, cmp.Or(b.Reserve, DefaultRetryReserve)))
}

// earn adds the share of one request to server's account.
func (b *RetryBudget) earn(server origin.Origin) {
	a := b.accounts[server]
	if a == nil {
		return
	}
	if a.left += cmp.Or(b.Share, DefaultRetryShare); a.left >= b.reserve() {
		b.drop(a)
		return
	}
	b.recent.Push(&a.place, a)
}

// spend takes one retry from server's account, and reports whether there was one.
func (b *RetryBudget) spend(server origin.Origin) bool {
	if !b.bounded() {
		return true
	}
	a := b.accounts[server]
	if a == nil {
		a = &account{of: server, left: b.reserve()}
		if b.accounts == nil {
			b.accounts = make(map[origin.Origin]*account)
		}
		b.accounts[server] = a
		if len(b.accounts) > maxAccounts {
			b.drop(b.recent.First())
		}
	}
	b.recent.Push(&a.place, a)
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

func (b *RetryBudget) drop(a *account) {
	a.place.Remove()
	delete(b.accounts, a.of)
}
