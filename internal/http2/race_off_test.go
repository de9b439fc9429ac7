//go:build !race

package http2_test

// raceEnabled says that the race detector is on, which makes everything ten times slower.
const raceEnabled = false
