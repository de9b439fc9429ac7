package http1

import (
	"fmt"
	"strconv"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func errorf(k wire.Kind, format string, args ...any) error {
	return &wire.Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// quote is a peer's text fit for a message: ASCII, escaped, and at most a line of it.
func quote[T string | []byte](text T) string {
	const most = 48
	if len(text) > most {
		return strconv.QuoteToASCII(string(text[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(text))
}
