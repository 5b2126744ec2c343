package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// FlowFilter chooses flows. The values of one field are alternatives, and all
// fields that are set must hold.
type FlowFilter struct {
	// Node is where a flow was seen: names, IDs or TIDs of nodes, or queries.
	Node []string
	// Host, Interface and Capture are host.id, name of the interface and of the
	// capture.
	Host, Interface, Capture []string
	// Address is an address of IP or Ethernet at one of the ends, or one network.
	Address []string
	// Port is a port at one of the ends.
	Port []int
	// Application and Protocol are names such as HTTPS and tcp, Layers all layers,
	// for example Ethernet/IPv4/TCP.
	Application, Protocol, Layers []string
	// ID is the flow at one place, Tracking the same at all of them.
	ID, Tracking []string
	// Finished is "true" for those that have ended, "false" for those that have
	// not, "" for all; top talkers know it not.
	Finished string
}

func (f *FlowFilter) values() url.Values {
	v := url.Values{}
	for name, texts := range map[string][]string{
		"node": f.Node, "host": f.Host, "interface": f.Interface, "capture": f.Capture, "address": f.Address,
		"application": f.Application, "protocol": f.Protocol, "layers": f.Layers, "id": f.ID, "tracking": f.Tracking,
	} {
		if len(texts) > 0 {
			v[name] = slices.Clone(texts)
		}
	}
	for _, p := range f.Port {
		v.Add("port", strconv.Itoa(p))
	}
	if f.Finished != "" {
		v.Set("finished", f.Finished)
	}
	return v
}

// FlowQuery asks for a list of flows.
type FlowQuery struct {
	FlowFilter
	// From and To are given as in [Query]; without both, the flows of now are
	// asked for.
	From, To string
	// Sort is bytes, packets, last, start, rtt or a field; "" is last. Order is
	// asc or desc; "" is desc.
	Sort, Order string
	// Limit is the most flows; 0 is the server's default.
	Limit int
}

// FlowEnds are the two ends of a flow in one layer.
type FlowEnds struct {
	Protocol string
	A, B     string
	// ID is that of the layer: VLAN tags, or the identifier of a tunnel.
	ID int64
}

// FlowPorts are the ports of a flow.
type FlowPorts struct {
	Protocol string
	A, B     int
}

// FlowMetric counts packets and bytes. Start and Last are Unix milliseconds, RTT
// is nanoseconds.
type FlowMetric struct {
	ABPackets, ABBytes, BAPackets, BABytes int64
	RTT                                    int64
	Start, Last                            int64
}

// Flow is one flow. A is the end that was seen first.
type Flow struct {
	UUID       entity.UUID
	TrackingID string
	NodeTID    entity.UUID
	Host       string
	Interface  string
	CaptureID  string
	LayersPath string

	Application string
	FinishType  string
	// Start and Last are Unix milliseconds.
	Start, Last      int64
	Link, Network    FlowEnds
	Transport        FlowPorts
	Metric           FlowMetric
	LastUpdateMetric FlowMetric
	// Raw is all of it, in JSON.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (f *Flow) UnmarshalJSON(b []byte) error {
	type plain Flow
	var p plain
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*f = Flow(p)
	f.Raw = slices.Clone(b)
	return nil
}

