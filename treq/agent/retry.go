package agent

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A RetryConfig says which requests a [RetryAgent] tries again, and when. The zero value
// works.
type RetryConfig struct {
	// Retries is the number of tries after the first one. 0 means [DefaultRetries]; a
	// negative number means none.
	Retries int

	// MoreMethods are methods of requests that may be sent again although the server may
	// have processed them. The idempotent methods always may: GET, HEAD, OPTIONS, TRACE,
	// PUT and DELETE (RFC 9110, section 9.2.2), and so may a request with the header
	// Idempotency-Key or X-Idempotency-Key, as in package net/http. A request that was
	// surely not sent is tried again whatever its method is; see NotSent of
	// [RequestError].
	MoreMethods []string
	// MoreCodes are status codes after which a request is tried again, besides 408, 425,
	// 429, 502, 503 and 504. A common one is 500.
	MoreCodes []int
	// Retry, if it is not nil, decides after each try whether there is another one. It
	// overrides the decision of the agent, which is the Retryable of the Try. It is asked
	// after a success too. It cannot override the Retries, the MaxRetryAfter and the
	// Budget, and a body that can be sent only once.
	Retry func(Try) bool

	// FirstWait bounds the wait before the second try. The bound doubles with each
	// further try, up to MaxWait. The wait is a random part of its bound, so that the
	// clients of a server that failed do not return all at once ("full jitter"). 0 means
	// [DefaultFirstWait]; a negative time means no wait.
	FirstWait time.Duration
	// MaxWait bounds all waits. 0 means [DefaultMaxWait].
	MaxWait time.Duration
	// MaxRetryAfter is the longest Retry-After that the agent obeys (RFC 9110, section
	// 10.2.3): it waits so long, and then for the random time. If a server asks for a
	// longer wait, its response is the result. 0 means [DefaultMaxRetryAfter].
	MaxRetryAfter time.Duration
	// TryTimeout bounds each try, until the head of its response is received. A try that
	// takes longer fails with a [*TimeoutError]. 0 means no bound. The timeouts of a
	// client bound all tries together, with the waits in between.
	TryTimeout time.Duration

	// Budget bounds the retries of all requests together. nil means a new RetryBudget.
	Budget *RetryBudget

	// OnRetry, if it is not nil, is called after each try that another one should
	// follow, for a log for example. It must not read the body of the response.
	OnRetry func(Try)
}

const (
	// DefaultRetries is the default of Retries of a [RetryConfig].
	DefaultRetries = 3
	// DefaultFirstWait is the default of FirstWait of a [RetryConfig].
	DefaultFirstWait = 500 * time.Millisecond
	// DefaultMaxWait is the default of MaxWait of a [RetryConfig].
	DefaultMaxWait = 30 * time.Second
	// DefaultMaxRetryAfter is the default of MaxRetryAfter of a [RetryConfig].
	DefaultMaxRetryAfter = time.Minute
)

// A Try is one sending of a request, and its result.
type Try struct {
	// Number counts the tries of the request, from 1.
	Number int
	// Request is the request that was sent.
	Request *request.Request
	// Response is the response. nil if the try failed.
	Response *response.Response
	// Err says why the try failed. nil if there is a response.
	Err error
	// Retryable says whether there should be another try. For Retry, this is the decision
	// of the agent, by [Temporary], MoreMethods and MoreCodes.
	Retryable bool
	// Wait is the time until the next try. It is for OnRetry.
	Wait time.Duration
	// GaveUp says why there is no next try, although there should be one:
	// [ErrNoRetriesLeft], [ErrNoRetryBudget], [ErrLongRetryAfter], or
	// [request.ErrNotRepeatable] and other errors of the body. nil if there is a next try.
	// It is for OnRetry.
	GaveUp error
}

// Reasons why a request is not tried again.
var (
	// ErrNoRetriesLeft says that the Retries of a [RetryConfig] are used up.
	ErrNoRetriesLeft = errors.New("no retries are left")
	// ErrNoRetryBudget says that the [RetryBudget] for the server is used up.
	ErrNoRetryBudget = errors.New("the retry budget for the server is used up")
	// ErrLongRetryAfter says that the server asks, by Retry-After, for a wait above the
	// MaxRetryAfter of a [RetryConfig].
	ErrLongRetryAfter = errors.New("the Retry-After of the server is too long")
)

