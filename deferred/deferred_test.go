package deferred_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

type D = deferred.Deferred[int]

func TestLinksSeeTheResultBeforeThem(t *testing.T) {
	double := func(v int) (int, error) { return v * 2, nil }
	fail := func(int) (int, error) { return 99, errBoom }
	recovered := func(err error) (int, error) { return -1, nil }
	for _, c := range []struct {
		name  string
		chain func(d *D)
		err   error // the result, or nil for the value 21
		want  int
		fails error
	}{
		{"no handler", func(d *D) {}, nil, 21, nil},
		{"callback", func(d *D) { d.AddCallback(double) }, nil, 42, nil},
		{"callback passed by", func(d *D) { d.AddCallback(double) }, errBoom, 0, errBoom},
		{"callback fails", func(d *D) { d.AddCallback(fail) }, nil, 0, errBoom},
		{"errback passed by", func(d *D) { d.AddErrback(recovered) }, nil, 21, nil},
		{"errback recovers", func(d *D) { d.AddErrback(recovered) }, errBoom, -1, nil},
		{"errback after failing callback", func(d *D) { d.AddCallback(fail).AddErrback(recovered) }, nil, -1, nil},
		{"callback after recovery", func(d *D) { d.AddErrback(recovered).AddCallback(double) }, errBoom, -2, nil},
		{"pair, value", func(d *D) { d.AddCallbacks(double, recovered) }, nil, 42, nil},
		{"pair, error", func(d *D) { d.AddCallbacks(double, recovered) }, errBoom, -1, nil},
		{"pair does not see its own error", func(d *D) { d.AddCallbacks(fail, recovered) }, nil, 0, errBoom},
		{"pair without callback", func(d *D) { d.AddCallbacks(nil, recovered) }, nil, 21, nil},
		{"pair without errback", func(d *D) { d.AddCallbacks(double, nil) }, errBoom, 0, errBoom},
		{"both, value", func(d *D) { d.AddBoth(func(v int, err error) (int, error) { return v + 1, err }) }, nil, 22, nil},
		{"both, error", func(d *D) { d.AddBoth(func(v int, err error) (int, error) { return v + 1, nil }) }, errBoom, 1, nil},
		{"tap, value", func(d *D) { d.Tap(func(v int, err error) {}) }, nil, 21, nil},
		{"tap, error", func(d *D) { d.Tap(func(v int, err error) {}) }, errBoom, 0, errBoom},
		{"then, ready", func(d *D) { d.ThenCallback(func(v int) *D { return deferred.Succeed(v + 1) }) }, nil, 22, nil},
		{"then, failed", func(d *D) { d.ThenCallback(func(v int) *D { return deferred.Fail[int](errBoom) }) }, nil, 0, errBoom},
		{"then passed by", func(d *D) { d.ThenCallback(nil2) }, errBoom, 0, errBoom},
		{"then errback", func(d *D) { d.ThenErrback(func(error) *D { return deferred.Succeed(5) }) }, errBoom, 5, nil},
		{"then errback passed by", func(d *D) { d.ThenErrback(func(error) *D { return deferred.Succeed(5) }) }, nil, 21, nil},
		{"then both", func(d *D) {
			d.ThenBoth(func(v int, err error) *D { return deferred.Fail[int](fmt.Errorf("x: %w", err)) })
		}, errBoom, 0, errBoom},
		{"more handlers than inline", func(d *D) {
			for range 20 {
				d.AddCallback(func(v int) (int, error) { return v + 1, nil })
			}
		}, nil, 41, nil},
	} {
		check := func(d *D) {
			t.Helper()
			if c.fails != nil {
				wantError(t, d, c.fails)
			} else {
				wantValue(t, d, c.want)
			}
		}
		t.Run(c.name+", handlers first", func(t *testing.T) {
			d := deferred.New[int]()
			c.chain(d)
			fire(d, c.err)
			check(d)
		})
		t.Run(c.name+", fired first", func(t *testing.T) {
			var d D // the zero value works
			fire(&d, c.err)
			c.chain(&d)
			check(&d)
		})
	}
}

func nil2(int) *D { return nil }

