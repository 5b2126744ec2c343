package packets

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/orders"
)

// Query is what packets are asked for.
type Query struct {
	// Captures are the definitions, one at least.
	Captures []*definition.Definition
	// Node chooses among their nodes: by ID, TID or the interface's name; "" is all.
	Node string
	// Hosts are the host.ids to ask, nil for all.
	Hosts []string
	// Flows are the flows, nil for all packets.
	Flows []flowrecord.ID
	// From and To bound the times of packets, zero: not.
	From, To time.Time
	// MaxPackets and MaxBytes end the answer; 0, or more than the service allows: as
	// much as that.
	MaxPackets, MaxBytes int64
	// Follow goes on with packets as they come.
	Follow bool
}

// Keeps reports whether a capture keeps packets, nil, or says what to do.
func Keeps(d *definition.Definition) error {
	s, ok := d.Spec.(*capture.Spec)
	switch {
	case !ok:
		return fmt.Errorf("%w: the capture %s cannot be read: %s", ErrNothing, d.ID, d.Problem)
	case !s.KeepsPackets():
		return fmt.Errorf("%w: the capture %s keeps none; create it with --raw-packets=N for the first N of each flow, or --raw-ring=SIZE for the last ones", ErrKeepsNone, d.ID)
	}
	return nil
}

// keeps returns how many bytes a node keeps, 0 when the capture does not say.
func keeps(d *definition.Definition) int64 {
	if s, ok := d.Spec.(*capture.Spec); ok {
		return s.RawRing
	}
	return 0
}

// Name is what a capture is called in flows: its name, or its ID.
func Name(d *definition.Definition) string {
	if d.Name != "" {
		return d.Name
	}
	return d.ID
}

// maxFlows bounds the flows of one query, as the hosts do.
const maxFlows = 100_000

func (q *Query) validate() error {
	if len(q.Captures) == 0 {
		return fmt.Errorf("%w: no capture is named", ErrNothing)
	}
	for _, d := range q.Captures {
		if err := Keeps(d); err != nil {
			return err
		}
	}
	if len(q.Flows) > maxFlows {
		return fmt.Errorf("%w: %d flows, more than %d", ErrTooMany, len(q.Flows), maxFlows)
	}
	if !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From) {
		return errors.New("the time ends before it begins")
	}
	return nil
}

// place is a node that is captured. It does not change.
type place struct {
	orders.NodeStatus
	capture *definition.Definition
	tid     entity.UUID
	// id is that of the assignment.
	id string
}

// places are the nodes that are asked for, by host and by assignment.
type places map[string]map[string]*place

// places finds the nodes.
func (s *Service) places(q *Query) places {
	out := make(places)
	for _, d := range q.Captures {
		for _, n := range s.deps.Nodes.Nodes(d.ID) {
			if n.Host == "" || !q.wants(&n) {
				continue
			}
			id := n.ID
			if id == "" {
				id = order.CaptureID(d.ID, n.Node)
			}
			host := out[n.Host]
			if host == nil {
				host = make(map[string]*place)
				out[n.Host] = host
			}
			p := &place{NodeStatus: n, capture: d, id: id}
			p.tid, _ = entity.ParseUUID(n.TID) // "" or not a TID: none
			host[id] = p
		}
	}
	return out
}

func (q *Query) wants(n *orders.NodeStatus) bool {
	if q.Hosts != nil && !slices.Contains(q.Hosts, n.Host) {
		return false
	}
	return q.Node == "" || q.Node == n.Node || q.Node == n.TID || q.Node == n.Interface
}

// fetch is the request to a host.
func (q *Query) fetch(at map[string]*place) order.Fetch {
	f := order.Fetch{Follow: q.Follow}
	if q.Node == "" {
		for _, d := range q.Captures {
			f.Captures = append(f.Captures, d.ID+"/") // all of it, also what comes
		}
	} else {
		for id := range at {
			f.Captures = append(f.Captures, id)
		}
		slices.Sort(f.Captures)
	}
	for _, id := range q.Flows {
		f.Flows = append(f.Flows, id.String())
	}
	if !q.From.IsZero() {
		f.From = max(q.From.UnixNano(), 1)
	}
	if !q.To.IsZero() {
		f.To = max(q.To.UnixNano(), 1)
	}
	// One more than is handed out, so that it shows when something is left.
	if q.MaxPackets > 0 {
		f.MaxPackets = q.MaxPackets + 1
	}
	if q.Follow && q.MaxBytes > 0 {
		f.MaxBytes = q.MaxBytes + 1<<20
	}
	return f
}

// names joins what the captures of a query are called.
func (q *Query) names() (ids, names, queries, filters string) {
	var list [4][]string
	for _, d := range q.Captures {
		list[0] = append(list[0], d.ID)
		if d.Name != "" {
			list[1] = append(list[1], d.Name)
		}
		if s, ok := d.Spec.(*capture.Spec); ok {
			list[2] = append(list[2], s.Query)
			if s.Filter != "" {
				list[3] = append(list[3], s.Filter)
			}
		}
	}
	return strings.Join(list[0], ","), strings.Join(list[1], ","), strings.Join(list[2], "; "), strings.Join(list[3], "; ")
}
