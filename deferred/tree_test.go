package deferred_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// pendings are Deferreds that a test fires at its end, so that no coroutine is left.
type pendings []*D

func (p *pendings) new() *D {
	*p = append(*p, deferred.New[int]())
	return (*p)[len(*p)-1]
}

func (p *pendings) fire() {
	for _, d := range *p {
		if !d.Called() {
			d.Callback(1)
		}
	}
}

// coroutine returns the result of a coroutine that awaits d.
//
//go:noinline
func coroutine(d *D) *D {
	return deferred.Go(func(co *deferred.Co) (int, error) { return get(co, d) })
}

// TestTree: what a Deferred waits for, in words.
func TestTree(t *testing.T) {
	var p pendings
	defer p.fire()
	for _, test := range []struct {
		name string
		tree func() string
		want string
	}{
		{"a Deferred", func() string { return deferred.Tree(deferred.New[int]()) },
			"#1 Deferred[int], has not fired"},
		{"a zero value", func() string { return deferred.Tree(new(deferred.Deferred[map[string]*time.Time])) },
			"#1 Deferred[map[string]*time.Time], has not fired"},
		{"a handler", func() string { return deferred.Tree(deferred.New[int]().AddCallback(show)) },
			"#1 Deferred[int], then calls deferred_test.show (tree_test.go:N), has not fired"},
		{"a method as a handler", func() string { return deferred.Tree(deferred.New[int]().Tap(new(tapper).tap)) },
			"#1 Deferred[int], then calls deferred_test.(*tapper).tap, has not fired"},
		{"handlers", func() string {
			return deferred.Tree(deferred.New[int]().AddTimeout(1, new(fakeClock), nil).AddCallback(show).AddCallbacks(show, nil).AddCallback(show))
		}, "#1 Deferred[int], then AddTimeout and 3 more, has not fired"},
		{"a canceller", func() string { return deferred.Tree(deferred.NewCancellable(func(*D) {})) },
			"#1 Deferred[int], has not fired; Cancel calls deferred_test.TestTree.funcN (tree_test.go:N)"},
		{"a value", func() string { return deferred.Tree(deferred.Succeed(1)) },
			"#1 Deferred[int], has a result"},
		{"an error", func() string {
			d := deferred.Fail[int](fmt.Errorf("first\nsecond"))
			defer outcome(d)
			return deferred.Tree(d)
		}, "#1 Deferred[int], has failed: first"},
		{"paused", func() string {
			d := deferred.Succeed(1)
			d.Pause()
			return deferred.Tree(d)
		}, "#1 Deferred[int], is paused"},
		{"in a handler", func() (text string) {
			d := deferred.New[int]()
			d.Tap(func(int, error) { text = deferred.Tree(d) })
			d.Callback(1)
			return text
		}, "#1 Deferred[int], runs its handlers"},
		{"a chain", func() string {
			return deferred.Tree(deferred.Succeed(1).ThenCallback(func(int) *D { return deferred.New[int]() }))
		}, `
#1 Deferred[int], waits for
  #2 Deferred[int], has not fired`},
		{"links", func() string {
			d := deferred.Map(deferred.New[int](), func(int) (string, error) { return "", nil })
			e := deferred.MapBoth(d, func(string, error) (int, error) { return 1, nil })
			f := deferred.Then(e, func(int) *D { return nil })
			return deferred.Tree(deferred.ThenBoth(f, func(int, error) *D { return nil }))
		}, `
#1 Deferred[int] of ThenBoth with deferred_test.TestTree.funcN (tree_test.go:N), waits for
  #2 Deferred[int] of Then with deferred_test.TestTree.funcN (tree_test.go:N), waits for
    #3 Deferred[int] of MapBoth with deferred_test.TestTree.funcN (tree_test.go:N), waits for
      #4 Deferred[string] of Map with deferred_test.TestTree.funcN (tree_test.go:N), waits for
        #5 Deferred[int], has not fired`},
		{"ChainDeferred", func() string {
			d, other := deferred.New[int](), deferred.New[int]()
			d.ChainDeferred(other)
			return deferred.Tree(other)
		}, `
#1 Deferred[int], waits for
  #2 Deferred[int], has not fired`},
		{"coroutines", func() string { return deferred.Tree(coroutine(coroutine(p.new()))) }, `
#1 Deferred[int] of the coroutine deferred_test.coroutine.funcN at deferred_test.get (census_test.go:N), waits for
  #2 Deferred[int] of the coroutine deferred_test.coroutine.funcN at deferred_test.get (census_test.go:N), waits for
    #3 Deferred[int], has not fired`},
		{"a coroutine that has ended", func() string {
			d := p.new()
			c := coroutine(d)
			d.Callback(1)
			return deferred.Tree(c)
		}, "#1 Deferred[int], has a result"},
		{"a coroutine that runs", func() (text string) {
			d := p.new()
			var c *D
			c = deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, d)
				text = deferred.Tree(c)
				return 1, nil
			})
			d.Callback(1)
			return text
		}, "#1 Deferred[int], has a coroutine that runs"},
		{"a cancelled coroutine in a Shield", func() string {
			d := p.new()
			c := deferred.Go(func(co *deferred.Co) (int, error) {
				return deferred.Shield(co, func() (int, error) { return get(co, d) })
			})
			c.Cancel()
			return deferred.Tree(c)
		}, `
#1 Deferred[int] of the coroutine deferred_test.TestTree.funcN at deferred_test.get (census_test.go:N), cancelled, in a Shield, waits for
  #2 Deferred[int], has not fired`},
		{"a group", func() string {
			return deferred.Tree(deferred.GatherResults([]*D{deferred.New[int](), deferred.Succeed(1), deferred.Map(deferred.New[int](), show)}))
		}, `
#1 Deferred[[]int], waits for 2 of 3
  #2 Deferred[int], has not fired
  #3 Deferred[int] of Map with deferred_test.show (census_test.go:N), waits for
    #4 Deferred[int], has not fired`},
		{"a pair", func() string {
			return deferred.Tree(deferred.Gather2(deferred.New[int](), deferred.New[string]()))
		}, `
#1 Deferred[Pair[int,string]], waits for 2 of 2
  #2 Deferred[int], has not fired
  #3 Deferred[string], has not fired`},
		{"one member twice", func() string {
			d := deferred.New[int]()
			return deferred.Tree(deferred.Race([]*D{d, d}))
		}, `
#1 Deferred[Winner[int]], waits for 2 of 2
  #2 Deferred[int], has not fired
  #2 Deferred[int], as above`},
		{"a group that waits for itself", func() string {
			d := deferred.Succeed(1)
			d.Pause()
			d.ThenCallback(func(int) *D {
				return deferred.Map(deferred.GatherResults([]*D{d}), func([]int) (int, error) { return 0, nil })
			})
			d.Unpause()
			return deferred.Tree(d)
		}, `
#1 Deferred[int], waits for
  #2 Deferred[int] of Map with deferred_test.TestTree.funcN (tree_test.go:N), waits for
    #3 Deferred[[]int], waits for 1 of 1
      #1 Deferred[int], as above`},
		{"a large group", func() string {
			members := make([]*D, 1000)
			for i := range members {
				members[i] = deferred.New[int]()
			}
			text := deferred.Tree(deferred.GatherResults(members))
			eq(t, strings.Count(text, "\n"), 11)
			return text[strings.LastIndexByte(text, '\n')+1:]
		}, "  ... and 990 more"},
		{"a lock", func() string {
			var l deferred.DeferredLock
			l.Acquire()
			l.Acquire()
			return deferred.Tree(l.Acquire())
		}, "#1 Deferred[None], waits for a DeferredLock, as one other does"},
		{"a semaphore", func() string {
			s := deferred.NewDeferredSemaphore(2)
			for range 4 {
				s.Acquire()
			}
			return deferred.Tree(deferred.Run(s, func() *D { return nil }))
		}, `
#1 Deferred[int] of Run with deferred_test.TestTree.funcN (tree_test.go:N), waits for
  #2 Deferred[None], waits for a DeferredSemaphore, of 2, as 2 others do`},
		{"a queue", func() string { return deferred.Tree(deferred.NewDeferredQueue[int](deferred.QueueConfig{}).Get()) },
			"#1 Deferred[int], waits for a Put to a DeferredQueue"},
		{"a file", func() string {
			t.Chdir(t.TempDir())
			held := deferred.NewDeferredFilesystemLock("the.lock", new(fakeClock), deferred.FilesystemLockConfig{})
			held.Lock()
			defer held.Unlock()
			return deferred.Tree(deferred.NewDeferredFilesystemLock("the.lock", new(fakeClock), deferred.FilesystemLockConfig{}).DeferUntilLocked(0))
		}, "#1 Deferred[None], waits for the lock of the file the.lock"},
		{"another goroutine", func() string {
			return deferred.Tree(deferred.RunOn(newLoop(), func(func()) {}, func(context.Context) (int, error) { return 1, nil }))
		}, "#1 Deferred[int], waits for deferred_test.TestTree.funcN (tree_test.go:N), which runs on another goroutine"},
	} {
		wantText(t, test.name, test.tree(), strings.Replace(test.want, "show (tree_test", "show (census_test", 1))
	}
}

