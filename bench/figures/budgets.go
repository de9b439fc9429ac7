package figures

import (
	"fmt"
	"slices"
)

// The names that budgets and tables have in common with the program that measures.
const (
	floorC    = "C"
	gotreq    = "gotreq"
	resource  = "gotreq/resource"
	http1     = "gotreq/1.1"
	netHTTP   = "net/http"
	fasthttp  = "fasthttp"
	resty     = "resty"
	treq      = "python treq"
	h2load    = "h2load"
	callback  = "callback"
	goroutine = "goroutine"
	v8        = "V8"
	oneLoop   = "gotreq/1 loop"
	twoLoops  = "gotreq/2 loops"

	cpu        = "cpu"
	rate       = "rate"
	allocs     = "allocs"
	allocBytes = "alloc-bytes"
	memory     = "memory"
)

// A Term is a figure by its names.
type Term struct{ Scenario, Client, Metric string }

// A Budget is what a figure, or its ratio to another one, may be at most or has to be at least.
type Budget struct {
	What    string
	Of      Term
	Beside  Term // the other figure; without a name: none
	Less    bool // it is taken from the first, in place of a ratio
	AtMost  float64
	AtLeast float64 // used if AtMost is 0
	Unit    string  // of a figure without another one
}

// ratioOf returns a budget for processor time beside another client's in the same scenario.
func ratioOf(client, scenario, beside string, atMost float64) Budget {
	return Budget{What: scenario, Of: Term{scenario, client, cpu}, Beside: Term{scenario, beside, cpu}, AtMost: atMost}
}

// Budgets are what the library promises to itself, in the order of the table.
var Budgets = []Budget{
	ratioOf(gotreq, "GET, 1 connection", fasthttp, 0.85),
	ratioOf(gotreq, "GET, 64 connections", fasthttp, 0.85),
	ratioOf(gotreq, "GET, 1000 connections", fasthttp, 0.85),
	ratioOf(gotreq, "GET, 64 connections", floor, 1.25),
	ratioOf(gotreq, "GET, 30 headers, cookies, gzip, 64 connections", fasthttp, 1),
	ratioOf(gotreq, "JSON POST, 64 connections", fasthttp, 1.05),
	ratioOf(gotreq, "redirects, 5 and the response, 8 connections", fasthttp, 1.05),
	ratioOf(gotreq, "TLS GET, 64 connections", floor, 1.1),
	ratioOf(gotreq, "GET, new connection each, 8 at a time", floor, 1.25),
	ratioOf(gotreq, "TLS GET, new connection each, 8 at a time", floor, 1.25),
	ratioOf(gotreq, "server under wrk, 64 connections", fasthttp, 1.1),
	ratioOf(resource, "server under wrk, 64 connections", fasthttp, 1),
	ratioOf(gotreq, "1 MiB bodies, 8 connections", floor, 1.05),
	ratioOf(gotreq, "body of 1 GiB", floor, 1.05),
	ratioOf(gotreq, "multipart upload of 64 MiB", floor, 1.05),
	ratioOf(gotreq, "multipart upload of a file of 64 MiB", floor, 1.05),
	{What: "a connection that waits", Of: Term{"5000 waiting responses", gotreq, memory}, AtMost: 2500, Unit: "bytes"},
	{What: "GET, 64 connections", Of: Term{"GET, 64 connections", gotreq, allocs}, AtMost: 10, Unit: "allocations"},
	{What: "GET, 64 connections", Of: Term{"GET, 64 connections", gotreq, allocBytes}, AtMost: 1300, Unit: "bytes allocated"},
	{What: "GET through a StubTreq", Of: Term{"GET through a stub in memory", gotreq, cpu}, AtMost: 8, Unit: "us"},
	{What: "GET through a StubTreq", Of: Term{"GET through a stub in memory", gotreq, allocs}, AtMost: 35, Unit: "allocations"},
	{What: "a Deferred with 3 callbacks", Of: Term{"1000 Deferreds with 3 callbacks", gotreq, cpu}, Beside: Term{"1000 Deferreds with 3 callbacks", v8, cpu}, AtMost: 0.4},
	// The figures are of a thousand waits, in microseconds: those are nanoseconds for one.
	{What: "a wait in direct style", Of: Term{"1000 waits for a Deferred", gotreq, cpu}, Beside: Term{"1000 waits for a Deferred", callback, cpu}, Less: true, AtMost: 150, Unit: "ns"},
	{What: "requests a second, GET, 64 connections", Of: Term{"GET, 64 connections", gotreq, rate}, Beside: Term{"GET, 64 connections", treq, rate}, AtLeast: 25},
	{What: "requests a second of client and server, 2 loops", Of: Term{"client and server in one, 64 connections", twoLoops, rate}, Beside: Term{"client and server in one, 64 connections", oneLoop, rate}, AtLeast: 1.8},
	ratioOf(gotreq, "HTTP/2 GET, 64 streams, 1 connection", floor, 0.67),
	ratioOf(gotreq, "HTTP/2 GET, 64 streams, 1 connection", netHTTP, 0.25),
	ratioOf(gotreq, "HTTP/2 body of 1 GiB", http1, 1.25),
	{What: "a stream of HTTP/2 that waits", Of: Term{"HTTP/2 5000 waiting streams", gotreq, memory}, AtMost: 3000, Unit: "bytes"},
	ratioOf(gotreq, "HTTP/2 server under h2load, 1 x 64 streams", netHTTP, 0.5),
	ratioOf(gotreq, "HTTP/2 server under h2load, 8 x 64 streams", netHTTP, 0.5),
}

