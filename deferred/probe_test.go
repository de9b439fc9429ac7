package deferred_test

import (
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// TestLookingChangesNothing: a program runs as ever when somebody looks at it in between, whatever
// its coroutines do at that moment.
func TestLookingChangesNothing(t *testing.T) {
	type program struct {
		look func(d *D)                    // may look at d, and at everything else
		note func(format string, a ...any) // what the program does
	}
	await := func(p *program, co *deferred.Co, what string, d *D) (int, error) {
		v, err := deferred.Await(co, d)
		p.note("%s: %v, %v", what, v, err)
		return v, err
	}
	for name, run := range map[string]func(p *program){
		"from inside": func(p *program) {
			wait := deferred.New[int]()
			var c *D
			c = deferred.Go(func(co *deferred.Co) (int, error) {
				await(p, co, "await", wait)
				p.look(c)
				return 1, nil
			})
			wait.Callback(1)
			p.look(c)
		},
		"from a coroutine that another one awaits": func(p *program) {
			wait := deferred.New[int]()
			var outer *D
			inner := deferred.Go(func(co *deferred.Co) (int, error) {
				v, err := await(p, co, "inner", wait)
				p.look(outer)
				return v, err
			})
			outer = deferred.Go(func(co *deferred.Co) (int, error) { return await(p, co, "outer", inner) })
			p.look(outer)
			wait.Callback(2)
			p.look(outer)
		},
		"from a handler under a coroutine": func(p *program) {
			first, second := deferred.New[int](), deferred.New[int]()
			var c *D
			second.Tap(func(int, error) { p.look(c) })
			c = deferred.Go(func(co *deferred.Co) (int, error) {
				await(p, co, "first", first)
				second.Callback(2) // calls the handler while this function runs
				return await(p, co, "second", second)
			})
			p.look(c)
			first.Callback(1)
		},
		"from a canceller": func(p *program) {
			var c *D
			wait := deferred.NewCancellable(func(*D) { p.look(c) })
			c = deferred.Go(func(co *deferred.Co) (int, error) { return await(p, co, "await", wait) })
			c.Cancel()
			p.look(c)
		},
		"from a coroutine that is cancelled": func(p *program) {
			wait, clean := deferred.New[int](), deferred.New[int]()
			var c *D
			c = deferred.Go(func(co *deferred.Co) (int, error) {
				await(p, co, "await", wait)
				p.look(c)
				deferred.Shield(co, func() (int, error) { return await(p, co, "shielded", clean) })
				p.look(c)
				return await(p, co, "refused", deferred.New[int]())
			})
			c.Cancel()
			p.look(c)
			clean.Callback(3)
		},
		"at a coroutine that is unwound": func(p *program) {
			var c *D
			wait := deferred.New[int]()
			c = deferred.Go(func(co *deferred.Co) (int, error) {
				defer p.look(c)
				for {
					await(p, co, "again", wait)
					p.look(c)
					wait = deferred.New[int]()
				}
			})
			c.Cancel()
			p.look(c)
		},
		"at a coroutine that recovers for ever": func(p *program) {
			wait := deferred.New[int]()
			c := deferred.Go(func(co *deferred.Co) (int, error) {
				for {
					func() {
						defer func() { recover() }()
						deferred.Await(co, wait)
						wait = deferred.New[int]()
					}()
				}
			})
			p.look(c)
			c.Cancel()
			p.look(c)
		},
		"at a wait in an iterator": func(p *program) {
			waits := []*D{deferred.New[int](), deferred.New[int]()}
			c := deferred.Go(func(co *deferred.Co) (int, error) {
				next, stop := iter.Pull(func(yield func(int) bool) {
					for _, d := range waits {
						v, _ := await(p, co, "in the iterator", d)
						if !yield(v) {
							return
						}
					}
				})
				defer stop()
				a, _ := next()
				b, _ := next()
				return a + b, nil
			})
			for i, d := range waits {
				p.look(c)
				p.look(c)
				d.Callback(i + 1)
			}
			p.look(c)
		},
		"at a group of coroutines": func(p *program) {
			wait := deferred.New[int]()
			one := func(co *deferred.Co) (int, error) { return await(p, co, "one", wait) }
			all := deferred.GatherResults([]*D{deferred.Go(one), deferred.Go(one)})
			deferred.Map(all, func([]int) (int, error) { return 1, nil }).Tap(func(v int, err error) { p.note("%v %v", v, err) })
			p.look(wait)
			wait.Callback(1)
		},
		"at one that another goroutine started": func(p *program) {
			wait := deferred.New[int]()
			var c *D
			done := make(chan None)
			go func() {
				defer close(done)
				c = deferred.Go(func(co *deferred.Co) (int, error) { return await(p, co, "await", wait) })
			}()
			<-done
			p.look(c)
			done = make(chan None)
			go func() { defer close(done); p.look(c) }()
			<-done
			wait.Callback(1)
		},
		"at one that has left with Goexit": func(p *program) {
			wait := deferred.New[int]()
			var c *D
			done := make(chan None)
			go func() {
				defer close(done)
				c = deferred.Go(func(co *deferred.Co) (int, error) {
					await(p, co, "await", wait)
					runtime.Goexit()
					return 1, nil
				})
				wait.Callback(1)
			}()
			<-done
			p.look(c)
			p.look(wait)
		},
		"at one that has fired already": func(p *program) {
			wait := deferred.New[int]()
			c := deferred.Go(func(co *deferred.Co) (int, error) { return await(p, co, "await", wait) })
			c.AddErrback(deferred.Trap(deferred.ErrCancelled, func(error) (int, error) { return 0, nil }))
			wait.Pause()
			wait.Callback(1)
			p.look(c)
			c.Cancel()
			p.look(wait)
			wait.Unpause()
			p.look(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			debugging(t)
			play := func(look func(c *deferred.Census, d *D)) string {
				c := deferred.OpenCensus()
				defer c.Close()
				reporter := deferred.SetUnhandledReporter(func(deferred.Unhandled) {})
				defer func() { deferred.SetUnhandledReporter(reporter) }()
				var notes strings.Builder
				p := &program{
					look: func(d *D) { look(c, d) },
					note: func(format string, a ...any) { fmt.Fprintf(&notes, format+"\n", a...) },
				}
				run(p)
				for _, u := range c.Unhandled() {
					p.note("unhandled: %v", u.Err)
				}
				for _, e := range c.CancelsIgnored() {
					p.note("ignored: #%d", e.Number)
				}
				return notes.String()
			}
			want := play(func(*deferred.Census, *D) {})
			looks := 0
			got := play(func(c *deferred.Census, d *D) {
				looks++
				if d != nil {
					deferred.Tree(d)
				}
				c.Waiting()
				c.WriteTo(io.Discard)
				deferred.WritePending(io.Discard)
			})
			eq(t, got, want)
			if looks == 0 {
				t.Error("nobody looked")
			}
		})
	}
}
