package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/skein-net/skein/topologyd/join"
)

// JoinTable is the table of joins of a server.
type JoinTable struct {
	// Rows are first those that unify, in the order in which they are tried, then
	// those that make edges.
	Rows  []JoinEntry `json:"rows"`
	Files []JoinFile  `json:"files"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// JoinEntry is a row that is in force or wanted.
type JoinEntry struct {
	Name string `json:"name"`
	// State is applied, pending, disabled or failed; then Error says why.
	State string `json:"state"`
	// Origin is built-in, file, definition or other; From is the path of the file
	// or the ID of the definition, Overrides the origin of the row that would count
	// without this one.
	Origin    string `json:"origin"`
	From      string `json:"from"`
	Overrides string `json:"overrides"`
	// Pairs is how many pairs of entities it joins, Ambiguous under how many keys it
	// does not because several entities of a side have them, TooMany under how many
	// it makes no edges because they would be too many.
	Pairs     int    `json:"pairs"`
	Ambiguous int    `json:"ambiguous"`
	TooMany   int    `json:"too_many"`
	Error     string `json:"error"`
	// Row is the row, nil for one that is disabled.
	Row *join.Row `json:"row"`
}

// JoinFile is a file of rows on the server.
type JoinFile struct {
	Path string `json:"path"`
	Rows int    `json:"rows"`
	// Error is why its present version is not used, Failed since when.
	Error  string    `json:"error"`
	Failed time.Time `json:"failed"`
}

// JoinTable returns the table of joins.
func (c *Client) JoinTable(ctx context.Context) (*JoinTable, error) {
	t := new(JoinTable)
	var err error
	t.Raw, err = c.getJSON(ctx, "/api/v1/joins/table", nil, t)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// JoinTrial is what a row would do, were it the only one.
type JoinTrial struct {
	// From and To are how many entities the sides look at, before their conditions.
	From int `json:"from"`
	To   int `json:"to"`
	// Pairs, Ambiguous and TooMany are as in [JoinEntry].
	Pairs     int `json:"pairs"`
	Ambiguous int `json:"ambiguous"`
	TooMany   int `json:"too_many"`
	// Examples are the first pairs, by name.
	Examples []struct {
		From NamedEntity `json:"from"`
		To   NamedEntity `json:"to"`
	} `json:"examples"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// NamedEntity is an entity with its name.
type NamedEntity struct {
	Name string `json:"name"`
	EntityRef
}

// CheckJoin tells what a row would do on the present graph. spec is the
// specification of a definition; nothing is changed.
func (c *Client) CheckJoin(ctx context.Context, spec json.RawMessage) (*JoinTrial, error) {
	resp, err := c.do(ctx, http.MethodPost, "/api/v1/joins/check", JSON, bytes.NewReader(spec))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	t := new(JoinTrial)
	if t.Raw, err = c.readAll(resp.Body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(t.Raw, t); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return t, nil
}
