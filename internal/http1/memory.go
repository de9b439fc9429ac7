package http1

// This file remembers request lines and header sections. It must not know what they mean.

import (
	"hash/crc32"
	"net/http"
)

// A SectionMemory remembers header sections that were read lately: most servers send the same one with each
// response, but for the Date, which changes once a second. A section that comes again is not parsed again, and its
// names and values are the same strings. Each message has a map and slices of its own all the same: its receiver
// may change them.
//
// So does a server's for the request lines that come most.
//
// The readers of one goroutine may share a SectionMemory. The zero value remembers nothing yet.
type SectionMemory struct {
	sections [rememberedSections]section
	lines    *[rememberedLines]requestLine // nil for a client
}

const (
	// rememberedSections is enough for a program that asks for a few things in turn.
	rememberedSections = 16
	// rememberedBytes bounds a section that is remembered, so that all of them take little memory.
	rememberedBytes = 2 << 10
	// rememberedLines is more: a server has more paths than its clients have kinds of headers.
	rememberedLines     = 64
	rememberedLineBytes = 256
)

// A section is a header section without an error and without anything dubious.
type section struct {
	text   string
	fields *Template // nil until the text has come twice: most that come once do not come again
	absent special   // those that are not among fields
}

// A requestLine is a request line without an error.
type requestLine struct {
	text string
	head RequestHead // what it says
}

// Remember makes the reader look its header sections up in s, and remember them there.
func (m *machine) Remember(s *SectionMemory) { m.memory = s }

// parseHeaderFields is parseFields for the headers of a message, which may be those of an earlier one.
func (m *machine) parseHeaderFields(text []byte) (http.Header, error) {
	m.absent = 0
	if m.memory == nil || len(text) > rememberedBytes || m.dubious || m.checkLines() != nil {
		return m.parseFields(string(text))
	}
	s := &m.memory.sections[crc32.Checksum(text, castagnoli)%rememberedSections]
	known := s.text == string(text)
	if known && s.fields != nil {
		m.absent = s.absent
		return s.fields.Header(), nil
	}
	if !known {
		*s = section{text: string(text)}
	}
	h, err := m.parseFields(s.text)
	switch {
	case err != nil || m.dubious:
		*s = section{}
	case known:
		s.note(h)
	}
	return h, err
}

// line returns the place of a request line in s.
func (s *SectionMemory) line(text []byte) *requestLine {
	if s.lines == nil {
		s.lines = new([rememberedLines]requestLine)
	}
	return &s.lines[crc32.Checksum(text, castagnoli)%rememberedLines]
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // which processors have an instruction for

// note notes the fields of s, which are those of h.
func (s *section) note(h http.Header) {
	t := NewTemplate(h)
	s.fields = &t
	for i, name := range specialNames {
		if _, present := h[name]; !present {
			s.absent |= 1 << i
		}
	}
}
