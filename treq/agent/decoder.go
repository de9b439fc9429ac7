package agent

// This file has the steps of a Stack that ask for content codings and decode them, and
// the agent made of these steps. decoding.go does the decoding.

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A DecoderConfig says how bodies are decoded. The zero value works.
type DecoderConfig struct {
	// Decoders are the decoders to use, the most preferred one first. nil, unlike an
	// empty slice, means all of [Decoders].
	Decoders []Decoder
	// MaxSize bounds the decoded size of a coded body, in bytes. 0 means no bound: a
	// body can be read piece by piece. The MaxSize of a [Stack] bounds any body.
	MaxSize int64
	// MaxExpansion bounds how many times larger than the received bytes the decoded
	// body may be, once it is larger than ExpansionAllowed. 0 means
	// [DefaultMaxExpansion]; a negative number means no bound.
	MaxExpansion int64
	// ExpansionAllowed is the decoded size that is always allowed, however small the
	// coded body is, in bytes. 0 means [DefaultExpansionAllowed].
	ExpansionAllowed int64
}

const (
	// DefaultMaxExpansion is the default of [DecoderConfig].MaxExpansion. Decoded
	// text is 3 to 20 times as long as coded text. Bodies made to exhaust memory are
	// 1,000 times (gzip) to 100,000 times and more (br) as long.
	DefaultMaxExpansion = 200
	// DefaultExpansionAllowed is the default of [DecoderConfig].ExpansionAllowed.
	DefaultExpansionAllowed = 32 << 20
)

// A ContentDecoderAgent is a Requester that tells servers which content codings it can
// decode, and decodes them. It is Twisted's ContentDecoderAgent.
//
// The decoded body arrives in pieces, and only as fast as its reader takes them. Decoding
// a body takes a coroutine and, for gzip, about 80 KB.
type ContentDecoderAgent struct{ stack Stack }

// NewContentDecoderAgent returns a ContentDecoderAgent on top of inner:
//
//	NewContentDecoderAgent(inner, DecoderConfig{Decoders: []Decoder{GzipDecoder, BrotliDecoder}})
func NewContentDecoderAgent(inner Requester, config DecoderConfig) *ContentDecoderAgent {
	return &ContentDecoderAgent{Stack{Agent: inner, Decoding: &config, plain: true}}
}

// Request sends req with an Accept-Encoding that names all decoders, in addition to the
// Accept-Encoding that req already has. A request for a range is sent unchanged, because
// a part of a coded body cannot be decoded.
//
// The agent undoes the codings of the response, the last one first, until it meets a
// coding without a decoder. The response then has UnknownLength and no Content-Length,
// and Content-Encoding names the remaining codings. A response without a body stays
// unchanged, and so does a partial response (206).
//
// A body that cannot be decoded ends with a [*response.FailedError] for a
// [*DecodeError], and its connection is closed.
func (a *ContentDecoderAgent) Request(req *request.Request) *response.Deferred {
	own := *req
	return a.stack.Send(&own)
}

// allDecoders are the decoders of a config without Decoders. allNames is their
// Accept-Encoding.
var (
	allDecoders = Decoders()
	allNames    = names(allDecoders)
)

func names(decoders []Decoder) string {
	var all []string
	for _, d := range decoders {
		all = append(all, d.Name)
	}
	return strings.Join(all, ",")
}

// acceptEncoding returns the AcceptEncoding to send with req.
func (c *DecoderConfig) acceptEncoding(req *request.Request) string {
	accept := allNames
	if c.Decoders != nil {
		accept = names(c.Decoders)
	}
	before := req.AcceptEncoding
	switch {
	case before == accept, accept == "", len(req.Header["Range"]) != 0, slices.Contains(req.Header["Accept-Encoding"], accept):
		return before
	case before == "":
		return accept
	}
	return before + "," + accept // another agent decodes the codings before
}

