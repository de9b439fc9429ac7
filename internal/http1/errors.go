package http1

import (
	"fmt"
	"strconv"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func errorf(k wire.Kind, format string, args ...any) error {
	return &wire.Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// notHTTP returns the error for a message that begins with text, which is no start line.
func notHTTP(k wire.Kind, text []byte) error {
	return &wire.Error{Kind: k, Detail: "not HTTP: " + quote(text), Begin: string(text[:min(len(text), sniffLen)])}
}

// quote returns a peer's text for an error: in ASCII, escaped, and shortened.
func quote[T string | []byte](text T) string {
	const most = 48
	if len(text) > most {
		return strconv.QuoteToASCII(string(text[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(text))
}
