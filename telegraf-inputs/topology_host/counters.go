package topology_host //nolint:revive // see topology_host.go

import (
	"math"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/selfstat"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/metafile"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/probe"
)

// addCounters adds the metric of one interface.
func addCounters(acc telegraf.Accumulator, hostID, host string, s *probe.Sample, now time.Time) {
	tags := map[string]string{
		entity.TagEntity: s.Entity.String(),
		"host_id":        hostID,
		"host":           host,
		"interface":      s.Name,
		"type":           s.Type,
	}
	if s.NetNS != "" {
		tags["netns"] = s.NetNS
	}
	names := entity.InterfaceCounters()
	values := counterValues(s.Stats)
	fields := make(map[string]any, len(names))
	for i, c := range names {
		fields[c.Field] = int64(min(values[i], math.MaxInt64))
	}
	acc.AddCounter(entity.MeasurementInterface, fields, tags, now)
}

// counterValues returns the counters in the order of
// [entity.InterfaceCounters].
func counterValues(s *rtnl.Stats) []uint64 {
	return []uint64{
		s.RxPackets, s.TxPackets, s.RxBytes, s.TxBytes,
		s.RxErrors, s.TxErrors, s.RxDropped, s.TxDropped,
		s.Multicast, s.Collisions,
		s.RxLengthErrors, s.RxOverErrors, s.RxCrcErrors, s.RxFrameErrors, s.RxFifoErrors, s.RxMissedErrors,
		s.TxAbortedErrors, s.TxCarrierErrors, s.TxFifoErrors, s.TxHeartbeatErrors, s.TxWindowErrors,
		s.RxCompressed, s.TxCompressed, s.RxNohandler,
	}
}

// selfStats are the plugin's own figures; inputs.internal shows them as the
// measurement internal_topology_host.
type selfStats struct {
	namespaces, interfaces, events, overruns, listings, reports, errors selfstat.Stat
	fileReads, fileErrors                                               selfstat.Stat
}

func newSelfStats(hostID string) *selfStats {
	reg := func(field string) selfstat.Stat {
		return selfstat.Register("topology_host", field, map[string]string{"host_id": hostID})
	}
	return &selfStats{
		namespaces: reg("namespaces"),
		interfaces: reg("interfaces"),
		events:     reg("netlink_events"),
		overruns:   reg("netlink_overruns"),
		listings:   reg("netlink_listings"),
		reports:    reg("reports_built"),
		errors:     reg("errors"),
		fileReads:  reg("metadata_file_reads"),
		fileErrors: reg("metadata_file_errors"),
	}
}

func (s *selfStats) update(p probe.Stats, f metafile.Stats) {
	s.namespaces.Set(p.Namespaces)
	s.interfaces.Set(p.Interfaces)
	s.events.Set(p.Events)
	s.overruns.Set(p.Overruns)
	s.listings.Set(p.Listings)
	s.reports.Set(p.Reports)
	s.errors.Set(p.Errors)
	s.fileReads.Set(f.Reads)
	s.fileErrors.Set(f.Errors)
}
