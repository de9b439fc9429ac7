//go:build !race

package reactor_test

// raceEnabled says that the race detector is on, which makes all of it slower.
const raceEnabled = false
