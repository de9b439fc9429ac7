//go:build race

package memory_test

// raceEnabled says that the race detector is on, which makes all of it slower.
const raceEnabled = true
