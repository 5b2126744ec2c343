package lxd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// maxAnswer bounds what the daemon answers; an instance takes some kilobytes.
const maxAnswer = 256 << 20

// maxEvent bounds one event.
const maxEvent = 1 << 20

// client asks one daemon.
type client struct {
	http    *http.Client
	timeout time.Duration
	// server is what the daemon said of itself.
	server server
}

func newClient(cfg *Config) *client {
	return &client{
		timeout: cfg.Timeout,
		http: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", cfg.Socket)
			},
			MaxIdleConns: 2,
		}},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// hello finds out who answers.
func (c *client) hello(ctx context.Context) error {
	b, err := c.get(ctx, "/1.0", nil)
	if err != nil {
		return err
	}
	raw, err := parseResponse(b)
	if err != nil {
		return err
	}
	if c.server, err = parseServer(raw); err != nil {
		return err
	}
	if c.server.Auth != "trusted" {
		return fmt.Errorf("the daemon does not trust us: %q", c.server.Auth)
	}
	return nil
}

func (c *client) has(extension string) bool { return slices.Contains(c.server.Extensions, extension) }

// base is where instances are: before LXD 3.19 there were only containers.
func (c *client) base() string {
	if c.has("instances") {
		return "/1.0/instances"
	}
	return "/1.0/containers"
}

// here reports whether a location of the cluster is this host.
func (c *client) here(location string) bool {
	return !c.server.Env.Clustered || location == "" || location == "none" || location == c.server.Env.Name
}

// list returns all instances of this host.
func (c *client) list(ctx context.Context) ([]Instance, error) {
	query := url.Values{"recursion": {"2"}}
	if c.has("instance_all_projects") {
		query.Set("all-projects", "true")
	}
	b, err := c.get(ctx, c.base(), query)
	if err != nil {
		return nil, err
	}
	all, err := parseInstances(b)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(i Instance) bool { return !c.here(i.Location) }), nil
}

// instance returns one. An error that wraps [ErrNotFound] says that there is none
// of the name, one that wraps errElsewhere that it is at another member.
func (c *client) instance(ctx context.Context, k key) (*Instance, error) {
	path := c.base() + "/" + url.PathEscape(k.name)
	query := url.Values{"recursion": {"1"}, "project": {k.project}}
	b, err := c.get(ctx, path, query)
	if err != nil {
		return nil, err
	}
	i, err := parseInstance(b)
	if err != nil {
		return nil, err
	}
	if !c.here(i.Location) {
		return nil, fmt.Errorf("%w: instance %s is at %s", errElsewhere, k.name, i.Location)
	}
	if i.State == nil { // an older daemon
		if b, err = c.get(ctx, path+"/state", query); err != nil {
			return nil, err
		}
		raw, err := parseResponse(b)
		if err != nil {
			return nil, err
		}
		if i.State, err = parseState(raw); err != nil {
			return nil, err
		}
	}
	return i, nil
}

func (c *client) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// The path is escaped already.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://lxd"+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask daemon: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask daemon: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read answer of daemon: %w", err)
	case len(b) > maxAnswer:
		return nil, errors.New("read answer of daemon: it is too long")
	}
	return b, nil
}

// events opens the stream of events.
func (c *client) events(ctx context.Context) (*websocket.Conn, error) {
	// Daemons that do not know a parameter leave it alone.
	query := url.Values{"type": {"lifecycle"}, "all-projects": {"true"}}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, "ws://lxd/1.0/events?"+query.Encode(), &websocket.DialOptions{HTTPClient: c.http})
	if resp != nil && resp.Body != nil && err != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open stream of events: %w", err)
	}
	conn.SetReadLimit(maxEvent)
	return conn, nil
}
