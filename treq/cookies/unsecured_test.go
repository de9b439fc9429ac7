package cookies_test

import "testing"

// TestNoLongerSecure checks that a cookie keeps http from setting one of its name as long as
// it is Secure, and no longer.
func TestNoLongerSecure(t *testing.T) {
	const domain = "; Domain=h.example"
	for name, ends := range map[string]string{
		"replaced": "a=2" + domain,
		"removed":  "a=2; Max-Age=0" + domain,
	} {
		jar, _ := newJar()
		receive(t, jar, "https://h.example/", "a=1; Secure"+domain)
		for _, u := range []string{"http://h.example/", "http://www.h.example/"} {
			receive(t, jar, u, "a=3")
		}
		if got := sent(t, jar, "https://h.example/"); got != "a=1" {
			t.Errorf("%s: %q while it is Secure", name, got)
		}
		receive(t, jar, "https://h.example/", ends)
		receive(t, jar, "http://h.example/", "a=3"+domain)
		if got := sent(t, jar, "http://www.h.example/"); got != "a=3" {
			t.Errorf("%s: %q after it", name, got)
		}
	}
}
