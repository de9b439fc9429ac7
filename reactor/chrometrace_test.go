package reactor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A chromeEvent is an event of Chrome's format.
type chromeEvent struct {
	Ph   string          `json:"ph"`
	Name string          `json:"name"`
	Cat  string          `json:"cat"`
	Ts   *float64        `json:"ts"`
	Pid  *int            `json:"pid"`
	Tid  *int            `json:"tid"`
	ID   json.RawMessage `json:"id"`
	Args map[string]any  `json:"args"`
}

// checkChrome parses a trace, and holds it to the rules of the format. It returns the slices, each
// with the names of those around it, and the spans.
func checkChrome(t *testing.T, text []byte) (slicesOf, spans []string) {
	t.Helper()
	var events []chromeEvent
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&events); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var stack []string
	open := map[string][]string{} // by category and id
	last := 0.0
	for i, e := range events {
		if e.Ts == nil || e.Pid == nil || e.Tid == nil {
			t.Errorf("event %d has no time, process or thread: %+v", i, e)
			continue
		}
		if *e.Ts < last {
			t.Errorf("event %d is at %v, after one at %v", i, *e.Ts, last)
		}
		last = *e.Ts
		if (e.Name == "") != (e.Ph == "E") {
			t.Errorf("event %d has the name %q", i, e.Name)
		}
		key := e.Cat + string(e.ID)
		if (e.Ph == "b" || e.Ph == "e") != (e.ID != nil) || (e.Ph == "b" || e.Ph == "e" || e.Ph == "B") != (e.Cat != "") {
			t.Errorf("event %d has the category %q and the id %q", i, e.Cat, e.ID)
		}
		switch e.Ph {
		case "B":
			stack = append(stack, e.Name)
			slicesOf = append(slicesOf, strings.Join(stack, " > "))
		case "E":
			if len(stack) == 0 {
				t.Fatalf("event %d ends a slice that has not begun:\n%s", i, text)
			}
			stack = stack[:len(stack)-1]
		case "b":
			open[key] = append(open[key], e.Name)
			spans = append(spans, fmt.Sprintf("%s: %s", e.Cat, strings.Join(open[key], " > ")))
		case "e":
			n := len(open[key]) - 1
			if n < 0 || open[key][n] != e.Name {
				t.Fatalf("event %d ends %q, and open are %q", i, e.Name, open[key])
			}
			if open[key] = open[key][:n]; n == 0 {
				delete(open, key)
			}
		case "C", "M":
			if len(e.Args) == 0 {
				t.Errorf("event %d has no args", i)
			}
		default:
			t.Errorf("event %d has the phase %q", i, e.Ph)
		}
	}
	if len(stack) != 0 || len(open) != 0 {
		t.Errorf("open in the end: slices %q, spans %v", stack, open)
	}
	return slicesOf, spans
}

func later() {}

