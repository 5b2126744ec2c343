package gremlin

import (
	"context"
	"errors"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// Row is one element of an answer that is given while it is found: a node, an
// edge, a value, a path, a flow, a group; of a graph a node or an edge. It is
// valid until the next one.
type Row struct {
	result     Result
	wrap       string
	appendJSON func([]byte) []byte
}

// AppendJSON appends the row as JSON to b, as a line of [Result.WriteNDJSON]
// without its end. A group or path that is longer than [Limits.Bytes] ends early:
// who writes it refuses it, see [TooLong].
func (r *Row) AppendJSON(b []byte) []byte {
	if r.wrap == "" {
		return r.appendJSON(b)
	}
	b = append(append(append(b, `{"`...), r.wrap...), `":`...)
	return append(r.appendJSON(b), '}')
}

// Revision is the revision of the graph that the row is of.
func (r *Row) Revision() uint64 { return r.result.Revision() }

// End is how a run ended that gave its rows one by one.
type End struct {
	// Rows is how many there were.
	Rows int
	// Limit names the limit that broke the answer off, see [Result.Limit].
	Limit string
}

// Each evaluates the query as [Query.RunOn] does, but gives each element of the
// answer as soon as it is found and keeps none. It stops when yield returns
// false, which is no error. An error may come after some rows. The limit on
// bytes is up to the caller, see [TooLong].
func (q *Query) Each(ctx context.Context, v *graph.View, src Sources, lim Limits, yield func(*Row) bool) (End, error) {
	x := newExec(ctx, q, v, src, time.Now(), lim)
	f, err := x.ready(q)
	if err != nil {
		return End{}, err
	}
	var end End
	x.rows(q, f, func(r *Row) bool {
		switch {
		case end.Rows == x.lim.Results:
			x.tooMany()
			return false
		case x.err != nil || !x.work(1):
			return false
		}
		end.Rows++
		return yield(r)
	})
	end.Limit, err = x.end()
	return end, err
}

// errEnough ends a walk over elements.
var errEnough = errors.New("no more is wanted")

// rows gives the elements of a stream one by one, each as an answer of its own.
func (x *exec) rows(q *Query, f flow, yield func(*Row) bool) {
	row := &Row{result: Result{query: q, kind: f.kind, view: x.view, scope: f.scope, maxBytes: x.lim.Bytes}}
	r := &row.result
	give := func() bool {
		return r.elements(func(wrap string, appendJSON func([]byte) []byte) error {
			if row.wrap, row.appendJSON = wrap, appendJSON; !yield(row) {
				return errEnough
			}
			return nil
		}) == nil
	}
	switch f.kind {
	case KindNodes, KindEdges:
		r.slots = make([]int32, 1)
		f.slots(func(slot int32) bool { r.slots[0] = slot; return give() })
	case KindValues, KindMaps:
		r.values = make([]entity.Value, 1)
		f.values(func(v entity.Value) bool { r.values[0] = v; return give() })
	case KindPaths:
		r.paths = make([][]int32, 1)
		f.paths(func(path []int32) bool { r.paths[0] = path; return give() })
	case KindFlows:
		r.flows = make([]*flowrecord.Record, 1)
		f.flows(func(record *flowrecord.Record) bool { r.flows[0] = record; return give() })
	case KindGroups, KindMetrics:
		r.groups = make([]*group, 1)
		f.groups(func(g *group) bool { r.groups[0] = g; return give() })
	case KindPackets:
		r.packets = make([]*RawPacket, 1)
		f.packets(func(p *RawPacket) bool { r.packets[0] = p; return give() })
	default:
		*r = *x.collect(f)
		r.query = q
		if x.err == nil {
			give()
		}
	}
}
