package cookies_test

import (
	"fmt"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
)

// BenchmarkCookies selects the cookies of a request from a jar with many hosts.
func BenchmarkCookies(b *testing.B) {
	jar, _ := newJar()
	for i := range 1000 {
		receive(b, jar, fmt.Sprintf("https://www.h%d.example/", i), "a=1", "b=2; Path=/x")
	}
	none := urls.MustParse("https://www.other.example/x/y")
	if got := jar.Cookies(none); got != nil {
		b.Fatal(got)
	}
	u := urls.MustParse("https://www.h500.example/x/y")
	b.ReportAllocs()
	for b.Loop() {
		if len(jar.Cookies(u)) != 2 {
			b.Fatal("not 2 cookies")
		}
	}
}