// A RetryError says how often a request was tried before it failed. errors.Is and errors.As
// find the reasons. It is the reason in a [*RequestError].
type RetryError struct {
	// Tries is the number of tries, from 1.
	Tries int
	// Err is the error of the last try.
	Err error
	// GaveUp says why there was no further try, although Err allowed one; see [Try]. It
	// is deferred.ErrCancelled if the request was cancelled or its timeout was over, and
	// nil if Err does not allow another try.
	GaveUp error
}

func (e *RetryError) Error() string {
	tries := strconv.Itoa(e.Tries) + " tries"
	if e.Tries == 1 {
		tries = "1 try"
	}
	switch e.GaveUp {
	case nil, ErrNoRetriesLeft:
		return fmt.Sprintf("after %s: %v", tries, e.Err)
	case deferred.ErrCancelled:
		return fmt.Sprintf("cancelled after %s: %v", tries, e.Err)
	}
	return fmt.Sprintf("after %s (%v): %v", tries, e.GaveUp, e.Err)
}

// Unwrap returns Err and GaveUp.
func (e *RetryError) Unwrap() []error {
	if e.GaveUp == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.GaveUp}
}

// An answeredError stands for the response of an earlier try, where an error is needed.
type answeredError struct{ code int }

func (e *answeredError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the server answered %d %s", e.code, http.StatusText(e.code)))
}

// retryCodes are the status codes after which a request is tried again.
var retryCodes = []int{
	http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
	http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// A RetryAgent is a Requester that tries a request again if it fails for the time being. It
// belongs below an agent that follows redirects, so that each hop is tried by itself.
//
// The last response or error is the result; Tries of the response and of a [*RetryError]
// count the tries. The bodies of the responses in between are read, up to
// [response.DiscardLimit], so that their connections can be used again. Cancelling the
// Deferred ends the try or the wait.
//
// A body is sent again if it can be; see [request.Repeatable]. A request whose body cannot
// be sent again is tried again as long as its body has not started.
type RetryAgent struct {
	reactor reactor.Reactor
	inner   Requester
	config  RetryConfig
}

// NewRetryAgent returns a RetryAgent on top of inner. The waits use the clock and the
// randomness of r.
func NewRetryAgent(r reactor.Reactor, inner Requester, config RetryConfig) *RetryAgent {
	config.Retries = cmp.Or(config.Retries, DefaultRetries)
	config.FirstWait = max(0, cmp.Or(config.FirstWait, DefaultFirstWait))
	config.MaxWait = min(max(0, cmp.Or(config.MaxWait, DefaultMaxWait)), forever)
	config.MaxRetryAfter = min(max(0, cmp.Or(config.MaxRetryAfter, DefaultMaxRetryAfter)), forever)
	if config.Budget == nil {
		config.Budget = &RetryBudget{}
	}
	return &RetryAgent{r, inner, config}
}

// forever bounds what is added to a wait, which must not overflow.
const forever = time.Duration(math.MaxInt64 / 2)

// Request sends req until it succeeds, or until there is no reason to try again; see
// [Requester].
func (a *RetryAgent) Request(req *request.Request) *response.Deferred {
	if a.config.Retries < 0 && a.config.TryTimeout <= 0 {
		return a.inner.Request(req)
	}
	t := &retrial{agent: a, req: req}
	switch req.Body.(type) {
	case nil, request.Bytes: // an agent can send it as often as it likes
	default:
		own := *req
		t.req, t.body = &own, keepBody(&own, true)
	}
	t.server, _ = origin.Of(req.URL) // the inner agent reports the error
	a.config.Budget.earn(t.server)
	t.result = deferred.NewCancellable(func(*response.Deferred) { t.cancel() })
	t.send()
	return t.result
}

// idempotent reports whether req may be sent again although the server may have processed it
// (RFC 9110, section 9.2.2).
func idempotent(req *request.Request) bool {
	switch req.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "PUT":
		return true
	}
	return req.Header["Idempotency-Key"] != nil || req.Header["X-Idempotency-Key"] != nil
}