func fire(d *D, err error) { d.Resolve(21, err) }

func TestMethodsReturnTheDeferred(t *testing.T) {
	d := deferred.New[int]()
	same := func(v int) (int, error) { return v, nil }
	if e := d.AddCallback(same).AddErrback(func(err error) (int, error) { return 0, err }).
		ThenCallback(func(v int) *D { return deferred.Succeed(v) }).
		ChainDeferred(deferred.New[int]()); e != d {
		t.Error("a method returned another Deferred")
	}
}

func TestTypeChangingLinks(t *testing.T) {
	text := func(v int) (string, error) { return fmt.Sprint(v), nil }
	textBoth := func(v int, err error) (string, error) { return fmt.Sprint(v, err), nil }
	later := func(s string) *deferred.Deferred[string] { return deferred.Succeed(s) }
	for _, c := range []struct {
		name  string
		link  func(d *D) *deferred.Deferred[string]
		err   error
		want  string
		fails error
	}{
		{"Map", func(d *D) *deferred.Deferred[string] { return deferred.Map(d, text) }, nil, "21", nil},
		{"Map of error", func(d *D) *deferred.Deferred[string] { return deferred.Map(d, text) }, errBoom, "", errBoom},
		{"MapBoth", func(d *D) *deferred.Deferred[string] { return deferred.MapBoth(d, textBoth) }, nil, "21 <nil>", nil},
		{"MapBoth of error", func(d *D) *deferred.Deferred[string] { return deferred.MapBoth(d, textBoth) }, errBoom, "0 boom", nil},
		{"Then", func(d *D) *deferred.Deferred[string] {
			return deferred.Then(d, func(v int) *deferred.Deferred[string] { return later(fmt.Sprint(v)) })
		}, nil, "21", nil},
		{"Then of error", func(d *D) *deferred.Deferred[string] {
			return deferred.Then(d, func(v int) *deferred.Deferred[string] { return later(fmt.Sprint(v)) })
		}, errBoom, "", errBoom},
		{"ThenBoth", func(d *D) *deferred.Deferred[string] {
			return deferred.ThenBoth(d, func(v int, err error) *deferred.Deferred[string] { return later(fmt.Sprint(v, err)) })
		}, errBoom, "0 boom", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				d := deferred.New[int]()
				if first {
					fire(d, c.err)
				}
				e := c.link(d)
				if !first {
					fire(d, c.err)
				}
				if c.fails != nil {
					wantError(t, e, c.fails)
				} else {
					wantValue(t, e, c.want)
				}
				// d keeps its own result.
				if c.err != nil {
					wantError(t, d, c.err)
				} else {
					wantValue(t, d, 21)
				}
			}
		})
	}
}

func TestHandlersAddedWhileHandlersRunKeepTheirOrder(t *testing.T) {
	var s story
	d := deferred.New[int]()
	note := func(name string) func(int) (int, error) {
		return func(v int) (int, error) { s.add("%s", name); return v, nil }
	}
	d.AddCallback(func(v int) (int, error) {
		s.add("1")
		d.AddCallback(note("4"))
		d.AddCallback(note("5"))
		s.add("1 done")
		return v, nil
	})
	d.AddCallback(note("2"))
	d.AddCallback(func(v int) (int, error) {
		s.add("3")
		d.AddCallback(note("6"))
		return v, nil
	})
	d.Callback(0)
	d.AddCallback(note("7"))
	eq(t, s, story{"1", "1 done", "2", "3", "4", "5", "6", "7"})
}

func TestAHandlerMayAddAnErrbackForItsOwnError(t *testing.T) {
	d := deferred.Succeed(1)
	d.AddCallback(func(int) (int, error) {
		d.AddErrback(func(error) (int, error) { return 7, nil })
		return 0, errBoom
	})
	wantValue(t, d, 7)
}

func TestAHandlerThatKeepsAddingTakesNoStack(t *testing.T) {
	d := deferred.New[int]()
	var again func(v int) (int, error)
	again = func(v int) (int, error) {
		if v < 1_000_000 {
			d.AddCallback(again)
		}
		return v + 1, nil
	}
	d.AddCallback(again).Callback(0)
	wantValue(t, d, 1_000_001)
}

