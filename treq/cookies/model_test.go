package cookies_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

// A model is a jar that looks at all cookies for everything. Its cookies are in the order
// in which they were first set.
type model struct {
	cookies      []*modelCookie
	uses         int
	perDomain, n int
}

type modelCookie struct {
	cookies.Cookie
	used, set int
}

func (m *model) put(c cookies.Cookie, now time.Time) {
	old := slices.IndexFunc(m.cookies, func(o *modelCookie) bool {
		return o.Name == c.Name && o.Domain == c.Domain && o.Path == c.Path
	})
	if !c.Expires.IsZero() && !c.Expires.After(now) {
		if old >= 0 {
			m.cookies = slices.Delete(m.cookies, old, old+1)
		}
		return
	}
	m.uses++
	stored := &modelCookie{c, m.uses, m.uses}
	if old >= 0 {
		m.cookies[old] = stored
	} else {
		m.cookies = append(m.cookies, stored)
	}
	m.expire(now)
	m.evict(m.perDomain, func(o *modelCookie) bool { return o.Domain == c.Domain }, func(o *modelCookie) int {
		if o.Secure {
			return 1
		}
		return 0
	})
	m.evict(m.n, func(*modelCookie) bool { return true }, func(*modelCookie) int { return 0 })
}

func (m *model) expire(now time.Time) {
	m.cookies = slices.DeleteFunc(m.cookies, func(c *modelCookie) bool { return !c.Expires.IsZero() && !c.Expires.After(now) })
}

// evict removes the cookies of the least rank that were not used for the longest time,
// until limit cookies match.
func (m *model) evict(limit int, matches func(*modelCookie) bool, rank func(*modelCookie) int) {
	for {
		var found []*modelCookie
		for _, c := range m.cookies {
			if matches(c) {
				found = append(found, c)
			}
		}
		if len(found) <= limit {
			return
		}
		first := slices.MinFunc(found, func(a, b *modelCookie) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.used, b.used))
		})
		m.cookies = slices.DeleteFunc(m.cookies, func(c *modelCookie) bool { return c == first })
	}
}

// sent returns the header for the path of a host over https.
func (m *model) sent(host, path string, limit int) string {
	var all []*modelCookie
	for _, c := range m.cookies {
		below := c.Subdomains && strings.HasSuffix(host, "."+c.Domain)
		if (c.Domain == host || below) && (c.Path == "/" || c.Path == path) {
			all = append(all, c)
		}
	}
	size := func() int { return len(pairs(all)) }
	for size() > limit {
		oldest := slices.MinFunc(all, func(a, b *modelCookie) int { return cmp.Compare(a.set, b.set) })
		all = slices.DeleteFunc(all, func(c *modelCookie) bool { return c == oldest })
	}
	slices.SortStableFunc(all, func(a, b *modelCookie) int { return cmp.Compare(len(b.Path), len(a.Path)) })
	for _, c := range all {
		m.uses++
		c.used = m.uses
	}
	return pairs(all)
}

func pairs(all []*modelCookie) string {
	var texts []string
	for _, c := range all {
		texts = append(texts, c.Name+"="+c.Value)
	}
	return strings.Join(texts, "; ")
}

// TestAgainstAModel does the same to a jar and to a model.
func TestAgainstAModel(t *testing.T) {
	domains := []string{"a.example", "b.a.example", "c.example"}
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		jar, clock := newJar()
		m := &model{perDomain: 2 + random.IntN(8), n: 4 + random.IntN(16)}
		jar.MaxPerDomain, jar.Max, jar.MaxHeader = m.perDomain, m.n, 12
		var steps []string
		for range 100 {
			domain := domains[random.IntN(len(domains))]
			path := []string{"/", "/x"}[random.IntN(2)]
			name := fmt.Sprint("n", random.IntN(8))
			switch random.IntN(8) {
			case 0:
				clock.now = clock.now.Add(time.Second)
				steps = append(steps, "a second")
			case 1, 2:
				steps = append(steps, "send to "+domain+path)
				m.expire(clock.now)
				if got, want := sent(t, jar, "https://"+domain+path), m.sent(domain, path, 12); got != want {
					t.Fatalf("seed %d: sent %q, want %q, after\n%s", seed, got, want, strings.Join(steps, "\n"))
				}
			case 3:
				steps = append(steps, "del "+name+" of "+domain)
				jar.Del(name, cookies.Domain(domain))
				m.cookies = slices.DeleteFunc(m.cookies, func(c *modelCookie) bool { return c.Name == name && c.Domain == domain })
			case 4:
				steps = append(steps, "copy")
				other := jar.Copy()
				jar.Clear()
				jar = other
			default:
				c := cookies.Cookie{Name: name, Value: fmt.Sprint(len(steps)), Domain: domain, Path: path,
					Secure: random.IntN(2) == 0, Subdomains: random.IntN(2) == 0}
				if random.IntN(2) == 0 {
					c.Expires = clock.now.Add(time.Duration(random.IntN(3)*4) * time.Second)
				}
				steps = append(steps, fmt.Sprintf("put %v secure=%v expires=%v", c, c.Secure, c.Expires))
				if err := jar.Put(c); err != nil {
					t.Fatal(err)
				}
				m.put(c, clock.now)
			}
			m.expire(clock.now)
			var want []cookies.Cookie
			for _, c := range m.cookies {
				want = append(want, c.Cookie)
			}
			// Len removes what has expired, and must not hide that something else does not.
			if got := jar.Items(); !slices.EqualFunc(got, want, same) || random.IntN(10) == 0 && jar.Len() != len(want) {
				t.Fatalf("seed %d: the jar has %v, want %v, after\n%s", seed, got, want, strings.Join(steps, "\n"))
			}
		}
	}
}