// retryable reports whether req may be tried again after this result.
func (a *RetryAgent) retryable(req *request.Request, resp *response.Response, err error) bool {
	repeatable := idempotent(req) || slices.Contains(a.config.MoreMethods, req.Method)
	if err != nil {
		return Temporary(err) && (repeatable || neverSent(err))
	}
	return repeatable && (slices.Contains(retryCodes, resp.Code) || slices.Contains(a.config.MoreCodes, resp.Code))
}

// backoff returns the wait after the given number of tries.
func (a *RetryAgent) backoff(tries int) time.Duration {
	bound := min(float64(a.config.MaxWait), math.Ldexp(float64(a.config.FirstWait), tries-1))
	return time.Duration(a.reactor.Rand().Float64() * bound)
}

// retryAfter returns the wait that resp asks for, or 0. An HTTP-date counts from the Date of
// resp, so that the clocks need not agree. A value that is neither a number of seconds nor a
// date does not count; of several values the longest one does.
func (a *RetryAgent) retryAfter(resp *response.Response) (longest time.Duration) {
	for _, value := range resp.Header["Retry-After"] {
		longest = max(longest, a.delay(strings.TrimSpace(value), resp.Header.Get("Date")))
	}
	return longest
}

// delay returns the wait that one value of Retry-After means, in a response of the given
// Date. A negative wait has passed.
func (a *RetryAgent) delay(value, date string) time.Duration {
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(date); err == nil {
		return at.Sub(sent)
	}
	return at.Sub(a.reactor.Now())
}

// A retrial is a request on its way through a RetryAgent.
//
//	           ┌───────────────── the wait is over ◀─────────────────┐
//	           ▼                                                     │
//	Request ▶ try ──a result──▶ should there be another try? ──yes──▶ wait
//	                                      │ no
//	                                      ▼
//	                                     over
//
// Cancelling it ends it at once.
type retrial struct {
	agent     *RetryAgent
	req       *request.Request // the request to send, as the agents below get it
	body      *tripBody        // the body of req; nil if there is none, or if it is Bytes
	server    origin.Origin    // the account in the budget
	result    *response.Deferred
	tries     int
	sent      bool                              // a server may have got the request
	cancelled bool                              // result was cancelled
	last      error                             // the result of the last try that another one should follow
	try       *response.Deferred                // non-nil during a try
	wait      *deferred.Deferred[deferred.None] // non-nil during a wait
	draining  *deferred.Deferred[deferred.None] // the body of the last response is being read; nil without one
}

func (t *retrial) send() {
	t.tries++
	try := deferred.MaybeDeferred(func() *response.Deferred { return t.agent.inner.Request(t.req) })
	if limit := t.agent.config.TryTimeout; limit > 0 {
		try.AddTimeout(limit, t.agent.reactor, t.expired)
	}
	if t.cancelled { // by a callback of the inner agent
		try.Cancel()
	}
	t.try = try
	try.AddBoth(t.tried)
}

// expired returns the error of a try that took longer than the TryTimeout.
func (t *retrial) expired(resp *response.Response, err error, limit time.Duration) (*response.Response, error) {
	if errors.Is(err, deferred.ErrCancelled) {
		err = &RequestError{t.req.Method, origin.Redacted(t.req.URL), &TimeoutError{Option: "TryTimeout", After: limit}, neverSent(err)}
	}
	return resp, err
}

// tried handles the result of a try.
func (t *retrial) tried(resp *response.Response, err error) (*response.Response, error) {
	t.try = nil
	t.sent = t.sent || !neverSent(err)
	if t.cancelled {
		t.end(resp, err, nil)
		return nil, nil
	}
	try, panicked := t.decide(resp, err)
	switch {
	case panicked != nil:
		t.drop(resp)
		t.end(nil, panicked, nil)
	case t.cancelled || !try.Retryable || try.GaveUp != nil:
		t.end(resp, err, try.GaveUp)
	default:
		t.pause(resp, try.Wait)
	}
	return nil, nil
}

// decide says whether there is another try after this result: the Try is then Retryable and
// has no GaveUp. It calls functions of the user, which may panic, and may cancel t.
func (t *retrial) decide(resp *response.Response, err error) (try Try, panicked error) {
	defer func() {
		if v := recover(); v != nil {
			panicked = deferred.NewPanicError(v)
		}
	}()
	config := &t.agent.config
	try = Try{Number: t.tries, Request: t.req, Response: resp, Err: err, Retryable: t.agent.retryable(t.req, resp, err)}
	if config.Retry != nil {
		try.Retryable = config.Retry(try)
	}
	if t.cancelled || !try.Retryable {
		return try, nil
	}
	if t.last = err; err == nil {
		t.last = &answeredError{resp.Code}
	}
	if try.Wait, try.GaveUp = t.plan(resp); config.OnRetry != nil && !t.cancelled {
		config.OnRetry(try)
	}
	return try, nil
}