// Tap sees what the handler before it left, and the handler after it gets the same.
func TestTap(t *testing.T) {
	for _, err := range []error{nil, errBoom} {
		d := deferred.New[int]()
		var seen []string
		look := func(v int, err error) { seen = append(seen, fmt.Sprint(v, err)) }
		d.Tap(look).AddCallback(func(v int) (int, error) { return v * 2, nil }).Tap(look)
		if d.Tap(look) != d {
			t.Error("Tap returns another Deferred")
		}
		fire(d, err)
		d.Tap(look)
		want := "[21 <nil> 42 <nil> 42 <nil> 42 <nil>]"
		if err != nil {
			want = "[0 boom 0 boom 0 boom 0 boom]"
		}
		eq(t, fmt.Sprint(seen), want)
		outcome(d)
	}
}

func TestTapAllocatesNothing(t *testing.T) {
	look, keep := func(int, error) {}, func(v int, err error) (int, error) { return v, err }
	tapped := testing.AllocsPerRun(100, func() { deferred.New[int]().Tap(look).Tap(look).Callback(1) })
	both := testing.AllocsPerRun(100, func() { deferred.New[int]().AddBoth(keep).AddBoth(keep).Callback(1) })
	if tapped != both {
		t.Errorf("%v allocations, with AddBoth %v", tapped, both)
	}
}

func TestNilHandlersPanicByName(t *testing.T) {
	d := deferred.New[int]()
	for name, f := range map[string]func(){
		"AddCallback":    func() { d.AddCallback(nil) },
		"AddErrback":     func() { d.AddErrback(nil) },
		"AddCallbacks":   func() { d.AddCallbacks(nil, nil) },
		"AddBoth":        func() { d.AddBoth(nil) },
		"Tap":            func() { d.Tap(nil) },
		"ThenCallback":   func() { d.ThenCallback(nil) },
		"ThenErrback":    func() { d.ThenErrback(nil) },
		"ThenBoth":       func() { d.ThenBoth(nil) },
		"Map":            func() { deferred.Map[int, int](d, nil) },
		"MapBoth":        func() { deferred.MapBoth[int, int](d, nil) },
		"Then":           func() { deferred.Then[int, int](d, nil) },
		"NewCancellable": func() { deferred.NewCancellable[int](nil) },
		"Errback":        func() { d.Errback(nil) },
		"ChainDeferred":  func() { d.ChainDeferred(nil) },
		"Unpause":        func() { d.Unpause() },
		"AddTimeout":     func() { d.AddTimeout(1, nil, nil) },
		"Await":          func() { deferred.Await[int](nil, nil) },
		"Go":             func() { deferred.Go[int](nil) },
		"Run":            func() { deferred.Run[int](nil, nil) },
		"Execute":        func() { deferred.Execute[int](nil) },
		"MaybeDeferred":  func() { deferred.MaybeDeferred[int](nil) },
		"RunOn":          func() { deferred.RunOn[int](newLoop(), newGoroutine, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			if got := fmt.Sprint(wantPanic(t, f)); !strings.HasPrefix(got, "deferred: ") || !strings.Contains(got, name) {
				t.Errorf("panic %q does not name %s", got, name)
			}
		})
	}
	if d.Called() {
		t.Error("a nil handler fired the Deferred")
	}
}

func TestFiringTwicePanics(t *testing.T) {
	for name, first := range map[string]func(*D){
		"value": func(d *D) { d.Callback(1) },
		"error": func(d *D) { d.Errback(errBoom) },
	} {
		for how, again := range map[string]func(*D){
			"Callback": func(d *D) { d.Callback(2) },
			"Errback":  func(d *D) { d.Errback(errBoom) },
		} {
			t.Run(name+" then "+how, func(t *testing.T) {
				d := deferred.New[int]()
				first(d)
				err, ok := wantPanic(t, func() { again(d) }).(*deferred.AlreadyCalledError)
				if !ok || err.How != how || err.Made != "" {
					t.Errorf("got %#v", err)
				}
				if want := "deferred: " + how + " on a Deferred that has already fired"; err.Error() != want {
					t.Errorf("got %q, want %q", err, want)
				}
				outcome(d)
			})
		}
	}
}

