package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A datapoint is the value of a metric at a time.
type datapoint struct {
	name    string // such as "servers.web1.load"
	value   float64
	seconds int64 // since the Unix epoch, or now
}

// now stands for the time at which a receiver gets the datapoint.
const now = -1

// maxName bounds the names, so that a batch fits into a string.
const maxName = 512

var errInvalid = errors.New("metrics: invalid datapoint")

// check refuses what no receiver understands, such as a name that would be read as two.
func (p datapoint) check() error {
	space := func(r rune) bool { return r <= ' ' || r == 0x7f }
	if p.name == "" || len(p.name) > maxName || strings.ContainsFunc(p.name, space) || math.IsNaN(p.value) || math.IsInf(p.value, 0) {
		return fmt.Errorf("%w: %.400q %v", errInvalid, p.name, p.value)
	}
	return nil
}

// newDatapoint returns what was received.
func newDatapoint(name string, value, seconds float64) (datapoint, error) {
	if !(math.Abs(seconds) < 1<<53) {
		return datapoint{}, fmt.Errorf("%w: %.400q at %v", errInvalid, name, seconds)
	}
	p := datapoint{name, value, int64(seconds)}
	return p, p.check()
}

// String returns p as a line: its name, value and time.
func (p datapoint) String() string {
	return fmt.Sprintf("%s %s %d", p.name, strconv.FormatFloat(p.value, 'f', -1, 64), p.seconds)
}

func parseLine(line string) (datapoint, error) {
	if fields := strings.Fields(line); len(fields) == 3 {
		value, err1 := strconv.ParseFloat(fields[1], 64)
		seconds, err2 := strconv.ParseFloat(fields[2], 64)
		if err1 == nil && err2 == nil {
			return newDatapoint(fields[0], value, seconds)
		}
	}
	return datapoint{}, fmt.Errorf("%w: line %.400q", errInvalid, line)
}

// MarshalJSON returns p as ["name", [seconds, value]].
func (p datapoint) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{p.name, []any{p.seconds, p.value}})
}

func (p *datapoint) UnmarshalJSON(data []byte) (err error) {
	var name string
	var at [2]*float64
	parts := []any{&name, &at}
	if err := json.Unmarshal(data, &parts); err != nil || len(parts) != 2 || at[0] == nil || at[1] == nil {
		return fmt.Errorf("%w: JSON %.400q", errInvalid, data)
	}
	*p, err = newDatapoint(name, *at[1], *at[0])
	return err
}
