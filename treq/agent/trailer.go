package agent

import (
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has the trailers of requests and responses: the headers after a body (RFC 9110,
// section 6.5).

// trailed reports whether x's request has trailers.
func (x *exchange) trailed() bool { return len(x.request.Trailer) != 0 }

// errTrailerWithoutBody is the error of trailers that nothing goes before.
var errTrailerWithoutBody = errors.New("the request has a Trailer, but no Body that it follows: set Body, to an empty request.Bytes{} if there is nothing to send")

// checkTrailer returns the error of the names of the trailers of x's request, and of the values
// that are known already.
func (x *exchange) checkTrailer() error {
	if !x.trailed() {
		return nil
	}
	if x.request.Body == nil {
		return errTrailerWithoutBody
	}
	for name := range x.request.Trailer {
		if notInTrailer(http.CanonicalHeaderKey(name)) {
			return &wire.Error{Kind: wire.ErrHeaderName, Detail: name + " is not allowed as a trailer"}
		}
	}
	_, err := http1.AppendLastChunk(nil, x.request.Trailer)
	return err
}

// failGeneration fails x, whose body cannot be sent because of err.
func (x *exchange) failGeneration(err error) {
	err = &GenerationError{err}
	x.carrier.abort(err)
	x.fail(err)
}

// header returns the headers of x's request as they are sent: without an Expect that the server
// does not know, and with the names of the trailers.
func (x *exchange) header() http.Header {
	h := x.request.Header
	_, announced := h["Trailer"]
	announces := x.trailed() && !announced
	forgets := x.expectless && h["Expect"] != nil
	if !announces && !forgets {
		return h
	}
	if h = h.Clone(); h == nil {
		h = make(http.Header)
	}
	if announces {
		names := sortedKeys(x.request.Trailer)
		for i, name := range names {
			names[i] = http.CanonicalHeaderKey(name)
		}
		h["Trailer"] = []string{strings.Join(names, ", ")}
	}
	if forgets {
		h.Del("Expect")
	}
	return h
}

// announcedTrailers returns the names in the values of the header Trailer, without values,
// or nil if there are none.
func announcedTrailers(values []string) http.Header {
	var trailer http.Header
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if name == "" || notInTrailer(name) {
				continue
			}
			if trailer == nil {
				trailer = make(http.Header)
			}
			trailer[name] = nil
		}
	}
	return trailer
}

// notInTrailer reports whether the header called name means nothing after the body. Package
// net/http refuses a response that announces one.
func notInTrailer(name string) bool {
	switch name {
	case "Transfer-Encoding", "Content-Length", "Trailer":
		return true
	}
	return false
}

// trailersReceived adds trailers to the response of x. The program may have dropped it, and
// be reading its body still.
func (x *exchange) trailersReceived(trailer http.Header) {
	r := x.answer()
	if r == nil {
		return
	}
	maps.DeleteFunc(trailer, func(name string, _ []string) bool { return notInTrailer(name) })
	r.Trailer = withTrailers(r.Trailer, trailer)
}

// withTrailers adds the received trailers to the announced ones.
func withTrailers(announced, received http.Header) http.Header {
	switch {
	case len(received) == 0:
		return announced
	case announced == nil:
		return received
	}
	maps.Copy(announced, received)
	return announced
}
