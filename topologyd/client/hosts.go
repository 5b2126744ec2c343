package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// Host is a host whose collector is or was connected to the server.
type Host struct {
	// ID is the host.id that its topology is reported with.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Connected tells whether its collector is there now, Since since when it is,
	// or is not.
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	// Address is where it connects from.
	Address string `json:"address"`
	Version string `json:"version"`
	// Types are the capture types that it can do, the preferred one first; Problems
	// the features it lacks.
	Types      []string        `json:"types"`
	RawPackets bool            `json:"raw_packets"`
	Problems   []order.Problem `json:"problems"`
	// Captures counts its assignments, Running those that run.
	Captures int `json:"captures"`
	Running  int `json:"running"`
	// Raw is the whole answer.
	Raw json.RawMessage `json:"-"`
}

// Hosts returns the hosts, sorted by name and ID.
func (c *Client) Hosts(ctx context.Context) ([]Host, error) {
	var raw []json.RawMessage
	if _, err := c.getJSON(ctx, "/api/v1/hosts", nil, &raw); err != nil {
		return nil, err
	}
	out := make([]Host, len(raw))
	for i := range raw {
		if err := out[i].read(raw[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Host returns one host.
func (c *Client) Host(ctx context.Context, id string) (*Host, error) {
	to := *c.base
	to.RawPath = to.EscapedPath() + "/api/v1/hosts/" + url.PathEscape(id)
	to.Path += "/api/v1/hosts/" + id
	resp, err := c.doURL(ctx, http.MethodGet, to.String(), JSON, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := c.readAll(resp.Body)
	if err != nil {
		return nil, err
	}
	out := new(Host)
	return out, out.read(b)
}

func (h *Host) read(b []byte) error {
	if err := json.Unmarshal(b, h); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	h.Raw = b
	return nil
}
