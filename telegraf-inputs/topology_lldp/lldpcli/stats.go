package lldpcli

import (
	"sync/atomic"

	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/listen"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

type stats struct {
	neighbors, malformed, ignored atomic.Int64
	table                         atomic.Pointer[neighbor.Counters]
}

func (s *stats) update(t *neighbor.Table) {
	c := t.Counters()
	s.table.Store(&c)
	s.neighbors.Store(int64(t.Len()))
}

func (s *stats) snapshot() listen.Stats {
	out := listen.Stats{Neighbors: s.neighbors.Load(), Other: s.malformed.Load(), Ignored: s.ignored.Load()}
	if c := s.table.Load(); c != nil {
		out.Counters = *c
	}
	return out
}
