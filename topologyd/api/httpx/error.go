package httpx

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Codes of [Error]. A client decides by the code, a person by the message.
const (
	CodeSyntax      = "syntax"          // the query cannot be parsed
	CodeType        = "type"            // the query asks for what does not fit together
	CodeLimit       = "limit"           // a limit of the query was hit
	CodeInvalid     = "invalid"         // the request is malformed
	CodeTooLarge    = "too_large"       // the body is over the limit
	CodeUnsupported = "unsupported"     // media type or encoding that is not known
	CodeUnknown     = "unauthenticated" // who asks did not prove who he is
	CodeForbidden   = "forbidden"       // who asks may not do this, or nobody may
	CodeNotFound    = "not_found"       // no such endpoint, or no such thing
	CodeMethod      = "method"          // the endpoint takes another method
	CodeConflict    = "conflict"        // it is there already, or was changed meanwhile
	CodeGone        = "gone"            // the time is before what is kept
	CodeBusy        = "busy"            // try again after Retry-After seconds
	CodeUnavailable = "unavailable"     // starting, stopping, or the log cannot be written
	CodeInternal    = "internal"        // a mistake of the server
)

// Position is a place in the text of a query, a body or a line. Offset counts
// bytes from 0; Line and Column count from 1.
type Position struct {
	Offset int `json:"offset"`
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// Error is what every failed request answers with, as {"error":{...}}.
type Error struct {
	Code     string    `json:"code"`
	Message  string    `json:"message"`
	Position *Position `json:"position,omitempty"`
	// Field is which text of a definition Position is in, when it has several.
	Field string `json:"field,omitempty"`
	// Oldest is, with CodeGone, the oldest time that can be asked about, in
	// RFC 3339.
	Oldest string `json:"oldest,omitempty"`
	// Accepted and Rejected count the events of an ingest request.
	Accepted *int `json:"accepted,omitempty"`
	Rejected *int `json:"rejected,omitempty"`
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// WriteError answers with an error. The body is one line, because Telegraf's
// outputs.http logs the first line only. A request that failed with its body
// unread ends its connection.
func WriteError(w http.ResponseWriter, status int, e *Error) {
	WriteJSON(w, status, struct {
		Error *Error `json:"error"`
	}{e})
}

// WriteRetry answers 429 or 503 and says when to come back.
func WriteRetry(w http.ResponseWriter, status, seconds int, e *Error) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	WriteError(w, status, e)
}

// WriteJSON answers with a value as one line of JSON.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status = http.StatusInternalServerError
		b = []byte(`{"error":{"code":"internal","message":"cannot encode the answer"}}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that is gone does not read why
}
