package web_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// BenchmarkBesidePipelining measures the requests of a client with one request at a time,
// alone and beside clients that pipeline, over real sockets; share compares it with the
// client alone. net/http's server is there to compare.
//
//	go test ./treq/web -run '^$' -bench BesidePipelining -benchtime 1x
func BenchmarkBesidePipelining(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello, world!") })
	for _, server := range []struct {
		name   string
		listen func(b *testing.B) string
	}{
		{"resource", func(b *testing.B) string {
			return listen(b, func(reactor.Reactor) reactor.Factory {
				return &web.Site{Root: web.RenderFunc(func(req *web.Request) { req.WriteString("hello, world!") })}
			})
		}},
		{"handler", func(b *testing.B) string {
			return listen(b, func(reactor.Reactor) reactor.Factory { return &web.Site{Handler: handler} })
		}},
		{"net-http", func(b *testing.B) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			s := &http.Server{Handler: handler}
			go s.Serve(l)
			b.Cleanup(func() { s.Close() })
			return l.Addr().String()
		}},
	} {
		alone := 0.0
		for _, pipelining := range []int{0, 1, 4} {
			b.Run(fmt.Sprint(server.name, "/", pipelining), func(b *testing.B) {
				address := server.listen(b)
				var pipelined atomic.Int64
				for range pipelining {
					pipeline(b, address, &pipelined)
				}
				conn, err := net.Dial("tcp", address)
				if err != nil {
					b.Fatal(err)
				}
				defer conn.Close()
				const length = time.Second
				answered := 0
				buffer := make([]byte, 4096)
				for range b.N {
					for begin := time.Now(); time.Since(begin) < length; answered++ {
						conn.Write([]byte(get))
						if _, err := conn.Read(buffer); err != nil {
							b.Fatal(err)
						}
					}
				}
				rate := float64(answered) / (float64(b.N) * length.Seconds())
				if pipelining == 0 {
					alone = rate
				}
				b.ReportMetric(rate, "requests/s")
				b.ReportMetric(rate/alone, "share")
				b.ReportMetric(float64(pipelined.Load())/b.Elapsed().Seconds(), "pipelined/s")
			})
		}
	}
}

// pipeline sends requests to address without waiting for the answers, until the end of the
// benchmark. It counts the answers.
func pipeline(b *testing.B, address string, answered *atomic.Int64) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	go func() {
		for many := []byte(strings.Repeat(get, 1000)); ; {
			if _, err := conn.Write(many); err != nil {
				return
			}
		}
	}()
	go func() {
		for buffer := make([]byte, 64<<10); ; {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			answered.Add(int64(bytes.Count(buffer[:n], []byte("HTTP/1.1 200"))))
		}
	}()
}
