package agent_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// answering makes the server of w answer the first request with the first of answers, and so on.
// The last answer is for all further requests. An answer is a status code with headers, each
// after a "|", "close", "reset", "half", "nonsense" or "hang". answering returns the requests.
func answering(w *world, answers ...string) (got *[]string) {
	got = new([]string)
	w.Accept = func(c *rawConn) {
		c.Data = func(data []byte) {
			*got = append(*got, string(data))
			answer := answers[min(len(*got), len(answers))-1]
			switch answer {
			case "close":
				c.LoseConnection()
			case "reset":
				c.AbortConnection()
			case "half":
				c.Write([]byte("HTTP/1.1 200 OK\r\nContent-"))
				c.LoseConnection()
			case "nonsense":
				c.Write([]byte("nonsense, which is no HTTP at all\r\n\r\n"))
			case "hang":
			default:
				head, rest, _ := strings.Cut(answer, "|")
				c.Write([]byte("HTTP/1.1 " + head + " X\r\nContent-Length: 2\r\n" + strings.ReplaceAll(rest, "|", "\r\n") + "\r\n\r\nhi"))
			}
		}
	}
	return got
}

// retrying returns an agent on top of w's that waits for less than a second.
func retrying(w *world, config agent.RetryConfig) *agent.RetryAgent {
	config.MaxWait = cmp.Or(config.MaxWait, time.Second)
	return agent.NewRetryAgent(w.r, w.agent, config)
}

// endOf describes the result of d: the status code and the tries, or the error.
func endOf(t *testing.T, d *deferred.Deferred[*response.Response]) string {
	t.Helper()
	got := "nothing"
	d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
		if err != nil {
			got = err.Error()
			return nil, nil
		}
		got = fmt.Sprintf("%d after %d", resp.Code, resp.Tries)
		resp.Discard()
		return resp, nil
	})
	return got
}

// TestRetries has the outcomes of tries, and what comes of them for the methods.
func TestRetries(t *testing.T) {
	for _, test := range []struct {
		method  string
		answers []string
		tries   int
		want    string // the beginning
	}{
		{"GET", []string{"200"}, 1, "200 after 1"},
		{"GET", []string{"503", "200"}, 2, "200 after 2"},
		{"HEAD", []string{"408", "425", "429", "204"}, 4, "204 after 4"},
		{"PUT", []string{"502", "503", "504"}, 4, "504 after 4"},
		{"DELETE", []string{"503", "200"}, 2, "200 after 2"},
		{"OPTIONS", []string{"503", "200"}, 2, "200 after 2"},
		{"GET", []string{"500"}, 1, "500 after 1"},
		{"GET", []string{"404"}, 1, "404 after 1"},
		{"GET", []string{"close", "reset", "half", "200"}, 4, "200 after 4"},
		{"GET", []string{"close", "503", "reset"}, 4, "GET http://a.example/: after 4 tries: no response: connection was reset by the peer"},
		{"GET", []string{"nonsense"}, 1, "GET http://a.example/: the response failed: malformed status line"},
		{"GET", []string{"close", "nonsense"}, 2, "GET http://a.example/: after 2 tries: the response failed: malformed status line"},
		{"GET", []string{"close", "404"}, 2, "404 after 2"},
		{"POST", []string{"503"}, 1, "503 after 1"},
		{"POST", []string{"close"}, 1, "POST http://a.example/: the server closed the connection without answering"},
		{"PATCH", []string{"429"}, 1, "429 after 1"},
	} {
		t.Run(test.method+" "+strings.Join(test.answers, " "), func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{DisablePersistent: true})
			got := answering(w, test.answers...)
			d := retrying(w, agent.RetryConfig{}).Request(newRequest(test.method, "http://a.example/"))
			w.r.RunFor(3 * time.Second)
			if result := endOf(t, d); !strings.HasPrefix(result, test.want) || len(*got) != test.tries {
				t.Errorf("%d requests, %s; want %d, %s", len(*got), result, test.tries, test.want)
			}
			w.r.RunFor(time.Second)
		})
	}
}

