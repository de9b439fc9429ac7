package deferred_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// Each handler of a chain gets the result of the previous one.
func Example() {
	d := deferred.New[string]()
	length := deferred.Map(d, strconv.Atoi)
	length.AddCallback(func(n int) (int, error) { return n * 2, nil })
	length.AddCallback(func(n int) (int, error) {
		fmt.Println("twice that is", n)
		return n, nil
	})
	d.Callback("21")
	// Output: twice that is 42
}

// An errback recovers from an error, so that the chain continues with a value.
func ExampleDeferred_AddErrback() {
	d := deferred.New[int]()
	d.AddErrback(func(err error) (int, error) {
		fmt.Println("recovering from:", err)
		return -1, nil
	})
	d.AddCallback(func(n int) (int, error) {
		fmt.Println("value:", n)
		return n, nil
	})
	d.Errback(errors.New("disk full"))
	// Output:
	// recovering from: disk full
	// value: -1
}

// A look at the result, on its way to the handlers.
func ExampleDeferred_Tap() {
	for _, page := range []string{"21", "x"} {
		d := deferred.Map(deferred.Succeed(page), strconv.Atoi)
		d.Tap(func(n int, err error) { fmt.Println("log:", n, err) })
		d.AddErrback(func(error) (int, error) { return -1, nil })
		d.AddCallback(func(n int) (int, error) { return n * 2, nil })
		d.Tap(func(n int, err error) { fmt.Println("log:", n, err) })
	}
	// Output:
	// log: 21 <nil>
	// log: 42 <nil>
	// log: 0 strconv.Atoi: parsing "x": invalid syntax
	// log: -2 <nil>
}

// The handler takes one kind of error and passes on the others.
func ExampleTrap() {
	for _, err := range []error{io.EOF, io.ErrClosedPipe} {
		d := deferred.Fail[string](err)
		d.AddErrback(deferred.Trap(io.EOF, func(error) (string, error) { return "the end", nil }))
		d.AddBoth(func(s string, err error) (string, error) {
			fmt.Printf("%q %v\n", s, err)
			return s, nil
		})
	}
	// Output:
	// "the end" <nil>
	// "" io: read/write on closed pipe
}

func ExampleTrapAs() {
	d := deferred.Map(deferred.Succeed("12x"), strconv.Atoi)
	d.AddErrback(deferred.TrapAs(func(err *strconv.NumError) (int, error) {
		fmt.Println("not a number:", err.Num)
		return 0, nil
	}))
	// Output: not a number: 12x
}

// A handler that returns a Deferred suspends the chain until that Deferred fires.
func ExampleThen() {
	answer := deferred.New[int]()
	ask := func(question string) *deferred.Deferred[int] {
		fmt.Println("asked:", question)
		return answer
	}
	d := deferred.Then(deferred.Succeed("six times seven?"), ask)
	d.Tap(func(n int, _ error) { fmt.Println("answer:", n) })
	fmt.Println("only the chain waits")
	answer.Callback(42)
	// Output:
	// asked: six times seven?
	// only the chain waits
	// answer: 42
}

// Cancelling the end of a chain stops the work at its beginning.
func ExampleDeferred_Cancel() {
	work := deferred.NewCancellable(func(*deferred.Deferred[int]) { fmt.Println("work stopped") })
	text := deferred.Map(work, func(n int) (string, error) { return strconv.Itoa(n), nil })
	text.AddErrback(func(err error) (string, error) {
		fmt.Println(errors.Is(err, deferred.ErrCancelled))
		return "", nil
	})
	text.Cancel()
	// Output:
	// work stopped
	// true
}

// The example moves the clock of the timeout.
func ExampleDeferred_AddTimeout() {
	clock := new(fakeClock)
	d := deferred.New[string]()
	d.AddTimeout(5*time.Second, clock, nil)
	d.AddErrback(func(err error) (string, error) {
		fmt.Println(err)
		return "", nil
	})
	clock.advance(4 * time.Second)
	fmt.Println("four seconds")
	clock.advance(time.Second)
	// Output:
	// four seconds
	// deferred: timed out after 5s
}

func ExampleGatherResults() {
	a, b := deferred.New[int](), deferred.New[int]()
	all := deferred.GatherResults([]*deferred.Deferred[int]{a, b})
	all.Tap(func(values []int, _ error) { fmt.Println(values) })
	b.Callback(2)
	a.Callback(1)
	// Output: [1 2]
}

func ExampleGather2() {
	name, age := deferred.New[string](), deferred.New[int]()
	both := deferred.Gather2(name, age)
	both.Tap(func(p deferred.Pair[string, int], _ error) { fmt.Println(p.First, "is", p.Second) })
	age.Callback(36)
	name.Callback("Ada")
	// Output: Ada is 36
}