type tapper struct{}

func (*tapper) tap(int, error) {}

// TestTreeWithDebugging: with debugging, the numbers are the order in which Deferreds were made,
// and the lines that made them are known.
func TestTreeWithDebugging(t *testing.T) {
	debugging(t)
	var p pendings
	defer p.fire()
	d := p.new()
	var l deferred.DeferredLock
	l.Acquire()
	c := deferred.Go(func(co *deferred.Co) (int, error) { return get(co, d) })
	r := deferred.Run(&l, func() *D { return d })
	_, _, line, _ := runtime.Caller(0)
	q := deferred.RunOn(newLoop(), func(func()) {}, func(context.Context) (int, error) { return 1, nil })
	all := deferred.GatherResults([]*D{new(D), q, r, c})
	got := deferred.Tree(all)
	wantText(t, "debugging", got, `
#7 Deferred[[]int], made in deferred_test.TestTreeWithDebugging (tree_test.go:N), waits for 4 of 4
  #8 Deferred[int], has not fired
  #6 Deferred[int], made in deferred_test.TestTreeWithDebugging (tree_test.go:N), waits for deferred_test.TestTreeWithDebugging.funcN (tree_test.go:N), which runs on another goroutine
  #5 Deferred[int] of Run with deferred_test.TestTreeWithDebugging.funcN (tree_test.go:N), made in deferred_test.TestTreeWithDebugging (tree_test.go:N), waits for
    #4 Deferred[None], made in deferred_test.TestTreeWithDebugging (tree_test.go:N), waits for a DeferredLock, held since the Acquire in deferred_test.TestTreeWithDebugging (tree_test.go:N)
  #3 Deferred[int] of the coroutine deferred_test.TestTreeWithDebugging.funcN at deferred_test.get (census_test.go:N), made in deferred_test.TestTreeWithDebugging (tree_test.go:N), waits for
    #1 Deferred[int], made in deferred_test.(*pendings).new (tree_test.go:N), has not fired`)
	for _, want := range []string{
		fmt.Sprintf("#3 Deferred[int] of the coroutine deferred_test.TestTreeWithDebugging.func1 at deferred_test.get (census_test.go:%d), made in deferred_test.TestTreeWithDebugging (tree_test.go:%d)", lineOfGet(), line-2),
		fmt.Sprintf("held since the Acquire in deferred_test.TestTreeWithDebugging (tree_test.go:%d)", line-3),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// lineOfGet returns the line at which get waits.
func lineOfGet() int {
	line := 0
	d := deferred.New[int]()
	d.Tap(func(int, error) {})
	defer d.Callback(1)
	c := deferred.Go(func(co *deferred.Co) (int, error) { return get(co, d) })
	fmt.Sscanf(deferred.Tree(c)[strings.Index(deferred.Tree(c), "census_test.go:"):], "census_test.go:%d", &line)
	return line
}

// TestTreeLeavesCoroutinesAlone: a coroutine that was asked where it waits goes on as usual, also
// when it is asked again at each of its waits.
func TestTreeLeavesCoroutinesAlone(t *testing.T) {
	var waits []*D
	c := deferred.Go(func(co *deferred.Co) (int, error) {
		sum := 0
		for range 3 {
			d := deferred.New[int]()
			waits = append(waits, d)
			n, err := deferred.Await(co, d)
			if err != nil {
				return 0, err
			}
			sum += n
		}
		return sum, nil
	})
	for i := range 3 {
		for range 2 {
			if text := deferred.Tree(c); !strings.Contains(text, "of the coroutine") {
				t.Errorf("wait %d: %s", i, text)
			}
		}
		waits[i].Callback(i + 1)
	}
	wantValue(t, c, 6)

	d := deferred.New[int]()
	c = deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) })
	deferred.Tree(c)
	c.Cancel()
	wantError(t, c, deferred.ErrCancelled)
}