// TestRetriesOfUnsentRequests: a request that no server got is tried again whatever its
// method is, unless the reason is permanent.
func TestRetriesOfUnsentRequests(t *testing.T) {
	for _, test := range []struct {
		name, url string
		before    func(w *world)
		want      string
	}{
		{"refused", "http://a.example:81/", nil, "POST http://a.example:81/: after 3 tries: connecting to a.example:81: connection was refused"},
		{"the server is back", "http://a.example:81/", func(w *world) {
			w.r.CallLater(100*time.Millisecond, func() { w.r.ListenTCP(":81", w.Server) })
		}, "200 after "},
		{"no such name", "http://nowhere.example/", func(w *world) { w.r.AddHost("nowhere.example") }, `POST http://nowhere.example/: looking up "nowhere.example": no address`},
		{"not http", "ftp://a.example/", nil, "POST ftp://a.example/: the scheme of the URL is not supported"},
		{"TLS is cut", "https://a.example:8080/", func(w *world) {
			w.Accept = func(c *rawConn) { c.Data = func([]byte) { c.LoseConnection() } }
		}, "POST https://a.example:8080/: after 3 tries: TLS handshake failed"},
		{"no TLS", "https://a.example:8080/", nil, "POST https://a.example:8080/: TLS handshake failed: tls: first record"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{DisablePersistent: true})
			answering(w, "200")
			if test.before != nil {
				test.before(w)
			}
			req := newRequest("POST", test.url)
			req.Body = newCounted(0) // it can be sent only once, and has not started
			d := retrying(w, agent.RetryConfig{Retries: 2, FirstWait: time.Second}).Request(req)
			w.r.RunFor(3 * time.Second)
			if result := endOf(t, d); !strings.HasPrefix(result, test.want) {
				t.Errorf("got %s, want %s", result, test.want)
			}
			w.r.RunFor(time.Second)
			if body := req.Body.(*counted); body.started+body.stopped != 1 {
				t.Errorf("the body was started %d times and stopped %d times", body.started, body.stopped)
			}
		})
	}
}

// TestRetryPolicy has what a RetryConfig changes.
func TestRetryPolicy(t *testing.T) {
	for _, test := range []struct {
		name    string
		config  agent.RetryConfig
		req     *request.Request
		answers []string
		want    string
	}{
		{"no retries", agent.RetryConfig{Retries: -1}, nil, []string{"503", "200"}, "503 after 1"},
		{"one retry", agent.RetryConfig{Retries: 1}, nil, []string{"503", "503", "200"}, "503 after 2"},
		{"500 if asked", agent.RetryConfig{MoreCodes: []int{500}}, nil, []string{"500", "503", "200"}, "200 after 3"},
		{"POST if asked", agent.RetryConfig{MoreMethods: []string{"POST"}}, newRequest("POST", "http://a.example/"), []string{"503", "close", "200"}, "200 after 3"},
		{"Idempotency-Key", agent.RetryConfig{}, newRequest("POST", "http://a.example/", "Idempotency-Key", "k"), []string{"503", "close", "200"}, "200 after 3"},
		{"X-Idempotency-Key", agent.RetryConfig{}, newRequest("POST", "http://a.example/", "X-Idempotency-Key", "k"), []string{"close", "200"}, "200 after 2"},
		{"the user wants it", agent.RetryConfig{Retry: func(try agent.Try) bool {
			return try.Retryable || try.Response != nil && try.Response.Code == 404
		}}, nil, []string{"404", "503", "200"}, "200 after 3"},
		{"the user does not want it", agent.RetryConfig{Retry: func(agent.Try) bool { return false }}, nil, []string{"503", "200"}, "503 after 1"},
		{"the user wants more than allowed", agent.RetryConfig{Retries: 2, Retry: func(agent.Try) bool { return true }}, nil, []string{"200"}, "200 after 3"},
		{"the user panics", agent.RetryConfig{Retry: func(agent.Try) bool { panic("boom") }}, nil, []string{"503"}, "GET http://a.example/: panic: boom"},
		{"the hook panics", agent.RetryConfig{OnRetry: func(agent.Try) { panic("boom") }}, nil, []string{"503"}, "GET http://a.example/: panic: boom"},
		{"a try has a timeout", agent.RetryConfig{TryTimeout: time.Second}, nil, []string{"hang", "200"}, "200 after 2"},
		{"all tries have one", agent.RetryConfig{TryTimeout: time.Second, Retries: 1}, nil, []string{"hang"}, "GET http://a.example/: after 2 tries: no response for 1s (TryTimeout)"},
		{"a POST may have been received", agent.RetryConfig{TryTimeout: time.Second}, newRequest("POST", "http://a.example/"), []string{"hang"}, "POST http://a.example/: no response for 1s (TryTimeout)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{DisablePersistent: true})
			answering(w, test.answers...)
			d := retrying(w, test.config).Request(cmp.Or(test.req, newRequest("GET", "http://a.example/")))
			w.r.RunFor(5 * time.Second)
			if result := endOf(t, d); !strings.HasPrefix(result, test.want) {
				t.Errorf("got %s, want %s", result, test.want)
			}
			w.r.RunFor(time.Second)
		})
	}
}