func ExampleDeferredList() {
	l := deferred.DeferredList([]*deferred.Deferred[int]{
		deferred.Succeed(1),
		deferred.Fail[int](errors.New("no")),
	}, deferred.ConsumeErrors)
	l.Tap(func(results []deferred.Result[int], _ error) {
		for _, r := range results {
			fmt.Println(r.Value, r.Err)
		}
	})
	// Output:
	// 1 <nil>
	// 0 no
}

func ExampleRace() {
	slow := deferred.NewCancellable(func(*deferred.Deferred[string]) { fmt.Println("slow one stopped") })
	fast := deferred.New[string]()
	deferred.Race([]*deferred.Deferred[string]{slow, fast}).
		Tap(func(w deferred.Winner[string], _ error) { fmt.Println(w.Value, "won") })
	fast.Callback("hare")
	// Output:
	// slow one stopped
	// hare won
}

// The coroutine waits for two Deferreds. The goroutine does not wait.
func ExampleGo() {
	first, second := deferred.New[int](), deferred.New[int]()
	sum := deferred.Go(func(co *deferred.Co) (int, error) {
		a, err := deferred.Await(co, first)
		if err != nil {
			return 0, err
		}
		fmt.Println("the first is", a)
		b, err := deferred.Await(co, second)
		return a + b, err
	})
	sum.Tap(func(n int, _ error) { fmt.Println("the sum is", n) })
	first.Callback(1)
	second.Callback(2)
	// Output:
	// the first is 1
	// the sum is 3
}

// The coroutine is cancelled while it reads. It says goodbye even so, and waits until that
// is sent.
func ExampleShield() {
	read, sent := deferred.New[string](), deferred.New[int]()
	session := deferred.Go(func(co *deferred.Co) (string, error) {
		defer deferred.Shield(co, func() (int, error) {
			fmt.Println("goodbye")
			n, err := deferred.Await(co, sent) // without the Shield: ErrCancelled, at once
			fmt.Println("sent", n, "bytes")
			return n, err
		})
		return deferred.Await(co, read)
	})
	session.AddErrback(func(err error) (string, error) {
		fmt.Println("the session:", err)
		return "", nil
	})
	session.Cancel()
	sent.Callback(7)
	// Output:
	// goodbye
	// sent 7 bytes
	// the session: deferred: cancelled
}

// The coroutine takes an error as a reason to try again, unless it is cancelled.
func ExampleCo_Cancelled() {
	attempt := deferred.New[string]()
	result := deferred.Go(func(co *deferred.Co) (string, error) {
		for {
			answer, err := deferred.Await(co, attempt)
			if err == nil || co.Cancelled() {
				return answer, err
			}
			fmt.Println("trying again after", err)
			attempt = deferred.New[string]()
		}
	})
	result.AddErrback(func(err error) (string, error) {
		fmt.Println(err)
		return "", nil
	})
	attempt.Errback(io.ErrUnexpectedEOF)
	result.Cancel()
	// Output:
	// trying again after unexpected EOF
	// deferred: cancelled
}

// The first line of the description says where the panic began, the lines below have its
// stack.
func ExampleDescribe() {
	d := deferred.MaybeDeferred(func() *deferred.Deferred[int] { panic("no such thing") })
	d.AddErrback(func(err error) (int, error) {
		first, _, _ := strings.Cut(deferred.Describe(err), "\n")
		fmt.Println(first[:strings.LastIndexByte(first, ':')]) // without the number of the line
		return 0, nil
	})
	// Output: panic: no such thing at example_test.go
}

// A program that does not use task.React calls ReportUnhandled at its end.
func ExampleReportUnhandled() {
	deferred.ReportUnhandled() // what other examples have left
	previous := deferred.SetUnhandledReporter(func(u deferred.Unhandled) { fmt.Println("unhandled:", u.Err) })
	defer func() { deferred.SetUnhandledReporter(previous) }()

	deferred.Fail[int](errors.New("disk full")) // and nobody looks
	deferred.ReportUnhandled()
	// Output: unhandled: disk full
}

// A semaphore limits ten jobs to three at a time.
func ExampleRun() {
	var jobs []*deferred.Deferred[int]
	running, most := 0, 0
	start := func() *deferred.Deferred[int] {
		running++
		most = max(most, running)
		job := deferred.New[int]()
		jobs = append(jobs, job)
		return job.Tap(func(n int, _ error) { running-- })
	}

	sem := deferred.NewDeferredSemaphore(3)
	var results []*deferred.Deferred[int]
	for range 10 {
		results = append(results, deferred.Run(sem, start))
	}
	fmt.Println("started at once:", len(jobs))

	deferred.GatherResults(results).Tap(func(values []int, _ error) { fmt.Println("all done:", values) })
	for i := 0; i < len(jobs); i++ { // the end of each one starts another
		jobs[i].Callback(i)
	}
	fmt.Println("most at a time:", most)
	// Output:
	// started at once: 3
	// all done: [0 1 2 3 4 5 6 7 8 9]
	// most at a time: 3
}

