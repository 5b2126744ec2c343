package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Status is what a server says of itself.
type Status struct {
	Version       string    `json:"version"`
	Started       time.Time `json:"started"`
	UptimeSeconds int64     `json:"uptime_seconds"`
	Revision      uint64    `json:"revision"`
	// Nodes and Edges are those of the graph, Facets what sources say of
	// entities, Stale the facets whose reports are overdue, Dangling the
	// relationships to entities that nobody has reported.
	Nodes    int `json:"nodes"`
	Edges    int `json:"edges"`
	Facets   int `json:"facets"`
	Stale    int `json:"stale"`
	Dangling int `json:"dangling"`
	// Past tells what can be asked about, nil when the server keeps no past.
	Past *Kept `json:"past"`
	// Raw is the whole answer, in JSON; it says more.
	Raw json.RawMessage `json:"-"`
}

// Kept is what a server keeps of the past.
type Kept struct {
	// Oldest is the first time that can be asked about, Newest when the newest
	// change was taken.
	Oldest time.Time `json:"oldest"`
	Newest time.Time `json:"newest"`
	// OldestRevision is the first after which a watch can resume.
	OldestRevision uint64 `json:"oldest_revision"`
}

// Status asks how the server is.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	s := &Status{}
	var err error
	if s.Raw, err = c.getJSON(ctx, "/api/v1/status", nil, s); err != nil {
		return nil, err
	}
	return s, nil
}

// ErrNotReady is wrapped by the error of [Client.Ready] when the server
// answers, but does not serve queries yet.
var ErrNotReady = errors.New("not ready")

// Ready returns nil when the server serves queries and writes.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.get(ctx, "/-/ready", "")
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusServiceUnavailable {
		_, why, found := strings.Cut(e.Message, "not ready: ")
		if !found {
			return ErrNotReady
		}
		return fmt.Errorf("%w: %s", ErrNotReady, why)
	}
	return err
}

// Healthy returns nil when the server's process answers at all.
func (c *Client) Healthy(ctx context.Context) error {
	_, err := c.get(ctx, "/-/healthy", "")
	return err
}
