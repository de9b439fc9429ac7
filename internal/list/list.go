// Package list has a doubly linked list whose elements hold their own places in it, so
// that adding and removing one allocates nothing and costs the same in a list of any
// length.
package list

import "iter"

// A List is a list of elements in the order in which they were added. The zero value is
// empty. A List must not be copied while it has elements.
type List[T any] struct {
	first, last *Node[T]
	length      int
}

// A Node is the place of an element in at most one List. It is mostly a field of the
// element; an element that is in several lists has several. The zero value is in no list.
type Node[T any] struct {
	element        *T
	in             *List[T] // nil while the element is in no list
	previous, next *Node[T]
}

// Push adds x at the end of l, with n as its place. If n is in a list already, it is taken
// out of that one first.
func (l *List[T]) Push(n *Node[T], x *T) {
	if l.last != n {
		l.insert(n, x, nil)
	}
}

// Insert is Push, but adds x before the element of next, which is another one in l.
func (l *List[T]) Insert(n *Node[T], x *T, next *Node[T]) { l.insert(n, x, next) }

func (l *List[T]) insert(n *Node[T], x *T, next *Node[T]) {
	n.Remove()
	previous := l.last
	if next != nil {
		previous = next.previous
		next.previous = n
	} else {
		l.last = n
	}
	if previous != nil {
		previous.next = n
	} else {
		l.first = n
	}
	n.element, n.in, n.previous, n.next = x, l, previous, next
	l.length++
}

// First returns the element that was added first, or nil.
func (l *List[T]) First() *T { return l.first.get() }

// Last returns the element that was added last, or nil.
func (l *List[T]) Last() *T { return l.last.get() }

// Len returns the number of elements.
func (l *List[T]) Len() int { return l.length }

// All returns the elements, the first one first. The loop over them may remove the element
// that it has, and add others.
func (l *List[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for n := l.first; n != nil; {
			next := n.next
			if !yield(n.element) {
				return
			}
			n = next
		}
	}
}

// Remove takes the element of n out of its list, and reports whether it was in one.
func (n *Node[T]) Remove() bool {
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
	l.length--
	*n = Node[T]{}
	return true
}

// Next returns the element after that of n, or nil.
func (n *Node[T]) Next() *T { return n.next.get() }

// In returns the list that n is in, or nil.
func (n *Node[T]) In() *List[T] { return n.in }

func (n *Node[T]) get() *T {
	if n == nil {
		return nil
	}
	return n.element
}
