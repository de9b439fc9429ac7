package reactor

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/seed-7c003b53/gotreq/internal/producer"
)

// Errors of a loop's own methods.
var (
	// ErrAlreadyRunning is the error of Run on a running loop.
	ErrAlreadyRunning = errors.New("reactor: already running")
	// errLoopClosed is the error of Run after Close.
	errLoopClosed = fmt.Errorf("%w by Close", ErrStopped)
	// ErrNotRunning is the error of Stop on a loop that is not running.
	ErrNotRunning = errors.New("reactor: not running")
	// ErrStopped is the error of everything that was in progress when the loop
	// stopped.
	ErrStopped = errors.New("the reactor was stopped")
	// ErrProducerRegistered is the error of a second RegisterProducer.
	ErrProducerRegistered = errors.New("reactor: the consumer has a producer already")
	// ErrNoProtocol is the error of a connection for which the factory built no
	// protocol.
	ErrNoProtocol = errors.New("the factory built no protocol for the connection")
)

// Reasons of ConnectionLost.
var (
	// ErrConnectionDone: the connection was closed in order. It is Twisted's
	// ConnectionDone.
	ErrConnectionDone = errors.New("connection was closed cleanly")
	// ErrConnectionLost: the connection was lost in any other way. It wraps the
	// system's error, or [ErrStopped] when the loop shuts down. It is Twisted's
	// ConnectionLost.
	ErrConnectionLost = errors.New("connection was lost")
	// ErrConnectionAborted: AbortConnection was called. errors.Is matches it with
	// ErrConnectionLost.
	ErrConnectionAborted error = &lossError{"connection was aborted"}
	// ErrConnectionReset: the peer reset the connection. errors.Is matches it with
	// ErrConnectionLost.
	ErrConnectionReset error = &lossError{"connection was reset by the peer"}
)

// A lossError is a kind of ErrConnectionLost.
type lossError struct{ text string }

func (e *lossError) Error() string { return e.text }
func (e *lossError) Unwrap() error { return ErrConnectionLost }

// Reasons why connecting or listening failed.
var (
	// ErrConnectionRefused: nothing listens at the address.
	ErrConnectionRefused = errors.New("connection was refused")
	// ErrConnectTimeout: the attempt exceeded its timeout. It is Twisted's
	// error.TimeoutError.
	ErrConnectTimeout = errors.New("connecting took too long")
	// ErrNoRoute: the network has no route to the host.
	ErrNoRoute = errors.New("no route to the host")
	// ErrNameNotFound: the host name has no address. It is Twisted's DNSLookupError.
	ErrNameNotFound = errors.New("no address found for the host name")
	// ErrPortInUse: another socket listens at the address.
	ErrPortInUse = errors.New("address is in use")
	// ErrTooManyFiles: the process, or the system, is out of file descriptors.
	ErrTooManyFiles = errors.New("too many open files")
)

// A ConnectError is the error of an attempt to connect. errors.Is finds the reason: one of
// this package's errors, and the system's error. It is Twisted's ConnectError.
type ConnectError struct {
	Network string // "tcp" or "unix"
	Address string
	Err     error
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("connecting to %s: %v", e.Address, e.Err)
}

// Unwrap returns the reason.
func (e *ConnectError) Unwrap() error { return e.Err }

// A ListenError is the error of an attempt to listen. errors.Is finds the reason. It is
// Twisted's CannotListenError.
type ListenError struct {
	Network string // "tcp" or "unix"
	Address string
	Err     error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("listening on %s: %v", e.Address, e.Err)
}

// Unwrap returns the reason.
func (e *ListenError) Unwrap() error { return e.Err }

// A LookupError is the error of a name lookup. errors.Is finds [ErrNameNotFound] if the
// name does not exist.
type LookupError struct {
	Host string
	Err  error
}

func (e *LookupError) Error() string { return fmt.Sprintf("looking up %q: %v", e.Host, e.Err) }

// Unwrap returns the reason.
func (e *LookupError) Unwrap() error { return e.Err }

// A reason is a system error with the package's error for its kind.
type reason struct {
	kind error
	err  error
}

func (e *reason) Error() string   { return e.kind.Error() }
func (e *reason) Unwrap() []error { return []error{e.kind, e.err} }

// classify wraps err, a system error, in the package's error for its kind.
func classify(err error) error {
	for _, k := range kinds {
		for _, errno := range k.errnos {
			if errors.Is(err, errno) {
				return &reason{k.kind, err}
			}
		}
	}
	return err
}

// lost returns the reason that ConnectionLost gets for a connection that ended with err.
func lost(err error) error {
	if isLoss(err) {
		return err
	}
	switch kind := classify(err); {
	case isLoss(kind):
		return kind
	case errors.Is(kind, ErrConnectTimeout): // the kind of ETIMEDOUT; but this was no attempt to connect
		return &lostError{err}
	default:
		return &lostError{kind}
	}
}

func isLoss(err error) bool {
	return errors.Is(err, ErrConnectionDone) || errors.Is(err, ErrConnectionLost)
}

// A lostError is an ErrConnectionLost with its reason.
type lostError struct{ err error }

func (e *lostError) Error() string   { return ErrConnectionLost.Error() + ": " + e.err.Error() }
func (e *lostError) Unwrap() []error { return []error{ErrConnectionLost, e.err} }

// A sendError is the reason of a connection whose sending failed.
type sendError struct {
	err   error // of sending; an ErrConnectionLost
	ended bool  // the peer had ended its side in order, so nothing that it sent is missing
}

func (e *sendError) Error() string { return e.err.Error() }

func (e *sendError) Unwrap() []error {
	if e.ended {
		return []error{e.err, io.EOF}
	}
	return []error{e.err}
}

// opReason removes net.OpError's addresses, which the error that wraps it repeats.
func opReason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// An InheritedProducerError is the error of RegisterProducer and RegisterPullProducer for a
// protocol that embeds a Transport and does not declare each of the producer's methods itself. It
// would inherit the Transport's, which pause what the protocol receives and close the
// connection, and were hardly meant. Keep the Transport in a field with a name. A Transport
// itself, or one that wraps another, may be registered: that pauses what it receives.
type InheritedProducerError = producer.InheritedError
