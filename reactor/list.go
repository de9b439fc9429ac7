package reactor

// A list is a doubly linked list of elements that hold their own node. It keeps the order
// in which elements were added, so that a program's runs do not differ.
type list[T any] struct {
	first, last *T
}

// A node holds an element's place in a list.
type node[T any] struct {
	previous, next *T
}

// An element of a list gives access to its node.
type element[T any] interface {
	*T
	node() *node[T]
}

func push[T any, P element[T]](l *list[T], x P) {
	x.node().previous = l.last
	if l.last != nil {
		P(l.last).node().next = x
	} else {
		l.first = x
	}
	l.last = x
}

func drop[T any, P element[T]](l *list[T], x P) {
	n := x.node()
	if n.previous != nil {
		P(n.previous).node().next = n.next
	} else {
		l.first = n.next
	}
	if n.next != nil {
		P(n.next).node().previous = n.previous
	} else {
		l.last = n.previous
	}
	*n = node[T]{}
}
