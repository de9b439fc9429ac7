package cookies_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

// BenchmarkGrowth has what a jar does to one cookie, by the number of its hosts, which
// have two cookies each. Each should cost about the same at any number.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
		jar, hosts := jarOf(b, n)
		b.Run(fmt.Sprintf("cookies-for-a-url/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if got := jar.Cookies(hosts[i%n]); len(got) != 2 {
					b.Fatal(got)
				}
			}
		})
		b.Run(fmt.Sprintf("none-for-a-url/%d", n), func(b *testing.B) {
			other := urls.MustParse("https://www.other.example/")
			b.ReportAllocs()
			for b.Loop() {
				if got := jar.Cookies(other); got != nil {
					b.Fatal(got)
				}
			}
		})
		set := func(name, line string, from func(i int) *url.URL) {
			received := parsed(b, line)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					jar.SetCookies(from(i), received)
				}
			})
		}
		known := func(i int) *url.URL { return hosts[i%n] }
		set("replace-over-https", "a=3; Secure", known)
		set("replace-over-http", "b=3", func(i int) *url.URL { u := *known(i); u.Scheme = "http"; return &u })
		set("delete-an-unknown", "c=3; Max-Age=0", known)
		b.Run(fmt.Sprintf("get-by-name-and-domain/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := jar.Get("a", cookies.Domain(hosts[i%n].Host)); err != nil {
					b.Fatal(err)
				}
			}
		})
		jar.Max = jar.Len()
		set("add-and-evict", "a=3", func(i int) *url.URL {
			return &url.URL{Scheme: "https", Host: fmt.Sprintf("www.new%d.example", i), Path: "/"}
		})
	}
}

// BenchmarkGrowthOfExpiry has the cost of one cookie from when it is set until it has
// expired, by the number of those that wait for that.
func BenchmarkGrowthOfExpiry(b *testing.B) {
	for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
		b.Run(fmt.Sprintf("expire/%d", n), func(b *testing.B) {
			jar, clock := newJar()
			received := parsed(b, fmt.Sprintf("a=1; Max-Age=%d", n))
			hosts := hosts(n)
			second := func(i int) {
				clock.now = clock.now.Add(time.Second)
				jar.SetCookies(hosts[i%n], received)
			}
			for i := range n {
				second(i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				second(i)
			}
		})
	}
}

// BenchmarkGrowthOfADomain has the same for the cookies of one host, up to its limit and
// above.
func BenchmarkGrowthOfADomain(b *testing.B) {
	u := urls.MustParse("https://www.h.example/")
	for _, n := range []int{1, 10, 100, 180, 1000, 10_000} {
		jar, _ := newJar()
		jar.MaxPerDomain = n
		receive(b, jar, u.String(), numbered(n, "n%d=1; Secure")...)
		i := 0
		b.Run(fmt.Sprintf("set-at-the-limit/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				jar.SetCookies(u, parsed(b, fmt.Sprintf("m%d=1; Secure", i)))
				i++
			}
		})
		b.Run(fmt.Sprintf("replace/%d", n), func(b *testing.B) {
			received := parsed(b, fmt.Sprintf("m%d=1; Secure", i-1))
			b.ReportAllocs()
			for b.Loop() {
				jar.SetCookies(u, received)
			}
		})
	}
}

func hosts(n int) []*url.URL {
	all := make([]*url.URL, n)
	for i := range all {
		all[i] = &url.URL{Scheme: "https", Host: fmt.Sprintf("www.h%d.example", i), Path: "/"}
	}
	return all
}

func jarOf(b *testing.B, n int) (*cookies.Jar, []*url.URL) {
	jar, _ := newJar()
	all := hosts(n)
	received := append(parsed(b, "a=1; Secure"), parsed(b, "b=2")...)
	for _, u := range all {
		jar.SetCookies(u, received)
	}
	if jar.Len() != 2*n {
		b.Fatalf("%d cookies", jar.Len())
	}
	return jar, all
}

// parsed returns the cookie of a Set-Cookie line.
func parsed(b *testing.B, line string) []*http.Cookie {
	c, err := cookies.ParseSetCookie(line)
	if err != nil {
		b.Fatal(err)
	}
	return []*http.Cookie{c}
}
