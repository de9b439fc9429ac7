package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

// This file has the same servers over HTTP/2, for our client. They give the same answers, and record what arrives in terms
// of HTTP/1.1.

// fronts are the servers over HTTP/2: package net/http's.
type fronts struct {
	all []*http.Server
	at  map[string]string // the address of each front, by the port of the server that it stands for
}

// startFronts starts a front for each server.
func (s *Servers) startFronts(certificate tls.Certificate) error {
	answers := http.HandlerFunc(s.answer)
	s.fronts.at = make(map[string]string)
	for _, f := range []struct {
		port    string
		handler http.Handler
		tls     bool
	}{{portOf(s.bin.Listener), s.recorded(httpbin.New()), false}, {portOf(s.raw), answers, false}, {portOf(s.secure), answers, true}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{Handler: f.handler, Protocols: new(http.Protocols), ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		}}
		s.fronts.all = append(s.fronts.all, server)
		s.fronts.at[f.port] = l.Addr().String()
		if f.tls {
			server.Protocols.SetHTTP2(true)
			server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
			s.serving.Go(func() { server.ServeTLS(l, "", "") })
			continue
		}
		server.Protocols.SetUnencryptedHTTP2(true)
		s.serving.Go(func() { server.Serve(l) })
	}
	return nil
}

func (f *fronts) close() {
	for _, s := range f.all {
		s.Close()
	}
}

// answer is the raw server over HTTP/2.
func (s *Servers) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client left
	}
	header := r.Header.Clone()
	header["Host"] = []string{r.Host}
	c := r.Context().Value(connKey{}).(net.Conn)
	answer := s.record(c, Sent{Method: latin1(r.Method), Target: latin1(r.RequestURI), Version: r.Proto, Header: latin1Header(header), Body: string(body)})
	if answer.Text == "" {
		switch c := c.(*net.TCPConn); answer.Then { // no such answer is for TLS
		case Close:
			c.CloseWrite() // Close would reset the connection if something has come that is not read
		case Reset:
			c.SetLinger(0)
			c.Close()
		}
		<-r.Context().Done()
		return
	}
	in := bufio.NewReader(strings.NewReader(answer.Text))
	for {
		resp, err := http.ReadResponse(in, r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		for name, values := range resp.Header {
			if !slices.Contains([]string{"Connection", "Keep-Alive"}, name) {
				w.Header()[name] = values
			}
		}
		if w.Header()["Content-Type"] == nil {
			w.Header()["Content-Type"] = nil // no type is guessed
		}
		w.WriteHeader(resp.StatusCode)
		if resp.StatusCode/100 == 1 {
			clear(w.Header())
			continue
		}
		if w.Header()["Content-Length"] == nil {
			w.(http.Flusher).Flush() // no length is added
		}
		if _, err := io.Copy(w, resp.Body); err != nil {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		for name, values := range resp.Trailer {
			w.Header()[http.TrailerPrefix+name] = values
		}
		return
	}
}

// inTermsOf returns o, which came over HTTP/2, as it would have come over HTTP/1.1: the names of headers are spelt as in
// other, since HTTP/2 has no upper case.
func (o Outcome) inTermsOf(other Outcome) Outcome {
	for i := range o.Sent {
		sent := &o.Sent[i]
		header := make(map[string][]string)
		for name, values := range sent.Header {
			if i < len(other.Sent) {
				for spelt := range other.Sent[i].Header {
					if strings.EqualFold(spelt, name) {
						name = spelt
					}
				}
			}
			header[name] = values
		}
		sent.Header = header
	}
	return o
}

// onlyHTTP1 are the cases that only HTTP/1.1 can have.
var onlyHTTP1 = []struct{ Cases, Reason string }{
	{"odd *", "the syntax of HTTP/1.1"},
	{"error closed in the status line|error closed in the head|error closed in a chunk|error closed before the last chunk", "the syntax of HTTP/1.1"},
	{"error garbage|error binary garbage|error HTTP/2|error status*|error two lengths|error one length twice|error length*|error negative length", "the syntax of HTTP/1.1"},
	{"error unknown transfer coding|error chunk*|error header*|error lines*|error empty lines*|error NUL*|error timeout in the head", "the syntax of HTTP/1.1"},
	{"error switched protocols", "HTTP/2 has no 101"},
	{"headers folded", "the syntax of HTTP/1.1"},
	{"headers Connection close", "HTTP/2 has no Connection"},
	{"connection used once", "a request over HTTP/2 has no connection of its own"},
	{"connection of HTTP/1.0*|connection that the server closes|connection with unexpected bytes", "the connection goes on"},
	{"https to a server without TLS", "the same before there is a version"},
}

// leftOut returns the reason why the case called name is for HTTP/1.1 only, or "".
func leftOut(name string) string {
	for _, o := range onlyHTTP1 {
		if matches(o.Cases, name) {
			return o.Reason
		}
	}
	return ""
}

// http2Differences are those that the version makes. Each may occur in any of its cases.
var http2Differences = []Difference{
	{Field: "Sent.*.Version|Got.*.Version", Ours: `"HTTP/2.0"`, Reason: "the version"},
	{Field: "Got.*.Phrase", Reason: "HTTP/2 sends no phrase, so that it is net/http's StatusText"},
	{Field: "Got.*.Header.connection|Got.*.Header.transfer-encoding|Got.*.Header.keep-alive", Ours: none, Reason: "HTTP/2 has no headers of the connection"},
}

// byVersion reports whether m is one of http2Differences.
func byVersion(m Mismatch) bool {
	return slices.ContainsFunc(http2Differences, func(d Difference) bool { return d.fits(m) })
}
