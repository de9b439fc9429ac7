//go:build race

package protocols_test

// raceDetector says that the tests are slow.
const raceDetector = true
