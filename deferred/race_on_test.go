//go:build race

package deferred_test

const raceEnabled = true
