package coro

import "iter"

// A Pool keeps coroutines whose Tasks have ended, with their stacks, and runs further Tasks
// on them. Starting a coroutine takes longer than most of the code that runs on one.
//
// A Pool belongs to a loop, and is open only while one goroutine drives it. So whoever gets
// control from the loop finds no idle coroutine: none is left after a test, none is in the
// way of a goroutine that drives the loop next, and [RunsOn] is right about all of them.
//
// The zero value is closed. A Pool that is nil or closed keeps nothing, but Tasks run all
// the same.
type Pool struct {
	idle    []*coroutine
	open    bool
	session uint // of Open; a coroutine is used again only in the session in which it started
	unused  int  // the least number of idle coroutines since Trim
}

// maxIdle bounds the idle coroutines. A new stack has 2 KB, most have grown to 8 KB, and the
// garbage collector shrinks large ones.
const maxIdle = 64

// Open makes p keep coroutines. Until Close, only the calling goroutine, and coroutines on
// it, may use p.
func (p *Pool) Open() {
	p.open = true
	p.session++
}

// Close ends the idle coroutines. Those that run a Task end with it.
func (p *Pool) Close() {
	p.open = false
	p.drop(len(p.idle))
}

// Trim ends the coroutines that were idle ever since the last Trim.
func (p *Pool) Trim() {
	p.drop(p.unused)
	p.unused = len(p.idle)
}

// drop ends n of the idle coroutines.
func (p *Pool) drop(n int) {
	for range n {
		p.take().next()
	}
}

// take returns an idle coroutine, or nil.
func (p *Pool) take() *coroutine {
	if p == nil || len(p.idle) == 0 {
		return nil
	}
	last := len(p.idle) - 1
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	p.unused = min(p.unused, last)
	return c
}

// keep makes c an idle coroutine, or returns false.
func (p *Pool) keep(c *coroutine) bool {
	if p == nil || !p.open || p.session != c.session || len(p.idle) >= maxIdle {
		return false
	}
	p.idle = append(p.idle, c)
	return true
}

// A coroutine runs one Task after another. It ends when it is resumed without a Task.
type coroutine struct {
	task    *Task // runs now, or is to run; nil if the coroutine is idle
	next    func() (struct{}, bool)
	yield   func(struct{}) bool
	session uint // of the Pool
	noted   bool // its creator is noted
}

// start returns a coroutine that runs the Tasks of p.
func (p *Pool) start() *coroutine {
	c := new(coroutine)
	if p != nil {
		c.session = p.session
	}
	c.next, _ = iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		defer c.unwind()
		for c.task != nil {
			if !c.noted && noting.Load() {
				c.noted = true
				NoteCreator()
			}
			t := c.task
			t.f(t)
			t.ended = true
			c.task, t.on, t.f = nil, nil, nil
			if p.keep(c) {
				yield(struct{}{})
			}
		}
	})
	return c
}

// unwind is called when the coroutine ends. If the function of its Task has panicked, the panic goes on in the caller of
// Resume. If it has exited, the coroutine is never resumed; see [Task.free].
func (c *coroutine) unwind() {
	t := c.task
	if t == nil {
		return
	}
	t.ended = true
	if v := recover(); v != nil {
		panic(v)
	}
	t.exited = true
	c.yield(struct{}{})
}
