package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Kinds of an [Item].
const (
	ItemStep     = "step"
	ItemFunction = "function"
	ItemKey      = "key"
	ItemValue    = "value"
	ItemKeyword  = "keyword"
)

// CompleteQuery asks what can stand at a place in the text of a query. The text
// need not be a query yet.
type CompleteQuery struct {
	Gremlin string `json:"gremlin"`
	// Offset is the place, in bytes from 0, as of a [Position].
	Offset int `json:"offset"`
	// At is the time whose keys and values are meant, as in [Query].
	At string `json:"at,omitempty"`
	// Limit is the most items; 0 is the server's default.
	Limit int `json:"limit,omitempty"`
}

// Completion is what can stand at a place in a query.
type Completion struct {
	// From and To are the bytes of the text that the Insert of an item replaces;
	// the place that was asked about is between them.
	From int `json:"from"`
	To   int `json:"to"`
	// Items are the best first.
	Items []Item `json:"items"`
	// More tells that there are more than were asked for.
	More bool `json:"more"`
	// Sampled tells that only a part of the graph or of the flows was looked at:
	// counts are of that part, and what is rare may be missing.
	Sampled bool `json:"sampled"`
}

// Item is one thing that can stand there.
type Item struct {
	Kind string `json:"kind"` // one of the Item constants
	// Text is what people read, Insert what is to be written.
	Text   string `json:"text"`
	Insert string `json:"insert"`
	// Detail says in one line what it does; of a key it is one of its values.
	Detail string `json:"detail"`
	// Count is how many elements have the key or value, 0 for others.
	Count int `json:"count"`
}

// Complete asks what can stand at a place in the text of a query.
func (c *Client) Complete(ctx context.Context, q CompleteQuery) (*Completion, error) {
	out := &Completion{}
	if err := c.postJSON(ctx, "/api/v1/complete", q, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Verdict tells whether a text is a query, without running it.
type Verdict struct {
	OK bool `json:"ok"`
	// Kind is that of the answer, one of the Kind constants.
	Kind string `json:"kind"`
	// Travels tells that the query goes to other times by itself, Flows that it
	// asks for flows.
	Travels bool `json:"travels"`
	Flows   bool `json:"flows"`
	// Error is what the query would be refused with, nil when OK.
	Error *Error `json:"error"`
}

// Check asks whether a text is a query. That it is not is no error of Check:
// the verdict tells.
func (c *Client) Check(ctx context.Context, gremlin string) (*Verdict, error) {
	out := &Verdict{}
	if err := c.postJSON(ctx, "/api/v1/check", struct {
		Gremlin string `json:"gremlin"`
	}{gremlin}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Step describes a step of the language, or a function: what can stand as an
// argument besides texts and numbers.
type Step struct {
	Name     string `json:"name"`
	Function bool   `json:"function"`
	// Arguments are those it takes, such as "([key, value …])"; "" when there are
	// no parentheses.
	Arguments string `json:"arguments"`
	// On is what the step works on, Gives what it gives, by kinds; both are empty
	// for functions. Gives are several where it depends on On.
	On    []string `json:"on"`
	Gives []string `json:"gives"`
	// Detail says in one line what it does, Example is a query with it.
	Detail  string `json:"detail"`
	Example string `json:"example"`
}

// Steps asks for the reference of the language.
func (c *Client) Steps(ctx context.Context) ([]Step, error) {
	var out []Step
	_, err := c.getJSON(ctx, "/api/v1/steps", nil, &out)
	return out, err
}

// postJSON sends a question in JSON and reads the answer into v.
func (c *Client) postJSON(ctx context.Context, path string, ask, v any) error {
	body, err := json.Marshal(ask)
	if err != nil {
		return fmt.Errorf("encode question: %w", err)
	}
	resp, err := c.do(ctx, http.MethodPost, path, JSON, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := c.readAll(resp.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}