// TestTreeOfALongChain: a long chain shows both ends, and takes neither stack nor time.
func TestTreeOfALongChain(t *testing.T) {
	const n = 10_000
	ends := func(text string) string {
		lines := strings.Split(text, "\n")
		eq(t, len(lines), 17)
		return strings.TrimSpace(lines[7]) + "\n" + strings.TrimSpace(lines[8]) + "\n" + strings.TrimSpace(lines[16])
	}
	c := census(t)
	links := deferred.New[int]()
	for range n - 1 {
		links = deferred.Map(links, show)
	}
	returned := make([]*D, n) // by the handlers of each other
	for i := range returned {
		returned[i] = deferred.New[int]()
		if i > 0 {
			returned[i].ThenCallback(func(int) *D { return returned[i-1] })
			returned[i].Callback(1)
		}
	}
	var ofLinks, ofReturned, ofAll string
	var waiting []*deferred.Waiting
	bounded(t, func() {
		ofLinks, ofReturned, ofAll = deferred.Tree(links), deferred.Tree(returned[n-1]), c.String()
		waiting = c.Waiting()
	})
	wantText(t, "links", ends(ofLinks), `
#8 Deferred[int] of Map with deferred_test.show (census_test.go:N), waits for
... and 9984 more, the last of which waits for
#16 Deferred[int], has not fired`)
	wantText(t, "Deferreds that handlers have returned", ends(ofReturned), `
#8 Deferred[int], waits for
... and 9984 more, the last of which waits for
#16 Deferred[int], has not fired`)
	eq(t, strings.Count(ofAll, "\n"), 33)
	eq(t, len(waiting), 2*n-2)
	eq(t, waiting[n-2].Cause, waiting[0].Cause)
}

