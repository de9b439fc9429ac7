package reactor

// A list is a doubly linked list threaded through its members: what a loop has
// open, in the order it was opened, so that what is done to all of it is done in
// the same order every time.
type list[T any] struct {
	first, last *T
}

// links is what a member of a list holds.
type links[T any] struct {
	previous, next *T
}

// member gives a list the links of a member.
type member[T any] interface {
	*T
	links() *links[T]
}

func push[T any, P member[T]](l *list[T], x P) {
	x.links().previous = l.last
	if l.last != nil {
		P(l.last).links().next = x
	} else {
		l.first = x
	}
	l.last = x
}

func drop[T any, P member[T]](l *list[T], x P) {
	in := x.links()
	if in.previous != nil {
		P(in.previous).links().next = in.next
	} else {
		l.first = in.next
	}
	if in.next != nil {
		P(in.next).links().previous = in.previous
	} else {
		l.last = in.previous
	}
	*in = links[T]{}
}