func TestDebuggingShowsPlaces(t *testing.T) {
	deferred.SetDebugging(true)
	defer deferred.SetDebugging(false)
	if !deferred.Debugging() {
		t.Fatal("Debugging is false after SetDebugging(true)")
	}
	d := madeHere()
	firedHere(d)
	err := wantPanic(t, func() { firedAgain(d) }).(*deferred.AlreadyCalledError)
	for place, stack := range map[string]string{"madeHere": err.Made, "firedHere": err.First, "firedAgain": err.Second} {
		// It has the callers outside of tests, too.
		if !strings.Contains(stack, place) || !strings.Contains(stack, "testing.tRunner") || strings.Contains(stack, "/deferred/deferred.go") {
			t.Errorf("stack of %s is\n%s", place, stack)
		}
		if !strings.Contains(err.Error(), stack) {
			t.Errorf("%q does not show %s", err, place)
		}
	}
	deferred.SetDebugging(false)
	e := deferred.Map(deferred.Succeed(1), func(v int) (int, error) { return v, nil })
	if err := wantPanic(t, func() { e.Callback(1) }).(*deferred.AlreadyCalledError); err.Made != "" {
		t.Error("the stack was recorded while debugging was off")
	}
}

func madeHere() *D    { return deferred.New[int]() }
func firedHere(d *D)  { d.Callback(1) }
func firedAgain(d *D) { d.Callback(1) }

func TestPanicsInEveryKindOfHandlerBecomeErrors(t *testing.T) {
	type link func(d *D) *D
	for name, c := range map[string]struct {
		link link
		err  error
	}{
		"AddCallback":  {func(d *D) *D { return d.AddCallback(func(int) (int, error) { panic(errBoom) }) }, nil},
		"AddErrback":   {func(d *D) *D { return d.AddErrback(func(error) (int, error) { panic(errBoom) }) }, errors.New("first")},
		"AddCallbacks": {func(d *D) *D { return d.AddCallbacks(func(int) (int, error) { panic(errBoom) }, nil) }, nil},
		"AddBoth":      {func(d *D) *D { return d.AddBoth(func(int, error) (int, error) { panic(errBoom) }) }, errors.New("first")},
		"Tap":          {func(d *D) *D { return d.Tap(func(int, error) { panic(errBoom) }) }, nil},
		"Tap, error":   {func(d *D) *D { return d.Tap(func(int, error) { panic(errBoom) }) }, errors.New("first")},
		"ThenCallback": {func(d *D) *D { return d.ThenCallback(func(int) *D { panic(errBoom) }) }, nil},
		"ThenErrback":  {func(d *D) *D { return d.ThenErrback(func(error) *D { panic(errBoom) }) }, errors.New("first")},
		"d.ThenBoth":   {func(d *D) *D { return d.ThenBoth(func(int, error) *D { panic(errBoom) }) }, nil},
		"Map":          {func(d *D) *D { return deferred.Map(d, func(int) (int, error) { panic(errBoom) }) }, nil},
		"MapBoth":      {func(d *D) *D { return deferred.MapBoth(d, func(int, error) (int, error) { panic(errBoom) }) }, nil},
		"Then":         {func(d *D) *D { return deferred.Then(d, func(int) *D { panic(errBoom) }) }, nil},
		"ThenBoth":     {func(d *D) *D { return deferred.ThenBoth(d, func(int, error) *D { panic(errBoom) }) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := deferred.New[int]()
			e := c.link(d)
			after := 0
			d.AddBoth(func(v int, err error) (int, error) { after++; return v, err })
			fire(d, c.err)
			got, _ := outcome(e)
			var p *deferred.PanicError
			if !errors.As(got.Err, &p) || p.Value != any(errBoom) || !errors.Is(got.Err, errBoom) {
				t.Fatalf("got %v", got)
			}
			if !strings.Contains(string(p.Stack), "deferred_test.go") {
				t.Errorf("stack does not show the handler:\n%s", p.Stack)
			}
			eq(t, p.Error(), "panic: boom")
			eq(t, after, 1)
			if wantPanic(t, p.Repanic) != any(p) {
				t.Error("Repanic did not panic with the error")
			}
			outcome(d)
		})
	}
}

