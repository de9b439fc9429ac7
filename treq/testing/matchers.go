package testing

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// A Matcher says what a part of a request has to be like, where a value would be
// too strict.
type Matcher interface {
	// Diff returns "" if got matches, else text, of one line or more, that says why
	// not. got is a part of a [Received]: a string for Method, URL and Data, a
	// url.Values for Params, an http.Header for Headers. Lines about what was
	// expected begin with "-", about what came with "+", as those of cmp.Diff.
	Diff(got any) string
	// String describes what matches.
	String() string
}

// Any matches everything. It is unittest.mock's ANY.
var Any Matcher = anything{}

type anything struct{}

func (anything) Diff(any) string { return "" }
func (anything) String() string  { return "Any" }

// HasHeaders matches headers that have at least these values; other names, and other
// values of the same names, do not matter. Names may be in any case; values are
// compared as they are. It is treq.testing.HasHeaders: a client adds headers of its
// own, and which those are may change.
type HasHeaders map[string][]string

// Diff tells which headers are not there; see [Matcher].
func (h HasHeaders) Diff(got any) string {
	headers, ok := got.(http.Header)
	if !ok {
		return wrongPart(h, got)
	}
	return missing(canonical(http.Header(h)), canonical(headers))
}

// String returns h as it is written in Go, with canonical names in their order.
func (h HasHeaders) String() string { return "HasHeaders" + literal(canonical(http.Header(h))) }

// HasParams matches parameters that have at least these values, as [HasHeaders]
// does headers.
type HasParams map[string][]string

// Diff tells which parameters are not there; see [Matcher].
func (p HasParams) Diff(got any) string {
	params, ok := got.(url.Values)
	if !ok {
		return wrongPart(p, got)
	}
	return missing(url.Values(p), params)
}

// String returns p as it is written in Go, with names in their order.
func (p HasParams) String() string { return "HasParams" + literal(p) }

// missing returns how got differs from wanted, where it lacks values of it.
func missing[M ~map[string][]string](wanted, got M) string {
	lacking, there := make(M), make(M)
	for name, values := range wanted {
		have := got[name]
		if slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(have, v) }) ||
			len(values) == 0 && have == nil {
			lacking[name] = values
			if have != nil {
				there[name] = have
			}
		}
	}
	if len(lacking) == 0 {
		return ""
	}
	return diff(lacking, there)
}

// Matching matches a Method, a URL or Data in which the regular expression pattern
// is found; see package regexp. It panics if pattern is none.
func Matching(pattern string) Matcher {
	re := regexp.MustCompile(pattern)
	return Where("Matching("+fmt.Sprintf("%q", pattern)+")", re.MatchString)
}

// Where matches a part of a request that ok returns true for. T is string for
// Method, URL and Data, url.Values for Params, http.Header for Headers. what
// describes it.
//
//	Data: testing.Where("a short text", func(data string) bool { return len(data) < 100 })
func Where[T string | url.Values | http.Header](what string, ok func(got T) bool) Matcher {
	return where[T]{what, ok}
}

type where[T any] struct {
	what string
	ok   func(got T) bool
}

func (w where[T]) String() string { return w.what }

func (w where[T]) Diff(got any) string {
	part, ok := got.(T)
	switch {
	case !ok:
		return wrongPart(w, got)
	case w.ok(part):
		return ""
	}
	return "- " + w.what + "\n+ " + literal(got)
}

// JSON matches Data that is JSON and means the same as v does when it is encoded by
// encoding/json: spaces and the order of members do not matter.
func JSON(v any) Matcher {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("testing: JSON(%T): %v", v, err))
	}
	var wanted any
	json.Unmarshal(encoded, &wanted)
	return jsonData{string(encoded), wanted}
}

type jsonData struct {
	encoded string
	wanted  any
}

func (j jsonData) String() string { return "JSON(" + j.encoded + ")" }

func (j jsonData) Diff(got any) string {
	data, ok := got.(string)
	if !ok {
		return wrongPart(j, got)
	}
	var value any
	if err := json.Unmarshal([]byte(data), &value); err != nil {
		return "- " + j.String() + "\n+ " + literal(data) + ", which is not JSON: " + err.Error()
	}
	return diff(j.wanted, value)
}

// Form matches Data that is a form, application/x-www-form-urlencoded, with these
// values and no others.
func Form(values url.Values) Matcher { return form(sorted(values)) }

type form url.Values

func (f form) String() string { return "Form" + literal(url.Values(f)) }

func (f form) Diff(got any) string {
	data, ok := got.(string)
	if !ok {
		return wrongPart(f, got)
	}
	values, err := url.ParseQuery(data)
	if err != nil {
		return "- " + f.String() + "\n+ " + literal(data) + ", which is not a form: " + err.Error()
	}
	return diff(url.Values(f), sorted(values))
}

// An exactly matches what is equal to want, the value in a Request.
type exactly[T any] struct{ want T }

func (e exactly[T]) String() string { return literal(e.want) }

func (e exactly[T]) Diff(got any) string {
	if text, ok := any(e.want).(string); ok && shortLines(text, got) {
		if text == got {
			return ""
		}
		return "- " + literal(text) + "\n+ " + literal(got)
	}
	return diff(e.want, got)
}

// shortLines reports whether all are texts that can be read at a glance.
func shortLines(all ...any) bool {
	for _, v := range all {
		text, ok := v.(string)
		if !ok || len(text) > 60 || strings.Contains(text, "\n") {
			return false
		}
	}
	return true
}

// diff is cmp.Diff, whose spaces are not always the same ones.
func diff(want, got any) string {
	return strings.TrimRight(strings.ReplaceAll(cmp.Diff(want, got), "\u00a0", " "), "\n")
}

// wrongPart is the Diff of a matcher that stands where it cannot match.
func wrongPart(m Matcher, got any) string {
	return fmt.Sprintf("- %s, which does not match a %T at all", m, got)
}

// literal returns v as it is written in Go, without its type.
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