// plan prepares the next try, after the response resp or, if that is nil, a failure. It
// returns how long to wait, or why there is no next try.
func (t *retrial) plan(resp *response.Response) (wait time.Duration, gaveUp error) {
	config := &t.agent.config
	if resp != nil {
		wait = t.agent.retryAfter(resp)
	}
	switch {
	case t.tries > config.Retries:
		return 0, ErrNoRetriesLeft
	case wait > config.MaxRetryAfter:
		return 0, ErrLongRetryAfter
	case t.body != nil && !t.body.repeatable():
		return 0, request.ErrNotRepeatable
	case !config.Budget.spend(t.server):
		return 0, ErrNoRetryBudget
	}
	if t.body != nil {
		next := *t.req // an agent below may keep the old one
		if next.Body, gaveUp = again(t.req.Body, request.ErrNotRepeatable); gaveUp != nil {
			return 0, gaveUp
		}
		t.req = &next
	}
	return wait + t.agent.backoff(t.tries), nil
}

// pause waits, reads the body of resp meanwhile, and sends the request again.
func (t *retrial) pause(resp *response.Response, wait time.Duration) {
	r := t.agent.reactor
	if resp != nil {
		t.draining = drain(resp) // may call a function of the user, which may cancel t
	}
	if t.cancelled {
		t.stopDraining()
		return
	}
	shown := showWait(t, wait)
	t.wait = reactor.UntilStopped(r, task.Sleep(r, wait))
	t.wait.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		t.wait = nil
		shown.place.Remove()
		switch {
		case err != nil:
			t.end(nil, t.last, err)
		case t.draining != nil:
			t.draining.AddBoth(func(deferred.None, error) (deferred.None, error) {
				if t.draining = nil; !t.cancelled {
					t.send()
				}
				return deferred.None{}, nil
			})
		default:
			t.send()
		}
		return deferred.None{}, nil
	})
}

// cancel ends the try or the wait.
func (t *retrial) cancel() {
	t.cancelled = true
	switch {
	case t.try != nil:
		t.try.Cancel()
	case t.wait != nil:
		t.wait.Cancel()
	}
	t.end(nil, deferred.ErrCancelled, nil)
	t.stopDraining()
}

func (t *retrial) stopDraining() {
	if t.draining != nil {
		t.draining.Cancel()
	}
}

// drop gives up resp, unless it is nil.
func (t *retrial) drop(resp *response.Response) {
	if resp != nil {
		resp.DeliverBody(refusal{})
	}
}

// end ends t with resp or err. gaveUp says why there is no other try.
func (t *retrial) end(resp *response.Response, err error, gaveUp error) {
	if body := t.body; body != nil {
		t.body = nil
		body.end() // may call a function of the user, which may cancel t
	}
	switch {
	case t.result.Called():
		t.drop(resp)
	case err != nil:
		t.result.Errback(t.failed(err, gaveUp))
	default:
		resp.Tries = max(1, resp.Tries) + t.tries - 1
		t.result.Callback(resp)
	}
}

// failed returns err, the error of the last try, as the error of the request.
func (t *retrial) failed(err, gaveUp error) error {
	if t.cancelled && t.last != nil { // it says more than that the last try was cancelled
		err, gaveUp = t.last, deferred.ErrCancelled
	}
	if t.tries == 1 && (gaveUp == nil || gaveUp == ErrNoRetriesLeft) {
		return WithRequest(t.req, err)
	}
	named := RequestError{Method: t.req.Method, URL: origin.Redacted(t.req.URL)}
	if top, ok := err.(*RequestError); ok {
		named, err = *top, top.Err
	}
	why := &RetryError{Tries: t.tries, Err: err, GaveUp: gaveUp}
	if errors.As(err, new(*RequestError)) { // something around it has a text of its own
		return why
	}
	named.Err, named.NotSent = why, !t.sent
	return &named
}
