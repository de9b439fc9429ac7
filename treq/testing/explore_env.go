package testing

import (
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/explore"
)

// This file reads the environment variables of an exploration.

const (
	tapeVariable = "TREQTESTING_TAPE"
	runsVariable = "TREQTESTING_RUNS"
	seedVariable = "TREQTESTING_SEED"
)

// runsOf returns the number of runs that the environment asks for, or else n.
func runsOf(n int) (int, error) {
	text := os.Getenv(runsVariable)
	if text == "" {
		return n, nil
	}
	digits, multiplies := strings.CutPrefix(text, "x")
	runs, err := strconv.Atoi(digits)
	if multiplies {
		runs *= n
	}
	if err != nil || runs < 1 {
		return 0, fmt.Errorf("%s=%s: must be a number of runs, such as 20000, or a factor, such as x20", runsVariable, text)
	}
	return runs, nil
}

// seedOf returns the seed that the environment asks for, or else seed, or else that of a name.
func seedOf(seed uint64, name string) (uint64, error) {
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil || seed == 0 {
			return 0, fmt.Errorf("%s=%s: must be a number from 1", seedVariable, text)
		}
		return seed, nil
	}
	if seed == 0 {
		hash := fnv.New32a()
		hash.Write([]byte(name))
		seed = uint64(hash.Sum32()) + 1
	}
	return seed, nil
}

// tapeOf returns the tape that the environment asks for, or nil.
func tapeOf() (*explore.Tape, error) {
	text, ok := os.LookupEnv(tapeVariable)
	if !ok || text == "" {
		return nil, nil
	}
	tape, err := explore.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tapeVariable, err)
	}
	return &tape, nil
}
