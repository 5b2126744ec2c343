package when

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600)) }

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"NOW":                             "2026-03-01T11:00:00Z",
		" now ":                           "2026-03-01T11:00:00Z",
		"-1h":                             "2026-03-01T10:00:00Z",
		"-1h30m":                          "2026-03-01T09:30:00Z",
		"-7d":                             "2026-02-22T11:00:00Z",
		"-1d12h":                          "2026-02-27T23:00:00Z",
		"-0.5d":                           "2026-02-28T23:00:00Z",
		"-250ms":                          "2026-03-01T10:59:59.75Z",
		"-0s":                             "2026-03-01T11:00:00Z",
		"2026-02-28T10:00:00Z":            "2026-02-28T10:00:00Z",
		"2026-02-28T10:00:00.123Z":        "2026-02-28T10:00:00.123Z",
		"2026-02-28T10:00:00+02:00":       "2026-02-28T08:00:00Z",
		"2026-02-28 10:00:00+02:00":       "2026-02-28T08:00:00Z",
		"2026-02-28 10:00:00 +02:00":      "2026-02-28T08:00:00Z",
		"2026-02-28T10:00:00":             "2026-02-28T10:00:00Z",
		"2026-02-28 10:00:00":             "2026-02-28T10:00:00Z",
		"2026-02-28 10:00:00.5":           "2026-02-28T10:00:00.5Z",
		"2026-02-28T10:00Z":               "2026-02-28T10:00:00Z",
		"2026-02-28 10:00":                "2026-02-28T10:00:00Z",
		"2026-02-28":                      "2026-02-28T00:00:00Z",
		"Sat, 28 Feb 2026 10:00:00 GMT":   "2026-02-28T10:00:00Z",
		"Sat, 28 Feb 2026 10:00:00 UTC":   "2026-02-28T10:00:00Z",
		"Sat, 28 Feb 2026 10:00:00 +0100": "2026-02-28T09:00:00Z",
		"0":                               "1970-01-01T00:00:00Z",
		"1772272800":                      "2026-02-28T10:00:00Z",
		"1772272800250":                   "2026-02-28T10:00:00.25Z",
		"2147483647":                      "2038-01-19T03:14:07Z",
		"2147483648":                      "1970-01-25T20:31:23.648Z",
	} {
		got, err := Parse(text, now())
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if s := got.Format(time.RFC3339Nano); s != want {
			t.Errorf("Parse(%q) = %s, want %s", text, s, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "is empty",
		"   ":                           "is empty",
		"1h":                            "has no sign: '-1h' is that long ago",
		"7d":                            "has no sign: '-7d'",
		"+1h":                           "none of RFC 3339",
		"-":                             "not a duration",
		"-1":                            "1 has no unit",
		"--1h":                          "two signs",
		"-xd":                           "not a number of days",
		"-1e3d":                         "not a number of days",
		"-1000000h":                     "before 1970",
		"-100000000d":                   "too long",
		"-106751d2562047h":              "too long",
		"yesterday":                     "none of RFC 3339",
		"FOREVER":                       "none of RFC 3339",
		"2026-02-30":                    "none of RFC 3339",
		"2026-13-01 10:00:00":           "none of RFC 3339",
		"Sat, 28 Feb 2026 10:00:00 CET": "none of RFC 3339",
		"1969-12-31":                    "before 1970",
		"9999-12-31":                    "too far away",
		"99999999999999999999":          "too far away",
		"9223372036854775807":           "too far away",
		strings.Repeat("1", 100):        "100 characters",
	} {
		got, err := Parse(text, now())
		if err == nil {
			t.Errorf("Parse(%q) = %s", text, got)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %q does not say %q", text, err, want)
		}
	}
}

func TestEpoch(t *testing.T) {
	if _, err := Epoch(-1); err == nil {
		t.Error("Epoch(-1) is accepted")
	}
	if got, err := Epoch(math.MaxInt32); err != nil || got.Unix() != math.MaxInt32 {
		t.Errorf("Epoch(MaxInt32) = %s, %v", got, err)
	}
	if got, err := Epoch(math.MaxInt32 + 1); err != nil || got.UnixMilli() != math.MaxInt32+1 {
		t.Errorf("Epoch(MaxInt32+1) = %s, %v", got, err)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0":      0,
		"30":     30 * time.Second,
		" 30 ":   30 * time.Second,
		"90s":    90 * time.Second,
		"1h30m":  90 * time.Minute,
		"500ms":  500 * time.Millisecond,
		"7d":     7 * 24 * time.Hour,
		"1d12h":  36 * time.Hour,
		"0.5d":   12 * time.Hour,
		"1d0s":   24 * time.Hour,
		"36500d": 36500 * 24 * time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %s, %v, want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                    "neither a number of seconds",
		"-1h":                 "negative",
		"-30":                 "negative",
		"+1h":                 "two signs",
		"h":                   "not a duration",
		"d":                   "not a number of days",
		"1h7d":                "not a number of days",
		"1d-1h":               "a sign in the middle",
		"1d1":                 "has no unit",
		"1w":                  "not a duration",
		"9223372036854775807": "too long",
		"9223372037":          "too long",
		"100000000d":          "too long",
		"106751d2562047h":     "too long",
	} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %s", text, got)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDuration(%q): %q does not say %q", text, err, want)
		}
	}
}

// FuzzParse: no panic, bounded results, what is accepted is found again in its
// printed form.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"NOW", "-1h", "-7d", "2026-02-28 10:00:00", "2026-02-28", "Sat, 28 Feb 2026 10:00:00 GMT", "1772272800", "1772272800250", "1d12h", "0.5d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := Parse(text, now()); err == nil {
			if got.Location() != time.UTC || got.Year() < 1970 || got.Year() >= 2262 {
				t.Errorf("Parse(%q) = %s", text, got)
			}
			again, err := Parse(got.Format(time.RFC3339Nano), now())
			if err != nil || !again.Equal(got) {
				t.Errorf("Parse(%q) = %s, printed and read: %s, %v", text, got, again, err)
			}
		} else if len(err.Error()) > 400+8*len(text) {
			t.Errorf("Parse(%q): an error of %d bytes", text, len(err.Error()))
		}
		if d, err := ParseDuration(text); err == nil {
			if d < 0 {
				t.Errorf("ParseDuration(%q) = %s", text, d)
			}
			if again, err := ParseDuration(d.String()); err != nil || again != d {
				t.Errorf("ParseDuration(%q) = %s, printed and read: %s, %v", text, d, again, err)
			}
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			if got, err := Epoch(n); err == nil && (got.Year() < 1970 || got.Year() >= 2262) {
				t.Errorf("Epoch(%d) = %s", n, got)
			}
		}
	})
}
