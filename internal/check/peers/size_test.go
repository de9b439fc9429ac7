package peers_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file has bodies that are too large to be kept, and many requests at a time.

// A stream is an endless body that does not repeat.
type stream struct {
	random *rand.PCG
	rest   []byte
	buffer [8]byte
}

func newStream(seed uint64) *stream { return &stream{random: rand.NewPCG(seed, 2)} }

func (s *stream) Read(p []byte) (int, error) {
	n := len(p)
	for len(p) >= 8 && len(s.rest) == 0 {
		binary.LittleEndian.PutUint64(p, s.random.Uint64())
		p = p[8:]
	}
	for len(p) > 0 {
		if len(s.rest) == 0 {
			binary.LittleEndian.PutUint64(s.buffer[:], s.random.Uint64())
			s.rest = s.buffer[:]
		}
		k := copy(p, s.rest)
		p, s.rest = p[k:], s.rest[k:]
	}
	return n, nil
}

// hugeDigest returns the hash of the huge body.
var hugeDigest = sync.OnceValue(func() string {
	h := sha256.New()
	io.Copy(h, io.LimitReader(newStream(1), *hugeSize))
	return sum(h)
})

func sum(h hash.Hash) string { return fmt.Sprintf("%.8x", h.Sum(nil)) }

// hugeHandler sends the huge body, and answers an upload with its hash.
func hugeHandler(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		if r.URL.Query().Has("known") {
			w.Header().Set("Content-Length", strconv.FormatInt(*hugeSize, 10))
		}
		io.Copy(w, io.LimitReader(newStream(1), *hugeSize))
		return
	}
	h := sha256.New()
	n, err := io.Copy(h, r.Body)
	fmt.Fprint(w, n, " ", sum(h), " ", err)
}

// flat calls f, and fails if the memory in use grows by more than most bytes meanwhile.
func flat(t *testing.T, most uint64, f func()) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // most of the heap would be garbage
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak uint64
	ended, seen := make(chan bool), make(chan bool)
	go func() {
		for tick := time.Tick(10 * time.Millisecond); ; {
			select {
			case <-ended:
				close(seen)
				return
			case <-tick:
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
			}
		}
	}()
	began := time.Now()
	f()
	close(ended)
	<-seen
	grown := peak - min(peak, before.HeapAlloc)
	t.Logf("%d bytes in %v; the heap grew by %d KiB", *hugeSize, time.Since(began).Round(time.Millisecond), grown>>10)
	if grown > most {
		t.Errorf("the heap grew by %d bytes, want at most %d", grown, most)
	}
}

// oursHuge downloads and uploads the huge body with our client.
func oursHuge(t *testing.T, config agent.Config, url, proto string) {
	_, err := run(t, config, func(c *client.HTTPClient) *deferred.Deferred[string] {
		return deferred.Go(func(co *deferred.Co) (string, error) {
			h := sha256.New()
			resp, err := deferred.Await(co, c.Get(url, client.Unbuffered(true)))
			if err != nil {
				return "", err
			}
			if _, err = deferred.Await(co, resp.Collect(func(data []byte) error {
				h.Write(data)
				return nil
			})); err != nil {
				return "", err
			}
			if sum(h) != hugeDigest() || resp.Version != proto {
				t.Errorf("the download over %s has the hash %s", resp.Version, sum(h))
			}
			body := client.Data(io.LimitReader(newStream(1), *hugeSize))
			text, err := deferred.Await(co, deferred.Then(c.Post(url, body), (*response.Response).Text))
			if want := fmt.Sprint(*hugeSize, " ", hugeDigest(), " <nil>"); text != want {
				t.Errorf("the upload: %q, want %q", text, want)
			}
			return "", err
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// theirsHuge downloads and uploads the huge body with net/http's client.
func theirsHuge(t *testing.T, config *tls.Config, url string) {
	c := theirClient(config, nil)
	defer c.CloseIdleConnections()
	resp, err := c.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	h := sha256.New()
	_, err = io.Copy(h, resp.Body)
	resp.Body.Close()
	if err != nil || sum(h) != hugeDigest() || resp.Proto != "HTTP/2.0" {
		t.Errorf("the download over %s has the hash %s, %v", resp.Proto, sum(h), err)
	}
	resp, err = c.Post(url, "text/plain", io.LimitReader(newStream(1), *hugeSize))
	if err != nil {
		t.Error(err)
		return
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if want := fmt.Sprint(*hugeSize, " ", hugeDigest(), " <nil>"); string(text) != want {
		t.Errorf("the upload: %q, %v, want %q", text, err, want)
	}
}
