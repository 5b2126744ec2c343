package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/skein-net/skein/topologyd/client"
)

// queryError is a failed query with its text.
type queryError struct {
	text string
	err  error
}

func (e *queryError) Error() string { return e.err.Error() }
func (e *queryError) Unwrap() error { return e.err }

// around is how many characters of a query are shown on each side of a place.
const around = 60

// explain returns an error for people: when it is about a place in a query,
// with that line of the query and a caret under the place; when nobody answers,
// with what to look at.
func explain(err error) string {
	text := printable(err.Error(), true)
	if errors.Is(err, syscall.ECONNREFUSED) {
		text += "\nIs topologyd running there? Name another with --server or SKEIN_SERVER."
	}
	var (
		q *queryError
		e *client.Error
	)
	if !errors.As(err, &q) || !errors.As(err, &e) || e.Position == nil {
		return text
	}
	lines := strings.Split(q.text, "\n")
	n := e.Position.Line - 1
	if n < 0 || n >= len(lines) {
		return text
	}
	line := []rune(strings.TrimRight(lines[n], "\r"))
	at := min(max(e.Position.Column-1, 0), len(line))
	before := printable(string(line[max(0, at-around):at]), false)
	after := printable(string(line[at:min(len(line), at+around)]), false)
	return fmt.Sprintf("%s\n  %s%s\n  %s^", text, before, after, strings.Repeat(" ", utf8.RuneCountInString(before)))
}
