package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// CapturesPath is the collection of captures.
const CapturesPath = "captures"

// States of a capture as a whole.
const (
	CapturePending  = "pending"  // not looked at yet
	CaptureFollower = "follower" // another replica leads and knows more
	CaptureFailed   = "failed"   // Error says why nothing is captured
	CaptureIdle     = "idle"     // its query finds nothing now
	CaptureRunning  = "running"  // every node is captured
	CapturePartial  = "partial"  // some are
)

// Capture is a capture on every interface that a query finds.
type Capture struct {
	// Kind is "capture", ID is chosen by the server when it is empty.
	Kind        string `json:"kind,omitempty"`
	ID          string `json:"id,omitempty"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	// Created and Updated are set by the server, Expires may be zero.
	Created time.Time `json:"created,omitzero"`
	Updated time.Time `json:"updated,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// TTL is for requests, instead of Expires: 12h, 7d.
	TTL      string      `json:"ttl,omitempty"`
	Revision uint64      `json:"revision,omitempty"`
	Spec     CaptureSpec `json:"spec"`
	// Status is set by the server.
	Status *CaptureStatus `json:"status,omitempty"`
	// Raw is the whole answer.
	Raw json.RawMessage `json:"-"`
}

// Label is the name of the capture for people, its ID when it has none.
func (d *Capture) Label() string {
	if d.Name != "" {
		return d.Name
	}
	return d.ID
}

// CaptureSpec says where and how to capture.
type CaptureSpec struct {
	// Query is Gremlin that gives interfaces.
	Query string `json:"query"`
	order.Options
}

// CaptureStatus tells how a capture does.
type CaptureStatus struct {
	// State is one of the states above.
	State string `json:"state"`
	Error string `json:"error"`
	// Matched is how many nodes the query finds, the next ones how many of them are
	// in each state.
	Matched  int `json:"matched"`
	Running  int `json:"running"`
	Starting int `json:"starting"`
	Waiting  int `json:"waiting"`
	Failed   int `json:"failed"`
	Refused  int `json:"refused"`
	// Hosts is on how many hosts they are.
	Hosts int `json:"hosts"`
	// Packets, Bytes and Dropped are sums over the nodes.
	Packets int64 `json:"packets"`
	Bytes   int64 `json:"bytes"`
	Dropped int64 `json:"dropped"`
}

// CaptureNode tells how a capture does at one node.
type CaptureNode struct {
	Node      string `json:"node"`
	TID       string `json:"tid"`
	Host      string `json:"host"`
	HostName  string `json:"host_name"`
	Interface string `json:"interface"`
	NetNS     string `json:"netns"`
	order.CaptureState
}

