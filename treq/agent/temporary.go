package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// Temporary reports whether err, the error of a request or of a response's body, is one
// after which the same request may succeed:
//
//   - The connection could not be made: it was refused, it took too long, there was no
//     route, the process had no file descriptors, the name could not be looked up for the
//     time being, or a proxy answered CONNECT with 408, 425, 429, 502, 503 or 504.
//   - A [response.StatusError] has one of these status codes.
//   - The connection was lost, or closed before the response was complete.
//   - An HTTP/2 server ended the request or the connection with NO_ERROR, INTERNAL_ERROR,
//     REFUSED_STREAM, CANCEL, CONNECT_ERROR or ENHANCE_YOUR_CALM.
//   - A timeout was over: an error with a method Timeout that returns true.
//
// It is false for everything else: a request that was cancelled or is invalid, a name that
// does not exist, a certificate that is not valid, a response that breaks HTTP or cannot be
// decoded or is too large, a body that could not be produced, a reactor that was stopped.
// If err has several reasons, one of these is enough.
//
// A [RetryAgent] asks Temporary, and also whether the request may be sent twice.
func Temporary(err error) bool { return judge(err) == temporary }

// A verdict is what an error says of another try. The greatest one of several counts.
type verdict int

const (
	unknown verdict = iota
	temporary
	permanent
)

// judge returns the verdict of err, or else of the errors that it wraps.
func judge(err error) verdict {
	if v := judgeAlone(err); v != unknown {
		return v
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		return judge(err.Unwrap())
	case interface{ Unwrap() []error }:
		worst := unknown
		for _, reason := range err.Unwrap() {
			worst = max(worst, judge(reason))
		}
		return worst
	}
	return unknown
}

// judgeAlone returns the verdict of err without the errors that it wraps.
func judgeAlone(err error) verdict {
	switch err {
	case deferred.ErrCancelled, context.Canceled, reactor.ErrStopped, reactor.ErrConnectionAborted,
		reactor.ErrNameNotFound, request.ErrNotRepeatable, ErrNotUpgraded, ErrUpgradeLost:
		return permanent
	case reactor.ErrConnectionRefused, reactor.ErrConnectTimeout, reactor.ErrNoRoute, reactor.ErrTooManyFiles,
		reactor.ErrConnectionDone, reactor.ErrConnectionLost, io.EOF, io.ErrUnexpectedEOF, ErrSilent:
		return temporary
	}
	switch err := err.(type) {
	case *GenerationError, *RedirectError, *DecodeError, *versionError, *deferred.PanicError, *response.TooLargeError,
		*tls.CertificateVerificationError, tls.RecordHeaderError, tls.AlertError,
		x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError:
		return permanent
	case *TimeoutError, *deferred.TimeoutError:
		return temporary // although they wrap ErrCancelled
	case wire.Kind:
		if err == wire.ErrNoResponse || err == wire.ErrPartialHead || err == wire.ErrPartialBody {
			return temporary
		}
		return permanent
	case wire.Code:
		switch err {
		case wire.NoError, wire.InternalError, wire.RefusedStream, wire.Cancel, wire.ConnectError, wire.EnhanceYourCalm:
			return temporary
		}
		return permanent
	case *ProxyError:
		if err.Err != nil {
			return unknown // Err tells
		}
		return judgeCode(err.Code)
	case *response.StatusError:
		return judgeCode(err.Code)
	case *net.OpError:
		if err.Op == "remote error" || err.Op == "local error" { // an alert of TLS
			return permanent
		}
	case *net.DNSError:
		if err.IsTemporary || err.IsTimeout {
			return temporary
		}
		return permanent
	case syscall.Errno: // below an http.RoundTripper; the reactor has errors of its own
		switch err {
		case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.EHOSTUNREACH, syscall.ENETUNREACH:
			return temporary
		}
		if err.Temporary() {
			return temporary
		}
	}
	if err, ok := err.(interface{ Timeout() bool }); ok && err.Timeout() {
		return temporary
	}
	return unknown
}

// judgeCode returns the verdict of a status code.
func judgeCode(code int) verdict {
	if slices.Contains(retryCodes, code) {
		return temporary
	}
	return permanent
}

// neverSent reports whether err shows that no server got the request.
func neverSent(err error) bool {
	if named, ok := errors.AsType[*RequestError](err); ok {
		return named.NotSent
	}
	return notDialed(err)
}