// TestRetryTimesOut checks that a TryTimeout lets any request be tried again that is still
// being connected.
func TestRetryTimeoutWhileConnecting(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.r.Hold("a.example", "")
	d := retrying(w, agent.RetryConfig{TryTimeout: time.Second, Retries: 1}).Request(newRequest("POST", "http://a.example/"))
	w.r.RunFor(5 * time.Second)
	err := deferredtest.FailureResultOf(t, d)
	var named *agent.RequestError
	if !errors.As(err, &named) || !named.NotSent || !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "after 2 tries") {
		t.Errorf("got %v", err)
	}
	w.r.Release("a.example", "")
	w.r.Pump()
}

// TestIdempotencyKey: a request with the header is sent again after the loss of an idle
// connection, as an idempotent one is.
func TestIdempotencyKey(t *testing.T) {
	for _, header := range []string{"Idempotency-Key", "X-Idempotency-Key", "Other"} {
		w := newWorld(t, agent.PoolConfig{})
		w.exchange(newRequest("GET", "http://a.example/"), 0)
		req := newRequest("POST", "http://a.example/", header, "k")
		req.Body = request.Bytes("text")
		d := w.send(req)
		w.Conn(0).Close()
		if header == "Other" {
			deferredtest.FailureResultOf(t, d)
			continue
		}
		w.Conn(1).Send(okHello)
		if result := endOf(t, d); result != "200 after 1" {
			t.Errorf("%s: %s", header, result)
		}
	}
}

// TestRetryError checks what a program finds in the error, and that it names the request once.
func TestRetryError(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	d := retrying(w, agent.RetryConfig{Retries: 2}).Request(newRequest("GET", "http://u:secret@a.example:81/"))
	w.r.RunFor(5 * time.Second)
	err := deferredtest.FailureResultOf(t, d)
	var named *agent.RequestError
	var tried *agent.RetryError
	var connect *reactor.ConnectError
	switch {
	case !errors.As(err, &named) || named.Method != "GET" || named.URL != "http://u:xxxxx@a.example:81/" || !named.NotSent:
		t.Errorf("got %#v", named)
	case !errors.As(err, &tried) || tried.Tries != 3 || tried.GaveUp != agent.ErrNoRetriesLeft || errors.As(tried.Err, new(*agent.RequestError)):
		t.Errorf("got %#v", tried)
	case !errors.Is(err, reactor.ErrConnectionRefused) || !errors.As(err, &connect) || !agent.Temporary(err):
		t.Errorf("the reason is lost: %v", err)
	}
	if n := strings.Count(err.Error(), "GET"); n != 1 {
		t.Errorf("the request is named %d times: %v", n, err)
	}
}

