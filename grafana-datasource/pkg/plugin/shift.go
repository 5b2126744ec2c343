package plugin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/skein-net/skein/topologyd/client"
)

// shift makes the position of an error, which is one in the text that was sent,
// one in the text that the user wrote: the datasource put a time behind its G
// and a step behind its end. What is wrong with those is nothing that the user
// can mend, and is told without a position.
func shift(err error, written, sent string) error {
	var e *client.Error
	if !errors.As(err, &e) || e.Position == nil || written == sent || strings.TrimSpace(written) == "" {
		return err
	}
	_, reason, found := strings.Cut(e.Message, fmt.Sprintf("line %d, column %d: ", e.Position.Line, e.Position.Column))
	if !found {
		reason = e.Message
	}
	moved := *e
	// What stands behind the time is the same in both.
	tail := strings.TrimLeft(strings.TrimSpace(written)[1:], " \t\r\n")
	start := strings.Index(sent, tail)
	at := e.Position.Offset - start
	if start < 0 || at < 0 || at > len(tail) {
		moved.Position, moved.Message = nil, reason
		return &moved
	}
	offset := strings.Index(written, tail) + at
	before := written[:offset]
	line := strings.Count(before, "\n") + 1
	column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
	moved.Position = &client.Position{Offset: offset, Line: line, Column: column}
	moved.Message = fmt.Sprintf("line %d, column %d: %s", line, column, reason)
	return &moved
}
