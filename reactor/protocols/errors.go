package protocols

import "fmt"

// A TooLongError is the error of a line or a string that is longer than allowed. It is
// Twisted's StringTooLongError, and what the receivers of Twisted do not say.
type TooLongError struct {
	// What is "line", "string", or "netstring"; "string to send" if SendString refused it.
	What string
	// Length is the length of a string with a length of N bits before it. It is -1 for a line
	// and a netstring, whose length was not known yet.
	Length int64
	// Limit is the largest length allowed.
	Limit int
	// Data is the beginning, as far as it had come, and at most 64 bytes.
	Data []byte
}

func (e *TooLongError) Error() string {
	if e.What == sending {
		return fmt.Sprintf("protocols: a string of %d bytes is longer than the %d that its prefix can say", e.Length, e.Limit)
	}
	length := ""
	if e.Length >= 0 {
		length = fmt.Sprintf(" of %d bytes", e.Length)
	}
	return fmt.Sprintf("protocols: a %s%s is longer than the %d bytes of MaxLength: it begins with %q", e.What, length, e.Limit, e.Data)
}

// sending is the What of an error of SendString.
const sending = "string to send"

// A NetstringError is the error of bytes that are no netstring. It is Twisted's
// NetstringParseError.
type NetstringError struct {
	// Problem says what is wrong: "it does not begin with its length".
	Problem string
	// Data is the beginning of the netstring, at most 64 bytes.
	Data []byte
}

func (e *NetstringError) Error() string {
	return fmt.Sprintf("protocols: %q is no netstring: %s", e.Data, e.Problem)
}

// excerpt returns a copy of the beginning of data, for an error.
func excerpt(data []byte) []byte { return append([]byte(nil), data[:min(len(data), 64)]...) }
