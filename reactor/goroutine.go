package reactor

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// This file finds out whether code runs on the loop's goroutine. A coroutine of
// iter.Pull is a goroutine with a number of its own, and yet it runs on the goroutine
// that resumes it, which waits meanwhile. Handlers of HTTP requests, coroutines of
// package deferred, TLS handshakes and decoders are such coroutines.
//
// Go tells all this only in the text of a stack. The last lines of a coroutine's stack
// name its creator:
//
//	created by iter.Pull[...] in goroutine 18

// check panics if the caller is not on the loop's goroutine, as far as that is known. A
// loop that is asleep is called from elsewhere for sure. Debugging finds the caller's
// goroutine out. Outside of turns, any goroutine may set things up.
func (l *Loop) check(method string) {
	if l.phase.Load() == asleep || deferred.Debugging() {
		l.checkGoroutine(method)
	}
}

func (l *Loop) checkGoroutine(method string) {
	if l.phase.Load() != outside && !l.OnLoop() {
		panic("reactor: " + method + " must be called on the reactor's goroutine; " +
			"from here use CallFromThread or BlockingCallFromThread")
	}
}

// checkDelayedCall is check for the methods of delayed calls.
func (l *Loop) checkDelayedCall() { l.check("the methods of a DelayedCall") }

// stackBuffers holds buffers for the text of a stack, which is mostly shorter.
var stackBuffers = sync.Pool{New: func() any { b := make([]byte, 4<<10); return &b }}

// runsOn reports whether the caller is on goroutine id: whether it is that goroutine, or
// a coroutine that runs on it.
func runsOn(id uint64) bool {
	buffer := stackBuffers.Get().(*[]byte)
	defer stackBuffers.Put(buffer)
	text := (*buffer)[:runtime.Stack(*buffer, false)]
	if goroutineNumber(text) == id {
		return true
	}
	for len(text) == len(*buffer) { // the last lines may be missing
		*buffer = make([]byte, 4*len(*buffer))
		text = (*buffer)[:runtime.Stack(*buffer, false)]
	}
	creator := coroutineCreator(text)
	return creator != 0 && (creator == id || coroutineRunsOn(id, creator))
}

// coroutineRunsOn reports whether a coroutine that is running, and that goroutine creator
// created, runs on goroutine id. It reads the stacks of all goroutines, which takes long
// and is rarely needed: for a coroutine that another coroutine created.
func coroutineRunsOn(id, creator uint64) bool {
	all := goroutines()
	if !all[id].switched {
		return false // it runs by itself, so it runs no coroutine
	}
	for creator != id {
		g, alive := all[creator]
		if !alive || g.creator == 0 {
			// The chain of creators has an end that is not id. The coroutine runs on
			// that goroutine if it runs any coroutine, and otherwise on another one.
			return !g.switched
		}
		creator = g.creator
	}
	return true
}

// A goroutine is what the text of its stack tells.
type goroutine struct {
	switched bool   // it is suspended: a coroutine runs on it, or it is a coroutine that waits
	creator  uint64 // the number of the creator of a coroutine; 0 for other goroutines
}

// goroutines returns all goroutines of the program by their numbers.
func goroutines() map[uint64]goroutine {
	buffer := make([]byte, 64<<10)
	n := runtime.Stack(buffer, true)
	for n == len(buffer) {
		buffer = make([]byte, 4*len(buffer))
		n = runtime.Stack(buffer, true)
	}
	all := make(map[uint64]goroutine)
	for text := range bytes.SplitSeq(buffer[:n], []byte("\n\n")) {
		header, _, _ := bytes.Cut(text, []byte("\n"))
		all[goroutineNumber(text)] = goroutine{
			switched: bytes.Contains(header, []byte(" [coroutine")),
			creator:  coroutineCreator(text),
		}
	}
	return all
}

// goroutineID returns the number of the calling goroutine.
func goroutineID() uint64 {
	var buffer [64]byte
	return goroutineNumber(buffer[:runtime.Stack(buffer[:], false)])
}

// goroutineNumber returns the number at the beginning of a stack: "goroutine 18 [running]:...".
func goroutineNumber(stack []byte) uint64 {
	return number(bytes.TrimPrefix(stack, []byte("goroutine ")))
}

// coroutineCreator returns the number of the goroutine that created the coroutine with
// this stack, or 0 if the stack is not a coroutine's.
func coroutineCreator(stack []byte) uint64 {
	_, creator, _ := bytes.Cut(stack, []byte("\ncreated by iter.Pull")) // or Pull2
	_, creator, _ = bytes.Cut(creator, []byte(" in goroutine "))
	return number(creator)
}

// number returns the number at the beginning of text, or 0.
func number(text []byte) uint64 {
	end := 0
	for end < len(text) && '0' <= text[end] && text[end] <= '9' {
		end++
	}
	n, _ := strconv.ParseUint(string(text[:end]), 10, 64)
	return n
}
