package response

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// The reasons for the end of a complete body; see [BodyProtocol].
var (
	// ErrDone says that the body is complete. It is Twisted's ResponseDone.
	ErrDone error = &endError{"the response is complete"}
	// ErrPotentialDataLoss says that the end of the connection ended the body, whose
	// length the server had not announced. It is Twisted's PotentialDataLoss.
	ErrPotentialDataLoss error = &endError{"the body ended with the connection: it may not be complete"}
)

// An endError is an end in order: a protocol for connections knows it as [reactor.ErrConnectionDone].
type endError struct{ text string }

func (e *endError) Error() string { return e.text }

// Is is not Unwrap, by which agent.Temporary would take the end for a loss.
func (e *endError) Is(target error) bool { return target == reactor.ErrConnectionDone }

// ErrBodyTaken is the error of a second reader for a body that is not buffered.
var ErrBodyTaken = errors.New("the body of the response is being read, or was read, already")

// A FailedError says that a response is incomplete or invalid. It is Twisted's
// ResponseFailed. errors.Is finds the reasons.
type FailedError struct {
	Reasons  []error
	Response *Response // nil if the head is incomplete
}

func (e *FailedError) Error() string {
	return e.Response.prefix() + "the response failed: " + join(e.Reasons)
}

// Unwrap returns the reasons.
func (e *FailedError) Unwrap() []error { return e.Reasons }

// A NeverReceivedError says that no byte of a response was received. It is Twisted's
// ResponseNeverReceived. errors.Is finds the reasons.
type NeverReceivedError struct {
	Reasons []error
}

func (e *NeverReceivedError) Error() string {
	if len(e.Reasons) != 0 && errors.Is(e.Reasons[0], reactor.ErrConnectionDone) {
		return "the server closed the connection without answering"
	}
	return "no response: " + join(e.Reasons)
}

// Unwrap returns the reasons.
func (e *NeverReceivedError) Unwrap() []error { return e.Reasons }

func join(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return origin.Excerpt(strings.Join(texts, "; "), origin.ExcerptOfError)
}

// prefix returns "METHOD URL: " for an error about r, or "" if the request is unknown. r may
// be nil.
func (r *Response) prefix() string {
	if r == nil || r.Request == nil || r.Request.URL == nil {
		return ""
	}
	return requestPrefix(r.Request.Method, origin.Redacted(r.Request.URL))
}

// requestPrefix is prefix for a method and a URL that is redacted, or "".
func requestPrefix(method, url string) string {
	if url == "" {
		return ""
	}
	return fmt.Sprintf("%s %s: ", method, origin.Excerpt(url, origin.ExcerptOfURL))
}

// A readError is an error of reading a body, with a longer text.
type readError struct {
	text string
	err  error
}

func (e *readError) Error() string { return e.text }
func (e *readError) Unwrap() error { return e.err }

// unread returns err, why the body of r could not be read, as an error that names the request
// and shows what came of the body. err may name the request already, or one that was
// redirected to it. If r has no request, unread returns err itself.
func (r *Response) unread(err error, came beginning) error {
	prefix := r.prefix()
	if err == nil || prefix == "" {
		return err
	}
	text := err.Error()
	if err == deferred.ErrCancelled {
		text = "cancelled" // as a RequestError says it
	}
	for p := r; p != nil; p = p.PreviousResponse {
		if named := p.prefix(); named != "" && strings.HasPrefix(text, named) {
			prefix = ""
		}
	}
	if prefix == "" && came.size == 0 {
		return err
	}
	text = prefix + text
	if came.size != 0 {
		text += fmt.Sprintf(", after %d bytes: %s", came.size, r.quote(came.text()))
	}
	return &readError{text, err}
}

// mostQuoted bounds the bytes of a body in the text of an error.
const mostQuoted = 60

// A beginning is what came of a body, for an error: its size and the first bytes.
type beginning struct {
	size  int64
	bytes [mostQuoted + 1]byte
}

func (b *beginning) add(data []byte) {
	if b.size < int64(len(b.bytes)) {
		copy(b.bytes[b.size:], data)
	}
	b.size += int64(len(data))
}

func (b *beginning) text() string { return string(b.bytes[:min(b.size, int64(len(b.bytes)))]) }

// undecoded returns the error for a text that a decoder refuses with err. It quotes the
// beginning of the text, which often is a page that says what is wrong.
func (r *Response) undecoded(verdict, text string, err error) error {
	why := origin.Excerpt(err.Error(), origin.ExcerptOfError)
	return &readError{fmt.Sprintf("%s%d %s%s: %s: %s", r.prefix(), r.Code, quoteType(r.Header), verdict, r.quote(text), why), err}
}

// quote is the function quote for a part of the body of r, which may be nil. It hides
// secrets.
func (r *Response) quote(text string) string {
	return quote(r.hide(text[:min(len(text), 4*mostQuoted)]))
}

// hide hides what is secret by its name in text, the beginning of the body of r, which may be
// nil.
func (r *Response) hide(text string) string {
	mediaType := ""
	if r != nil {
		mediaType, _ = contentType(r.Header)
	}
	name, _, hasPair := strings.Cut(text, "=")
	isForm := mediaType == formType || hasPair && strings.IndexFunc(name, notInForms) < 0
	text = secret.Known.JSON(secret.Known.Text(text))
	if isForm {
		text = secret.Known.Form(text)
	}
	return text
}

// quote returns the beginning of a server's text for an error, in ASCII and escaped.
func quote(text string) string {
	if len(text) > mostQuoted {
		return strconv.QuoteToASCII(text[:mostQuoted]) + "..."
	}
	return strconv.QuoteToASCII(text)
}

// line returns the beginning of a server's text as a part of one line: a run of white space
// becomes a space, and what cannot be printed is escaped.
func line(text string, most int) string {
	var b strings.Builder
	space := false
	for i, r := range text {
		if unicode.IsSpace(r) {
			space = b.Len() != 0
			continue
		}
		if b.Len() >= most {
			b.WriteString("...")
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// quoteType returns the media type of h for an error.
func quoteType(h http.Header) string {
	mediaType, _ := contentType(h)
	switch {
	case mediaType == "":
		return "without a Content-Type"
	case isType(mediaType):
		return origin.Excerpt(mediaType, 60)
	}
	return quote(mediaType)
}
