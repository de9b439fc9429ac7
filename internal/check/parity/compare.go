package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// A Mismatch is one field in which two outcomes of a case differ.
type Mismatch struct {
	Case  string
	Field string // such as "Sent.0.Header.Accept-Encoding"
	Treq  string // what it is there, as Go writes it, or none
	Ours  string
}

// none is what is said of a value that is not there.
const none = "nothing"

// compare returns the fields in which the outcomes of the case of that name
// differ.
func compare(name string, treq, ours Outcome) []Mismatch {
	r := &reporter{name: name}
	cmp.Equal(treq, ours, cmp.Reporter(r),
		// One by one, not as the least number of edits.
		byIndex[Sent](), byIndex[Got](), byIndex[Response](),
		cmp.Comparer(slices.Equal[[]string]))
	return withoutRest(r.found)
}

// withoutRest leaves out what else a caller did not get where it got an error.
func withoutRest(all []Mismatch) []Mismatch {
	var failed []string
	for _, m := range all {
		if got, ok := strings.CutSuffix(m.Field, "Errors.request"); ok && (m.Treq == none || m.Ours == none) {
			failed = append(failed, got)
		}
	}
	return slices.DeleteFunc(all, func(m Mismatch) bool {
		return !strings.HasSuffix(m.Field, "Errors.request") &&
			slices.ContainsFunc(failed, func(got string) bool { return strings.HasPrefix(m.Field, got) })
	})
}

func byIndex[T any]() cmp.Option {
	return cmp.Transformer("byIndex", func(list []T) map[int]T {
		m := make(map[int]T, len(list))
		for i, v := range list {
			m[i] = v
		}
		return m
	})
}

// A reporter collects, of what [cmp.Equal] finds, the leaves that differ.
type reporter struct {
	name  string
	path  cmp.Path
	found []Mismatch
}

func (r *reporter) PushStep(s cmp.PathStep) { r.path = append(r.path, s) }
func (r *reporter) PopStep()                { r.path = r.path[:len(r.path)-1] }

func (r *reporter) Report(result cmp.Result) {
	if result.Equal() {
		return
	}
	var field []string
	for _, step := range r.path {
		switch step := step.(type) {
		case cmp.StructField:
			if step.Name() != "Response" { // which is embedded
				field = append(field, step.Name())
			}
		case cmp.MapIndex:
			field = append(field, fmt.Sprint(step.Key()))
		case cmp.SliceIndex:
			i, j := step.SplitKeys() // one of them is -1 if the element has no counterpart
			field = append(field, fmt.Sprint(max(i, j)))
		}
	}
	treq, ours := r.path.Last().Values()
	r.found = append(r.found, Mismatch{r.name, strings.Join(field, "."), show(treq), show(ours)})
}

func show(v reflect.Value) string {
	if !v.IsValid() {
		return none
	}
	switch v := v.Interface().(type) {
	case []string:
		return fmt.Sprintf("%q", v)
	case string:
		return fmt.Sprintf("%q", v)
	default:
		return fmt.Sprintf("%+v", v)
	}
}

// A Difference is one that is meant.
type Difference struct {
	Cases  string // pattern of the cases in which it occurs
	Field  string // pattern of the fields
	Treq   string // pattern of what is there with treq
	Ours   string // and with ours
	Reason string
}

// matches reports whether s is of the pattern, in which "*" stands for any text
// and "|" is between alternatives. Anything is of the empty pattern.
func matches(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	quoted := strings.NewReplacer(`\*`, `.*`, `\|`, `|`).Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile(`(?s)^(` + quoted + `)$`).MatchString(s)
}

// listed returns the index in [differences] of the one that m is of, or -1.
func listed(m Mismatch) int {
	return slices.IndexFunc(differences, func(d Difference) bool {
		return matches(d.Cases, m.Case) && matches(d.Field, m.Field) && matches(d.Treq, m.Treq) && matches(d.Ours, m.Ours)
	})
}