// TestRetryErrorOfAnAgentBelow: an error of a foreign agent gets the name of the request, and
// one that names it already keeps its text.
func TestRetryErrorOfAnAgentBelow(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	for _, test := range []struct {
		err  error
		want string
	}{
		{reactor.ErrConnectionReset, "GET http://a.example/: after 2 tries: connection was reset by the peer"},
		{fmt.Errorf("the cache: %w", &agent.RequestError{Method: "GET", URL: "http://b.example/", Err: reactor.ErrConnectionReset}),
			"after 2 tries: the cache: GET http://b.example/: connection was reset by the peer"},
		{&response.FailedError{Reasons: []error{reactor.ErrConnectionReset}, Response: &response.Response{Request: newRequest("GET", "http://c.example/")}},
			"after 2 tries: GET http://c.example/: the response failed: connection was reset by the peer"},
	} {
		below := requesterFunc(func(*request.Request) *deferred.Deferred[*response.Response] {
			return deferred.Fail[*response.Response](test.err)
		})
		d := agent.NewRetryAgent(w.r, below, agent.RetryConfig{Retries: 1}).Request(newRequest("GET", "http://a.example/"))
		w.r.RunFor(time.Second)
		if err := deferredtest.FailureResultOf(t, d); err.Error() != test.want || !errors.Is(err, reactor.ErrConnectionReset) {
			t.Errorf("got %v\nwant %s", err, test.want)
		}
	}
}

// TestOnRetry checks what the hook learns of each try.
func TestOnRetry(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{DisablePersistent: true})
	answering(w, "503|Retry-After: 2", "reset", "429", "503")
	var told []string
	var waited time.Duration
	start := w.r.Now()
	d := retrying(w, agent.RetryConfig{OnRetry: func(try agent.Try) {
		code := 0
		if try.Response != nil {
			code = try.Response.Code
		}
		waited += try.Wait
		told = append(told, fmt.Sprint(try.Number, try.Request.Method, code, try.Err, try.Retryable, try.Wait.Truncate(2*time.Second), try.GaveUp))
	}}).Request(newRequest("GET", "http://a.example/"))
	w.r.RunFor(10 * time.Second)
	want := []string{
		"1 GET 503 <nil> true 2s <nil>",
		"2 GET 0 GET http://a.example/: no response: connection was reset by the peer; connection ended before the response true 0s <nil>",
		"3 GET 429 <nil> true 0s <nil>",
		"4 GET 503 <nil> true 0s no retries are left",
	}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], " ", "")
	}
	for i := range told {
		told[i] = strings.ReplaceAll(told[i], " ", "")
	}
	if result := endOf(t, d); result != "503 after 4" || !slices.Equal(told, want) {
		t.Errorf("%s\ngot  %q\nwant %q", result, told, want)
	}
	if waited < 2*time.Second || start.Add(waited).After(w.r.Now()) {
		t.Errorf("waited %v", waited)
	}
}

