package client

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
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
	Live bool      `json:"live"`
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// More tells that there are more than Limit.
	More  bool   `json:"more"`
	Flows []Flow `json:"flows"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// Flows asks for a list of flows.
func (c *Client) Flows(ctx context.Context, q FlowQuery) (*FlowList, error) {
	v := q.values()
	maps.Copy(v, url.Values{"from": {q.From}, "to": {q.To}, "sort": {q.Sort}, "order": {q.Order}, "limit": {limitText(q.Limit)}})
	l := &FlowList{}
	var err error
	if l.Raw, err = c.getJSON(ctx, "/api/v1/flows", v, l); err != nil {
		return nil, err
	}
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
	// Dedup counts each conversation once, at the point that saw the most of it.
	Dedup bool
}

// FlowTop is the answer to a [TopQuery].
type FlowTop struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// By are the fields, Metric is what was summed.
	By     []string `json:"by"`
	Metric string   `json:"metric"`
	// Dedup tells that each conversation was counted once, Sampled is the largest
	// sampling rate of what was summed: the sums are estimates. 0 when every packet
	// was counted.
	Dedup   bool  `json:"dedup,omitempty"`
	Sampled int64 `json:"sampled,omitempty"`
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
	maps.Copy(v, url.Values{"from": {q.From}, "to": {q.To}, "by": {q.By}, "metric": {q.Metric}, "limit": {limitText(q.Limit)}, "dedup": {dedupText(q.Dedup)}})
	t := &FlowTop{}
	var err error
	if t.Raw, err = c.getJSON(ctx, "/api/v1/flows/top", v, t); err != nil {
		return nil, err
	}
	return t, nil
}

// dedupText is the parameter, "" to leave it out.
func dedupText(yes bool) string {
	if yes {
		return "true"
	}
	return ""
}
