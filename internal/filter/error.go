package filter

import (
	"fmt"
	"strings"
)

// Error tells what is wrong with a filter, where, and what to write instead.
type Error struct {
	// Expr is the filter.
	Expr string
	// Pos is the offset in bytes of what is wrong, len(Expr) for its end.
	Pos int
	// Msg says what is wrong and what to do.
	Msg string
}

// Error gives the message with the column, counted in bytes from 1.
func (e *Error) Error() string { return fmt.Sprintf("filter, column %d: %s", e.Pos+1, e.Msg) }

// Show gives the message below the filter with a mark at the place, on three
// lines, for terminals.
func (e *Error) Show() string {
	const around = 60
	from := max(0, e.Pos-around)
	to := min(len(e.Expr), e.Pos+around)
	line := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, e.Expr[from:to])
	return line + "\n" + strings.Repeat(" ", e.Pos-from) + "^\n" + e.Msg
}

// failure is how the stages report an error to Compile: by returning it.
func failure(pos int, format string, args ...any) *Error {
	return &Error{Pos: pos, Msg: fmt.Sprintf(format, args...)}
}
