package http1

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// TestRememberedSections: a reader that remembers reads a message as one that does not, however often it comes.
func TestRememberedSections(t *testing.T) {
	memory := new(SectionMemory)
	for _, headers := range []string{
		"Content-Length: 2\n",
		"\n",
		"Set-Cookie: a=1\nContent-Length: 2\nset-cookie: b=2\nSet-Cookie: c=3\n",
		"Transfer-Encoding: chunked\nContent-Length: 1\n", // dubious
		"Content-Length : 2\n", // dubious
		"A: b\n c\nContent-Length: 2\n",
		"Content-Length: 2\nContent-Length: 3\n",
		"Nothing\n",
		"A: \x00\n",
	} {
		in := bytesOf(ok + headers + "\nhi")
		want := transcript(t, freshResponse("GET")(), in)
		for range 4 {
			r := new(ResponseReader)
			r.Remember(memory)
			r.Start("GET")
			if got := transcript(t, r, in); !slices.Equal(got, want) {
				t.Errorf("%q:\n%q, want\n%q", headers, got, want)
			}
		}
	}
}

// TestRememberedRequests: a server that remembers reads a request as one that does not, and one that comes after others.
func TestRememberedRequests(t *testing.T) {
	memory := new(SectionMemory)
	long := "/" + strings.Repeat("x", 300)
	for range 4 {
		for _, in := range []string{
			"GET / HTTP/1.1\nHost: a\n\n",
			"GET / HTTP/1.0\n\n",
			"GET / HTTP/1.1\nHost: a\nConnection: close\n\n",
			"POST / HTTP/1.1\nHost: a\nContent-Length: 2\nExpect: 100-continue\n\nhi",
			"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n",
			"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 2\n\n",
			"GET " + long + " HTTP/1.1\nHost: a\n\n",
			"GET / HTTP/1.1\n\n",
			"GET / HTTP/2.0\nHost: a\n\n",
			"GET  / HTTP/1.1\nHost: a\n\n",
			"GET x HTTP/1.1\nHost: a\n\n",
		} {
			in := bytesOf(in)
			plain, r := new(RequestReader), new(RequestReader)
			plain.Start()
			r.Remember(memory)
			r.Start()
			want := transcript(t, plain, in)
			if got := transcript(t, r, in); !slices.Equal(got, want) || !reflect.DeepEqual(r.head, plain.head) {
				t.Errorf("%q:\n%q, %+v, want\n%q, %+v", in, got, r.head, want, plain.head)
			}
		}
	}
}

// TestRememberedLinesCostNothing: a request whose line and headers came before makes a map and one slice.
func TestRememberedLinesCostNothing(t *testing.T) {
	r := new(RequestReader)
	r.Remember(new(SectionMemory))
	in := []byte("GET /path HTTP/1.1\r\nHost: an.example\r\n\r\n")
	if n := testing.AllocsPerRun(100, func() {
		r.Start()
		drain(t, r, in)
	}); n != 3 {
		t.Errorf("%v allocations", n)
	}
}

// TestRememberedSectionsAreCopied: what one receiver does to its headers, the next does not see.
func TestRememberedSectionsAreCopied(t *testing.T) {
	r := new(ResponseReader)
	r.Remember(new(SectionMemory))
	in := bytesOf(ok + "A: 1\nB: 2\nA: 3\nContent-Length: 0\n\n")
	want := http.Header{"A": {"1", "3"}, "B": {"2"}, "Content-Length": {"0"}}
	for i := range 5 {
		r.Start("GET")
		if _, _, err := r.Next(in); err != nil {
			t.Fatal(err)
		}
		h := r.Head().Header
		if !reflect.DeepEqual(h, want) {
			t.Fatalf("time %d: %q", i, h)
		}
		for name, values := range h {
			h[name] = append(values, "more")
			values[0] = "changed"
		}
		delete(h, "B")
	}
}

// TestRememberedSectionsObeyTheLimits: readers with other limits may share a memory.
func TestRememberedSectionsObeyTheLimits(t *testing.T) {
	memory := new(SectionMemory)
	in := bytesOf(ok + "A: 1\nB: 2\nContent-Length: 0\n\n")
	for _, most := range []int{3, 3, 3, 2} {
		r := new(ResponseReader)
		r.Remember(memory)
		limits := wire.Limits{HeaderCount: most}.OrDefault()
		r.SetLimits(&limits)
		r.Start("GET")
		if _, _, err := r.Next(in); (err != nil) != (most == 2) {
			t.Errorf("HeaderCount %d: %v", most, err)
		}
	}
}

func BenchmarkRememberedResponse(b *testing.B) {
	for i, in := range [][]byte{typical, thirty} {
		b.Run(fmt.Sprint([]int{8, 30}[i], " headers"), func(b *testing.B) {
			b.ReportAllocs()
			r := new(ResponseReader)
			r.Remember(new(SectionMemory))
			for b.Loop() {
				r.Start("GET")
				drain(b, r, in)
			}
		})
	}
}
