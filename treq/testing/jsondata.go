package testing

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file decodes JSON to be compared, without what encoding/json passes over in silence:
// the last digits of long numbers, members that are repeated, and bytes that are not UTF-8.

// decodeJSON returns the value of data. A number is a float64 if it is written as one, and
// else a json.Number in a form that equal numbers share.
func decodeJSON(data string) (any, error) {
	if err := json.Unmarshal([]byte(data), new(json.RawMessage)); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	if !utf8.ValidString(data) {
		return nil, errors.New("is not UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(data))
	d.UseNumber()
	return decodeValue(d)
}

// decodeValue returns the next value of d, which is valid JSON.
func decodeValue(d *json.Decoder) (any, error) {
	token, _ := d.Token()
	switch token := token.(type) {
	case json.Number:
		return number(token), nil
	case json.Delim:
		if token == '[' {
			return decodeArray(d)
		}
		return decodeObject(d)
	}
	return token, nil
}

func decodeArray(d *json.Decoder) (any, error) {
	all := []any{}
	for d.More() {
		v, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	d.Token()
	return all, nil
}

func decodeObject(d *json.Decoder) (any, error) {
	all := map[string]any{}
	for d.More() {
		token, _ := d.Token()
		name := token.(string)
		if _, has := all[name]; has {
			return nil, fmt.Errorf("has the member %q twice", name)
		}
		v, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		all[name] = v
	}
	d.Token()
	return all, nil
}

// number returns n as a float64, unless that would be another number.
func number(n json.Number) any {
	exact := normalizeNumber(n.String())
	if f, err := n.Float64(); err == nil && normalizeNumber(strconv.FormatFloat(f, 'e', -1, 64)) == exact {
		return f + 0 // without the sign of zero
	}
	return json.Number(exact)
}

// normalizeNumber returns the number text as an integer that does not end in 0, with an
// exponent.
func normalizeNumber(text string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	e, err := strconv.Atoi(cmp.Or(exponent, "0"))
	if err != nil {
		return text
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0e0"
	}
	e += len(digits) - len(short) - len(fraction)
	if negative {
		short = "-" + short
	}
	return short + "e" + strconv.Itoa(e)
}
