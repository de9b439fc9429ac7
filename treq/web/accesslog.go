package web

import (
	"bytes"
	"cmp"
	"net"
	"strconv"
)

// This file holds the format of access logs.

// CombinedLog returns the line for req, with a line feed, in Apache's Combined Log Format. It is Twisted's
// combinedLogFormatter.
//
//	site.AccessLog = func(req *web.Request) { file.Write(web.CombinedLog(req)) }
func CombinedLog(req *Request) []byte {
	host, _, err := net.SplitHostPort(req.GetClientAddress().String())
	if err != nil {
		host = "-"
	}
	var b bytes.Buffer
	b.WriteString(host + " - - ")
	b.WriteString(req.Started().UTC().Format("[02/Jan/2006:15:04:05 +0000]"))
	writeQuoted(&b, req.Method+" "+req.URI+" "+req.Version)
	b.WriteString(" " + strconv.Itoa(req.ResponseCode()) + " ")
	if req.Sent() == 0 {
		b.WriteByte('-')
	} else {
		b.WriteString(itoa(req.Sent()))
	}
	writeQuoted(&b, cmp.Or(req.Header.Get("Referer"), "-"))
	writeQuoted(&b, cmp.Or(req.Header.Get("User-Agent"), "-"))
	b.WriteByte('\n')
	return b.Bytes()
}

// writeQuoted writes s as a field of a line. The quotes keep s from looking like another field or line.
func writeQuoted(b *bytes.Buffer, s string) { b.WriteString(" " + strconv.QuoteToASCII(s)) }
