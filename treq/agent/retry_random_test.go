package agent_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestRandomRetries makes requests of many kinds to a server that fails in many ways, through
// a Stack, and cancels some of them at any time. Every request ends once, every body is
// closed, nothing is left of it, and the same choices give the same run.
func TestRandomRetries(t *testing.T) {
	runs := 150
	if testing.Short() {
		runs = 40
	}
	tried := 0
	for seed := range uint64(runs) {
		first, tries := randomRetries(t, seed)
		tried += tries
		if seed%10 == 0 {
			if second, _ := randomRetries(t, seed); second != first {
				t.Errorf("seed %d: the second run was another one:\n%s\n%s", seed, first, second)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, first)
		}
	}
	t.Logf("%d runs of 5 requests, %d tries", runs, tried)
}

func randomRetries(t *testing.T, seed uint64) (trace string, tries int) {
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	w := newWorld(t, agent.PoolConfig{DisablePersistent: random.IntN(2) == 0, MaxConnectionsPerHost: random.IntN(3)})
	w.Accept = func(c *rawConn) {
		c.Data = func(data []byte) {
			if !strings.HasPrefix(string(data), "GET") && !strings.HasPrefix(string(data), "P") {
				return // a part of a body
			}
			tries++
			switch pick("200", "200", "503", "429", "redirect", "401", "close", "reset", "half", "hang", "long", "endless", "100", "nonsense") {
			case "200":
				c.Write([]byte(okHello))
			case "503":
				c.Write([]byte("HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\nno"))
			case "429":
				c.Write([]byte("HTTP/1.1 429 X\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"))
			case "redirect":
				c.Write([]byte("HTTP/1.1 307 X\r\nLocation: " + pick("/b", "http://b.example/", "http://b.example:81/") + "\r\nContent-Length: 0\r\n\r\n"))
			case "401":
				c.Write([]byte("HTTP/1.1 401 X\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 0\r\n\r\n"))
			case "close":
				c.LoseConnection()
			case "reset":
				c.AbortConnection()
			case "half":
				c.Write([]byte("HTTP/1.1 200 OK\r\nContent-"))
				c.LoseConnection()
			case "long":
				c.Write([]byte("HTTP/1.1 503 X\r\nContent-Length: 1000000\r\n\r\nno"))
			case "endless":
				c.Write([]byte("HTTP/1.1 502 X\r\n\r\nno"))
			case "100":
				c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n" + okHello))
			case "nonsense":
				c.Write([]byte("nonsense, which is no HTTP at all\r\n\r\n"))
			}
		}
	}
	config := agent.RetryConfig{Retries: 1 + random.IntN(5), TryTimeout: time.Duration(random.IntN(2)*2+1) * time.Second, MoreMethods: []string{pick("X", "POST")}}
	stack := agent.Stack{Agent: agent.NewRetryAgent(w.r, w.agent, config), Redirects: &agent.RedirectConfig{BrowserLike: true}, Buffered: true}
	var files []*memfile.File
	for i := range 5 {
		req := newRequest(pick("GET", "PUT", "POST"), pick("http://a.example/", "http://a.example/", "http://a.example:81/"))
		switch pick("none", "bytes", "file", "once") {
		case "bytes":
			req.Body = request.Bytes("text")
		case "file":
			f := memfile.New(strings.Repeat("text", random.IntN(30_000)))
			files = append(files, f)
			req.Body = request.NewFileBodyProducer(f, request.FileBodyConfig{})
		case "once":
			f := memfile.New("text")
			files = append(files, f)
			req.Body = struct{ request.BodyProducer }{request.NewFileBodyProducer(f, request.FileBodyConfig{})}
		}
		if random.IntN(4) == 0 {
			req.ExpectContinue = time.Second
		}
		s := stack
		if random.IntN(2) == 0 {
			s.Credentials = auth.NewDigest("u", "p")
		}
		ends := 0
		d := s.Send(req)
		d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
			ends++
			trace += fmt.Sprintln(i, w.r.Now().UnixNano(), resp, err)
			if resp != nil {
				trace += fmt.Sprintln(resp.Tries)
				resp.Discard().AddErrback(func(error) (deferred.None, error) { return deferred.None{}, nil }).Cancel()
			}
			return nil, nil
		})
		if random.IntN(2) == 0 {
			w.r.CallLater(time.Duration(random.Int64N(5_000_000_000)), func() { d.Cancel() })
		}
		w.r.RunFor(time.Duration(random.Int64N(2_000_000_000)))
		t.Cleanup(func() {
			if ends != 1 {
				t.Errorf("seed %d: request %d ended %d times", seed, i, ends)
			}
		})
	}
	w.r.RunFor(2 * time.Minute)
	for i, f := range files {
		if f.Closed != 1 {
			t.Errorf("file %d was closed %d times", i, f.Closed)
		}
	}
	if n := len(w.r.DelayedCalls()); n > 1 { // one is the pool's
		t.Errorf("%d delayed calls are left", n)
	}
	return trace, tries
}
