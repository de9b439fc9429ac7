package http1

import (
	"strconv"

	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func errorf(k wire.Kind, format string, args ...any) error {
	return Errorf(k, format, args...)
}

// notHTTP returns the error for a message that begins with text, which is no start line.
func notHTTP(k wire.Kind, text []byte) error {
	return &wire.Error{Kind: k, Detail: "not HTTP: " + quote(text), Begin: string(text[:min(len(text), sniffLen)])}
}

// looked bounds the part of a text in which a quote looks for secrets.
const looked = 256

// quote returns a text of a message for an error: without its secrets, in ASCII, escaped, and
// shortened.
func quote[T string | []byte](text T) string {
	return shorten(secret.Known.Head(string(text[:min(len(text), looked)])))
}

// quoteValue is quote for the value of a header.
func quoteValue(name, value string) string {
	return shorten(secret.Known.Header(name, value[:min(len(value), looked)]))
}

func shorten(text string) string {
	const most = 48
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
