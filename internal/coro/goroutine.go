package coro

import (
	"bytes"
	"iter"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// This file finds out on which goroutine code runs. A coroutine of
// iter.Pull is a goroutine with a number of its own, and yet it runs on the goroutine
// that resumes it, which waits meanwhile. Handlers of HTTP requests, coroutines of
// package deferred, TLS handshakes and decoders are such coroutines.
//
// Go tells all this only in the text of a stack. The last lines of a coroutine's stack
// name its creator:
//
//	created by iter.Pull[...] in goroutine 18

// stackBuffers holds buffers for the text of a stack, which is mostly shorter.
var stackBuffers = sync.Pool{New: func() any { b := make([]byte, 4<<10); return &b }}

// NoteCreators makes each coroutine of this module note its creator when it starts, so
// that RunsOn need not look for it. It takes some microseconds per coroutine.
func NoteCreators(on bool) { noting.Store(on) }

var noting atomic.Bool

// NoteCreator notes the creator of the calling coroutine if NoteCreators is on.
func NoteCreator() {
	if noting.Load() {
		creatorOf(Goroutine())
	}
}

// RunsOn reports whether the caller is on goroutine id: whether it is that goroutine, or
// a coroutine that runs on it. A coroutine whose chain of creators begins at goroutine id
// is taken to run there.
func RunsOn(id uint64) bool { return CallerRunsOn(Goroutine(), id) }

// CallerRunsOn is RunsOn for a caller that knows its own number, which takes about a microsecond
// to find out.
func CallerRunsOn(caller, id uint64) bool {
	if caller == id {
		return true
	}
	creator := creatorOf(caller)
	if creator == 0 {
		return false
	}
	for creator != id {
		next, known := creators.get(creator)
		if !known {
			return coroutineRunsOn(id, creator)
		}
		creator = next
	}
	return true
}

// Base returns the number of the goroutine on which the caller runs: its own, or that of the
// creator if the caller is a coroutine, and so on. The creators of coroutines that started
// without NoteCreators may be unknown; their number then stands for theirs.
func Base() uint64 {
	base := Goroutine()
	if base == lastBase.Load() || creatorOf(base) == 0 {
		lastBase.Store(base)
		return base
	}
	for {
		creator, known := creators.get(base)
		if !known {
			return base
		}
		base = creator
	}
}

// lastBase is the number of a goroutine that is no coroutine: the last one of which Base has
// found that out, which takes some microseconds.
var lastBase atomic.Uint64

// coroutineRunsOn reports whether a coroutine that is running, and that goroutine creator
// created, runs on goroutine id. It reads the stacks of all goroutines, which takes long
// and is rarely needed: for a coroutine with a creator that is not known. It notes the
// creators of all coroutines.
func coroutineRunsOn(id, creator uint64) bool {
	all := goroutines()
	for number, g := range all {
		if g.creator != 0 {
			creators.put(number, g.creator)
		}
	}
	for creator != id {
		next, known := creators.get(creator)
		if !known {
			// The chain of creators has an end that is not id. The coroutine runs on that
			// goroutine if it runs any coroutine, and otherwise on another one. If id runs
			// by itself, it runs no coroutine.
			return all[id].switched && !all[creator].switched
		}
		creator = next
	}
	return true
}

// creators is the creators of coroutines. The Go runtime never uses a number of a
// goroutine again, so what is noted stays true.
var creators creatorCache

// A creatorCache has at most 2*maxCreators creators. It forgets the older half when it is
// full.
type creatorCache struct {
	mu         sync.Mutex
	young, old map[uint64]uint64
}

const maxCreators = 32 << 10

func (c *creatorCache) get(coroutine uint64) (creator uint64, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if creator, known = c.young[coroutine]; !known {
		creator, known = c.old[coroutine]
	}
	return creator, known
}

func (c *creatorCache) put(coroutine, creator uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young == nil || len(c.young) >= maxCreators {
		c.young, c.old = make(map[uint64]uint64), c.young
	}
	c.young[coroutine] = creator
}

// creatorOf returns the number of the goroutine that created the caller, whose own number
// is caller, or 0 if the caller is no coroutine.
func creatorOf(caller uint64) uint64 {
	if plain[caller%uint64(len(plain))].Load() == caller {
		return 0
	}
	if creator, known := creators.get(caller); known {
		return creator
	}
	buffer := stackBuffers.Get().(*[]byte)
	defer stackBuffers.Put(buffer)
	text := (*buffer)[:runtime.Stack(*buffer, false)]
	for len(text) == len(*buffer) { // the last lines may be missing
		*buffer = make([]byte, 4*len(*buffer))
		text = (*buffer)[:runtime.Stack(*buffer, false)]
	}
	creator := coroutineCreator(text)
	if creator != 0 {
		creators.put(caller, creator)
	} else {
		plain[caller%uint64(len(plain))].Store(caller)
	}
	return creator
}

// plain has some of the goroutines that are no coroutines, each at its number modulo the length.
// An ordinary goroutine that makes blocking calls is asked at each of them, and its whole stack
// would have to be read each time.
var plain [1024]atomic.Uint64

// A goroutine is what the text of its stack tells.
type goroutine struct {
	switched bool   // it is suspended: a coroutine runs on it, or it is a coroutine that waits
	creator  uint64 // the number of the creator of a coroutine; 0 for other goroutines
}

// stacks returns the texts of the stacks of all goroutines of the program.
func stacks() iter.Seq[[]byte] {
	buffer := make([]byte, 64<<10)
	n := runtime.Stack(buffer, true)
	for n == len(buffer) {
		buffer = make([]byte, 4*len(buffer))
		n = runtime.Stack(buffer, true)
	}
	return bytes.SplitSeq(buffer[:n], []byte("\n\n"))
}

// Calling returns the number of a goroutine that is calling the function with this name,
// such as "p.(*T).f", or 0. It reads the stacks of all goroutines. A stack of more than 100
// functions shows the first and the last 50.
func Calling(function string) uint64 {
	call := []byte(function + "(")
	for text := range stacks() {
		if bytes.Contains(text, call) {
			return goroutineNumber(text)
		}
	}
	return 0
}

// goroutines returns all goroutines of the program by their numbers.
func goroutines() map[uint64]goroutine {
	all := make(map[uint64]goroutine)
	for text := range stacks() {
		header, _, _ := bytes.Cut(text, []byte("\n"))
		all[goroutineNumber(text)] = goroutine{
			switched: bytes.Contains(header, []byte(" [coroutine")),
			creator:  coroutineCreator(text),
		}
	}
	return all
}

// Goroutine returns the number of the calling goroutine.
func Goroutine() uint64 {
	buffer := stackBuffers.Get().(*[]byte)
	defer stackBuffers.Put(buffer)
	text := (*buffer)[:len("goroutine 18446744073709551615 ")]
	return goroutineNumber(text[:runtime.Stack(text, false)])
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
