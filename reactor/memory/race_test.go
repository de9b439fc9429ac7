//go:build race

package memory_test

// raceEnabled reports whether the race detector is on, which makes everything slower.
const raceEnabled = true
