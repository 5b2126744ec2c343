// Package when reads moments and durations as people and programs write them
// in queries, on command lines and in requests.
//
// The package is pure: it reads no clock (every call is told what now is), and
// knows no time zones but those that the text names.
package when

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxText is the longest text that is looked at.
const maxText = 64

// Parse reads a moment:
//
//   - "NOW": now;
//   - a duration back from now, "-1h30m", "-7d";
//   - RFC 3339, "2026-03-01T12:00:00Z", with or without fractions and seconds,
//     also with a space for the T, without an offset, and a date alone; what
//     does not say is UTC;
//   - RFC 1123, "Sun, 01 Mar 2026 12:00:00 GMT", with UTC, GMT or an offset;
//   - an epoch number, see [Epoch].
//
// The result is UTC, and between 1970 and 2262 so that Unix nanoseconds hold
// it. The error says what was wrong in words for whoever wrote the text.
func Parse(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return time.Time{}, fmt.Errorf("the time is empty")
	case len(text) > maxText:
		return time.Time{}, fmt.Errorf("the time is %d characters long", len(text))
	case strings.EqualFold(text, "NOW"):
		return check(text, now)
	case text[0] == '-':
		d, err := duration(text[1:])
		if err != nil {
			return time.Time{}, fmt.Errorf("the time %q is not a duration back from now, such as '-1h' or '-7d': %w", text, err)
		}
		return check(text, now.Add(-d))
	case digits(text):
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("the time %s is too far away", text)
		}
		return Epoch(n)
	}
	for _, layout := range layouts() {
		if t, err := time.Parse(layout, text); err == nil && zoneKnown(t) {
			return check(text, t)
		}
	}
	if _, err := duration(text); err == nil {
		return time.Time{}, fmt.Errorf("the time %q has no sign: '-%s' is that long ago", text, text)
	}
	return time.Time{}, fmt.Errorf("the time %q is none of RFC 3339 ('2006-01-02T15:04:05Z'), RFC 1123 ('Mon, 02 Jan 2006 15:04:05 GMT'), '2006-01-02 15:04:05', '2006-01-02', seconds or milliseconds since 1970, '-1h', NOW", text)
}

// Epoch returns the moment of so many seconds since 1970, or milliseconds when
// the number is larger than the largest 32-bit integer. (So seconds reach to
// the year 2038, and milliseconds begin on 25 January 1970.)
func Epoch(n int64) (time.Time, error) {
	switch {
	case n < 0:
		return time.Time{}, fmt.Errorf("the time %d is before 1970", n)
	case n <= math.MaxInt32:
		return time.Unix(n, 0).UTC(), nil
	default:
		return check(strconv.FormatInt(n, 10), time.UnixMilli(n))
	}
}

// ParseDuration reads a duration that is not negative: a number of seconds
// ("30"), or a Go duration ("1h30m", "500ms") before which days may stand
// ("7d", "1d12h").
func ParseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxText {
		return 0, fmt.Errorf("the duration is %d characters long", len(text))
	}
	if strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("the duration %q is negative", text)
	}
	if digits(text) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > math.MaxInt64/int64(time.Second) {
			return 0, fmt.Errorf("the duration %s is too long", text)
		}
		return time.Duration(n) * time.Second, nil
	}
	d, err := duration(text)
	if err != nil {
		return 0, fmt.Errorf("the duration %q is neither a number of seconds nor such as '90s', '1h30m', '7d': %w", text, err)
	}
	return d, nil
}

// layouts are the written forms. Go takes fractions of a second after each.
func layouts() []string {
	return []string{
		time.RFC3339,
		"2006-01-02 15:04:05Z07:00",
		"2006-01-02 15:04:05 Z07:00",
		"2006-01-02T15:04:05",
		"2006-01-02 15:04:05",
		"2006-01-02T15:04Z07:00",
		"2006-01-02T15:04",
		"2006-01-02 15:04",
		time.DateOnly,
		time.RFC1123,
		time.RFC1123Z,
	}
}

// zoneKnown refuses what Go makes of an abbreviation such as CET that it does
// not know: UTC under another name.
func zoneKnown(t time.Time) bool {
	name, offset := t.Zone()
	return offset != 0 || name == "" || name == "UTC" || name == "GMT"
}

// check returns a moment in UTC when it is one that all parts can work with.
func check(text string, t time.Time) (time.Time, error) {
	t = t.UTC()
	switch {
	case t.Year() < 1970:
		return time.Time{}, fmt.Errorf("the time %q is before 1970", text)
	case t.Year() >= 2262:
		return time.Time{}, fmt.Errorf("the time %q is too far away", text)
	}
	return t, nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// duration reads a Go duration without sign, before which days may stand.
func duration(text string) (time.Duration, error) {
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		return 0, fmt.Errorf("two signs")
	}
	days := time.Duration(0)
	if n, rest, ok := strings.Cut(text, "d"); ok {
		if !decimal(n) {
			return 0, fmt.Errorf("%q is not a number of days", n)
		}
		hours, err := time.ParseDuration(n + "h")
		if err != nil || hours > math.MaxInt64/24 {
			return 0, fmt.Errorf("too long")
		}
		if days, text = hours*24, rest; rest == "" {
			return days, nil
		}
	}
	if digits(text) {
		return 0, fmt.Errorf("%s has no unit", text)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("not a duration")
	}
	switch {
	case d < 0 || strings.ContainsAny(text, "+-"):
		return 0, fmt.Errorf("a sign in the middle")
	case days > math.MaxInt64-d:
		return 0, fmt.Errorf("too long")
	}
	return days + d, nil
}

// decimal tells whether s is digits, perhaps with a point among them.
func decimal(s string) bool {
	whole, fraction, _ := strings.Cut(s, ".")
	return digits(whole + fraction)
}
