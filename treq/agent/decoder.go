package agent

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A ContentDecoderAgent is a Requester that tells servers which content codings
// it can undo, and undoes them. It is Twisted's ContentDecoderAgent.
//
// The decoded body comes as the coded one does: in pieces, and not before the
// reader of the body wants them. While such a body is being read it takes a
// coroutine and, for gzip, some 80 KB.
type ContentDecoderAgent struct {
	inner    Requester
	redirect *RedirectAgent // inner, if it is one: what is done here is done there
	decoders map[string]Decoder
	accept   string // names them all
	limits   decodingLimits
}

// A DecoderConfig says how bodies are decoded. The zero value works.
type DecoderConfig struct {
	// Decoders are the decoders to use, the most wanted one first. nil, but not an empty
	// slice, means all of
	// [Decoders].
	Decoders []Decoder
	// MaxSize bounds the decoded size of a body, in bytes. 0 means no bound, since a
	// body can be read piece by piece.
	MaxSize int64
	// MaxExpansion bounds the bytes that each received byte may become, once more than
	// ExpansionAllowed have come. 0 means [DefaultMaxExpansion]; a negative number
	// means no bound.
	MaxExpansion int64
	// ExpansionAllowed is the decoded size that is always allowed, however small the
	// coded body is, in bytes. 0 means [DefaultExpansionAllowed].
	ExpansionAllowed int64
}

const (
	// DefaultMaxExpansion is how much may come of a byte by default. Text becomes
	// 3 to 20 times as long when it is decoded; what is made to fill a memory, by
	// gzip 1,000 times, and by br 100,000 times and more.
	DefaultMaxExpansion = 200
	// DefaultExpansionAllowed is how much may come of no matter how little.
	DefaultExpansionAllowed = 32 << 20
)

// maxCodings is how many codings may be on a body. Nobody needs two.
const maxCodings = 5

// NewContentDecoderAgent returns an agent whose requests inner sends, and which
// undoes the codings that config's decoders name:
//
//	NewContentDecoderAgent(inner, DecoderConfig{Decoders: []Decoder{GzipDecoder, BrotliDecoder}})
func NewContentDecoderAgent(inner Requester, config DecoderConfig) *ContentDecoderAgent {
	decoders := config.Decoders
	if decoders == nil {
		decoders = Decoders()
	}
	a := &ContentDecoderAgent{
		decoders: make(map[string]Decoder, len(decoders)),
		limits: decodingLimits{
			size:    config.MaxSize,
			ratio:   cmp.Or(config.MaxExpansion, DefaultMaxExpansion),
			allowed: cmp.Or(config.ExpansionAllowed, DefaultExpansionAllowed),
		},
	}
	names := make([]string, len(decoders))
	for i, d := range decoders {
		names[i] = d.Name
		a.decoders[strings.ToLower(d.Name)] = d
	}
	a.accept = strings.Join(names, ",")
	return a.Around(inner)
}

// Around returns an agent that does what a does, and whose requests inner sends. It
// costs little, for those who need one for each request.
func (a *ContentDecoderAgent) Around(inner Requester) *ContentDecoderAgent {
	around := *a
	around.inner = inner
	around.redirect = nil
	switch inner := inner.(type) {
	case *RedirectAgent:
		around.redirect = inner
	case *BrowserLikeRedirectAgent:
		around.redirect = &inner.RedirectAgent
	}
	return &around
}

// Request sends req with an Accept-Encoding that names all decoders, beside the
// one it may have already; or as it is, if that is there already. A request for a
// range has nothing added to it: a part of a coded body cannot be decoded.
//
// If the response has codings that the agent knows, the last one of them outermost
// and without one in between that it does not know, then its body is what is left
// when they are undone. Its Length is then unknown, Content-Encoding names the
// codings that are left, and there is no Content-Length. A response without a body
// is left as it is, and so is a part of one (206).
//
// A body that cannot be decoded ends with a [*response.FailedError] for a
// [*DecodeError], and its connection is closed.
func (a *ContentDecoderAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	if accept := a.accepting(req); accept != req.AcceptEncoding {
		sent := *req
		sent.AcceptEncoding = accept
		req = &sent
	}
	if a.redirect != nil {
		return a.redirect.request(req, a)
	}
	return a.decodeLater(req, a.inner.Request(req))
}

