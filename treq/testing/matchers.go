package testing

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-7c003b53/gotreq/internal/form"
)

// A Matcher matches a part of a request where equality is too strict.
type Matcher interface {
	// Diff returns "" if got matches, or else one or more lines of text that say why it
	// does not. got is a part of a [Received]: a string for Method, URL and Data, a
	// url.Values for Params, an http.Header for Headers. As in cmp.Diff, lines about
	// the expected part begin with "-", lines about got with "+".
	Diff(got any) string
	// String describes the parts that match.
	String() string
}

// Any matches everything. It is unittest.mock's ANY.
var Any Matcher = anyPart{}

type anyPart struct{}

func (anyPart) Diff(any) string { return "" }
func (anyPart) String() string  { return "Any" }

// HasHeaders matches headers that have at least these values, each as often as here. Other
// names, and other values of the same names, do not matter. Names are compared without
// case, values with case. It is treq.testing.HasHeaders.
type HasHeaders map[string][]string

// Diff shows the missing headers; see [Matcher].
func (h HasHeaders) Diff(got any) string {
	headers, ok := got.(http.Header)
	if !ok {
		return wrongPart(h, got)
	}
	return missing(canonical(http.Header(h)), canonical(headers))
}

// String returns h as a Go literal, with canonical, sorted names.
func (h HasHeaders) String() string { return "HasHeaders" + literal(canonical(http.Header(h))) }

// HasParams matches parameters that have at least these values, each as often as here.
// Names are compared with case.
type HasParams map[string][]string

// Diff shows the missing parameters; see [Matcher].
func (p HasParams) Diff(got any) string {
	params, ok := got.(url.Values)
	if !ok {
		return wrongPart(p, got)
	}
	return missing(url.Values(p), params)
}

// String returns p as a Go literal, with sorted names.
func (p HasParams) String() string { return "HasParams" + literal(p) }

// missing compares the names of which got lacks a value of want. It returns "" if there are
// none.
func missing[M ~map[string][]string](want, got M) string {
	lacking, present := make(M), make(M)
	for name, values := range want {
		have := got[name]
		if !contains(have, values) || len(values) == 0 && have == nil {
			lacking[name] = values
			if have != nil {
				present[name] = have
			}
		}
	}
	if len(lacking) == 0 {
		return ""
	}
	return diff(lacking, present)
}

// contains reports whether have has each of values, as often as values has it.
func contains(have, values []string) bool {
	have = slices.Clone(have)
	for _, v := range values {
		i := slices.Index(have, v)
		if i < 0 {
			return false
		}
		have = slices.Delete(have, i, i+1)
	}
	return true
}

// Matching matches a Method, URL or Data that contains a match of the regular expression
// pattern; see package regexp. It panics if pattern is invalid.
func Matching(pattern string) Matcher {
	re := regexp.MustCompile(pattern)
	return Where("Matching("+fmt.Sprintf("%q", pattern)+")", re.MatchString)
}

// Where matches a part of a request for which ok returns true. T is string for Method, URL
// and Data, url.Values for Params, http.Header for Headers. description describes the
// parts that match.
//
//	Data: testing.Where("a short text", func(data string) bool { return len(data) < 100 })
func Where[T string | url.Values | http.Header](description string, ok func(got T) bool) Matcher {
	return predicate[T]{description, ok}
}

type predicate[T any] struct {
	description string
	ok          func(got T) bool
}

func (p predicate[T]) String() string { return p.description }

func (p predicate[T]) Diff(got any) string {
	part, ok := got.(T)
	switch {
	case !ok:
		return wrongPart(p, got)
	case p.ok(part):
		return ""
	}
	return "- " + p.description + "\n+ " + literal(got)
}

// JSON matches Data that is the same JSON value as v, encoded by encoding/json. Spaces, the
// order of members, and whether a number is written as 1, 1.0 or 1e0 do not matter. It
// panics if v cannot be encoded.
func JSON(v any) Matcher {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("testing: JSON(%T): %v", v, err))
	}
	want, err := decodeJSON(string(encoded))
	if err != nil {
		panic(fmt.Sprintf("testing: JSON(%T): %s %v", v, encoded, err))
	}
	return jsonData{string(encoded), want}
}

type jsonData struct {
	encoded string
	want    any
}

func (j jsonData) String() string { return "JSON(" + j.encoded + ")" }

func (j jsonData) Diff(got any) string {
	data, ok := got.(string)
	if !ok {
		return wrongPart(j, got)
	}
	value, err := decodeJSON(data)
	if err != nil {
		return "- " + j.String() + "\n+ " + literal(data) + ", which " + err.Error()
	}
	return diff(j.want, value)
}

// Form matches Data that is a form, application/x-www-form-urlencoded, with exactly these
// values. The order of values does not matter. Any text can be read as such a form, as
// Args of [web.Request] reads it.
func Form(values url.Values) Matcher { return formData(sorted(values)) }

type formData url.Values

func (f formData) String() string { return "Form" + literal(url.Values(f)) }

func (f formData) Diff(got any) string {
	data, ok := got.(string)
	if !ok {
		return wrongPart(f, got)
	}
	values, _ := form.Values(data, math.MaxInt)
	return diff(url.Values(f), sorted(values))
}

// exact matches a part that is equal to want.
type exact[T any] struct{ want T }

func (e exact[T]) String() string { return literal(e.want) }

func (e exact[T]) Diff(got any) string {
	if text, ok := any(e.want).(string); ok && shortLines(text, got) {
		if text == got {
			return ""
		}
		return "- " + literal(text) + "\n+ " + literal(got)
	}
	return diff(e.want, got)
}

// shortLines reports whether all values are short texts of one line.
func shortLines(all ...any) bool {
	for _, v := range all {
		text, ok := v.(string)
		if !ok || len(text) > 60 || strings.Contains(text, "\n") {
			return false
		}
	}
	return true
}

// diff is cmp.Diff without its non-breaking spaces, which are there in some builds only.
func diff(want, got any) string {
	return strings.TrimRight(strings.ReplaceAll(cmp.Diff(want, got), "\u00a0", " "), "\n")
}

// wrongPart is the Diff of a matcher in a field whose type it never matches.
func wrongPart(m Matcher, got any) string {
	return fmt.Sprintf("- %s, which does not match a %T at all", m, got)
}

// literal returns v as a Go literal without its type.
func literal(v any) string {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Map {
		m := r.Convert(reflect.TypeFor[map[string][]string]()).Interface().(map[string][]string)
		parts := make([]string, 0, len(m))
		for _, name := range slices.Sorted(maps.Keys(m)) {
			quoted := make([]string, len(m[name]))
			for i, value := range m[name] {
				quoted[i] = fmt.Sprintf("%q", value)
			}
			parts = append(parts, fmt.Sprintf("%q: {%s}", name, strings.Join(quoted, ", ")))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprintf("%q", v)
}
