package treq

import (
	"context"
	"net/http"
	"net/url"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Version is the version of the library.
const Version = client.Version

// A Deferred fires with a response. *treq.Deferred is short for
// *deferred.Deferred[*response.Response], the type that all clients and agents return.
type Deferred = response.Deferred

// The options of a request; see package client.
type (
	// Option says something of a request besides its method and URL.
	Option = client.Option
	// Params are added to the query of the URL, sorted by name.
	Params = client.Params
	// ParamList is [Params] in the order of the list.
	ParamList = client.ParamList
	// PathParams fill the placeholders in the path of the URL, such as {id}.
	PathParams = client.PathParams
	// Headers are sent with the request.
	Headers = client.Headers
	// Body is sent as it is.
	Body = client.Body
	// Files are sent as multipart/form-data.
	Files = client.Files
	// Cookies are sent with the request, and with those to the same origin that it is
	// redirected to.
	Cookies = client.Cookies
	// AllowRedirects says whether redirects are followed. The default is true.
	AllowRedirects = client.AllowRedirects
	// BrowserLikeRedirects follows redirects as browsers do, also that of a POST.
	BrowserLikeRedirects = client.BrowserLikeRedirects
	// SensitiveHeaders names headers that stay with the origin of the request.
	SensitiveHeaders = client.SensitiveHeaders
	// MaxSize bounds the body of the response, in bytes.
	MaxSize = client.MaxSize
	// Unbuffered does not keep the body of the response in memory.
	Unbuffered = client.Unbuffered
	// RaiseForStatus(true) makes a response with the status 400 or above an error, a
	// [*response.StatusError].
	RaiseForStatus = client.RaiseForStatus
	// Persistent(false) closes the connection after the request.
	Persistent = client.Persistent
	// Timeout bounds the time until the head of the response has arrived.
	Timeout = client.Timeout
	// ReadTimeout bounds the time that the reader of the body waits for its next piece.
	ReadTimeout = client.ReadTimeout
	// TotalTimeout bounds the time of the whole request.
	TotalTimeout = client.TotalTimeout
	// Retries is the number of times that a request is tried again if it fails for the time
	// being.
	Retries = client.Retries
	// ExpectContinue makes the body of the request wait until the server asks for it.
	ExpectContinue = client.ExpectContinue
	// Timed says whether the response has Times.
	Timed = client.Timed
	// All combines several options into one.
	All = client.All
)

// ParamsOf returns [Params] of a map or a list of many types; see [client.ParamsOf].
func ParamsOf(v any) Option { return client.ParamsOf(v) }

// JSON sends v as JSON; see [client.JSON].
func JSON(v any) Option { return client.JSON(v) }

// Data sends v, which may be bytes, text, a reader or a form; see [client.Data].
func Data(v any) Option { return client.Data(v) }

// Auth authorizes the request by c; see [client.Auth].
func Auth(c auth.Credentials) Option { return client.Auth(c) }

// BasicAuth authorizes the request by a user's name and password; see
// [client.BasicAuth].
func BasicAuth(user, password string) Option { return client.BasicAuth(user, password) }

// CookieJar uses jar for the request; see [client.CookieJar].
func CookieJar(jar http.CookieJar) Option { return client.CookieJar(jar) }

// Decoding decodes a coded body as config says; see [client.Decoding].
func Decoding(config agent.DecoderConfig) Option { return client.Decoding(config) }

// Agent sends the request by a, in place of the reactor's shared agent.
func Agent(a agent.Requester) Option { return client.Agent(a) }

// Limiter makes the request wait until l lets it leave; see [client.Limiter].
func Limiter(l *agent.Limiter) Option { return client.Limiter(l) }

// Informational calls f with each interim response; see [client.Informational].
func Informational(f func(code int, header http.Header)) Option { return client.Informational(f) }

// Context ends the request when ctx ends; see [client.Context].
func Context(ctx context.Context) Option { return client.Context(ctx) }

// Log logs the request as config says; see [client.Log].
func Log(config agent.LogConfig) Option { return client.Log(config) }

// Reactor makes the request on r, in place of the default reactor. The request then
// belongs to the goroutine of r. See [client.Reactor].
func Reactor(r reactor.Reactor) Option { return client.Reactor(r) }

// Request makes a request on the default reactor; see [client.HTTPClient.Request].
func Request(method, url string, options ...Option) *Deferred {
	return client.Shared(options).Request(method, url, options...)
}

// RequestURL is [Request] for a parsed URL.
func RequestURL(method string, u *url.URL, options ...Option) *Deferred {
	return client.Shared(options).RequestURL(method, u, options...)
}

// Get makes a GET request; see [Request].
func Get(url string, options ...Option) *Deferred {
	return client.Shared(options).Get(url, options...)
}

// Head makes a HEAD request; see [Request].
func Head(url string, options ...Option) *Deferred {
	return client.Shared(options).Head(url, options...)
}

// Post makes a POST request; see [Request].
func Post(url string, options ...Option) *Deferred {
	return client.Shared(options).Post(url, options...)
}

// Put makes a PUT request; see [Request].
func Put(url string, options ...Option) *Deferred {
	return client.Shared(options).Put(url, options...)
}

// Patch makes a PATCH request; see [Request].
func Patch(url string, options ...Option) *Deferred {
	return client.Shared(options).Patch(url, options...)
}

// Delete makes a DELETE request; see [Request].
func Delete(url string, options ...Option) *Deferred {
	return client.Shared(options).Delete(url, options...)
}

// Options makes an OPTIONS request; see [Request].
func Options(url string, options ...Option) *Deferred {
	return client.Shared(options).Options(url, options...)
}

// Collect calls collector with each piece of resp's body; see
// [response.Response.Collect].
func Collect(resp *response.Response, collector func(data []byte) error) *deferred.Deferred[deferred.None] {
	return resp.Collect(collector)
}

// CollectThen is [Collect] for a collector that returns a Deferred, which pauses the body
// until it fires; see [response.Response.CollectThen].
func CollectThen(resp *response.Response, collector func(data []byte) *deferred.Deferred[deferred.None]) *deferred.Deferred[deferred.None] {
	return resp.CollectThen(collector)
}

// Content reads the whole body of resp; see [response.Response.Content].
func Content(resp *response.Response) *deferred.Deferred[[]byte] { return resp.Content() }

// TextContent reads the whole body of resp as text. encoding is the charset of a response
// that names none. See [response.Response.TextWith].
func TextContent(resp *response.Response, encoding string) *deferred.Deferred[string] {
	return resp.TextWith(encoding)
}

// JSONContent reads the whole body of resp as JSON, into a T; see [response.JSON].
func JSONContent[T any](resp *response.Response) *deferred.Deferred[T] {
	return response.JSON[T](resp)
}
