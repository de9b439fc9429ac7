// Package testing makes HTTP requests in memory, for tests that cannot flake. It joins the
// real client to the real server by connections in memory. There is no network, no waiting
// and no other goroutine: when a call returns, everything it caused has happened. It is
// Python's treq.testing.
//
// A test also imports Go's own package testing, so it gives this one another name:
//
//	import treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
//
// # A first test
//
// A function to be tested takes a [treq.Client]:
//
//	func weather(c treq.Client) *deferred.Deferred[string] {
//		d := c.Get("http://weather.example/today", treq.Params{"in": {"Rome"}})
//		return deferred.Then(d, (*response.Response).Text)
//	}
//
// Its test passes a [StubTreq], which answers all requests, to any host. A
// [RequestSequence] lists the expected requests and their replies:
//
//	func TestWeather(t *testing.T) {
//		seq := treqtesting.NewRequestSequence(t, treqtesting.Exchange{
//			Request: treqtesting.Request{
//				Method: "get",
//				URL:    "http://weather.example/today",
//				Params: url.Values{"in": {"Rome"}},
//			},
//			Reply: treqtesting.Reply{Code: 200, Body: "sunny"},
//		})
//		stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})
//		got := deferredtest.SuccessResultOf(t, weather(stub))
//		if got != "sunny" {
//			t.Errorf("got %q", got)
//		}
//	}
//
// A request that differs fails the test with a text that shows the difference. A missing
// request fails it too. Where equality is too strict, use [Any], [HasHeaders],
// [HasParams], [Matching], [JSON], [Form] or [Where].
//
// # What else there is
//
//   - [NewHandlerStubTreq] takes an http.Handler, [NewStubTreq] any [web.Resource]: it
//     tests your own server as well as your client. After the server continues a
//     response, call [StubTreq.Flush].
//   - [StubTreq.Advance] moves the clock: timeouts and retries take no time.
//   - A [Reply] may come later, arrive in pieces, stall or break off. [NewResponse] makes a
//     response of one, without a server.
//   - [StubTreq.DelayedCalls] are the timers that the program has left behind. Printed, they say
//     where they were made.
//   - [StubTreq.Reactor] simulates faults of the network; see package memory.
//   - [Config] has real TLS, and HTTP/2. Without real TLS, a request to an https URL is marked
//     as secure. Over HTTP/2, many requests can be under way on one connection; the test resets
//     one by cancelling it, and [web.Site.Shutdown] of [StubTreq.Site] tells the client to go away.
//   - Package deferredtest has SuccessResultOf, FailureResultOf, FailureAs, FailureIs and NoResult.
//   - [RequestTraversalAgent] and [AgentSpy] test agents that wrap another agent. The
//     first answers requests as a StubTreq does, the second records them.
//
// # Looking for the run that fails
//
// A test as above does the same in each run. [Explore] runs a program a thousand times, each with
// other orders, delays, splits, faults of the network and cancels, and checks that nothing is left
// behind. It makes the run that fails as small as it can, and shows it. [Search] returns what it
// finds instead, [Fuzz] lets Go's fuzzer make the choices, and [Sometimes] says that a test still
// reaches what it is about.
//
// # Coming from treq
//
//	StubTreq(resource)               NewStubTreq(resource, Config{})
//	stub.flush()                     stub.Flush()
//	RequestSequence([...], report)   NewRequestSequence(t, ...); its AsyncFailureReporter
//	with seq.consume(self.fail):     seq.Consume(func() { ... }), or nothing: the end of
//	                                   the test checks too
//	seq.consumed()                   seq.Consumed()
//	mock.ANY                         Any
//	HasHeaders({...})                HasHeaders{...}
//	StringStubbingResource(f)        StringStubbingResource(ResponderFunc(f))
//	agent_spy()                      &AgentSpy{}
//	self.successResultOf(d)          deferredtest.SuccessResultOf(t, d)
//	self.failureResultOf(d, E)       deferredtest.FailureAs[E](t, d)
//
// Two things differ on purpose: files can be sent, and the parameters of a request are
// those of the query only. Twisted adds those of a form.
package testing
