package packets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/gremlin"
)

var _ gremlin.Packets = (*Service)(nil)

// Packets implements [gremlin.Packets]: the packets of flows, from the hosts that
// reported them. Flows of captures that are not ordered, or are no more, have
// none. Hosts that are away are an error only when all are, and are noted
// ([WithAbsent]); a bound that is met is one.
func (s *Service) Packets(ctx context.Context, flows []*flowrecord.Record) iter.Seq2[*gremlin.RawPacket, error] {
	return func(yield func(*gremlin.RawPacket, error) bool) {
		q, ok := s.queryOf(flows)
		if !ok {
			return
		}
		a, err := s.Open(ctx, q)
		if errors.Is(err, ErrNothing) {
			return
		}
		if err != nil {
			yield(nil, fmt.Errorf("fetch packets: %w", err))
			return
		}
		defer a.Close()
		defer func() { note(ctx, a.Missing()) }()
		for b, err := range a.Batches() {
			if err != nil {
				yield(nil, fmt.Errorf("fetch packets: %w", err))
				return
			}
			for i := range b {
				if !yield(b[i].Raw(), nil) {
					return
				}
			}
		}
		if sum := a.Summary(); sum.Limit != "" {
			yield(nil, fmt.Errorf("fetch packets: %w: the bound of %s was met after %d packets of %d bytes; ask for fewer flows",
				ErrTooMany, sum.Limit, sum.Packets, sum.Bytes))
		}
	}
}

// Absent are the hosts that gave a query no packets, or not all. Its methods may
// be called by several goroutines.
type Absent struct {
	mu   sync.Mutex
	list []Missing
}

// Hosts returns them, by name; a nil Absent has none.
func (x *Absent) Hosts() []Missing {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.list)
}

// absentKey is the key of a context under which its [Absent] is.
type absentKey struct{}

// WithAbsent returns a context for a query, whose [Service.Packets] notes there who
// is missing before its sequence ends.
func WithAbsent(ctx context.Context, x *Absent) context.Context {
	return context.WithValue(ctx, absentKey{}, x)
}

func note(ctx context.Context, list []Missing) {
	if x, ok := ctx.Value(absentKey{}).(*Absent); ok {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.list = append(x.list, list...)
	}
}

// queryOf makes the query for the packets of flows; false: there are none.
func (s *Service) queryOf(flows []*flowrecord.Record) (q Query, ok bool) {
	q.MaxPackets, q.MaxBytes = s.cfg.QueryPackets, s.cfg.QueryBytes
	byName := make(map[string][]*definition.Definition)
	for _, d := range s.deps.Definitions.List(capture.Kind) {
		if Keeps(d) == nil {
			byName[Name(d)] = append(byName[Name(d)], d)
		}
	}
	hosts, taken := make(map[string]struct{}), make(map[string]struct{})
	for _, r := range flows {
		found := byName[r.CaptureID]
		if len(found) == 0 || r.HostID == "" {
			continue
		}
		q.Flows = append(q.Flows, r.ID)
		if _, twice := hosts[r.HostID]; !twice {
			hosts[r.HostID] = struct{}{}
			q.Hosts = append(q.Hosts, r.HostID)
		}
		if _, twice := taken[r.CaptureID]; !twice {
			taken[r.CaptureID] = struct{}{}
			q.Captures = append(q.Captures, found...)
		}
	}
	return q, len(q.Flows) > 0
}
