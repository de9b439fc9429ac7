//go:build !linux

package reactor

func newSystemPoller() Poller { return newPortablePoller() }
