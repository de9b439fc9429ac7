package testing

import (
	"path/filepath"
	"regexp"
	"strings"
)

// This file takes from a text what is not the same in each run.

var (
	goroutineLine = regexp.MustCompile(`^goroutine \d+ .*\[.*\]:$`)
	frameLine     = regexp.MustCompile(`^\t(.+\.go:\d+)( \+0x[0-9a-f]+)?$`)
	arguments     = regexp.MustCompile(`\([^()]*\)$`)
)

// steady returns a text in which the stacks have one line for each function, without addresses. They
// end at the function under test; the functions of the runtime, and those that catch panics, are left out.
func steady(text string) string {
	lines := strings.Split(text, "\n")
	var kept []string
	inside, skip := false, false
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		frame := ""
		if i+1 < len(lines) {
			if m := frameLine.FindStringSubmatch(lines[i+1]); m != nil {
				frame = m[1]
			}
		}
		switch {
		case goroutineLine.MatchString(line):
			inside, skip = true, false
			if n := len(kept); n != 0 && kept[n-1] == "" {
				kept = kept[:n-1]
			}
		case frame == "":
			if !inside || strings.TrimSpace(line) != "" {
				kept = append(kept, line)
			}
			inside = inside && strings.TrimSpace(line) != ""
		default:
			i++
			function := arguments.ReplaceAllString(strings.TrimPrefix(line, "created by "), "")
			function, _, _ = strings.Cut(function, " in goroutine ")
			function = function[strings.LastIndexByte(function, '/')+1:]
			if function == "testing.(*run).call" {
				skip = true
			}
			if !skip && !isMachinery(function) {
				kept = append(kept, function+" ("+filepath.Base(frame)+")")
			}
		}
	}
	return strings.TrimRight(strings.Join(kept, "\n"), "\n")
}

// isMachinery reports whether a function of a stack says nothing about the failure.
func isMachinery(function string) bool {
	return function == "panic" || function == "panic(...)" || strings.HasPrefix(function, "runtime.") || strings.HasPrefix(function, "debug.") ||
		strings.HasPrefix(function, "testing.(*run).") || strings.HasPrefix(function, "testing.panicked") || strings.HasPrefix(function, "testing.(*stage).")
}
