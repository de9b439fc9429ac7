package http1

import (
	"fmt"
	"strconv"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func errorf(k wire.Kind, format string, args ...any) error {
	return &wire.Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// quote returns a peer's text for an error: in ASCII, escaped, and shortened.
func quote[T string | []byte](text T) string {
	const most = 48
	if len(text) > most {
		return strconv.QuoteToASCII(string(text[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(text))
}
