package web

import (
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/http1"
)

// This file makes the head of a response: its default headers, the length of its body,
// and the choice of trailers.

// hasBody reports whether the body of the response is sent (RFC 9110, section 6.4.1).
func (r *Request) hasBody() bool { return r.Method != http.MethodHead && bodyAllowed(r.code) }

func bodyAllowed(code int) bool {
	return code >= 200 && code != http.StatusNoContent && code != http.StatusNotModified
}

// sendHead sends the head with the beginning of the body. whole is the length of the whole
// body, or -1 if it is not known.
func (r *Request) sendHead(body []byte, whole int64) {
	r.headSent = true
	header := r.ResponseHeader
	trailers := hasTrailers(header) || r.late != nil && hasTrailers(r.late)
	last, empty := whole == int64(len(body)), whole == 0
	r.trailing = trailers || !last
	if trailers {
		whole = -1
	}
	r.length = r.bodyLength(whole)
	opted := r.encoding != nil && r.optsOut()
	r.setDefaults(body)
	length := r.length
	var encoder *Encoder
	if r.encoding != nil && !opted {
		if encoder = r.negotiate(empty && length <= 0); encoder != nil {
			r.length, last = -1, false
		}
	}
	if trailers {
		header = withoutTrailers(header)
	}
	switch {
	case !r.hasBody():
		body = nil
		r.askAgain()
	case length >= 0 && int64(len(body)) > length:
		slog.Error("web: a body is longer than its Content-Length", "uri", r.shownURI())
		body = body[:length]
	}
	plain := body
	if encoder != nil {
		body = nil
	}
	head := responseHead{code: r.code, phrase: r.phrase, header: header, length: r.length, bodiless: !r.hasBody(), trailers: trailers, refused: r.refused}
	if err := r.carrier.writeHead(head, body, last); err != nil {
		slog.Error("web: a response cannot be sent", "uri", r.shownURI(), "error", err)
		r.abort()
		return
	}
	r.sent += int64(len(body))
	if encoder != nil && r.hasBody() {
		r.startCoder(encoder, length)
		if len(plain) != 0 && r.coder != nil {
			r.writeBody(plain)
		}
	}
}

// bodyLength returns the length of the body for the head, or -1. whole is the length of
// all that follows the head, or -1 if it is not known.
func (r *Request) bodyLength(whole int64) int64 {
	if given, ok := givenLength(r.ResponseHeader); ok {
		return given
	}
	if whole >= 0 && r.code != http.StatusNotModified && (whole != 0 || r.hasBody()) {
		return whole
	}
	return -1
}

// givenLength returns the Content-Length of h, and removes an invalid one.
func givenLength(h http.Header) (int64, bool) {
	values, ok := h["Content-Length"]
	if !ok {
		return 0, false
	}
	if len(values) == 1 {
		if n, err := strconv.ParseUint(values[0], 10, 63); err == nil {
			return int64(n), true
		}
	}
	if len(values) != 0 {
		slog.Error("web: a Content-Length that is not a number is left out", "value", strings.Join(values, ", "))
	}
	delete(h, "Content-Length")
	return 0, false
}

// setDefaults sets the headers that the program has not set.
func (r *Request) setDefaults(body []byte) {
	h := r.ResponseHeader
	if _, set := h["Date"]; !set {
		h["Date"] = r.Site.dateHeader(r.conn.clock.Now())
	}
	switch {
	case r.code == http.StatusNotModified:
		delete(h, "Content-Type")
	case len(body) != 0 && bodyAllowed(r.code):
		if _, set := h["Content-Type"]; !set && h.Get("Content-Encoding") == "" {
			h["Content-Type"] = []string{http.DetectContentType(body)}
		}
	}
}

// Trailers.

// isTrailer reports whether the header called name is sent after the body. announced is
// the value of Trailer.
func isTrailer(name string, announced []string) bool {
	return strings.HasPrefix(name, http.TrailerPrefix) || http1.HasToken(announced, name)
}

func hasTrailers(h http.Header) bool {
	for name, values := range h {
		if isTrailer(name, nil) || name == "Trailer" && len(values) != 0 {
			return true
		}
	}
	return false
}

// withoutTrailers returns the headers of h that are sent before the body.
func withoutTrailers(h http.Header) http.Header {
	announced := h["Trailer"]
	h = maps.Clone(h)
	maps.DeleteFunc(h, func(name string, _ []string) bool { return isTrailer(name, announced) })
	return h
}

// trailers returns the headers that are sent after the body.
func (r *Request) trailers() (trailers http.Header) {
	if !r.trailing || !r.hasBody() {
		return nil
	}
	all := r.ResponseHeader
	if r.late != nil {
		all = r.late
	}
	for name, values := range all {
		if isTrailer(name, r.ResponseHeader["Trailer"]) {
			if trailers == nil {
				trailers = make(http.Header)
			}
			trailers[http.CanonicalHeaderKey(strings.TrimPrefix(name, http.TrailerPrefix))] = values
		}
	}
	return trailers
}
