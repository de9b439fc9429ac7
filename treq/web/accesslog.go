package web

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file holds the format of access logs.

// CombinedLog returns the line for req, with a line feed, in Apache's Combined Log
// Format. It is Twisted's combinedLogFormatter.
//
// A response that the server cut short is not logged with the status that the client may
// have seen, but with 503 if the server was shutting down, 408 if the client took longer
// than WriteTimeout, and 500 after an error. A client that was gone does not change the
// status, as in Twisted.
//
//	site.AccessLog = func(req *web.Request) { file.Write(web.CombinedLog(req)) }
func CombinedLog(req *Request) []byte {
	host, _, err := net.SplitHostPort(req.GetClientAddress().String())
	if err != nil {
		host = "-"
	}
	sent := "-"
	if n := req.Sent(); n != 0 {
		sent = itoa(n)
	}
	// %+q quotes a value so that it cannot look like another field or line.
	return fmt.Appendf(nil, "%s - - %s %+q %d %s %+q %+q\n", host, req.Started().UTC().Format("[02/Jan/2006:15:04:05 +0000]"),
		req.Method+" "+req.URI+" "+req.Version, loggedCode(req), sent,
		cmp.Or(req.Header.Get("Referer"), "-"), cmp.Or(req.Header.Get("User-Agent"), "-"))
}

// loggedCode returns the status code for the log.
func loggedCode(req *Request) int {
	switch err := req.Err(); {
	case errors.Is(err, ErrShutdown), errors.Is(err, reactor.ErrStopped):
		return http.StatusServiceUnavailable
	case errors.Is(err, errWriteTimeout):
		return http.StatusRequestTimeout
	case req.aborted:
		return http.StatusInternalServerError
	}
	return req.ResponseCode()
}