// TestForest: a census shows each tree from its top, and each Deferred once.
func TestForest(t *testing.T) {
	c := census(t)
	var p pendings
	defer p.fire()
	d := p.new()
	d.AddCallback(show)
	deferred.Map(d, show).AddCallback(show)
	deferred.Go(func(co *deferred.Co) (int, error) { return get(co, d) })
	deferred.New[string]()
	deferred.Succeed(1).AddCallback(show)
	deferred.New[bool]().AddCallback(kept[bool])
	want := `
#2 Deferred[int] of Map with deferred_test.show (census_test.go:N), then calls deferred_test.show (census_test.go:N), waits for
  #1 Deferred[int], then calls deferred_test.show (census_test.go:N), has not fired
#3 Deferred[int] of the coroutine deferred_test.TestForest.funcN at deferred_test.get (census_test.go:N), waits for
  #1 Deferred[int], as above
#6 Deferred[bool], then calls deferred_test.kept[...] (census_test.go:N), has not fired`
	wantText(t, "forest", c.String(), want)
	var b bytes.Buffer
	n, err := c.WriteTo(&b)
	eq(t, n, int64(b.Len()))
	eq(t, err, nil)
	wantText(t, "written", b.String(), want+"\n")
	for range 2000 {
		deferred.New[int]().AddCallback(show)
	}
	if got := c.String(); strings.Count(got, "\n") != 500 || !strings.HasSuffix(got, "\n... and 1505 more") {
		t.Errorf("%d lines, the last is %q", strings.Count(got, "\n"), got[strings.LastIndexByte(got, '\n')+1:])
	}
}

