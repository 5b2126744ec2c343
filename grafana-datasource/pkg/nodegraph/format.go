package nodegraph

import (
	"math"
	"strconv"
	"strings"
)

// rate writes bytes per second: "1.2 MB/s".
func rate(bytes float64) string {
	if math.IsNaN(bytes) || math.IsInf(bytes, 0) || bytes < 0 {
		return ""
	}
	units := []string{"B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s"}
	n := 0
	for bytes >= 999.5 && n < len(units)-1 {
		bytes /= 1000
		n++
	}
	digits := 0
	if bytes < 9.95 && n > 0 {
		digits = 1
	}
	return strconv.FormatFloat(bytes, 'f', digits, 64) + " " + units[n]
}

// number writes a count with commas: "5,012".
func number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// count writes a count of things: "1 node", "5,012 nodes".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// join puts the parts that are not empty together.
func join(sep string, parts ...string) string {
	out := ""
	for _, p := range parts {
		switch {
		case p == "":
		case out == "":
			out = p
		default:
			out += sep + p
		}
	}
	return out
}

// clip shortens a text to what a menu can show.
func clip(s string, most int) string {
	s = strings.ToValidUTF8(s, "�")
	n := 0
	for i := range s {
		if n == most-1 && len(s)-i > 1 {
			if rest := []rune(s[i:]); len(rest) > 1 {
				return s[:i] + "…"
			}
		}
		n++
	}
	return s
}
