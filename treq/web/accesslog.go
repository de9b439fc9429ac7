package web

import (
	"cmp"
	"fmt"
	"net"
)

// This file holds the format of access logs.

// CombinedLog returns the line for req, with a line feed, in Apache's Combined Log
// Format. It is Twisted's combinedLogFormatter.
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
		req.Method+" "+req.URI+" "+req.Version, req.ResponseCode(), sent,
		cmp.Or(req.Header.Get("Referer"), "-"), cmp.Or(req.Header.Get("User-Agent"), "-"))
}
