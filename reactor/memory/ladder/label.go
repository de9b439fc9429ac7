package ladder

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file makes the bytes of a message readable, from the beginning that a trace keeps.

// A stream is what is known of the bytes of a connection: which protocol they belong to.
type stream struct {
	tls   bool
	http2 bool
	skip  [2]int // how many bytes of the last frame are still to come, by direction
}

// The numbers of the directions.
const (
	up = iota // from the client to the server
	down
)

// describe returns what a message of n bytes is, and whether that says more than its bytes. text is
// their quoted beginning.
func (s *stream) describe(direction, n int, text string) (label string, known bool) {
	data, cut := unquote(text)
	switch {
	case direction == up && isClientHello(data):
		s.tls = true
	case direction == up && bytes.HasPrefix(data, []byte(http2Preface[:14])):
		s.http2 = true
	}
	switch {
	case s.tls:
		label = tlsRecords(data)
	case s.http2:
		label = s.frames(direction, data, n)
	default:
		label = httpLine(data, cut)
	}
	if label != "" {
		return clean(label), true
	}
	return excerpt(data, cut), false
}

// excerpt returns the beginning of data: as text, or as numbers if half of it is no text.
func excerpt(data []byte, cut bool) string {
	most, odd := 32, 0
	for _, r := range string(data) {
		if r == utf8.RuneError || !strconv.IsPrint(r) && !unicode.IsSpace(r) {
			odd++
		}
	}
	binary := 2*odd > len(data)
	if binary {
		most = 8
	}
	if len(data) > most {
		data, cut = data[:most], true
	}
	text := `"` + clean(string(data)) + `"`
	if binary {
		text = fmt.Sprintf("bytes % x", data)
	}
	if cut {
		text += "…"
	}
	return text
}

// unquote returns the bytes that text shows in quotes, and whether there were more.
func unquote(text string) (data []byte, cut bool) {
	quoted, cut := strings.CutSuffix(text, "...")
	s, err := strconv.Unquote(quoted)
	if err != nil {
		return []byte(text), false
	}
	return []byte(s), cut
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

// httpLine returns the request line or the status that data begins with, or "".
func httpLine(data []byte, cut bool) string {
	line, _, whole := strings.Cut(string(data), "\r\n")
	if !whole && !cut {
		return ""
	}
	if rest, ok := strings.CutPrefix(line, "HTTP/1."); ok {
		if _, status, ok := strings.Cut(rest, " "); ok && len(status) >= 3 {
			return status
		}
		return ""
	}
	method, rest, ok := strings.Cut(line, " ")
	target, version, complete := strings.Cut(rest, " HTTP/1.")
	if !ok || !complete && whole || len(version) > 1 || !complete && !slices.Contains(methods, method) || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		return ""
	}
	if !complete {
		target += "…"
	}
	return method + " " + target
}

// isClientHello reports whether data begins a connection of TLS.
func isClientHello(data []byte) bool {
	return len(data) > 5 && data[0] == 22 && data[1] == 3 && data[5] == 1
}

// tlsRecords names the records of TLS in data, or returns "".
func tlsRecords(data []byte) string {
	var names []string
	for len(data) >= 5 && data[1] == 3 {
		var name string
		switch data[0] {
		case 20:
			name = "ChangeCipherSpec"
		case 21:
			name = "alert"
		case 22:
			name = "handshake"
			if len(data) > 5 {
				switch data[5] {
				case 1:
					name = "ClientHello"
				case 2:
					name = "ServerHello"
				}
			}
		case 23:
			name = "data"
		}
		if name == "" {
			break
		}
		names = append(names, name)
		data = data[min(len(data), 5+int(binary.BigEndian.Uint16(data[3:]))):]
	}
	if len(names) == 0 {
		return ""
	}
	return "TLS " + strings.Join(names, ", ")
}

const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

var frameNames = []string{"DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"}

// frames names the frames of HTTP/2 in a message of n bytes that begins with data, or returns "".
func (s *stream) frames(direction int, data []byte, n int) string {
	var names []string
	at := 0
	if bytes.HasPrefix(data, []byte(http2Preface)) {
		names, at = append(names, "HTTP/2 preface"), len(http2Preface)
	}
	if skip := s.skip[direction]; skip > 0 {
		at = min(skip, n)
		s.skip[direction] -= at
		names = append(names, "more DATA")
	}
	for at+9 <= len(data) {
		size, kind, flags := int(data[at])<<16|int(data[at+1])<<8|int(data[at+2]), int(data[at+3]), data[at+4]
		id := binary.BigEndian.Uint32(data[at+5:])
		if kind >= len(frameNames) || id>>31 != 0 {
			break // perhaps not the beginning of a frame
		}
		name := frameNames[kind]
		if id != 0 {
			name += fmt.Sprintf(" %d", id)
		}
		switch {
		case kind <= 1 && flags&1 != 0:
			name += " END_STREAM"
		case (kind == 4 || kind == 6) && flags&1 != 0:
			name += " ACK"
		}
		names = append(names, name)
		at += 9 + size
		s.skip[direction] = max(0, at-n)
	}
	if len(names) == 0 {
		return ""
	}
	if at < n {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

// clean returns s without what is not to be shown as it is: control characters, those that
// change the direction of text, and bytes that are not UTF-8.
func clean(s string) string {
	plain := true
	for _, r := range s {
		if r == '\uFFFD' || !strconv.IsPrint(r) {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	for len(s) != 0 {
		_, size := utf8.DecodeRuneInString(s)
		switch c := s[0]; c {
		case '"', '\\':
			b.WriteByte(c)
		default:
			quoted := strconv.Quote(s[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return b.String()
}
