package agent

import (
	"strconv"
	"strings"
	"time"
)

// This file reads Keep-Alive, by which a server says how long it keeps an unused
// connection, and for how many requests more (RFC 2068, section 19.7.1.1).

// A connection is kept for a time that is shorter than the server's by keepAliveMargin, but
// at least by half of it. A request sent at the last moment would otherwise meet a
// connection that the server has just closed, and one such as POST would not be sent again.
const keepAliveMargin = time.Second

// keepAlive takes the values of a response's Keep-Alive, and reports whether another
// request may follow on c. It ignores what it does not understand.
func (c *connection) keepAlive(values []string) bool {
	more, keep := true, time.Duration(-1)
	for _, value := range values {
		for parameter := range strings.SplitSeq(value, ",") {
			name, text, _ := strings.Cut(parameter, "=")
			n, err := strconv.ParseUint(strings.Trim(text, " \t\""), 10, 31)
			if err != nil {
				continue
			}
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "timeout":
				limit := time.Duration(n) * time.Second
				keep = max(limit-keepAliveMargin, limit/2)
			case "max":
				more = more && n != 0
			}
		}
	}
	if keep >= 0 {
		c.expiry = &expiry{after: keep}
	}
	return more && keep != 0
}