// decode makes resp, the response to req, deliver its body decoded.
func (c *DecoderConfig) decode(req *request.Request, resp *response.Response) error {
	switch {
	case resp.Length == 0, resp.Code == http.StatusNoContent, resp.Code == http.StatusNotModified, req.Method == http.MethodHead:
		return nil // there is no body
	case resp.Code == http.StatusPartialContent:
		return nil
	}
	decoders, left := c.codings(resp.Header["Content-Encoding"])
	switch {
	case len(decoders) == 0:
		return nil
	case len(decoders) > maxCodings:
		resp.DeliverBody(refusal{})
		return &response.FailedError{Reasons: []error{ErrTooManyCodings}, Response: resp}
	case left == "":
		delete(resp.Header, "Content-Encoding")
	default:
		resp.Header["Content-Encoding"] = []string{left}
	}
	delete(resp.Header, "Content-Length")
	resp.Length = response.UnknownLength
	limits := decodingLimits{
		size:    c.MaxSize,
		ratio:   cmp.Or(c.MaxExpansion, DefaultMaxExpansion),
		allowed: cmp.Or(c.ExpansionAllowed, DefaultExpansionAllowed),
	}
	resp.WrapBody(func(to response.BodyProtocol) response.BodyProtocol {
		return newDecodedBody(resp, decoders, limits, to)
	})
	return nil
}

// maxCodings bounds the codings of a body. Even two are unusual.
const maxCodings = 5

// codings returns the decoders for the values of Content-Encoding, in the order of their
// use. left names the codings that remain.
func (c *DecoderConfig) codings(values []string) (decoders []Decoder, left string) {
	left = strings.Join(values, ",")
	for left != "" {
		before, name := "", left
		if i := strings.LastIndexByte(left, ','); i >= 0 {
			before, name = left[:i], left[i+1:]
		}
		switch name = strings.ToLower(strings.Trim(name, " \t")); name {
		case "", "identity": // no coding
		default:
			d, ok := c.decoder(strings.TrimPrefix(name, "x-")) // RFC 9110, section 8.4.1.3
			if !ok {
				return decoders, left
			}
			decoders = append(decoders, d)
		}
		left = before
	}
	return decoders, left
}

// decoder returns the decoder of that name, in lower case.
func (c *DecoderConfig) decoder(name string) (Decoder, bool) {
	all := c.Decoders
	if all == nil {
		all = allDecoders
	}
	i := slices.IndexFunc(all, func(d Decoder) bool { return strings.EqualFold(d.Name, name) })
	if i < 0 {
		return Decoder{}, false
	}
	return all[i], true
}

// Reasons why a body is not decoded.
var (
	// ErrTooManyCodings says that a response has more than 5 content codings.
	ErrTooManyCodings = fmt.Errorf("more than %d content codings", maxCodings)
	// ErrDecodedTooLarge says that a decoded body is larger than the MaxSize or the
	// MaxExpansion of [DecoderConfig] allows.
	ErrDecodedTooLarge = errors.New("decoded, the body is too large")
	// ErrTrailingData says that a decoder of yours ended before its input did. The
	// decoders of this package read and ignore what follows the end of a coded body.
	ErrTrailingData = errors.New("bytes after the end of the coded body")
)

// A DecodeError names the content coding that could not be decoded, and says why:
// [ErrDecodedTooLarge], io.ErrUnexpectedEOF if the body ended too early, [ErrTrailingData],
// or an error of the decoder.
type DecodeError struct {
	Coding string // the name of the decoder
	Err    error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decoding the body, which is coded in %s: %v", e.Coding, e.Err)
}

// Unwrap returns the reason.
func (e *DecodeError) Unwrap() error { return e.Err }

// refusal is a reader that stops its body at once.
type refusal struct{}

func (refusal) ConnectionMade(t response.BodyTransport) { t.StopProducing() }
func (refusal) DataReceived([]byte)                     {}
func (refusal) ConnectionLost(error)                    {}