// TestRetryAfter has the values of Retry-After. The wait is at least that long, plus a random
// time of up to 500 ms.
func TestRetryAfter(t *testing.T) {
	const date = "Date: Thu, 01 Jan 1970 10:00:00 GMT" // the clock begins at midnight
	for _, test := range []struct {
		headers string
		least   time.Duration // -1: there is no second try
	}{
		{"Retry-After: 7", 7 * time.Second},
		{"Retry-After: 0", 0},
		{"Retry-After: 60", time.Minute},
		{"Retry-After: 61", -1},
		{"Retry-After: 1000000000", -1},
		{"Retry-After: 99999999999999999999999999", -1},
		{"Retry-After: 9223372036854775807", -1},
		{"Retry-After: -5", 0},
		{"Retry-After: +5", 0},
		{"Retry-After: 1e9", 0},
		{"Retry-After: 1.5", 0},
		{"Retry-After: 5s", 0},
		{"Retry-After: 3, 5", 0},
		{"Retry-After:", 0},
		{"Retry-After: soon", 0},
		{"Retry-After: 3|Retry-After: 5", 5 * time.Second},
		{"Retry-After: 3|Retry-After: soon", 3 * time.Second},
		{"Retry-After: Thu, 01 Jan 1970 10:00:09 GMT|" + date, 9 * time.Second},
		{"Retry-After: Thursday, 01-Jan-70 10:00:09 GMT|" + date, 9 * time.Second},
		{"Retry-After: Thu Jan  1 10:00:09 1970|" + date, 9 * time.Second},
		{"Retry-After: Thu, 01 Jan 1970 09:00:00 GMT|" + date, 0},
		{"Retry-After: Thu, 01 Jan 1970 11:00:00 GMT|" + date, -1},
		{"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT|" + date, -1},
		{"Retry-After: Thu, 01 Jan 1970 00:00:09 GMT", 9 * time.Second},
		{"Retry-After: Thu, 01 Jan 1970 00:00:09 GMT|Date: nonsense", 9 * time.Second},
		{"Retry-After: Thu, 01 Jan 1970 00:00:09 UTC", 0},
	} {
		t.Run(test.headers, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{DisablePersistent: true})
			got := answering(w, "503|"+test.headers, "200")
			var gaveUp error
			d := retrying(w, agent.RetryConfig{OnRetry: func(try agent.Try) { gaveUp = try.GaveUp }}).Request(newRequest("GET", "http://a.example/"))
			if test.least < 0 {
				w.r.Pump()
				if result := endOf(t, d); result != "503 after 1" || gaveUp != agent.ErrLongRetryAfter {
					t.Errorf("got %s, gave up by %v", result, gaveUp)
				}
				return
			}
			w.r.RunFor(test.least)
			if len(*got) != 1 {
				t.Error("tried again too early")
			}
			w.r.RunFor(500 * time.Millisecond)
			if result := endOf(t, d); result != "200 after 2" {
				t.Errorf("got %s", result)
			}
		})
	}
}

// TestLargeWaits checks that no configuration overflows.
func TestLargeWaits(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{DisablePersistent: true})
	answering(w, "503|Retry-After: 9223372036")
	var waits []time.Duration
	d := agent.NewRetryAgent(w.r, w.agent, agent.RetryConfig{
		Retries: 5, FirstWait: math.MaxInt64, MaxWait: math.MaxInt64, MaxRetryAfter: math.MaxInt64,
		OnRetry: func(try agent.Try) { waits = append(waits, try.Wait) },
	}).Request(newRequest("GET", "http://a.example/"))
	w.r.Pump()
	if result := endOf(t, d); result != "503 after 1" {
		t.Errorf("got %s", result)
	}
	answering(w, "503")
	d = agent.NewRetryAgent(w.r, w.agent, agent.RetryConfig{
		Retries: 70, FirstWait: 1, MaxWait: math.MaxInt64, Budget: &agent.RetryBudget{Share: -1},
		OnRetry: func(try agent.Try) { waits = append(waits, try.Wait) },
	}).Request(newRequest("GET", "http://a.example/"))
	for range 1000 {
		w.r.RunFor(24 * time.Hour)
	}
	d.Cancel()
	endOf(t, d)
	if slices.Min(waits) < 0 || slices.Max(waits) < time.Hour {
		t.Errorf("waits %v", waits)
	}
}

