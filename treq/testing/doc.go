// Package testing makes requests in memory, for tests that cannot flake: the
// real client on the real agent, over connections that a test holds in its hand,
// to the real server. It is treq.testing.
package testing
