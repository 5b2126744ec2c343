package ingest

import (
	"math"
	"strconv"
)

// nanoseconds scales a timestamp; false: it does not fit.
func nanoseconds(timestamp, unit int64) (int64, bool) {
	if timestamp > math.MaxInt64/unit || timestamp < math.MinInt64/unit {
		return 0, false
	}
	return timestamp * unit, true
}

// precision returns the nanoseconds of one unit of the query parameter
// precision, as InfluxDB 1 and 2 spell it.
func precision(name string) (int64, bool) {
	switch name {
	case "", "ns", "n":
		return 1, true
	case "us", "u", "µs":
		return 1e3, true
	case "ms":
		return 1e6, true
	case "s":
		return 1e9, true
	}
	return 0, false
}

// unterminated reports whether a line ends inside a quoted string, so that its
// line break belongs to that string.
func unterminated(line []byte) bool {
	i := 0
	for ; i < len(line) && line[i] != ' '; i++ { // measurement and tags
		if line[i] == '\\' {
			i++
		}
	}
	for ; i < len(line); i++ { // fields: a string begins right after =
		switch {
		case line[i] == '\\':
			i++
		case line[i] == '=' && i+1 < len(line) && line[i+1] == '"':
			for i += 2; i < len(line) && line[i] != '"'; i++ {
				if line[i] == '\\' {
					i++
				}
			}
			if i >= len(line) {
				return true
			}
		}
	}
	return false
}

// quote shortens text of a sender for a message.
func quote(b []byte) string {
	const most = 60
	if len(b) > most {
		return strconv.QuoteToASCII(string(b[:most])) + "…"
	}
	return strconv.QuoteToASCII(string(b))
}
