package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Collections of definitions.
const (
	NodeRules = "node-rules"
	EdgeRules = "edge-rules"
	Fabrics   = "fabric"
	Joins     = "joins"
	Alerts    = "alerts"
)

// Definition is something that a user defined.
type Definition struct {
	Kind        string `json:"kind,omitempty"`
	ID          string `json:"id,omitempty"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	// Created and Updated are set by the server, Expires may be zero.
	Created time.Time `json:"created,omitzero"`
	Updated time.Time `json:"updated,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// TTL is for requests, instead of Expires: 12h, 7d.
	TTL      string `json:"ttl,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
	// Fixed tells that it comes from the configuration of the server.
	Fixed bool `json:"fixed,omitempty"`
	// Spec is what is defined; its form depends on the collection.
	Spec json.RawMessage `json:"spec"`
	// Status is set by the server.
	Status *DefinitionStatus `json:"status,omitempty"`
	// Raw is the whole answer.
	Raw json.RawMessage `json:"-"`
}

// DefinitionStatus tells how a definition does. Of a capture it has State, Error
// and Matched; see [Capture] for the rest.
type DefinitionStatus struct {
	// State is pending, applied, held, failed or follower; for a capture see
	// [CapturePending]. Of a join it is pending, applied, disabled or failed, and
	// Matched counts the pairs that it joins.
	State        string    `json:"state"`
	Matched      int       `json:"matched"`
	Destinations int       `json:"destinations,omitempty"`
	Edges        int       `json:"edges,omitempty"`
	Held         int       `json:"held,omitempty"`
	Ambiguous    int       `json:"ambiguous,omitempty"`
	TooMany      int       `json:"too_many,omitempty"`
	Error        string    `json:"error,omitempty"`
	Failed       time.Time `json:"failed,omitzero"`
	Evaluated    time.Time `json:"evaluated,omitzero"`
	Revision     uint64    `json:"revision,omitempty"`
}

// UnmarshalJSON implements [json.Unmarshaler]. A capture says with failed how
// many nodes did, not since when.
func (s *DefinitionStatus) UnmarshalJSON(b []byte) error {
	type plain DefinitionStatus
	var failed struct {
		Failed json.RawMessage `json:"failed"`
		*plain
	}
	failed.plain = (*plain)(s)
	if err := json.Unmarshal(b, &failed); err != nil {
		return err
	}
	if len(failed.Failed) > 0 && failed.Failed[0] == '"' {
		return json.Unmarshal(failed.Failed, &s.Failed)
	}
	return nil
}

// Definitions returns the definitions of a collection.
func (c *Client) Definitions(ctx context.Context, collection string) ([]Definition, error) {
	b, err := c.get(ctx, "/api/v1/"+collection, JSON)
	if err != nil {
		return nil, err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	out := make([]Definition, len(raw))
	for i := range raw {
		if err := out[i].read(raw[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *Definition) read(b []byte) error {
	if err := json.Unmarshal(b, d); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	d.Raw = b
	return nil
}

// Definition returns one definition.
func (c *Client) Definition(ctx context.Context, collection, id string) (*Definition, error) {
	path, err := definitionPath(collection, id)
	if err != nil {
		return nil, err
	}
	return c.define(ctx, http.MethodGet, path, nil)
}

// CreateDefinition makes a definition and returns it as the server has it.
func (c *Client) CreateDefinition(ctx context.Context, collection string, d *Definition) (*Definition, error) {
	return c.define(ctx, http.MethodPost, "/api/v1/"+collection, d)
}

// ReplaceDefinition replaces the definition of the ID of d. With a revision,
// only that one is replaced.
func (c *Client) ReplaceDefinition(ctx context.Context, collection string, d *Definition) (*Definition, error) {
	path, err := definitionPath(collection, d.ID)
	if err != nil {
		return nil, err
	}
	return c.define(ctx, http.MethodPut, path, d)
}

// DeleteDefinition deletes a definition.
func (c *Client) DeleteDefinition(ctx context.Context, collection, id string) error {
	path, err := definitionPath(collection, id)
	if err != nil {
		return err
	}
	resp, err := c.do(ctx, http.MethodDelete, path, JSON, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func definitionPath(collection, id string) (string, error) {
	if strings.ContainsAny(id, "/") || id == "" || id == "." || id == ".." {
		return "", fmt.Errorf("%q is not the ID of a definition", id)
	}
	return "/api/v1/" + collection + "/" + id, nil
}

func (c *Client) define(ctx context.Context, method, path string, d *Definition) (*Definition, error) {
	var in io.Reader
	if d != nil {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(d); err != nil {
			return nil, fmt.Errorf("encode definition: %w", err)
		}
		in = &b
	}
	resp, err := c.do(ctx, method, path, JSON, in)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := c.readAll(resp.Body)
	if err != nil {
		return nil, err
	}
	out := new(Definition)
	return out, out.read(b)
}