// TestWritePending: the goroutine's own Deferreds that wait, and nothing of others.
func TestWritePending(t *testing.T) {
	pending := func() string {
		var b bytes.Buffer
		deferred.WritePending(&b)
		return b.String()
	}
	deferred.New[int]().AddCallback(show) // without debugging
	eq(t, pending(), "")
	debugging(t)
	eq(t, pending(), "")
	deferred.New[int]()
	deferred.Succeed(1).AddCallback(show)
	eq(t, pending(), "")

	var p pendings
	d := p.new()
	var inCoroutine string
	c := deferred.Go(func(co *deferred.Co) (int, error) {
		deferred.New[int]().AddCallback(show)
		inCoroutine = pending()
		return deferred.Await(co, d)
	})
	var l deferred.DeferredLock
	l.Acquire()
	r := deferred.Run(&l, func() *D { return d })
	want := `
#4 Deferred[int] of the coroutine deferred_test.TestWritePending.funcN at tree_test.go:N, made in deferred_test.TestWritePending (tree_test.go:N), waits for
  #3 Deferred[int], made in deferred_test.(*pendings).new (tree_test.go:N), has not fired
#5 Deferred[int], made in deferred_test.TestWritePending.funcN (tree_test.go:N), then calls deferred_test.show (census_test.go:N), has not fired
#8 Deferred[int] of Run with deferred_test.TestWritePending.funcN (tree_test.go:N), made in deferred_test.TestWritePending (tree_test.go:N), waits for
  #7 Deferred[None], made in deferred_test.TestWritePending (tree_test.go:N), waits for a DeferredLock, held since the Acquire in deferred_test.TestWritePending (tree_test.go:N)
`
	wantText(t, "pending", pending(), want)
	wantText(t, "in the coroutine", inCoroutine, `
#4 Deferred[int], made in deferred_test.TestWritePending (tree_test.go:N), has a coroutine that runs
#5 Deferred[int], made in deferred_test.TestWritePending.funcN (tree_test.go:N), then calls deferred_test.show (census_test.go:N), has not fired
`)
	// Several goroutines make, fire and write their own.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				d := deferred.New[string]().AddCallback(kept[string])
				text := pending()
				if strings.Count(text, "\n") != 1 || !strings.Contains(text, "Deferred[string]") {
					t.Errorf("another goroutine: %s", text)
				}
				d.Callback("")
			}
		})
	}
	wg.Wait()
	p.fire()
	runtime.KeepAlive(c)
	runtime.KeepAlive(r)
}

// TestDebuggingKeepsNothing: Deferreds that were made with debugging are collected as others are.
func TestDebuggingKeepsNothing(t *testing.T) {
	debugging(t)
	const n = 5000
	collected := make(chan bool, n)
	for range n {
		d := deferred.New[int]().AddCallback(show)
		runtime.AddCleanup(d, func(c chan bool) { c <- true }, collected)
	}
	for range 10 {
		runtime.GC()
	}
	deadline := time.After(10 * time.Second)
	for i := range n - 10 {
		select {
		case <-collected:
		case <-deadline:
			t.Fatalf("only %d of %d were collected", i, n)
		}
	}
	var b bytes.Buffer
	deferred.WritePending(&b)
	if lines := strings.Count(b.String(), "\n"); lines > 10 {
		t.Errorf("%d lines of what was collected", lines)
	}
}
