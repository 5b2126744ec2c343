package topology_lldp //nolint:revive // see topology_lldp.go

import (
	"github.com/influxdata/telegraf/selfstat"

	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/listen"
)

// selfStats are the plugin's own figures; inputs.internal shows them as the
// measurement internal_topology_lldp.
type selfStats []selfStat

// selfStat is one of them.
type selfStat struct {
	stat selfstat.Stat
	get  func(*listen.Stats) int64
}

func newSelfStats(hostID, mode string) *selfStats {
	var s selfStats
	add := func(field string, get func(*listen.Stats) int64) {
		all := map[string]string{"host_id": hostID, "mode": mode}
		s = append(s, selfStat{selfstat.Register("topology_lldp", field, all), get})
	}
	add("namespaces", func(s *listen.Stats) int64 { return s.Namespaces })
	add("interfaces", func(s *listen.Stats) int64 { return s.Interfaces })
	add("neighbors", func(s *listen.Stats) int64 { return s.Neighbors })
	add("frames_lldp", func(s *listen.Stats) int64 { return s.LLDP })
	add("frames_cdp", func(s *listen.Stats) int64 { return s.CDP })
	add("malformed_short", func(s *listen.Stats) int64 { return s.Short })
	add("malformed_mandatory", func(s *listen.Stats) int64 { return s.Mandatory })
	add("malformed_id", func(s *listen.Stats) int64 { return s.ID })
	add("malformed_other", func(s *listen.Stats) int64 { return s.Other })
	add("ignored", func(s *listen.Stats) int64 { return s.Ignored })
	add("limited", func(s *listen.Stats) int64 { return s.Limited })
	add("kernel_drops", func(s *listen.Stats) int64 { return s.KernelDrops })
	add("netlink_overruns", func(s *listen.Stats) int64 { return s.Overruns })
	add("errors", func(s *listen.Stats) int64 { return s.Errors })
	add("added", func(s *listen.Stats) int64 { return s.Added })
	add("changed", func(s *listen.Stats) int64 { return s.Changed })
	add("shutdown", func(s *listen.Stats) int64 { return s.Shutdown })
	add("expired", func(s *listen.Stats) int64 { return s.Expired })
	add("forgotten", func(s *listen.Stats) int64 { return s.Forgotten })
	add("overflow", func(s *listen.Stats) int64 { return s.Overflow })
	return &s
}

func (s *selfStats) update(from listen.Stats) {
	for _, x := range *s {
		x.stat.Set(x.get(&from))
	}
}
