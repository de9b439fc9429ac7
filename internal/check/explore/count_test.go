package explore

import "fmt"

// counts are the figures of runs.
type counts struct {
	requests, served, whole, failed     int
	cancels, resets, timeouts           int
	shutdowns, restarts                 int
	connections, secure, streams        int
	together, forwarded, tunnels, socks int
	switched                            int // to another protocol
	again                               int // tries after the first
}

func (c *counts) add(o counts) {
	c.requests += o.requests
	c.served += o.served
	c.whole += o.whole
	c.failed += o.failed
	c.cancels += o.cancels
	c.resets += o.resets
	c.timeouts += o.timeouts
	c.shutdowns += o.shutdowns
	c.restarts += o.restarts
	c.connections += o.connections
	c.secure += o.secure
	c.streams += o.streams
	c.together = max(c.together, o.together)
	c.forwarded += o.forwarded
	c.tunnels += o.tunnels
	c.socks += o.socks
	c.again += o.again
	c.switched += o.switched
}

func (c counts) String() string {
	return fmt.Sprintf("%d requests, %d of them whole and %d failed, served %d times and tried again %d times; "+
		"%d connections, %d ends of TLS, %d streams (%d at a time), %d forwarded by proxies, %d tunnels, %d by SOCKS, %d switched to another protocol; "+
		"%d requests cancelled, %d reset by the server, %d timed out; %d restarts, %d shutdowns",
		c.requests, c.whole, c.failed, c.served, c.again, c.connections, c.secure, c.streams, c.together, c.forwarded, c.tunnels, c.socks, c.switched,
		c.cancels, c.resets, c.timeouts, c.restarts, c.shutdowns)
}

// A history is a hash of what happened: FNV-1a.
type history uint64

func newHistory() history { return 14695981039346656037 }

func (h *history) add(text string) {
	for i := range len(text) {
		*h = (*h ^ history(text[i])) * 1099511628211
	}
}
