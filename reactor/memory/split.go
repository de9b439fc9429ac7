package memory

import "fmt"

// This file lets Choices split what is read and written.

// splitRead returns how many of n bytes a read of s gets.
func (c *chooser) splitRead(s *socket, n int) int {
	if c.conditions.Whole || n < 2 {
		return n
	}
	got := split(c.choose(Split, min(n, 256)), n)
	if got < n && c.net.tracing {
		s.trace("choice", 0, fmt.Sprintf("a read gets %d of %d bytes", got, n))
	}
	return got
}

// splitWrite returns how many of n bytes a write of s takes.
func (c *chooser) splitWrite(s *socket, n int) int {
	if c.conditions.Whole || n < 2 {
		return n
	}
	took := c.choose(Split, min(n, 4))
	if n > 3 || took == 0 {
		took = [...]int{n, 1, n / 2, n - 1}[took]
	}
	if took < n && c.net.tracing {
		s.trace("choice", 0, fmt.Sprintf("a write takes %d of %d bytes", took, n))
	}
	return took
}

// split returns the number of bytes that a choice among at most 256 stands for. 0 stands for all
// n bytes, and small numbers for themselves: interesting places are often at the beginning. Of
// many bytes, larger numbers stand for more.
func split(choice, n int) int {
	switch {
	case choice == 0:
		return n
	case n <= 256 || choice < 128:
		return choice
	}
	return n * (choice - 127) / 129
}
