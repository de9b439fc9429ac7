package deferred

// This file stores the links that have not run. The first few are in the Deferred
// itself, because most chains are short.

// inlineLinks is the number of links in the Deferred itself. With three of them, a
// Deferred of one word together with a function (see Map) takes 112 bytes.
const inlineLinks = 3

// add appends l, and runs it at once if d has a result.
func (d *Deferred[T]) add(l link[T]) *Deferred[T] {
	d.push(l)
	if d.flags&called != 0 {
		d.run()
	}
	return d
}

// push appends l. While overflow is in use l goes there, to keep the order.
func (d *Deferred[T]) push(l link[T]) {
	if d.tail < inlineLinks && (d.extra == nil || d.extra.overflow == nil) {
		d.inline[d.tail] = l
		d.tail++
		return
	}
	e := d.ensureExtra()
	e.overflow = append(e.overflow, l)
}

// pending reports whether a link has not run.
func (d *Deferred[T]) pending() bool {
	return d.tail != 0 || d.extra != nil && d.extra.overflow != nil
}

// pop removes the next link. There must be one.
func (d *Deferred[T]) pop() (l link[T]) {
	if d.tail != 0 {
		l, d.inline[d.head] = d.inline[d.head], nil
		if d.head++; d.head == d.tail {
			d.head, d.tail = 0, 0
		}
		return l
	}
	overflow := d.extra.overflow
	l, overflow[0] = overflow[0], nil
	if overflow = overflow[1:]; len(overflow) == 0 {
		overflow = nil
	}
	d.extra.overflow = overflow
	return l
}