// TestBackoff checks that the bound of the waits doubles up to MaxWait, and that the waits are
// spread over the whole time below it.
func TestBackoff(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	waits := make([][]time.Duration, 7)
	below := requesterFunc(func(*request.Request) *deferred.Deferred[*response.Response] {
		return deferred.Fail[*response.Response](reactor.ErrConnectionReset)
	})
	a := agent.NewRetryAgent(w.r, below, agent.RetryConfig{
		Retries: 7, FirstWait: time.Second, MaxWait: 20 * time.Second, Budget: &agent.RetryBudget{Share: -1},
		OnRetry: func(try agent.Try) {
			if try.GaveUp == nil {
				waits[try.Number-1] = append(waits[try.Number-1], try.Wait)
			}
		},
	})
	const herd = 1000
	for range herd {
		a.Request(newRequest("GET", "http://a.example/")).AddErrback(func(error) (*response.Response, error) { return nil, nil })
	}
	w.r.RunFor(200 * time.Second)
	for i, bound := range []time.Duration{1, 2, 4, 8, 16, 20, 20} {
		bound *= time.Second
		tenths := make([]int, 10)
		for _, wait := range waits[i] {
			if wait < 0 || wait >= bound {
				t.Fatalf("try %d: waited %v, the bound is %v", i+2, wait, bound)
			}
			tenths[10*wait/bound]++
		}
		t.Logf("before try %d, in each tenth of %v: %v", i+2, bound, tenths)
		if len(waits[i]) != herd || slices.Min(tenths) < herd/10*6/10 || slices.Max(tenths) > herd/10*14/10 {
			t.Errorf("before try %d: %d waits, %v in each tenth", i+2, len(waits[i]), tenths)
		}
	}
}

// TestCancelledRetries cancels a request in each of its states. It fails at once, and leaves
// nothing behind; see world.end.
func TestCancelledRetries(t *testing.T) {
	long := "HTTP/1.1 503 X\r\nContent-Length: 1000\r\n\r\nhi"
	for _, test := range []struct {
		name   string
		before func(w *world, d *deferred.Deferred[*response.Response])
		want   string
	}{
		{"in the first try", func(*world, *deferred.Deferred[*response.Response]) {}, "GET http://a.example/: cancelled"},
		{"in the first wait", func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Close() },
			"GET http://a.example/: cancelled after 1 try: the server closed the connection without answering"},
		{"while a response is read", func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Send(long) },
			"GET http://a.example/: cancelled after 1 try: the server answered 503 Service Unavailable"},
		{"in the second try", func(w *world, _ *deferred.Deferred[*response.Response]) {
			w.Conn(0).Abort()
			w.r.RunFor(time.Second)
		}, "GET http://a.example/: cancelled after 2 tries: no response: connection was reset by the peer; connection ended before the response"},
		{"in the second wait", func(w *world, _ *deferred.Deferred[*response.Response]) {
			w.Conn(0).Abort()
			w.r.RunFor(time.Second)
			w.Conn(1).Send("HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n")
		}, "GET http://a.example/: cancelled after 2 tries: the server answered 429 Too Many Requests"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			d := retrying(w, agent.RetryConfig{}).Request(newRequest("GET", "http://a.example/"))
			w.r.Pump()
			test.before(w, d)
			tries := len(w.Conns)
			d.Cancel()
			err := deferredtest.FailureResultOf(t, d)
			if !errors.Is(err, deferred.ErrCancelled) || err.Error() != test.want || agent.Temporary(err) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
			w.r.Pump()
			if n := len(w.r.DelayedCalls()); n > 1 { // one is the pool's
				t.Errorf("%d delayed calls are left", n)
			}
			w.r.RunFor(time.Minute)
			if len(w.Conns) != tries {
				t.Error("tried again")
			}
		})
	}
}

// TestRetryFunctionsThatCancel cancels a request in the functions of its user.
func TestRetryFunctionsThatCancel(t *testing.T) {
	for name, config := range map[string]func(cancel func()) agent.RetryConfig{
		"Retry, no": func(cancel func()) agent.RetryConfig {
			return agent.RetryConfig{Retry: func(agent.Try) bool { cancel(); return false }}
		},
		"Retry, yes": func(cancel func()) agent.RetryConfig {
			return agent.RetryConfig{Retry: func(agent.Try) bool { cancel(); return true }}
		},
		"OnRetry": func(cancel func()) agent.RetryConfig { return agent.RetryConfig{OnRetry: func(agent.Try) { cancel() }} },
	} {
		for _, answer := range []string{"503", "close"} {
			t.Run(name+" "+answer, func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				got := answering(w, answer)
				var d *deferred.Deferred[*response.Response]
				req := newRequest("PUT", "http://a.example/")
				body := newCounted(0)
				body.start = func(p *producer) { body.started++; p.done.Callback(deferred.None{}) }
				req.Body = body
				d = retrying(w, config(func() { d.Cancel() })).Request(req)
				w.r.RunFor(time.Minute)
				if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
					t.Error(err)
				}
				if len(*got) != 1 || body.started != 1 {
					t.Errorf("%d requests, %d starts", len(*got), body.started)
				}
			})
		}
	}
}

