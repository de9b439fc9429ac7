package deferred

// This file is about the handlers of a Deferred that have not run yet. The first
// few lie in the Deferred itself, because few chains are longer.

// fit is how many handlers lie in the Deferred itself: as many as leave one that
// holds a word, with a function beside it (a Map), at 144 bytes.
const fit = 3

// add appends a handler, and runs it at once if d has a result.
func (d *Deferred[T]) add(l link[T]) *Deferred[T] {
	d.push(l)
	if d.flags&called != 0 {
		d.run()
	}
	return d
}

// push appends a handler. Once one did not fit, those after it go the same way,
// until all have run.
func (d *Deferred[T]) push(l link[T]) {
	if d.tail < fit && (d.extra == nil || d.extra.links == nil) {
		d.first[d.tail] = l
		d.tail++
		return
	}
	e := d.spare()
	e.links = append(e.links, l)
}

// pending reports whether any handler has not run.
func (d *Deferred[T]) pending() bool {
	return d.tail != 0 || d.extra != nil && d.extra.links != nil
}

// pop removes the next handler. There must be one.
func (d *Deferred[T]) pop() (l link[T]) {
	if d.tail != 0 {
		l, d.first[d.head] = d.first[d.head], nil
		if d.head++; d.head == d.tail {
			d.head, d.tail = 0, 0
		}
		return l
	}
	links := d.extra.links
	l, links[0] = links[0], nil
	if links = links[1:]; len(links) == 0 {
		links = nil
	}
	d.extra.links = links
	return l
}
