package client

import (
	"context"
	"encoding/json"
	"fmt"
)

// Explanation tells how a query was run.
type Explanation struct {
	// Query is the query in its canonical form, Kind what it gives.
	Query string `json:"query"`
	Kind  string `json:"kind"`
	// Revision is that of the graph, Nodes and Edges are how many it has.
	Revision uint64 `json:"revision"`
	Nodes    int    `json:"nodes"`
	Edges    int    `json:"edges"`
	// Steps are what was done, in order.
	Steps []StepExplained `json:"steps"`
	// Results is the number of elements of the answer, Visited how many were looked
	// at, Memory how many bytes were needed to remember some.
	Results int `json:"results"`
	Visited int `json:"visited"`
	Memory  int `json:"memory"`
	// Milliseconds is how long it took.
	Milliseconds float64 `json:"ms"`
	// Limit is the limit that stopped it, "" when none did.
	Limit string `json:"limit"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// StepExplained is a step, with the filters that were done with it.
type StepExplained struct {
	Step string `json:"step"`
	// How tells which index was used, and what else.
	How []string `json:"how"`
	// In is how many elements it was given, nil when it starts at the graph; Out
	// how many it gave.
	In  *int `json:"in"`
	Out int  `json:"out"`
	// Visited is how many elements it looked at.
	Visited      int     `json:"visited"`
	Milliseconds float64 `json:"ms"`
}

// Explain runs a query and tells how that was done, instead of what it gives.
// A limit that is met is no error here.
func (c *Client) Explain(ctx context.Context, q Query) (*Explanation, error) {
	q.Partial = false
	resp, err := c.ask(ctx, c.http, struct {
		Query
		Explain bool `json:"explain"`
	}{q, true}, JSON)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	e := &Explanation{}
	if e.Raw, err = c.readAll(resp.Body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(e.Raw, e); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return e, nil
}
