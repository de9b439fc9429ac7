package coro

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// StackOf returns the text of the stack of goroutine id, and of the coroutine that runs on it, if
// there is one: its code is what holds the goroutine up. It returns "" if there is no such
// goroutine. It reads the stacks of all goroutines.
func StackOf(id uint64) string {
	var own string
	switched := false
	all := make(map[uint64]string) // the stacks of coroutines that are not suspended
	for text := range stacks() {
		number, creator := goroutineNumber(text), coroutineCreator(text)
		if creator != 0 {
			creators.put(number, creator)
		}
		header, _, _ := bytes.Cut(text, []byte("\n"))
		suspended := bytes.Contains(header, []byte(" [coroutine"))
		switch {
		case number == id:
			own, switched = strings.TrimSpace(string(text))+"\n", suspended
		case creator != 0 && !suspended:
			all[number] = strings.TrimSpace(string(text)) + "\n"
		}
	}
	if !switched {
		return own
	}
	for _, number := range slices.Sorted(maps.Keys(all)) {
		if descends(number, id) {
			own += "\n" + all[number]
		}
	}
	return own
}

// descends reports whether the chain of creators of a coroutine leads to goroutine id.
func descends(coroutine, id uint64) bool {
	for coroutine != id {
		creator, known := creators.get(coroutine)
		if !known {
			return false
		}
		coroutine = creator
	}
	return true
}
