package web

import (
	"bytes"
	"cmp"
	"net"
	"strconv"
)

// This file holds the format of access logs.

// CombinedLog returns an AccessLog that calls write with a line for each request
// in the Combined Log Format, that of Apache. It is Twisted's
// combinedLogFormatter.
func CombinedLog(write func(line []byte)) func(req *Request) {
	return func(req *Request) {
		host, _, err := net.SplitHostPort(req.GetClientAddress().String())
		if err != nil {
			host = "-"
		}
		var b bytes.Buffer
		b.WriteString(host + " - - ")
		b.WriteString(req.Started().UTC().Format("[02/Jan/2006:15:04:05 +0000]"))
		writeQuoted(&b, req.Method+" "+req.URI+" "+req.Version)
		b.WriteString(" " + itoa(int64(req.ResponseCode())) + " ")
		if req.Sent() == 0 {
			b.WriteByte('-')
		} else {
			b.WriteString(itoa(req.Sent()))
		}
		writeQuoted(&b, cmp.Or(req.Header.Get("Referer"), "-"))
		writeQuoted(&b, cmp.Or(req.Header.Get("User-Agent"), "-"))
		b.WriteByte('\n')
		write(b.Bytes())
	}
}

// writeQuoted writes s as a field of a log: quoted, and with nothing in it that
// could be taken for another field or another line.
func writeQuoted(b *bytes.Buffer, s string) {
	b.WriteString(" " + strconv.QuoteToASCII(s))
}