// TestStopDuringAWait: the reactor stops while a request waits for its next try.
func TestStopDuringAWait(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	var err error
	w.r.CallWhenRunning(func() {
		a := agent.NewRetryAgent(w.r, w.agent, agent.RetryConfig{FirstWait: time.Hour, MaxWait: time.Hour})
		a.Request(newRequest("GET", "http://a.example:81/")).AddErrback(func(e error) (*response.Response, error) {
			err = e
			return nil, nil
		})
		w.r.CallLater(time.Second, func() { w.r.Stop() })
	})
	if err := w.r.Run(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, reactor.ErrStopped) || !errors.Is(err, reactor.ErrConnectionRefused) {
		t.Errorf("got %v", err)
	}
}

// TestRetriedBodies: a body that can be sent again is sent whole with each try; one that
// cannot is not tried again once it has started.
func TestRetriedBodies(t *testing.T) {
	inMemory := func(*memfile.File) request.BodyProducer { return request.Bytes("text") }
	once := func(*memfile.File) request.BodyProducer { return &onceBody{Bytes: request.Bytes("text")} }
	inFile := func(f *memfile.File) request.BodyProducer {
		return request.NewFileBodyProducer(f, request.FileBodyConfig{})
	}
	for _, test := range []struct {
		name    string
		body    func(f *memfile.File) request.BodyProducer
		change  bool // the file changes after the first try
		answers []string
		want    string
	}{
		{"Bytes", inMemory, false, []string{"503", "close", "200"}, "200 after 3"},
		{"a file", inFile, false, []string{"503", "reset", "200"}, "200 after 3"},
		{"a file, in vain", inFile, false, []string{"503"}, "503 after 4"},
		{"a file that has changed", inFile, true, []string{"503"}, "503 after 1"},
		{"a file that has changed, lost", inFile, true, []string{"close"},
			"PUT http://a.example/: after 1 try (request: the body can be sent only once: " + request.ErrChanged.Error() + ": it had 4 bytes to send, and now has 6): the server closed the connection without answering"},
		{"once", once, false, []string{"503", "200"}, "503 after 1"},
		{"once, lost", once, false, []string{"close", "200"},
			"PUT http://a.example/: after 1 try (request: the body can be sent only once): the server closed the connection without answering"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{DisablePersistent: true})
			got := answering(w, test.answers...)
			req := newRequest("PUT", "http://a.example/")
			file := memfile.New("text")
			body := test.body(file)
			req.Body = body
			d := retrying(w, agent.RetryConfig{Retry: func(try agent.Try) bool {
				if test.change {
					file.Reset("longer")
				}
				return try.Retryable
			}}).Request(req)
			w.r.RunFor(5 * time.Second)
			if result := endOf(t, d); result != test.want {
				t.Errorf("got  %s\nwant %s", result, test.want)
			}
			for _, text := range *got {
				if !strings.Contains(text, "Content-Length: 4\r\n") || !strings.HasSuffix(text, "\r\n\r\ntext") {
					t.Errorf("the server got %q", text)
				}
			}
			if fmt.Sprintf("%T", req.Body) != fmt.Sprintf("%T", body) {
				t.Error("the request of the caller has another body now")
			}
			if strings.Contains(test.name, "file") && file.Closed != 1 {
				t.Errorf("the file was closed %d times", file.Closed)
			}
		})
	}
}

