package treq

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// The options of a request; see package client.
type (
	// Option says something of a request beside its method and URL.
	Option = client.Option
	// Params are added to the query of the URL, sorted by name.
	Params = client.Params
	// ParamList is Params in an order of their own.
	ParamList = client.ParamList
	// Headers are sent with the request.
	Headers = client.Headers
	// Body is sent as it is.
	Body = client.Body
	// Files are sent as multipart/form-data.
	Files = client.Files
	// Cookies are sent with the request, and wherever it is redirected to in the
	// same origin.
	Cookies = client.Cookies
	// AllowRedirects says whether redirects are followed; they are by default.
	AllowRedirects = client.AllowRedirects
	// BrowserLikeRedirects has redirects followed as browsers do, a POST too.
	BrowserLikeRedirects = client.BrowserLikeRedirects
	// Unbuffered has the body of the response not kept in memory.
	Unbuffered = client.Unbuffered
	// Persistent(false) has the connection closed after the request.
	Persistent = client.Persistent
	// Timeout bounds how long it may take until the response's head is there.
	Timeout = client.Timeout
	// ReadTimeout bounds how long the body may make its reader wait.
	ReadTimeout = client.ReadTimeout
	// TotalTimeout bounds the request with all that belongs to it.
	TotalTimeout = client.TotalTimeout
	// ExpectContinue has the request's body wait until the server asks for it.
	ExpectContinue = client.ExpectContinue
	// All are several options as one.
	All = client.All
)

// ParamsOf is Params made of a map or a list of many types; see [client.ParamsOf].
func ParamsOf(v any) Option { return client.ParamsOf(v) }

// JSON is v as JSON, for the request to carry; see [client.JSON].
func JSON(v any) Option { return client.JSON(v) }

// Data is the body of the request: bytes, text, a reader, a form; see
// [client.Data].
func Data(v any) Option { return client.Data(v) }

// Auth has the request authorized by credentials; see [client.Auth].
func Auth(c auth.Credentials) Option { return client.Auth(c) }

// BasicAuth has the request authorized by a user's name and password; see
// [client.BasicAuth].
func BasicAuth(user, password string) Option { return client.BasicAuth(user, password) }

// CookieJar has the request use a jar; see [client.CookieJar].
func CookieJar(jar http.CookieJar) Option { return client.CookieJar(jar) }

// Decoding has a coded body decoded as config says; see [client.Decoding].
func Decoding(config agent.DecoderConfig) Option { return client.Decoding(config) }

// Agent has a send the request, in place of the one that all requests share.
func Agent(a agent.Requester) Option { return client.Agent(a) }

// Informational has f called with each interim response; see
// [client.Informational].
func Informational(f func(code int, header http.Header)) Option { return client.Informational(f) }

// Reactor has the request made on r, whose goroutine it then belongs to, by an agent
// that all requests on r share, unless there is an [Agent].
func Reactor(r reactor.Reactor) Option {
	return client.OnReactor(r, agentOn(r))
}

// agents are those of the reactors that requests were made on. They keep their
// connections, as treq's module does.
var agents struct {
	sync.Mutex
	on map[reactor.Reactor]*agent.Agent
}

func agentOn(r reactor.Reactor) *agent.Agent {
	agents.Lock()
	defer agents.Unlock()
	a := agents.on[r]
	if a == nil {
		a = agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{})})
		if agents.on == nil {
			agents.on = make(map[reactor.Reactor]*agent.Agent)
		}
		agents.on[r] = a
	}
	return a
}

// newClient returns a client for one request: it has no cookies of the last one, as
// treq's functions have none. A program that wants to keep them, and one with a
// reactor of its own, makes a [client.HTTPClient].
func newClient() *client.HTTPClient {
	r := reactor.Default()
	return client.New(r, client.Config{Agent: agentOn(r)})
}

// Request makes a request on the default reactor; see
// [client.HTTPClient.Request].
func Request(method, url string, options ...Option) *deferred.Deferred[*response.Response] {
	return newClient().Request(method, url, options...)
}

// RequestURL is [Request] for a URL that has been parsed.
func RequestURL(method string, u *url.URL, options ...Option) *deferred.Deferred[*response.Response] {
	return newClient().RequestURL(method, u, options...)
}

// Get makes a GET request; see [Request].
func Get(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return newClient().Get(url, options...)
}

// Head makes a HEAD request; see [Request].
func Head(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return newClient().Head(url, options...)
}

// Post makes a POST request; see [Request].
func Post(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return newClient().Post(url, options...)
}

// Put makes a PUT request; see [Request].
func Put(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return newClient().Put(url, options...)
}

// Patch makes a PATCH request; see [Request].
func Patch(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return newClient().Patch(url, options...)
}

// Delete makes a DELETE request; see [Request].
func Delete(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return newClient().Delete(url, options...)
}

// Options makes an OPTIONS request; see [Request].
func Options(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return newClient().Options(url, options...)
}

// Collect calls collector with each piece of resp's body; see
// [response.Response.Collect].
func Collect(resp *response.Response, collector func(data []byte) error) *deferred.Deferred[deferred.None] {
	return resp.Collect(collector)
}

// CollectThen is Collect for a collector that returns a Deferred, until which the body
// is paused; see [response.Response.CollectThen].
func CollectThen(resp *response.Response, collector func(data []byte) *deferred.Deferred[deferred.None]) *deferred.Deferred[deferred.None] {
	return resp.CollectThen(collector)
}

// Content reads the whole body of resp; see [response.Response.Content].
func Content(resp *response.Response) *deferred.Deferred[[]byte] { return resp.Content() }

// TextContent reads the whole body of resp as text; see
// [response.Response.TextWith]. encoding is for a response that names none.
func TextContent(resp *response.Response, encoding string) *deferred.Deferred[string] {
	return resp.TextWith(encoding)
}

// JSONContent reads the whole body of resp as JSON, into a T; see [response.JSON].
func JSONContent[T any](resp *response.Response) *deferred.Deferred[T] {
	return response.JSON[T](resp)
}