// Captures returns the captures, the oldest first.
func (c *Client) Captures(ctx context.Context) ([]Capture, error) {
	var raw []json.RawMessage
	if _, err := c.getJSON(ctx, "/api/v1/"+CapturesPath, nil, &raw); err != nil {
		return nil, err
	}
	out := make([]Capture, len(raw))
	for i := range raw {
		if err := out[i].read(raw[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Capture returns one capture.
func (c *Client) Capture(ctx context.Context, id string) (*Capture, error) {
	path, err := definitionPath(CapturesPath, id)
	if err != nil {
		return nil, err
	}
	b, err := c.get(ctx, path, JSON)
	if err != nil {
		return nil, err
	}
	out := new(Capture)
	return out, out.read(b)
}

// FindCapture returns the capture with an ID or, when none has it, the one with
// a name. The error is an [*Error] with [CodeNotFound] when there is none.
func (c *Client) FindCapture(ctx context.Context, idOrName string) (*Capture, error) {
	all, err := c.Captures(ctx)
	if err != nil {
		return nil, err
	}
	var found []*Capture
	var ids []string
	for i := range all {
		if all[i].ID == idOrName {
			return &all[i], nil
		}
		if all[i].Name == idOrName {
			found, ids = append(found, &all[i]), append(ids, all[i].ID)
		}
	}
	switch len(found) {
	case 0:
		return nil, &Error{Status: http.StatusNotFound, Code: CodeNotFound, Message: fmt.Sprintf("there is no capture with the ID or the name %q", idOrName)}
	case 1:
		return found[0], nil
	default:
		return nil, fmt.Errorf("%d captures have the name %q; give the ID of one: %s", len(found), idOrName, strings.Join(ids, ", "))
	}
}

// CreateCapture makes a capture and returns it as the server has it.
func (c *Client) CreateCapture(ctx context.Context, d *Capture) (*Capture, error) {
	return c.storeCapture(ctx, c.CreateDefinition, d)
}

// ReplaceCapture replaces the capture of the ID of d. With a revision, only that
// one is replaced.
func (c *Client) ReplaceCapture(ctx context.Context, d *Capture) (*Capture, error) {
	return c.storeCapture(ctx, c.ReplaceDefinition, d)
}

func (c *Client) storeCapture(ctx context.Context, store func(context.Context, string, *Definition) (*Definition, error), d *Capture) (*Capture, error) {
	spec, err := json.Marshal(&d.Spec)
	if err != nil {
		return nil, fmt.Errorf("encode capture: %w", err)
	}
	stored, err := store(ctx, CapturesPath, &Definition{
		ID: d.ID, Name: d.Name, Description: d.Description, Expires: d.Expires, TTL: d.TTL, Revision: d.Revision, Spec: spec,
	})
	if err != nil {
		return nil, err
	}
	out := new(Capture)
	return out, out.read(stored.Raw)
}

// DeleteCapture ends a capture and deletes it.
func (c *Client) DeleteCapture(ctx context.Context, id string) error {
	return c.DeleteDefinition(ctx, CapturesPath, id)
}

// CaptureNodes tells how a capture does at each node.
func (c *Client) CaptureNodes(ctx context.Context, id string) ([]CaptureNode, error) {
	out, _, err := c.CaptureNodesRaw(ctx, id)
	return out, err
}

// CaptureNodesRaw is [Client.CaptureNodes] with the answer as it came.
func (c *Client) CaptureNodesRaw(ctx context.Context, id string) ([]CaptureNode, json.RawMessage, error) {
	path, err := definitionPath(CapturesPath, id)
	if err != nil {
		return nil, nil, err
	}
	var out []CaptureNode
	raw, err := c.getJSON(ctx, path+"/nodes", nil, &out)
	return out, raw, err
}

func (d *Capture) read(b []byte) error {
	if err := json.Unmarshal(b, d); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	d.Raw = b
	return nil
}

// ErrCaptureWaits is wrapped by the error of [Client.WaitCapture] when time ran
// out.
var ErrCaptureWaits = errors.New("it does not run yet")

// CaptureError says that a capture does not run.
type CaptureError struct {
	// Capture is how it was last seen, Nodes those that do not run, when they are
	// known.
	Capture *Capture
	Nodes   []CaptureNode
	reason  string
	waits   bool
}

// Error says why, with a line for each node that does not run.
func (e *CaptureError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "capture %s: %s", e.Capture.Label(), e.reason)
	for i := range e.Nodes {
		n := &e.Nodes[i]
		fmt.Fprintf(&b, "\n  %s on %s: %s", n.Interface, n.HostLabel(), n.State)
		if n.Error != "" {
			b.WriteString(": " + n.Error)
		}
	}
	return b.String()
}

// Unwrap returns [ErrCaptureWaits] when it may still come to run.
func (e *CaptureError) Unwrap() error {
	if e.waits {
		return ErrCaptureWaits
	}
	return nil
}

// HostLabel is the name of the node's host for people.
func (n *CaptureNode) HostLabel() string {
	if n.HostName != "" {
		return n.HostName
	}
	return n.Host
}

// pollCapture is how often [Client.WaitCapture] asks.
const pollCapture = 200 * time.Millisecond

// patience is how long [Client.WaitCapture] passes over that the server does not
// know how a capture does: it was just started, or the lead changes hands.
const patience = 5 * time.Second

// elsewhere is the reason when the server follows.
const elsewhere = "another daemon of the cluster leads and knows how it does; ask that one"

// WaitCapture waits until every node of a capture is captured. It returns a
// [*CaptureError] at once when one failed or was refused and when the query finds
// nothing, after a few seconds when another replica leads, and one that wraps
// [ErrCaptureWaits] when ctx ends first. A server that is not available is asked
// again for as long.
func (c *Client) WaitCapture(ctx context.Context, id string) (*Capture, error) {
	tick := time.NewTicker(pollCapture)
	defer tick.Stop()
	var unknown time.Time // since when the server does not know
	for {
		d, err := c.Capture(ctx, id)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return c.lateCapture(ctx, id)
		}
		switch {
		case !knowsLittle(d, err):
			unknown = time.Time{}
		case unknown.IsZero():
			unknown = time.Now()
		}
		if unknown.IsZero() || time.Since(unknown) >= patience {
			if err != nil {
				return nil, err
			}
			if done, err := c.waited(ctx, d); done {
				return d, err
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// knowsLittle tells whether the server that answered so may know more in a
// moment.
func knowsLittle(d *Capture, err error) bool {
	if err != nil {
		var e *Error
		return errors.As(err, &e) && e.Status == http.StatusServiceUnavailable
	}
	return d.Status != nil && d.Status.State == CaptureFollower
}

// waited tells whether waiting for a capture is over, and how it ended.
func (c *Client) waited(ctx context.Context, d *Capture) (done bool, err error) {
	s := d.Status
	switch {
	case s == nil:
		return true, errors.New("the server does not say how the capture does")
	case s.State == CaptureRunning:
		return true, nil
	case s.State == CaptureFailed:
		return true, &CaptureError{Capture: d, reason: s.Error}
	case s.State == CaptureFollower:
		return true, &CaptureError{Capture: d, reason: elsewhere}
	case s.State == CaptureIdle:
		return true, &CaptureError{Capture: d, reason: "its query finds nothing now; it begins when something appears"}
	case s.Failed+s.Refused > 0:
		return true, c.captureError(ctx, d, fmt.Sprintf("%d of %d nodes are captured", s.Running, s.Matched), false)
	}
	return false, nil
}

// lastAsk bounds the questions what does not run, after the time for waiting is
// over.
const lastAsk = 2 * time.Second

// lateCapture tells what does not run when time is over.
func (c *Client) lateCapture(ctx context.Context, id string) (*Capture, error) {
	ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAsk)
	defer cancel()
	d, err := c.Capture(ask, id)
	if err != nil {
		return nil, err
	}
	if d.Status != nil && d.Status.State == CaptureFollower {
		return d, &CaptureError{Capture: d, reason: elsewhere, waits: true}
	}
	return d, c.captureError(ctx, d, "it does not run on all nodes in time", true)
}

// captureError tells which nodes do not run.
func (c *Client) captureError(ctx context.Context, d *Capture, reason string, waits bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAsk)
	defer cancel()
	e := &CaptureError{Capture: d, reason: reason, waits: waits}
	nodes, err := c.CaptureNodes(ctx, d.ID)
	if err != nil {
		e.reason += "; which ones, the server does not say: " + err.Error()
	}
	for i := range nodes {
		if nodes[i].State != order.StateRunning {
			e.Nodes = append(e.Nodes, nodes[i])
		}
	}
	return e
}