func TestAPanicWhoseValueIsNoError(t *testing.T) {
	d := deferred.Succeed(1).AddCallback(func(int) (int, error) { panic("text") })
	got, _ := outcome(d)
	if errors.Unwrap(got.Err) != nil || got.Err.Error() != "panic: text" {
		t.Errorf("got %v", got.Err)
	}
}

func TestGoexitIsNotSwallowed(t *testing.T) {
	exits := func(f func()) bool {
		done := make(chan bool)
		go func() {
			returned := false
			defer func() { done <- !returned && recover() == nil }()
			f()
			returned = true
		}()
		return <-done
	}
	fake := &testing.T{}
	for name, f := range map[string]func(){
		"AddCallback": func() {
			deferred.Succeed(1).AddCallback(func(int) (int, error) { fake.SkipNow(); return 0, nil })
		},
		"Map": func() {
			deferred.Map(deferred.Succeed(1), func(int) (int, error) { fake.SkipNow(); return 0, nil })
		},
		"Execute": func() { deferred.Execute(func() (int, error) { fake.SkipNow(); return 0, nil }) },
		"Go": func() {
			deferred.Go(func(*deferred.Co) (int, error) { fake.SkipNow(); return 0, nil })
		},
		"Go, later": func() {
			d := deferred.New[int]()
			deferred.Go(func(co *deferred.Co) (int, error) { deferred.Await(co, d); fake.SkipNow(); return 0, nil })
			d.Callback(1)
		},
		"canceller": func() { deferred.NewCancellable(func(*D) { fake.SkipNow() }).Cancel() },
	} {
		if !exits(f) {
			t.Errorf("%s swallowed the Goexit", name)
		}
	}
}

func TestPause(t *testing.T) {
	d := deferred.New[int]()
	ran := 0
	d.AddCallback(func(v int) (int, error) { ran++; return v, nil })
	d.Pause()
	d.Pause()
	d.Callback(1)
	d.AddCallback(func(v int) (int, error) { ran++; return v, nil })
	if ran != 0 || !d.Called() || !d.Paused() {
		t.Error("a handler ran while the Deferred was paused")
	}
	d.Unpause()
	eq(t, ran, 0)
	d.Unpause()
	eq(t, ran, 2)
	if d.Paused() {
		t.Error("still paused")
	}

	// Pause in a handler holds back the next one.
	e := deferred.New[int]()
	e.AddCallback(func(v int) (int, error) { e.Pause(); return v, nil })
	e.AddCallback(func(v int) (int, error) { ran++; return v, nil })
	e.Callback(1)
	eq(t, ran, 2)
	e.Unpause()
	eq(t, ran, 3)

	// Unpause without a result runs nothing.
	f := deferred.New[int]()
	f.Pause()
	f.Unpause()
	wantPending(t, f)
}

func TestString(t *testing.T) {
	inner := deferred.New[int]()
	waiting := deferred.Succeed(1).ThenCallback(func(int) *D { return inner })
	mapped := deferred.Map(inner, func(int) (string, error) { return "", nil })
	paused := deferred.New[int]()
	paused.Pause()
	failed := deferred.Fail[int](errBoom)
	for _, c := range []struct {
		d    fmt.Stringer
		want string
	}{
		{inner, fmt.Sprintf("<Deferred[int] at %p: pending>", inner)},
		{waiting, fmt.Sprintf("<Deferred[int] at %p: waiting for Deferred[int] at %p>", waiting, inner)},
		{mapped, fmt.Sprintf("<Deferred[string] at %p: waiting for Deferred[int] at %p>", mapped, inner)},
		{paused, fmt.Sprintf("<Deferred[int] at %p: pending, paused>", paused)},
		{failed, fmt.Sprintf(`<Deferred[int] at %p: error "boom">`, failed)},
	} {
		eq(t, c.d.String(), c.want)
	}
	outcome(failed)
	inner.Callback(8)
	eq(t, waiting.String(), fmt.Sprintf("<Deferred[int] at %p: value 8>", waiting))
}
