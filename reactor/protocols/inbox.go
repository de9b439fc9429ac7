package protocols

import "github.com/seed-7c003b53/gotreq/reactor"

// This file has the part that all receivers share: it holds the received bytes until they are
// delivered, and decides when the program is called.

const (
	// firstChunk is how many bytes of a piece are tried first, to complete what is held.
	firstChunk = 64
	// keptMemory is the capacity up to which a buffer is kept while it is empty, so that an
	// idle connection costs little.
	keptMemory = 4 << 10
)

// An inbox holds the bytes that were received and not delivered: held[at:], and then
// piece[used:].
//
// The program gets parts of held and of the piece, without a copy. While the program is
// called, bytes may be added behind held, but none of held moves.
type inbox struct {
	held  []byte // bytes of earlier pieces, in memory of the inbox
	at    int
	piece []byte // the argument of DataReceived; nil when DataReceived has returned
	used  int

	busy      bool // the program is called
	paused    bool
	resumeDue bool // ResumeProducing of the transport is to be called when the program returns
	closed    bool // the receiver has given up, or the connection is lost
}

// A receiver is one of the receivers, as its inbox sees it.
type receiver interface {
	// connection returns the transport, or nil before ConnectionMade.
	connection() reactor.Transport
	// split returns the size of the first delivery in rest, or 0 if it is incomplete. The next
	// call then has the same bytes, and more.
	split(rest []byte) (size int)
	// deliver calls the program with what split has found.
	deliver(found []byte)
}

// received takes a piece, and delivers what is complete. data remains the caller's.
func (in *inbox) received(r receiver, data []byte) {
	switch {
	case !in.open(r):
	case in.busy && in.giveBack(data):
	case in.busy:
		if in.empty() { // the delivered bytes stay where they are, for the program
			in.drop()
		}
		in.hold()
		in.held = append(in.held, data...)
	default:
		in.piece = data
		in.run(r)
	}
}

// open reports whether the program wants more, now or after a pause.
func (in *inbox) open(r receiver) bool {
	t := r.connection()
	return !in.closed && (t == nil || !t.Disconnecting())
}

// empty reports whether everything is delivered.
func (in *inbox) empty() bool { return in.at == len(in.held) && in.used == len(in.piece) }

// giveBack takes back the end of the last delivery, if data is that. It copies nothing, so
// that a program that takes the bytes of a piece one by one, and gives the others back each
// time, does so in linear time.
func (in *inbox) giveBack(data []byte) bool {
	switch {
	case !in.empty():
		return false
	case isTail(data, in.piece):
		in.used -= len(data)
	case isTail(data, in.held):
		in.at -= len(data)
	default:
		return false
	}
	return true
}

// isTail reports whether tail is the memory at the end of data.
func isTail(tail, data []byte) bool {
	return len(tail) != 0 && len(tail) <= len(data) && &tail[len(tail)-1] == &data[len(data)-1]
}

// hold copies the rest of the piece to held.
func (in *inbox) hold() {
	in.held = append(in.held, in.piece[in.used:]...)
	in.piece, in.used = nil, 0
}

// run delivers what is complete, and then resumes the transport if that is due.
func (in *inbox) run(r receiver) {
	in.deliver(r)
	if in.resumeDue && in.open(r) {
		in.resumeDue = false
		connected(r.connection()).ResumeProducing()
	}
}

func (in *inbox) deliver(r receiver) {
	in.busy = true
	defer in.settle(r)
	for !in.paused && in.open(r) {
		found := in.next(r)
		if found == nil {
			return
		}
		r.deliver(found)
	}
}

// next takes the next delivery, or returns nil if it is incomplete.
func (in *inbox) next(r receiver) []byte {
	if in.at == len(in.held) {
		rest := in.piece[in.used:]
		size := 0
		if len(rest) != 0 {
			size = r.split(rest)
		}
		in.used += size
		return taken(rest, size)
	}
	// As little as possible of the piece is copied, to complete what is held.
	for chunk := firstChunk; ; chunk *= 2 {
		rest := in.held[in.at:]
		if size := r.split(rest); size != 0 {
			in.at += size
			if over := len(rest) - size; over <= in.used {
				in.held = in.held[:in.at]
				in.used -= over
			}
			return taken(rest, size)
		}
		more := in.piece[in.used:min(in.used+chunk, len(in.piece))]
		if len(more) == 0 {
			return nil
		}
		in.held = append(in.held, more...)
		in.used += len(more)
	}
}

// taken returns the first size bytes of rest, or nil for none. The program may append to them.
func taken(rest []byte, size int) []byte {
	if size == 0 {
		return nil
	}
	return rest[:size:size]
}

// all returns found, the last delivery, with everything that follows it, and takes that too.
// found was all that split got.
func (in *inbox) all(found []byte) []byte {
	if in.used == len(in.piece) {
		return found
	}
	start := in.at - len(found)
	in.hold()
	in.at = len(in.held)
	return in.held[start:]
}

// clear takes everything, and returns a copy.
func (in *inbox) clear() []byte {
	var all []byte
	all = append(all, in.held[in.at:]...)
	all = append(all, in.piece[in.used:]...)
	in.at, in.used = len(in.held), len(in.piece)
	return all
}

// settle keeps what is left of the piece when the program has returned, or panicked.
func (in *inbox) settle(r receiver) {
	in.busy = false
	if !in.open(r) {
		in.drop()
		return
	}
	in.hold()
	switch rest := in.held[in.at:]; {
	case len(rest) == 0 && cap(in.held) > keptMemory:
		in.held, in.at = nil, 0
	case in.at > len(in.held)/2 && cap(in.held) > keptMemory+4*len(rest): // it was paused
		in.held, in.at = append([]byte(nil), rest...), 0
	case in.at > len(in.held)/2:
		in.held, in.at = in.held[:copy(in.held, rest)], 0
	}
}

// drop forgets what was not delivered.
func (in *inbox) drop() { in.held, in.at, in.piece, in.used = nil, 0, nil, 0 }

// close drops everything, now and later.
func (in *inbox) close() {
	in.closed = true
	in.drop()
}

// pause stops the deliveries.
func (in *inbox) pause(r receiver) {
	in.paused, in.resumeDue = true, false
	connected(r.connection()).PauseProducing()
}

// resume undoes pause. What the inbox holds goes before what the transport holds. If the
// program panics, the connection ends: the transport's own guard may not be on the stack, and
// the connection would be paused for ever.
func (in *inbox) resume(r receiver) {
	t := connected(r.connection())
	in.paused, in.resumeDue = false, true
	if in.busy {
		return
	}
	returned := false
	defer func() {
		if !returned {
			t.AbortConnection()
		}
	}()
	in.run(r)
	returned = true
}

// stop is for StopProducing.
func (in *inbox) stop(r receiver) {
	in.paused, in.resumeDue = true, false
	connected(r.connection()).StopProducing()
}
