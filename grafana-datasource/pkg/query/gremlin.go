package query

import (
	"fmt"
	"strings"
	"time"
)

// gremlin reports whether a text is a query rather than a name.
func gremlin(text string) bool {
	_, rest, ok := afterG(text)
	return ok && rest != ""
}

// afterG cuts a query behind its first word, G; rest begins with a dot or is
// empty.
func afterG(text string) (g, rest string, ok bool) {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || trimmed[0] != 'G' && trimmed[0] != 'g' {
		return "", "", false
	}
	rest = strings.TrimLeft(trimmed[1:], " \t\r\n")
	if rest != "" && rest[0] != '.' {
		return "", "", false
	}
	return trimmed[:1], rest, true
}

// Within puts a slice of time into a query that begins at G: all that was valid
// in the time of that length before to. ok is false when it does not begin so.
func Within(text string, to time.Time, length time.Duration) (string, bool) {
	g, rest, ok := afterG(text)
	if !ok {
		return text, false
	}
	return fmt.Sprintf("%s.Context('%s', '%ds')%s", g, Stamp(to), int64(length/time.Second), rest), true
}

// Then appends a step to a query.
func Then(text, step string) string { return strings.TrimSpace(text) + "." + step }

// Quote writes a text as a string of the query language.
func Quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`).Replace(text) + "'"
}
