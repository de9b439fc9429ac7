package agent

import (
	"maps"
	"net/http"
	"strings"
)

// This file has the trailers of responses: the headers after a chunked body (RFC 9110,
// section 6.5).

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