// traced runs a program that does a bit of everything, and returns its trace.
func traced(t *testing.T) []byte {
	var w bytes.Buffer
	r := memory.New()
	stop := r.StartChromeTrace(&w)
	r.ListenTCP("192.0.2.1:80", build(&echo{}))
	client := &recorder{
		made: func(c *recorder) { c.t.Write([]byte("hello")) },
		data: func(c *recorder) { r.Advance(3 * time.Millisecond); c.t.LoseConnection() },
	}
	r.ConnectTCP("192.0.2.1:80", build(client), reactor.ConnectConfig{})
	result(r.ConnectTCP("192.0.2.1:81", build(client), reactor.ConnectConfig{}).AddErrback(func(error) (p reactor.Protocol, _ error) { return }))
	r.CallLater(time.Second, later)
	r.CallFromThread(later)
	r.WatchContext(ended(), later)
	r.RunFor(time.Minute)
	span := reactor.TraceSpan(r, "job", text(`a "job"`))
	span.Phase("first")
	span.Phase("first")
	r.Advance(time.Second)
	span.Phase("second")
	r.CallLater(0, func() {
		if err := stop(); err != nil { // in a callback
			t.Error(err)
		}
	})
	r.Pump()
	span.Phase("third")
	span.End()
	return w.Bytes()
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

type text string

func (s text) String() string { return string(s) }

func TestChromeTrace(t *testing.T) {
	got := traced(t)
	inner, spans := checkChrome(t, got)
	for _, want := range []string{
		"turn > reactor_test.later (chrometrace_test.go:",
		"events > the result of connecting to 192.0.2.1:80 > *reactor_test.recorder.ConnectionMade",
		"events > reactor_test.traced.build.func5 (helpers_test.go:64)",
		"events > *reactor_test.echo.DataReceived",
		"events > *reactor_test.recorder.DataReceived",
		"*reactor_test.recorder.ConnectionLost",
		"*reactor_test.echo.ConnectionLost",
	} {
		if !slices.ContainsFunc(inner, func(s string) bool { return strings.HasPrefix(s, want) || strings.HasSuffix(s, want) }) {
			t.Errorf("no slice %s in\n%s", want, strings.Join(inner, "\n"))
		}
	}
	want := []string{
		"connect: connect to 192.0.2.1:80",
		"connect: connect to 192.0.2.1:81",
		"connection: connection 192.0.2.1:80 - 10.0.0.1:49152",
		"connection: connection 10.0.0.1:49152 - 192.0.2.1:80",
		`job: a "job"`,
		`job: a "job" > first`,
		`job: a "job" > second`,
	}
	if !slices.Equal(spans, want) {
		t.Errorf("got the spans\n%s\nwant\n%s", strings.Join(spans, "\n"), strings.Join(want, "\n"))
	}
	if again := traced(t); !bytes.Equal(again, got) {
		t.Error("the same program has another trace the second time")
	}
}

// TestChromeTraceTimes: a slice is as long as the loop's clock says, and gaps are waits.
func TestChromeTraceTimes(t *testing.T) {
	var w bytes.Buffer
	r := memory.New()
	stop := r.StartChromeTrace(&w)
	r.CallLater(1500*time.Microsecond, func() { r.Advance(250 * time.Microsecond) })
	r.RunFor(time.Second)
	stop()
	checkChrome(t, w.Bytes())
	for _, want := range []string{
		`"ph":"B","pid":1,"tid":1,"ts":1500.000,"name":"turn","cat":"turn"`,
		`"ph":"B","pid":1,"tid":1,"ts":1500.000,"name":"reactor_test.TestChromeTraceTimes`,
		`"ph":"E","pid":1,"tid":1,"ts":1750.000}`,
	} {
		if !strings.Contains(w.String(), want) {
			t.Errorf("no %s in\n%s", want, w.String())
		}
	}
}

// TestChromeTraceFromTheMiddle: a trace begins in a callback, when a connection is open, and ends with the loop.
func TestChromeTraceFromTheMiddle(t *testing.T) {
	var w bytes.Buffer
	r := memory.New()
	r.ListenTCP("192.0.2.1:80", build(&echo{}))
	r.ConnectTCP("192.0.2.1:80", build(&recorder{}), reactor.ConnectConfig{})
	r.Pump()
	var stop func() error
	r.CallLater(0, func() { stop = r.StartChromeTrace(&w) })
	r.CallLater(0, later)
	r.CallLater(time.Second, func() { r.Stop() })
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	inner, spans := checkChrome(t, w.Bytes())
	if len(spans) != 2 || !slices.ContainsFunc(inner, func(s string) bool { return strings.HasPrefix(s, "turn > reactor_test.later") }) {
		t.Errorf("got the spans %q and the slices %q", spans, inner)
	}
	size := w.Len()
	if err := stop(); err != nil || w.Len() != size {
		t.Errorf("stop after the end: %v, and %d bytes more", err, w.Len()-size)
	}
	stop = r.StartChromeTrace(&w) // the loop may run again
	stop()
	r.StartChromeTrace(&w)
	r.Close() // ends it, too
	for range 2 {
		_, rest, _ := bytes.Cut(w.Bytes(), []byte("\n]\n"))
		w = *bytes.NewBuffer(rest)
		checkChrome(t, w.Bytes()[:bytes.Index(w.Bytes(), []byte("\n]\n"))+3])
	}
}

// TestChromeTraceOfPanics: slices end, however a callback does.
func TestChromeTraceOfPanics(t *testing.T) {
	log := logtest.Capture(t)
	var w bytes.Buffer
	r := memory.New()
	stop := r.StartChromeTrace(&w)
	r.CallLater(0, func() { panic("oops") })
	r.ListenTCP(":80", build(&recorder{made: func(*recorder) { panic("oops") }}))
	r.ConnectTCP("127.0.0.1:80", build(&recorder{data: func(*recorder) { panic("oops") }}), reactor.ConnectConfig{})
	r.Pump()
	stop()
	checkChrome(t, w.Bytes())
	if strings.Count(log.Take(), "oops") < 2 {
		t.Error("the panics were not logged")
	}
}

// A failing Writer takes left bytes.
type failing struct {
	left  int
	short bool
	panic bool
	calls int
}

var errFull = errors.New("the disk is full")

func (f *failing) Write(p []byte) (int, error) {
	if f.calls++; len(p) <= f.left {
		f.left -= len(p)
		return len(p), nil
	}
	switch {
	case f.panic:
		panic("oops")
	case f.short:
		return 1, nil
	}
	return 0, errFull
}

// TestChromeTraceWriterFails: the first error ends the trace, and the loop goes on.
func TestChromeTraceWriterFails(t *testing.T) {
	for _, w := range []*failing{{left: 10_000}, {left: 0}, {left: 20_000, short: true}, {panic: true}} {
		r := memory.New()
		stop := r.StartChromeTrace(w)
		r.ListenTCP(":80", build(&echo{}))
		r.ConnectTCP("127.0.0.1:80", build(&recorder{}), reactor.ConnectConfig{})
		span := reactor.TraceSpan(r, "job", text("job"))
		n := 0
		for range 1000 {
			r.CallLater(time.Duration(n), func() { n++; span.Phase(fmt.Sprint(n)) })
		}
		r.RunFor(time.Minute)
		calls := w.calls
		span.End()
		err := stop()
		if n != 1000 || err == nil || stop() != err || w.calls != calls {
			t.Errorf("%+v: %d calls were made, the error is %v, and it was called again: %d", w, n, err, w.calls-calls)
		}
		if !w.short && !w.panic && !errors.Is(err, errFull) {
			t.Errorf("got %v", err)
		}
		var again bytes.Buffer
		r.StartChromeTrace(&again)()
		checkChrome(t, again.Bytes())
	}
}

func TestChromeTraceMisuse(t *testing.T) {
	for want, misuse := range map[string]func(r *memory.Reactor){
		"has a trace already": func(r *memory.Reactor) { r.StartChromeTrace(&bytes.Buffer{}) },
		"a nil Writer":        func(r *memory.Reactor) { r.StartChromeTrace(nil) },
	} {
		func() {
			var w bytes.Buffer
			r := memory.New()
			stop := r.StartChromeTrace(&w)
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("got %s, want %s", got, want)
				}
				stop()
				checkChrome(t, w.Bytes())
			}()
			misuse(r)
		}()
	}
}

