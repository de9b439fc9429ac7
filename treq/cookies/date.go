package cookies

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads the value of Expires. RFC 6265, section 5.1.1, defines how to find a
// date in any text: the first token of each kind counts, and all others are ignored.
func parseDate(value string) (time.Time, bool) {
	var hour, minute, second, day, month, year int
	var hasTime, hasDay, hasYear bool
	for token := range strings.FieldsFuncSeq(value, isDateDelimiter) {
		switch {
		case !hasTime && timeOfDay(token, &hour, &minute, &second):
			hasTime = true
		case !hasDay && number(token, 1, 2, &day):
			hasDay = true
		case month == 0 && monthOf(token) != 0:
			month = monthOf(token)
		case !hasYear && number(token, 2, 4, &year):
			hasYear = true
		}
	}
	switch {
	case 70 <= year && year <= 99:
		year += 1900
	case 0 <= year && year <= 69:
		year += 2000
	}
	if !hasTime || !hasDay || month == 0 || !hasYear || year < 1601 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t, t.Day() == day // time.Date turns April 31 into May 1
}

func isDateDelimiter(r rune) bool {
	return r == '\t' || ' ' <= r && r <= '/' || ';' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
}

// number reads a token that begins with at least minDigits and at most maxDigits digits.
// Anything after them is ignored.
func number(token string, minDigits, maxDigits int, n *int) bool {
	digits := len(token) - len(strings.TrimLeft(token, "0123456789"))
	if digits < minDigits || digits > maxDigits {
		return false
	}
	*n, _ = strconv.Atoi(token[:digits])
	return true
}

func timeOfDay(token string, hour, minute, second *int) bool {
	parts := strings.SplitN(token, ":", 3)
	return len(parts) == 3 && strings.Trim(parts[0]+parts[1], "0123456789") == "" &&
		number(parts[0], 1, 2, hour) && number(parts[1], 1, 2, minute) && number(parts[2], 1, 2, second)
}

// monthOf returns the month whose name token begins with, or 0.
func monthOf(token string) int {
	if len(token) < 3 {
		return 0
	}
	const months = "janfebmaraprmayjunjulaugsepoctnovdec"
	i := strings.Index(months, strings.ToLower(token[:3]))
	if i < 0 || i%3 != 0 {
		return 0
	}
	return i/3 + 1
}
