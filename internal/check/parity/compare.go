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
	Treq  string // treq's value, as Go prints it, or none
	Ours  string // this client's
}

// none stands for a missing value.
const none = "nothing"

// compare returns the fields in which two outcomes of a case differ.
func compare(name string, treq, ours Outcome) []Mismatch {
	r := &reporter{name: name}
	cmp.Equal(treq, ours, cmp.Reporter(r),
		// Compare element by element. cmp would look for the smallest edit.
		byIndex[Sent](), byIndex[Got](), byIndex[Response](),
		cmp.Comparer(slices.Equal[[]string]))
	return withoutConsequences(r.found)
}

// withoutConsequences removes the mismatches that follow from an error: a caller that gets
// one gets nothing else.
func withoutConsequences(all []Mismatch) []Mismatch {
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

// A reporter collects the leaves that [cmp.Equal] finds different.
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
			if step.Name() != "Response" { // it is embedded
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

// A Difference is an intended one. Its fields but Reason are patterns; see [matches].
type Difference struct {
	Cases  string // the names of the cases that have it
	Field  string
	Treq   string // treq's value
	Ours   string // this client's value
	Reason string
}

// matches reports whether s matches pattern. In a pattern, "*" stands for any text and "|"
// separates alternatives. The empty pattern matches everything.
func matches(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	quoted := strings.NewReplacer(`\*`, `.*`, `\|`, `|`).Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile(`(?s)^(` + quoted + `)$`).MatchString(s)
}

// listed returns the index in [differences] of the first that fits m, or -1.
func listed(m Mismatch) int {
	return slices.IndexFunc(differences, func(d Difference) bool { return d.fits(m) })
}

// fits reports whether m is d.
func (d Difference) fits(m Mismatch) bool {
	return matches(d.Cases, m.Case) && matches(d.Field, m.Field) && matches(d.Treq, m.Treq) && matches(d.Ours, m.Ours)
}