func ExampleDeferredLock() {
	var lock deferred.DeferredLock
	visit := func(name string, stay *deferred.Deferred[int]) {
		deferred.Go(func(co *deferred.Co) (deferred.None, error) {
			if _, err := deferred.Await(co, lock.Acquire()); err != nil {
				return deferred.None{}, err
			}
			defer lock.Release()
			fmt.Println(name, "comes in")
			_, err := deferred.Await(co, stay)
			fmt.Println(name, "leaves")
			return deferred.None{}, err
		})
	}
	a, b := deferred.New[int](), deferred.New[int]()
	visit("Ann", a)
	visit("Bob", b)
	a.Callback(0)
	b.Callback(0)
	// Output:
	// Ann comes in
	// Ann leaves
	// Bob comes in
	// Bob leaves
}

func ExampleDeferredQueue() {
	q := deferred.NewDeferredQueue[string](deferred.QueueConfig{})
	deferred.Go(func(co *deferred.Co) (deferred.None, error) {
		for {
			s, err := deferred.Await(co, q.Get())
			if err != nil || s == "" {
				return deferred.None{}, err
			}
			fmt.Println("got", s)
		}
	})
	q.Put("one")
	q.Put("two")
	q.Put("")
	// Output:
	// got one
	// got two
}

// A channel passes a result to another goroutine.
func ExampleToChannel() {
	d := deferred.New[int]()
	result := deferred.ToChannel(d)
	done := make(chan bool)
	go func() {
		r := <-result
		fmt.Println(r.Value, r.Err)
		close(done)
	}()
	d.Callback(7)
	<-done
	// Output: 7 <nil>
}

func ExampleMaybeDeferred() {
	d := deferred.MaybeDeferred(func() *deferred.Deferred[int] { panic("no such thing") })
	d.AddErrback(func(err error) (int, error) {
		fmt.Println(err)
		return 0, nil
	})
	// Output: panic: no such thing
}

// A test that gets no result shows what the result waits for. Here it is the lock, which nobody
// has released.
func ExampleTree() {
	var lock deferred.DeferredLock
	lock.Acquire()
	answer := deferred.New[string]()
	all := deferred.Gather2(answer, lock.Acquire())
	answer.Callback("yes")
	fmt.Println(deferred.Tree(all))
	// Output:
	// #1 Deferred[Pair[string,None]], waits for 1 of 2
	//   #2 Deferred[None], waits for a DeferredLock
}

// At its end, a test asks whether something still waits, and whether an error was lost.
func ExampleOpenCensus() {
	census := deferred.OpenCensus()
	defer census.Close()

	answer := deferred.New[string]()
	deferred.GatherResults([]*deferred.Deferred[string]{answer, deferred.Succeed("no")})
	deferred.Fail[int](errors.New("disk full"))

	fmt.Println(census)
	for _, u := range census.Unhandled() {
		fmt.Println("nobody has handled:", u.Err)
	}
	// Output:
	// #3 Deferred[[]string], waits for 1 of 2
	//   #1 Deferred[string], has not fired
	// nobody has handled: disk full
}

// Each Deferred for which something waits is also a value, with its root cause.
func ExampleCensus_Waiting() {
	census := deferred.OpenCensus()
	defer census.Close()

	var queue = deferred.NewDeferredQueue[int](deferred.QueueConfig{})
	deferred.ToChannel(queue.Get())

	for _, w := range census.Waiting() {
		fmt.Println(w.Type, w.Waiters)
		fmt.Println(w)
	}
	// Output:
	// Deferred[int] [ToChannel]
	// #1 Deferred[int], awaited by ToChannel, waits for a Put to a DeferredQueue
}

// A cancellation that a canceller does not follow is found at the end of a test.
func ExampleCensus_CancelsIgnored() {
	census := deferred.OpenCensus()
	defer census.Close()

	download := deferred.NewCancellable(func(d *deferred.Deferred[string]) { d.Callback("all of it") })
	download.Cancel()

	for _, e := range census.CancelsIgnored() {
		fmt.Println(e)
	}
	// Output: #1 Deferred[string], was cancelled and has ended with a value all the same
}

// A live program writes what its reactor waits for. With debugging it also knows the lines.
func ExampleWritePending() {
	deferred.SetDebugging(true)
	defer deferred.SetDebugging(false)
	answer := deferred.New[string]()
	answer.AddErrback(deferred.LogError)

	var text strings.Builder
	deferred.WritePending(&text)
	fmt.Println(strings.Contains(text.String(), "#1 Deferred[string], made in deferred_test.ExampleWritePending (example_test.go:"))
	runtime.KeepAlive(answer)
	// Output: true
}
