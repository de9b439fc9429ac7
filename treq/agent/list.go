package agent

// This file has the lists of a Pool. Adding and removing an element costs the same in a
// list of any length.

// A list is a doubly linked list of elements that hold their own nodes.
type list[T any] struct {
	first, last *node[T]
	length      int
}

// A node is the place of an element in at most one list.
type node[T any] struct {
	element        *T
	in             *list[T] // nil while the element is in no list
	previous, next *node[T]
}

// push adds the element of n, which is in no list, at the end.
func (l *list[T]) push(n *node[T]) {
	n.in, n.previous = l, l.last
	if l.last != nil {
		l.last.next = n
	} else {
		l.first = n
	}
	l.last = n
	l.length++
}

// remove removes the element of n from its list, if it is in one, and reports whether it
// was.
func (n *node[T]) remove() bool {
	l := n.in
	if l == nil {
		return false
	}
	if n.previous != nil {
		n.previous.next = n.next
	} else {
		l.first = n.next
	}
	if n.next != nil {
		n.next.previous = n.previous
	} else {
		l.last = n.previous
	}
	n.in, n.previous, n.next = nil, nil, nil
	l.length--
	return true
}
