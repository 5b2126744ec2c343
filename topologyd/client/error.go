package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Codes of [Error], as the server gives them.
const (
	CodeSyntax      = "syntax"      // the query cannot be parsed
	CodeType        = "type"        // the query asks for what does not fit together
	CodeLimit       = "limit"       // a limit of the query was hit
	CodeInvalid     = "invalid"     // the request is malformed
	CodeConflict    = "conflict"    // it is there already, or was changed meanwhile
	CodeNotFound    = "not_found"   // there is no such thing
	CodeGone        = "gone"        // the time is before what is kept; see Oldest
	CodeBusy        = "busy"        // try again after RetryAfter
	CodeUnavailable = "unavailable" // the server starts or stops
)

// ErrUnchanged says that the answer to a [Query] with a Tag is the one that the
// tag is of.
var ErrUnchanged = errors.New("the answer is the same as before")

// Position is a place in the text of a query.
type Position struct {
	// Offset counts bytes from 0; Line and Column, in characters, count from 1.
	Offset int `json:"offset"`
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Error is a request that the server refused.
type Error struct {
	// Status is that of HTTP.
	Status int `json:"-"`
	// Code is one of the Code constants, or "" when what answered was not a
	// topologyd.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Position is where the query is wrong, nil when it is not.
	Position *Position `json:"position"`
	// Field is, of a capture, the text that Position is in: query or filter.
	Field string `json:"field"`
	// Oldest is the first time that can be asked about, with CodeGone.
	Oldest time.Time `json:"oldest"`
	// RetryAfter is how long to wait before asking again; 0: not said.
	RetryAfter time.Duration `json:"-"`
	// Limit is, with CodeLimit, which limit of a query was met: time, visited,
	// memory, results or bytes; "" when the server did not say.
	Limit string `json:"-"`
}

// Error implements error.
func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("HTTP status %d: %s", e.Status, e.Message)
	}
	return e.Message
}

// Temporary reports whether the same request may succeed later.
func (e *Error) Temporary() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// maxErrorBody is how much of the answer to a failed request is read.
const maxErrorBody = 64 << 10

// errorOf reads the error of an answer that is no success.
func errorOf(resp *http.Response) *Error {
	e := &Error{Status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s >= 0 && s <= 3600 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	e.Limit = resp.Header.Get(headerLimit)
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what there is of it
	var answer struct{ Error *Error }
	if json.Unmarshal(body, &answer) == nil && answer.Error != nil && answer.Error.Code != "" {
		e.Code, e.Message, e.Position, e.Field, e.Oldest = answer.Error.Code, answer.Error.Message, answer.Error.Position, answer.Error.Field, answer.Error.Oldest
		return e
	}
	e.Message = http.StatusText(resp.StatusCode)
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
		e.Message += " to " + to + ", which is not followed"
	} else if text := strings.TrimSpace(string(body)); text != "" && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		first, _, _ := strings.Cut(text, "\n")
		e.Message += ": " + strings.ToValidUTF8(first[:min(len(first), 200)], "")
	}
	return e
}