// Accept sets the AcceptEncoding of req to what Request would set that of a copy to. It
// spares whoever makes a request the copy.
func (a *ContentDecoderAgent) Accept(req *request.Request) { req.AcceptEncoding = a.accepting(req) }

// accepting returns the AcceptEncoding that req is to have.
func (a *ContentDecoderAgent) accepting(req *request.Request) string {
	before := req.AcceptEncoding
	switch {
	case before == a.accept, a.accept == "", len(req.Header["Range"]) != 0, slices.Contains(req.Header["Accept-Encoding"], a.accept):
		return before
	case before == "":
		return a.accept
	}
	return before + "," + a.accept // another agent undoes these
}

// decodeLater has the body of the response to req decoded that d will fire with, and
// returns d.
func (a *ContentDecoderAgent) decodeLater(req *request.Request, d *deferred.Deferred[*response.Response]) *deferred.Deferred[*response.Response] {
	return d.AddCallback(func(r *response.Response) (*response.Response, error) {
		return r, a.decode(req, r)
	})
}

// decode has the body of r, the response to req, decoded. It fails with a
// [*RequestError].
func (a *ContentDecoderAgent) decode(req *request.Request, r *response.Response) error {
	switch {
	case r.Length == 0, r.Code == http.StatusNoContent, r.Code == http.StatusNotModified, req.Method == http.MethodHead:
		return nil // there is no body
	case r.Code == http.StatusPartialContent:
		return nil
	}
	codings, left := a.codings(r.Header["Content-Encoding"])
	switch {
	case len(codings) == 0:
		return nil
	case len(codings) > maxCodings:
		r.DeliverBody(refusal{})
		return WithRequest(req, &response.FailedError{Reasons: []error{ErrTooManyCodings}, Response: r})
	case left == "":
		delete(r.Header, "Content-Encoding")
	default:
		r.Header["Content-Encoding"] = []string{left}
	}
	delete(r.Header, "Content-Length")
	r.Length = response.UnknownLength
	r.WrapBody(func(to response.BodyProtocol) response.BodyProtocol {
		return newDecoding(r, codings, a.limits, to)
	})
	return nil
}

// codings returns the decoders for what values, of Content-Encoding, say: the one
// to be used first is first. left are the codings that are left then.
func (a *ContentDecoderAgent) codings(values []string) (decoders []Decoder, left string) {
	left = strings.Join(values, ",")
	for left != "" {
		before, name := "", left
		if i := strings.LastIndexByte(left, ','); i >= 0 {
			before, name = left[:i], left[i+1:]
		}
		switch name = strings.ToLower(strings.Trim(name, " \t")); name {
		case "", "identity": // says nothing
		default:
			d, ok := a.decoders[strings.TrimPrefix(name, "x-")] // RFC 9110, section 8.4.1.3
			if !ok {
				return decoders, left
			}
			decoders = append(decoders, d)
		}
		left = before
	}
	return decoders, left
}

// Why a body is not decoded.
var (
	// ErrTooManyCodings says that a response has more content codings than
	// anybody uses.
	ErrTooManyCodings = fmt.Errorf("more than %d content codings", maxCodings)
	// ErrDecodedTooLarge says that more came of a body than [DecoderConfig].MaxSize or
	// [DecoderConfig].MaxExpansion allow.
	ErrDecodedTooLarge = errors.New("decoded, the body is too large")
	// ErrTrailingData says that a coded body goes on after its end.
	ErrTrailingData = errors.New("bytes after the end of the coded body")
)

// A DecodeError says which content coding of a body could not be undone, and
// why: [ErrDecodedTooLarge], io.ErrUnexpectedEOF if the body ended too early, or
// what the decoder found wrong.
type DecodeError struct {
	Coding string // the name of the decoder
	Err    error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decoding the body, which is coded in %s: %v", e.Coding, e.Err)
}

// Unwrap returns the reason.
func (e *DecodeError) Unwrap() error { return e.Err }

// refusal is the reader of a body that nobody is to read.
type refusal struct{}

func (refusal) ConnectionMade(t response.BodyTransport) { t.StopProducing() }
func (refusal) DataReceived([]byte)                     {}
func (refusal) ConnectionLost(error)                    {}