// TestEarlyAnswerIsRetried: the server answers while the body is on its way. The next try
// sends the body from its beginning, on another connection.
func TestEarlyAnswerIsRetried(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	text := strings.Repeat("x", 1<<20)
	req := newRequest("PUT", "http://a.example/")
	req.Body = request.NewFileBodyProducer(memfile.New(text), request.FileBodyConfig{})
	w.Accept = func(c *rawConn) {
		c.Data = func([]byte) {
			if c.Number == 0 && c.Data != nil {
				c.Data = nil
				c.PauseProducing() // it does not read the rest
				c.Write([]byte("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"))
			}
		}
	}
	d := retrying(w, agent.RetryConfig{}).Request(req)
	w.r.RunFor(time.Second)
	if got := w.Conn(1).Got(); !strings.HasSuffix(got, "\r\n\r\n"+text) {
		t.Errorf("the second connection got %d bytes", len(got))
	}
	w.Conn(1).Send(okHello)
	if result := endOf(t, d); result != "200 after 2" {
		t.Error(result)
	}
	w.Conn(0).ResumeProducing()
	w.r.Pump()
}

// TestDroppedResponses: the connection of a response that is dropped is used again if its body
// ends soon, and closed otherwise.
func TestDroppedResponses(t *testing.T) {
	for name, test := range map[string]struct {
		first string
		then  string // sent a little later
		reuse bool
	}{
		"whole":            {"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\nhi", "", true},
		"the rest is soon": {"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\nhi", "ho", true},
		"never ends":       {"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\nhi", "", false},
		"until the end":    {"HTTP/1.1 503 X\r\n\r\nhi", "", false},
		"too long":         {"HTTP/1.1 503 X\r\nContent-Length: 1000000\r\n\r\nhi", "", false},
		"chunked":          {"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "0\r\n\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
			d := retrying(w, agent.RetryConfig{FirstWait: time.Nanosecond}).Request(newRequest("GET", "http://a.example/"))
			w.r.Pump()
			w.Conn(0).Got()
			w.Conn(0).Send(test.first)
			w.r.RunFor(100 * time.Millisecond)
			if test.then != "" {
				w.Conn(0).Send(test.then)
			}
			w.r.RunFor(time.Second)
			on := 0
			if !test.reuse {
				on = 1
				w.wantClosed(0)
			}
			if w.Conn(on).Got() == "" {
				t.Fatalf("connection %d did not get the second try", on)
			}
			w.Conn(on).Send(okHello)
			if result := endOf(t, d); result != "200 after 2" {
				t.Error(result)
			}
		})
	}
}

// TestUnreadResponseOfARetry: a RetryAgent does not keep the response reachable.
func TestUnreadResponseOfARetry(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	d := retrying(w, agent.RetryConfig{}).Request(newRequest("GET", "http://a.example/"))
	w.r.Pump()
	w.Conn(0).Send("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
	w.r.RunFor(time.Second)
	w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
	deferredtest.SuccessResultOf(t, d)
	d = nil
	garbage.Collect()
	w.r.Pump()
	w.wantClosed(0)
}

// TestRetryTrace checks that the same program makes the same tries at the same times.
func TestRetryTrace(t *testing.T) {
	run := func() (times []time.Duration) {
		w := newWorld(t, agent.PoolConfig{})
		start := w.r.Now()
		answering(w, "503", "close", "503|Retry-After: 3", "200")
		a := retrying(w, agent.RetryConfig{OnRetry: func(agent.Try) { times = append(times, w.r.Now().Sub(start)) }})
		for range 3 {
			a.Request(newRequest("GET", "http://a.example/")).AddCallback(func(resp *response.Response) (*response.Response, error) {
				resp.Discard()
				times = append(times, w.r.Now().Sub(start))
				return nil, nil
			})
		}
		w.r.RunFor(time.Minute)
		return times
	}
	if first, second := run(), run(); !slices.Equal(first, second) || len(first) < 6 {
		t.Errorf("first %v\nthen  %v", first, second)
	}
}