// Bounds are a few ratios that a change must not leave by far, on any machine. They take no longer than some seconds.
var Bounds = []Budget{
	ratioOf(gotreq, "GET, 64 connections", fasthttp, 1.5),
	ratioOf(gotreq, "GET, 64 connections", netHTTP, 0.9),
	ratioOf(gotreq, "GET, 64 connections", floor, 2.5),
	ratioOf(gotreq, "1 MiB bodies, 8 connections", floor, 1.6),
	ratioOf(gotreq, "GET through a stub in memory", netHTTP, 8),
	{What: "a wait in direct style", Of: Term{"1000 waits for a Deferred", gotreq, cpu}, Beside: Term{"1000 waits for a Deferred", goroutine, cpu}, AtMost: 1.5},
}

// Needed returns the scenarios and the clients that budgets are of.
func Needed(budgets []Budget) (scenarios, clients []string) {
	for _, b := range budgets {
		for _, t := range []Term{b.Of, b.Beside} {
			if t.Scenario != "" {
				scenarios, clients = append(scenarios, t.Scenario), append(clients, t.Client)
			}
		}
	}
	slices.Sort(scenarios)
	slices.Sort(clients)
	return slices.Compact(scenarios), slices.Compact(clients)
}

// Terms returns the figures that budgets and bounds are of, and the rows of the tables by their first metric.
func Terms() (terms []Term) {
	for _, b := range slices.Concat(Budgets, Bounds) {
		terms = append(terms, b.Of)
		if b.Beside.Scenario != "" {
			terms = append(terms, b.Beside)
		}
	}
	for _, g := range grids {
		for _, r := range g.rows {
			terms = append(terms, Term{r.scenario, g.clients[len(g.clients)-1], g.metric})
		}
	}
	return terms
}

// Value returns what a budget is of, and whether it has been measured.
func (b *Budget) Value(s *Set) (float64, bool) {
	of := s.Get(b.Of.Scenario, b.Of.Client, b.Of.Metric)
	if of == nil || b.Beside.Scenario == "" {
		return of.medianOr0(), of != nil
	}
	beside := s.Get(b.Beside.Scenario, b.Beside.Client, b.Beside.Metric)
	switch {
	case beside == nil:
		return 0, false
	case b.Less:
		return of.Median() - beside.Median(), true
	}
	return of.Median() / beside.Median(), true
}

func (f *Figure) medianOr0() float64 {
	if f == nil {
		return 0
	}
	return f.Median()
}

// Met reports whether the budget has been measured, and is kept.
func (b *Budget) Met(s *Set) bool {
	v, ok := b.Value(s)
	if b.AtMost != 0 {
		return ok && v <= b.AtMost
	}
	return ok && v >= b.AtLeast
}

// limit is the budget in words.
func (b *Budget) limit() string {
	limit := fmt.Sprintf("at most %v", b.AtMost)
	if b.AtMost == 0 {
		limit = fmt.Sprintf("at least %v", b.AtLeast)
	}
	switch {
	case b.Less:
		return fmt.Sprintf("%s %s more than %s", limit, b.Unit, b.Beside.Client)
	case b.Beside.Scenario != "":
		return fmt.Sprintf("%s of %s", limit, b.Beside.Client)
	}
	return limit + " " + b.Unit
}

// state is what was measured, in words.
func (b *Budget) state(s *Set) (value, verdict string) {
	v, ok := b.Value(s)
	switch {
	case !ok:
		return "-", "not measured"
	case b.Beside.Scenario == "" || b.Less:
		value = short(v)
	default:
		value = fmt.Sprintf("%.2f", v)
	}
	if b.Met(s) {
		return value, "met"
	}
	return value, "**not met**"
}

// name is what the budget is of, with the kind of server if that is not a handler.
func (b *Budget) name() string {
	if b.Of.Client == resource {
		return b.What + ", a resource"
	}
	return b.What
}

// Line is the budget and its state in one line.
func (b *Budget) Line(s *Set) string {
	value, verdict := b.state(s)
	return fmt.Sprintf("%s: %s (%s): %s", b.name(), value, b.limit(), verdict)
}
