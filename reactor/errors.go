package reactor

import (
	"errors"
	"fmt"
	"net"
)

// What a loop's own calls fail with.
var (
	// ErrAlreadyRunning is the error of Run on a loop that runs.
	ErrAlreadyRunning = errors.New("reactor: already running")
	// errLoopClosed is the error of Run on a loop that Close was called for.
	errLoopClosed = fmt.Errorf("%w, for good", ErrStopped)
	// ErrNotRunning is the error of Stop on a loop that does not run.
	ErrNotRunning = errors.New("reactor: not running")
	// ErrStopped is the error of what was under way when the loop was stopped.
	ErrStopped = errors.New("the reactor was stopped")
	// ErrProducerRegistered is the error of a second RegisterProducer.
	ErrProducerRegistered = errors.New("reactor: the consumer has a producer already")
	// ErrNoProtocol is the error of a connection that its factory refused, by
	// building no protocol for it.
	ErrNoProtocol = errors.New("the factory built no protocol for the connection")
)

// Why a connection ended, as ConnectionLost is told.
var (
	// ErrConnectionDone says that it was closed in order. It is Twisted's
	// ConnectionDone.
	ErrConnectionDone = errors.New("connection was closed cleanly")
	// ErrConnectionLost says that it was closed in some other way; the errors
	// below are such, and the system's own come wrapped in one. When the loop shuts
	// down it wraps [ErrStopped]. It is Twisted's ConnectionLost.
	ErrConnectionLost = errors.New("connection was lost")
	// ErrConnectionAborted says that AbortConnection closed it. It is an
	// ErrConnectionLost to errors.Is.
	ErrConnectionAborted error = &lossError{"connection was aborted"}
	// ErrConnectionReset says that the peer closed it by a reset. It is an
	// ErrConnectionLost to errors.Is.
	ErrConnectionReset error = &lossError{"connection was reset by the peer"}
)

// A lossError is a kind of ErrConnectionLost.
type lossError struct{ text string }

func (e *lossError) Error() string { return e.text }
func (e *lossError) Unwrap() error { return ErrConnectionLost }

// Why a connection or a port could not be had.
var (
	// ErrConnectionRefused says that nothing listens there.
	ErrConnectionRefused = errors.New("connection was refused")
	// ErrConnectTimeout says that the attempt took longer than it may. It is
	// Twisted's error.TimeoutError.
	ErrConnectTimeout = errors.New("connecting took too long")
	// ErrNoRoute says that the network knows no way there.
	ErrNoRoute = errors.New("no route to the host")
	// ErrNameNotFound says that a host name has no address. It is Twisted's
	// DNSLookupError.
	ErrNameNotFound = errors.New("no address found for the host name")
	// ErrPortInUse says that something else listens there.
	ErrPortInUse = errors.New("address is in use")
	// ErrTooManyFiles says that the process, or the system, may open no more
	// descriptors.
	ErrTooManyFiles = errors.New("too many open files")
)

// A ConnectError says what could not be connected to, and why. It is Twisted's
// ConnectError. errors.Is finds the reason: one of this package's errors, and
// the system's.
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

// A ListenError says what could not be listened on, and why. It is Twisted's
// CannotListenError. errors.Is finds the reason.
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

// A LookupError says which name could not be looked up, and why. errors.Is
// finds [ErrNameNotFound] in it if there is no such name.
type LookupError struct {
	Host string
	Err  error
}

func (e *LookupError) Error() string { return fmt.Sprintf("looking up %q: %v", e.Host, e.Err) }

// Unwrap returns the reason.
func (e *LookupError) Unwrap() error { return e.Err }

// A reason is an error of the system under the name that this package gives to
// errors of its kind.
type reason struct {
	kind error
	err  error
}

func (e *reason) Error() string   { return e.kind.Error() }
func (e *reason) Unwrap() []error { return []error{e.kind, e.err} }

// classify wraps err, which came from the system, in the error of its kind.
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

// lost returns what ConnectionLost is told of a connection that ended with err.
func lost(err error) error {
	if isLoss(err) {
		return err
	}
	if err = classify(err); isLoss(err) {
		return err
	}
	return &lostError{err}
}

func isLoss(err error) bool {
	return errors.Is(err, ErrConnectionDone) || errors.Is(err, ErrConnectionLost)
}

// A lostError is an ErrConnectionLost that says why.
type lostError struct{ err error }

func (e *lostError) Error() string   { return ErrConnectionLost.Error() + ": " + e.err.Error() }
func (e *lostError) Unwrap() []error { return []error{ErrConnectionLost, e.err} }

// opReason takes what net says of addresses off its error: the error that will
// be wrapped around it says it already.
func opReason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
