package gremlin

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Position is a place in the text of a query.
type Position struct {
	// Pos is the offset in bytes, from 0.
	Pos int
	// Line and Column count from 1; a column is one character (code point).
	Line, Column int
}

func (p Position) String() string { return fmt.Sprintf("line %d, column %d", p.Line, p.Column) }

// positionAt computes line and column of a byte offset.
func positionAt(text string, pos int) Position {
	pos = min(pos, len(text))
	before := text[:pos]
	return Position{
		Pos:    pos,
		Line:   1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]),
	}
}

// SyntaxError says that a text is not a query: where, what was found there and
// what could stand there instead.
type SyntaxError struct {
	Position
	// Got is what was found, in words.
	Got string
	// Expected lists what could stand there; for a name that is not known, the
	// known names closest to it. It may be empty.
	Expected []string
	// Reason, when set, says more than "found X" (a limit, an unknown name).
	Reason string
}

// Error gives position, finding and expectation in one line.
func (e *SyntaxError) Error() string {
	switch {
	case e.Reason == "":
		return fmt.Sprintf("%s: found %s, expected %s", e.Position, e.Got, anyOf(e.Expected))
	case len(e.Expected) > 0:
		return fmt.Sprintf("%s: %s; did you mean %s?", e.Position, e.Reason, anyOf(e.Expected))
	default:
		return fmt.Sprintf("%s: %s", e.Position, e.Reason)
	}
}

// EvalError says that a query is well formed but has no meaning: a step that
// cannot work on what it is given. Most are found by [Parse], before any run.
type EvalError struct {
	Position
	// Step is the name of the step in question.
	Step   string
	Reason string
}

func (e *EvalError) Error() string { return fmt.Sprintf("%s: %s: %s", e.Position, e.Step, e.Reason) }

// LimitError says that a query was stopped by one of its [Limits].
type LimitError struct {
	// Limit is "time", "visited", "memory", "results" or "bytes".
	Limit string
	// Max is the limit's value in words.
	Max string
	// Hint says what to do.
	Hint string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("query stopped by its %s limit (%s): %s", e.Limit, e.Max, e.Hint)
}

// PositionOf returns the place in the query that an error of this package
// speaks of; ok is false when it has none.
func PositionOf(err error) (p Position, ok bool) {
	var s *SyntaxError
	if errors.As(err, &s) {
		return s.Position, true
	}
	var e *EvalError
	if errors.As(err, &e) {
		return e.Position, true
	}
	var f *FlowError
	if errors.As(err, &f) {
		return f.Position, true
	}
	var t *TimeError
	if errors.As(err, &t) {
		return t.Position, true
	}
	return Position{}, false
}

// Explain returns the message of err for people: when it has a position, with
// the line of the query in question and a caret below the place.
func Explain(text string, err error) string {
	p, ok := PositionOf(err)
	if !ok || p.Pos > len(text) {
		return err.Error()
	}
	start := strings.LastIndexByte(text[:p.Pos], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	line = strings.TrimRight(line, "\r")
	// Keep the tabs, so that the caret stands below its character; cut what is
	// too long to be read.
	const around = 60
	runes := []rune(strings.ToValidUTF8(line, "\ufffd"))
	at := min(p.Column-1, len(runes))
	from, to := max(0, at-around), min(len(runes), at+around)
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n  %s\n  ", err, string(runes[from:to]))
	for _, r := range runes[from:at] {
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	b.WriteByte('^')
	return b.String()
}

// anyOf joins words as "a, b or c".
func anyOf(words []string) string {
	switch len(words) {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
