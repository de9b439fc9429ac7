package web

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"

	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file holds the formats of access logs: Common, Combined, and records of slog.

// StatusClientClosedRequest is the status in a log for a client that went away before it
// had its response. It is nginx's code, and never sent.
const StatusClientClosedRequest = 499

// CommonLog returns the line for req, with a line feed, in Apache's Common Log Format: the
// first seven fields of [CombinedLog].
func CommonLog(req *Request) []byte { return append(appendCommon(nil, req), '\n') }

// CombinedLog returns the line for req, with a line feed, in Apache's Combined Log
// Format. It is Twisted's combinedLogFormatter.
//
// The fields are those of nginx and of Apache: the client's address, two unused fields, the
// time at which the request's head was received in UTC, the request's first line, the
// status of [LoggedStatus], the bytes of the body that were sent or "-" for none, the
// Referer and the User-Agent; "-" stands for a header that was not sent. The user of
// Basic credentials is not logged: nobody has checked it, and many services take a secret
// token for a user.
//
// A quote and a backslash in a value have a backslash before them, as in Apache's log. A byte
// outside printable ASCII is \x and two digits, as in nginx's. So no value can look like
// another field or line. The values of secret parameters of URLs, such as a token, are
// "xxxxx".
//
//	site.AccessLog = func(req *web.Request) { file.Write(web.CombinedLog(req)) }
func CombinedLog(req *Request) []byte {
	b := appendCommon(nil, req)
	for _, name := range []string{"Referer", "User-Agent"} {
		b = append(b, ' ')
		if values := req.Header[name]; len(values) != 0 {
			b = appendQuoted(b, secret.Known.Header(name, values[0]))
		} else {
			b = append(b, `"-"`...)
		}
	}
	return append(b, '\n')
}

// appendCommon appends the fields of the Common Log Format.
func appendCommon(b []byte, req *Request) []byte {
	b = append(b, clientHost(req)...)
	b = req.Started().UTC().AppendFormat(append(b, " - - "...), "[02/Jan/2006:15:04:05 +0000] ")
	b = appendQuoted(b, req.Method+" "+req.shownURI()+" "+req.Version)
	b = strconv.AppendInt(append(b, ' '), int64(LoggedStatus(req)), 10)
	if req.Sent() == 0 {
		return append(b, " -"...)
	}
	return strconv.AppendInt(append(b, ' '), req.Sent(), 10)
}

// shownURI returns the request's target without its secrets.
func (r *Request) shownURI() string { return secret.Known.RawURL(r.URI) }

// clientHost returns the address of the client without its port, or "-".
func clientHost(req *Request) string {
	host, _, err := net.SplitHostPort(req.GetClientAddress().String())
	if err != nil {
		return "-"
	}
	return host
}

// appendQuoted appends s in quotes.
func appendQuoted(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c > '~':
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// LoggedStatus returns the status code for a log, once the response has ended: the code of a
// response that the client's connection has taken as a whole. Any other response has the
// code of what cut it short, whatever the client may have seen: 499 if the client went
// away, 408 if it took longer than WriteTimeout, 503 if the site was shutting down or had
// no room for the connection, and 500 after an error.
//
// A client has gone away if [Request.NotifyFinish] fails: its connection was lost, or it
// ended its side, before the end of the response. A client that ends its side and still
// reads cannot be told from one that has closed the connection. nginx logs 499 only if the
// client went away before the first byte. A log then cannot tell a whole response from a
// part of one.
func LoggedStatus(req *Request) int {
	err := req.Err()
	switch {
	case errors.Is(err, ErrShutdown), errors.Is(err, reactor.ErrStopped):
		return http.StatusServiceUnavailable
	case errors.Is(err, errWriteTimeout):
		return http.StatusRequestTimeout
	case req.aborted:
		return http.StatusInternalServerError
	case errors.Is(err, reactor.ErrConnectionAborted):
		return http.StatusServiceUnavailable
	case err != nil, req.gone != nil:
		return StatusClientClosedRequest
	}
	return req.ResponseCode()
}

// SlogAccessLog returns a function for [Site.AccessLog] that writes a record to logger for
// each request, called "request", with these attributes:
//
//	method, uri, proto   the request's first line, without secret parameters
//	host                 the host that the request names
//	status               see [LoggedStatus]
//	bytes                the bytes of the body that were sent
//	duration             from the request's head to the end of the response
//	client               the address of the client, with its port
//	referer, agent       of the request, if it has them
//	id                   X-Request-Id of the response, or else of the request
//	error                why the response was cut short
//
// The level is Info, and Error for a status of 500 and more. The record's time is the end of
// the response. Both times are those of [Request.Clock], and so the reactor's.
//
//	site.AccessLog = web.SlogAccessLog(slog.Default())
func SlogAccessLog(logger *slog.Logger) func(req *Request) {
	return func(req *Request) {
		status, level := LoggedStatus(req), slog.LevelInfo
		if status >= 500 {
			level = slog.LevelError
		}
		ctx := context.Background()
		if !logger.Enabled(ctx, level) {
			return
		}
		now := req.Clock().Now()
		record := slog.NewRecord(now, level, "request", 0)
		record.AddAttrs(
			slog.String("method", req.Method),
			slog.String("uri", req.shownURI()),
			slog.String("proto", req.Version),
			slog.String("host", req.requestHost()),
			slog.Int("status", status),
			slog.Int64("bytes", req.Sent()),
			slog.Duration("duration", now.Sub(req.Started())),
			slog.String("client", req.GetClientAddress().String()),
		)
		id := req.ResponseHeader.Get("X-Request-Id")
		if id == "" {
			id = req.Header.Get("X-Request-Id")
		}
		for _, a := range []slog.Attr{
			slog.String("referer", secret.Known.RawURL(req.Header.Get("Referer"))),
			slog.String("agent", req.Header.Get("User-Agent")),
			slog.String("id", id),
		} {
			if a.Value.String() != "" {
				record.AddAttrs(a)
			}
		}
		if err := cmp.Or(req.lost, req.gone); err != nil {
			record.AddAttrs(slog.Any("error", err))
		}
		logger.Handler().Handle(ctx, record) // a log that cannot be written has no caller to tell
	}
}
