package http1

// This file remembers header sections. It must not know what the headers mean.

import (
	"hash/crc32"
	"net/http"
	"slices"
)

// A SectionMemory remembers header sections that were read lately: most servers send the same one with each
// response, but for the Date, which changes once a second. A section that comes again is not parsed again, and its
// names and values are the same strings. Each message has a map and slices of its own all the same: its receiver
// may change them.
//
// The readers of one goroutine may share a SectionMemory. The zero value remembers nothing yet.
type SectionMemory struct{ sections [rememberedSections]section }

const (
	// rememberedSections is enough for a program that asks for a few things in turn.
	rememberedSections = 16
	// rememberedBytes bounds a section that is remembered, so that all of them take little memory.
	rememberedBytes = 2 << 10
)

// A section is a header section without an error and without anything dubious.
type section struct {
	text   string
	fields []field  // nil until the text has come twice: most that come once do not come again
	values []string // of all fields
}

// A field is a name, and the end of its values in a section.
type field struct {
	name string
	end  int
}

// Remember makes the reader look its header sections up in s, and remember them there.
func (m *machine) Remember(s *SectionMemory) { m.memory = s }

// parseHeaderFields is parseFields for the headers of a message, which may be those of an earlier one.
func (m *machine) parseHeaderFields(text []byte) (http.Header, error) {
	if m.memory == nil || len(text) > rememberedBytes || m.dubious || m.checkLines() != nil {
		return m.parseFields(string(text))
	}
	s := &m.memory.sections[crc32.Checksum(text, castagnoli)%rememberedSections]
	known := s.text == string(text)
	if known && s.fields != nil {
		return s.header(), nil
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

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // which processors have an instruction for

// note notes the fields of s, which are those of h.
func (s *section) note(h http.Header) {
	s.fields = make([]field, 0, len(h))
	for name, values := range h {
		s.values = append(s.values, values...)
		s.fields = append(s.fields, field{name, len(s.values)})
	}
}

// header returns the fields of s in a new map.
func (s *section) header() http.Header {
	h := make(http.Header, len(s.fields))
	values := slices.Clone(s.values)
	begin := 0
	for _, f := range s.fields {
		h[f.name] = values[begin:f.end:f.end] // see parseFields
		begin = f.end
	}
	return h
}
