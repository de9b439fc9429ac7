package http1

import (
	"net/http"
	"slices"
)

// A Template is a header section of which others are made with the same names and values. Each has a map and slices of
// its own: its receiver may change them. The zero value is empty.
type Template struct {
	fields []templateField
	values []string // of all fields
}

// A templateField is a name, and the end of its values in a Template.
type templateField struct {
	name string
	end  int
}

// NewTemplate returns a Template of h. It does not keep h.
func NewTemplate(h http.Header) Template {
	t := Template{fields: make([]templateField, 0, len(h))}
	for name, values := range h {
		t.values = append(t.values, values...)
		t.fields = append(t.fields, templateField{name, len(t.values)})
	}
	return t
}

// Header returns a new header section.
func (t *Template) Header() http.Header {
	h := make(http.Header, len(t.fields))
	values := slices.Clone(t.values)
	begin := 0
	for _, f := range t.fields {
		h[f.name] = values[begin:f.end:f.end] // see parseFields
		begin = f.end
	}
	return h
}
