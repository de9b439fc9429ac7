// Package testing makes requests in memory, for tests that cannot flake: the real
// client on the real agent, over connections that a test holds in its hand, to the
// real server. There is no network, no waiting and no other goroutine: when a call
// returns, all that can come of it has come. It is treq.testing.
//
// Its name is that of Go's own package; in a test, which needs both, import it as
//
//	import treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
//
// # A first test
//
// Code that is to be tested takes a [treq.Client], and does not care who made it:
//
//	func weather(c treq.Client) *deferred.Deferred[string] {
//		d := c.Get("http://weather.example/today", treq.Params{"in": {"Rome"}})
//		return deferred.Then(d, (*response.Response).Text)
//	}
//
// Its test gives it a [StubTreq], which answers all requests, whatever host they
// name. A [RequestSequence] says which are to come, and what the answers are:
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
// A request that differs fails the test, and the text shows in what; so does one
// that does not come. [Any], [HasHeaders], [HasParams], [Matching], [JSON], [Form]
// and [Where] are for parts of a request that need not be equal to something.
//
// # What else there is
//
//   - [NewHandlerStubTreq] has an http.Handler answer, and [NewStubTreq] any
//     [web.Resource]: your own server can be tested as well as your client. Where
//     the server goes on with a response later, call [StubTreq.Flush] to see it.
//   - [StubTreq.Advance] moves the clock: timeouts and retries take no time.
//   - [StubTreq.Reactor] has the network fail or be slow; see package memory.
//   - An https URL is marked as secure, or, with RealTLS of [Config], is.
//   - Package deferredtest looks at a Deferred: SuccessResultOf, FailureResultOf, NoResult.
//   - A [RequestTraversalAgent] is the agent of a StubTreq alone, and an [AgentSpy]
//     records requests: they are for what wraps an agent.
//
// # Coming from treq
//
//	StubTreq(resource)               NewStubTreq(resource, Config{})
//	stub.flush()                     stub.Flush()
//	RequestSequence([...], report)   NewRequestSequence(t, ...); its AsyncFailureReporter
//	with seq.consume(self.fail):     seq.Consume(func() { ... }), or nothing: the test's
//	                                   end looks too
//	seq.consumed()                   seq.Consumed()
//	mock.ANY                         Any
//	HasHeaders({...})                HasHeaders{...}
//	StringStubbingResource(f)        StringStubbingResource(ResponderFunc(f))
//	agent_spy()                      &AgentSpy{}
//	self.successResultOf(d)          deferredtest.SuccessResultOf(t, d)
//
// Two things differ on purpose: files can be sent, and the parameters of a request
// are those of the query alone, where Twisted adds those of a form.
package testing
