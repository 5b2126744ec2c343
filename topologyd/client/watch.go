package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// Types of messages.
const (
	TypeSnapshot = "snapshot"
	TypeChanges  = "changes"
	TypePing     = "ping"
)

// Operations of changes.
const (
	NodeAdded   = "node_added"
	NodeUpdated = "node_updated"
	NodeDeleted = "node_deleted"
	EdgeAdded   = "edge_added"
	EdgeUpdated = "edge_updated"
	EdgeDeleted = "edge_deleted"
)

// Change is one change of one element: Node or Edge is set. A deleted element
// is given in its last state.
type Change struct {
	Op       string `json:"op"`
	Revision uint64 `json:"revision"`
	// At is when it happened, in Unix milliseconds.
	At   int64 `json:"at"`
	Node *Node `json:"node,omitempty"`
	Edge *Edge `json:"edge,omitempty"`
}

// Message is one message of a watch.
type Message struct {
	Type     string `json:"type"`
	Revision uint64 `json:"revision"`
	// Followed tells, in a snapshot of a query, how its result is kept current:
	// "local", "bounded" or "global", which is by running it again.
	Followed string `json:"followed"`
	// Nodes and Edges are a part of a snapshot.
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
	// More tells that the snapshot, or the changes of Revision, go on in the
	// next message.
	More    bool     `json:"more"`
	Changes []Change `json:"changes"`
}

// Watch watches over one connection. It calls handle with every message, pings
// left out, until handle returns an error, which Watch returns, the connection
// breaks or ctx ends. from is the revision of the last message that is known;
// 0: begin with a snapshot of the whole graph. A server that no longer knows
// what happened since from sends a snapshot too.
func (c *Client) Watch(ctx context.Context, from uint64, handle func(*Message) error) error {
	query := url.Values{}
	if from > 0 {
		query.Set("from", strconv.FormatUint(from, 10))
	}
	return c.watchQuery(ctx, query, handle)
}

// WatchSince is [Client.Watch] that begins with a snapshot of the graph at a
// time, which is given as in [Query]. The changes since then follow.
func (c *Client) WatchSince(ctx context.Context, since string, handle func(*Message) error) error {
	return c.watchQuery(ctx, url.Values{"since": {since}}, handle)
}

// WatchQuery is [Client.Watch] of what a query gives, nodes and edges: it begins
// with the result; what enters it is added, what leaves it is deleted.
func (c *Client) WatchQuery(ctx context.Context, gremlin string, from uint64, handle func(*Message) error) error {
	f := Follow{Gremlin: gremlin}
	return c.watchQuery(ctx, f.query(from), handle)
}

func (c *Client) watchQuery(ctx context.Context, query url.Values, handle func(*Message) error) error {
	conn, err := c.dial(ctx, query)
	if err != nil {
		return err
	}
	defer conn.CloseNow() //nolint:errcheck // closed already, or broken
	for {
		m, err := c.read(ctx, conn)
		if err != nil {
			return fmt.Errorf("watch %s: %w", c.base.Redacted(), err)
		}
		if m.Type != TypeSnapshot && m.Type != TypeChanges {
			continue
		}
		if err := handle(m); err != nil {
			_ = conn.Close(websocket.StatusNormalClosure, "")
			return err
		}
	}
}

func (c *Client) dial(ctx context.Context, query url.Values) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	header, err := c.header()
	if err != nil {
		return nil, err
	}
	conn, resp, err := websocket.Dial(ctx, c.url("/api/v1/watch", query), &websocket.DialOptions{HTTPClient: c.watch, HTTPHeader: header}) //nolint:bodyclose // websocket.Dial: it need not be closed
	if err != nil {
		if resp != nil && resp.StatusCode != 0 && resp.StatusCode != 101 {
			return nil, errorOf(resp)
		}
		return nil, fmt.Errorf("ask %s: %w", c.base.Redacted(), plain(err))
	}
	conn.SetReadLimit(c.cfg.MaxAnswer)
	return conn, nil
}

// read reads one message, for at most the allowed silence.
func (c *Client) read(ctx context.Context, conn *websocket.Conn) (*Message, error) {
	limited, cancel := context.WithTimeout(ctx, c.cfg.Silence)
	defer cancel()
	_, b, err := conn.Read(limited)
	if err != nil {
		var closed websocket.CloseError
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case limited.Err() != nil:
			return nil, fmt.Errorf("nothing was heard for %v", c.cfg.Silence)
		case errors.As(err, &closed) && closed.Reason != "":
			return nil, errors.New(closed.Reason)
		}
		return nil, err
	}
	var m Message
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	return &m, nil
}

// Follow is a watch that goes on after a break.
type Follow struct {
	// From is as in [Client.Watch].
	From uint64
	// Since, when From is 0, is as in [Client.WatchSince]. A time back from now is
	// counted from each attempt until the first snapshot is complete.
	Since string
	// Gremlin, when it is not empty, is the query whose result is watched, as in
	// [Client.WatchQuery]. It does not go with Since.
	Gremlin string
	// Handle is called with every message. A snapshot replaces all that was
	// known: after the first one it means that the watch had to start over.
	Handle func(*Message) error
	// Broken, if not nil, is called when the connection broke, with the time
	// until the next attempt.
	Broken func(err error, wait time.Duration)
	// MinWait and MaxWait bound the time between two attempts; 0: half a
	// second, 15 seconds.
	MinWait, MaxWait time.Duration
}

// query returns the parameters of an attempt.
func (f *Follow) query(from uint64) url.Values {
	query := url.Values{}
	switch {
	case from > 0:
		query.Set("from", strconv.FormatUint(from, 10))
	case f.Since != "":
		query.Set("since", f.Since)
	}
	if f.Gremlin != "" {
		query.Set("gremlin", f.Gremlin)
	}
	return query
}

// Follow watches until ctx ends, Handle fails, the first connection cannot be
// made, or the server refuses for good.
func (c *Client) Follow(ctx context.Context, f Follow) error {
	from := f.From
	r := newReconnect(f.MinWait, f.MaxWait, f.Broken)
	return r.run(ctx, func() error {
		return c.watchQuery(ctx, f.query(from), func(m *Message) error {
			r.opened()
			if err := r.handled(f.Handle(m)); err != nil {
				return err
			}
			// A snapshot that broke off is asked for again.
			if !m.More {
				from = m.Revision
			} else if m.Type == TypeSnapshot {
				from = 0
			}
			return nil
		})
	})
}