// TestTraceSpanWithoutATrace: a span costs nothing then, and its name is not asked.
func TestTraceSpanWithoutATrace(t *testing.T) {
	r := memory.New()
	var never never
	if n := testing.AllocsPerRun(100, func() {
		s := reactor.TraceSpan(r, "job", &never)
		s.Phase("phase")
		s.End()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestTraceSpanOfAMachine: the programs of a loop share its trace.
func TestTraceSpanOfAMachine(t *testing.T) {
	var w bytes.Buffer
	r := memory.New()
	m := r.Machine("api.example")
	stop := r.StartChromeTrace(&w)
	reactor.TraceSpan(m, "job", text("of the machine")).End()
	stop()
	if _, spans := checkChrome(t, w.Bytes()); !slices.Equal(spans, []string{"job: of the machine"}) {
		t.Errorf("got the spans %q", spans)
	}
}

type never struct{}

func (*never) String() string { panic("the name was asked") }

// TestChromeTraceOfARealLoop: also a real loop's trace keeps to the rules.
func TestChromeTraceOfARealLoop(t *testing.T) {
	var w bytes.Buffer
	l := reactor.New()
	defer l.Close()
	stop := l.StartChromeTrace(&w)
	port, err := l.ListenTCP("127.0.0.1:0", build(&echo{}))
	if err != nil {
		t.Fatal(err)
	}
	l.ConnectTCP(port.Addr().String(), build(&recorder{
		made: func(c *recorder) { c.t.Write([]byte("hello")) },
		data: func(*recorder) { l.Stop() },
	}), reactor.ConnectConfig{})
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if inner, spans := checkChrome(t, w.Bytes()); len(inner) < 5 || len(spans) != 3 {
		t.Errorf("got the slices %q and the spans %q", inner, spans)
	}
}
