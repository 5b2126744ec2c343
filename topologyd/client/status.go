package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Status is what a server says of itself.
type Status struct {
	Version string
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage
}

// Status asks how the server is.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	b, err := c.get(ctx, "/api/v1/status", JSON)
	if err != nil {
		return nil, err
	}
	s := &Status{Raw: b}
	var v struct{ Version string }
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	s.Version = v.Version
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
