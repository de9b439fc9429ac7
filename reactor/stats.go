package reactor

import "time"

// Stats are counts of what a [Loop] has done since it was made.
type Stats struct {
	// Turns is the number of turns.
	Turns uint64 `json:"turns"`
	// DelayedCalls is the number of delayed calls that were made.
	DelayedCalls uint64 `json:"delayed_calls"`
	// LastLag is how late the last delayed call was made, and MaxLag how late the latest one. A
	// lag of more than some milliseconds means that callbacks, or the system, hold the loop up.
	// In JSON, it is in nanoseconds.
	LastLag time.Duration `json:"last_lag_ns"`
	MaxLag  time.Duration `json:"max_lag_ns"`
	// ThreadCalls is the number of calls of CallFromThread that were made.
	ThreadCalls uint64 `json:"thread_calls"`
	// BytesRead and BytesWritten count what the sockets gave and took: with TLS, what is
	// encrypted.
	BytesRead    uint64 `json:"bytes_read"`
	BytesWritten uint64 `json:"bytes_written"`
	// Open is the number of connections that are open. Connections counts all that were made,
	// and Accepted those of them that came through a port.
	Open        int    `json:"open"`
	Connections uint64 `json:"connections"`
	Accepted    uint64 `json:"accepted"`
}

// Stats returns the loop's counts. It allocates nothing.
func (l *Loop) Stats() Stats {
	l.check("Stats")
	s := l.stats
	s.Open = l.open.Len()
	return s
}

// delayedCall counts a delayed call that is made late by lag.
func (s *Stats) delayedCall(lag time.Duration) {
	s.DelayedCalls++
	s.LastLag, s.MaxLag = lag, max(s.MaxLag, lag)
}

// Plus returns the counts of two loops together: their sums, and the later LastLag and MaxLag.
func (s Stats) Plus(other Stats) Stats {
	return Stats{
		Turns:        s.Turns + other.Turns,
		DelayedCalls: s.DelayedCalls + other.DelayedCalls,
		LastLag:      max(s.LastLag, other.LastLag),
		MaxLag:       max(s.MaxLag, other.MaxLag),
		ThreadCalls:  s.ThreadCalls + other.ThreadCalls,
		BytesRead:    s.BytesRead + other.BytesRead,
		BytesWritten: s.BytesWritten + other.BytesWritten,
		Open:         s.Open + other.Open,
		Connections:  s.Connections + other.Connections,
		Accepted:     s.Accepted + other.Accepted,
	}
}