// FlowList is the answer to a [FlowQuery].
type FlowList struct {
	// Live tells that the flows are those of now; From and To are zero then.
	Live     bool      `json:"live"`
	From, To time.Time `json:"-"`
	// More tells that there are more than Limit.
	More  bool   `json:"more"`
	Flows []Flow `json:"flows"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// Flows asks for a list of flows.
func (c *Client) Flows(ctx context.Context, q FlowQuery) (*FlowList, error) {
	v := q.values()
	for name, text := range map[string]string{"from": q.From, "to": q.To, "sort": q.Sort, "order": q.Order} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	b, err := c.getQuery(ctx, "/api/v1/flows", v, JSON)
	if err != nil {
		return nil, err
	}
	l := &FlowList{Raw: b}
	window := struct{ From, To time.Time }{}
	if err := errors.Join(json.Unmarshal(b, l), json.Unmarshal(b, &window)); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	l.From, l.To = window.From, window.To
	return l, nil
}

// TopQuery asks which values of some fields moved the most.
type TopQuery struct {
	FlowFilter
	// From and To are given as in [Query]; without both, the last five minutes
	// are asked about.
	From, To string
	// By names what to tell apart, with commas: source, destination, pair,
	// conversation, application, protocol, port, host, interface, node, capture,
	// or fields; "" is pair.
	By string
	// Metric is bytes, packets, flows, ab_bytes, ba_bytes, ab_packets or
	// ba_packets; "" is bytes.
	Metric string
	// Limit is the most rows; 0 is the server's default.
	Limit int
}

// FlowTop is the answer to a [TopQuery].
type FlowTop struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// By are the fields, Metric is what was summed.
	By     []string `json:"by"`
	Metric string   `json:"metric"`
	// Rows are the sums, the largest first.
	Rows []TopRow `json:"rows"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// TopRow is one combination of values and what it moved.
type TopRow struct {
	// Key has no value for a field that its flows have not got.
	Key   entity.Attrs `json:"key"`
	Value int64        `json:"value"`
}

// TopFlows asks which values of some fields moved the most.
func (c *Client) TopFlows(ctx context.Context, q TopQuery) (*FlowTop, error) {
	v := q.values()
	for name, text := range map[string]string{"from": q.From, "to": q.To, "by": q.By, "metric": q.Metric} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	b, err := c.getQuery(ctx, "/api/v1/flows/top", v, JSON)
	if err != nil {
		return nil, err
	}
	t := &FlowTop{Raw: b}
	if err := json.Unmarshal(b, t); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return t, nil
}

// Types of messages about flows.
const (
	TypeFlows = "flows"
	TypeLost  = "lost"
	TypeError = "error"
)

// FlowMessage is one message of those who follow flows.
type FlowMessage struct {
	Type string `json:"type"`
	// Flows are reports in the order in which they came.
	Flows []Flow `json:"flows"`
	// Count is, with TypeLost, how many reports were left out.
	Count int64 `json:"count"`
	// Code and Message are, with TypeError, why the server ends it.
	Code    string `json:"code"`
	Message string `json:"message"`
}

// FollowFlows follows the reports of flows.
type FollowFlows struct {
	FlowFilter
	// Handle is called with every message of reports, and of lost ones.
	Handle func(*FlowMessage) error
	// Broken, if not nil, is called when the connection broke, with the time
	// until the next attempt. What comes meanwhile is not heard of.
	Broken func(err error, wait time.Duration)
	// MinWait and MaxWait bound the time between two attempts; 0: half a
	// second, 15 seconds.
	MinWait, MaxWait time.Duration
}

// FollowFlows follows until ctx ends, Handle fails, the first connection cannot
// be made, or the server refuses for good.
func (c *Client) FollowFlows(ctx context.Context, f FollowFlows) error {
	least, most := f.MinWait, f.MaxWait
	if least <= 0 {
		least = 500 * time.Millisecond
	}
	if most <= 0 {
		most = 15 * time.Second
	}
	wait, started := least, false
	var failed error
	for {
		err := c.followFlows(ctx, f.values(), func() { started, wait = true, least }, func(m *FlowMessage) error {
			failed = f.Handle(m)
			return failed
		})
		var refused *Error
		switch {
		case failed != nil:
			return failed
		case ctx.Err() != nil:
			return ctx.Err()
		case !started, errors.As(err, &refused) && !refused.Temporary():
			return err
		}
		pause := wait/2 + rand.N(wait/2+1)
		if refused != nil {
			pause = max(pause, refused.RetryAfter)
		}
		if f.Broken != nil {
			f.Broken(err, pause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		wait = min(2*wait, most)
	}
}

// maxFlowLine bounds one message: 500 flows with large details.
const maxFlowLine = 64 << 20

// followFlows follows over one connection.
func (c *Client) followFlows(ctx context.Context, query url.Values, opened func(), handle func(*FlowMessage) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(c.cfg.Timeout, func() { cancel(fmt.Errorf("no answer within %v", c.cfg.Timeout)) })
	defer quiet.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url("/api/v1/flows/follow", query), nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header = c.header()
	req.Header.Set("Accept", NDJSON)
	resp, err := c.watch.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.base.Redacted(), because(ctx, plain(err)))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errorOf(resp)
	}
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, NDJSON) {
		return fmt.Errorf("ask %s: the answer is %q, not %s; is this a topologyd?", c.base.Redacted(), got, NDJSON)
	}
	opened()
	silence := time.AfterFunc(c.cfg.Silence, func() { cancel(fmt.Errorf("nothing was heard for %v", c.cfg.Silence)) })
	defer silence.Stop()
	quiet.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, int(min(c.cfg.MaxAnswer, maxFlowLine)))
	for lines.Scan() {
		silence.Reset(c.cfg.Silence)
		var m FlowMessage
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("follow %s: read message: %w", c.base.Redacted(), err)
		}
		switch m.Type {
		case TypeFlows, TypeLost:
			if err := handle(&m); err != nil {
				return err
			}
		case TypeError:
			return fmt.Errorf("follow %s: %s", c.base.Redacted(), m.Message)
		}
	}
	err = lines.Err()
	if err == nil {
		err = errors.New("the server ended it")
	}
	return fmt.Errorf("follow %s: %w", c.base.Redacted(), because(ctx, err))
}

// because is why a context ended, if it did, else err.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
