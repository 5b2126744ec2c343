package topology_ovs //nolint:revive // see topology_ovs.go

import (
	"time"

	"github.com/influxdata/telegraf"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/watch"
)

// measurement is that of the statistics as Open vSwitch names them.
const measurement = "topology_ovs_interface"

// addSample adds the metrics of one interface. The second one, with the kernel's
// names, is for interfaces that the kernel does not know: it makes the counters
// show on the node. For others topology_host gives it.
func addSample(acc telegraf.Accumulator, hostID string, s *watch.Sample, now time.Time) {
	tags := map[string]string{
		entity.TagEntity: s.Entity.String(),
		"host_id":        hostID,
		"bridge":         s.Bridge,
		"port":           s.Port,
		"interface":      s.Name,
		"type":           s.Type,
	}
	fields := make(map[string]any, len(s.Counters))
	for name, n := range s.Counters {
		fields[name] = n
	}
	acc.AddCounter(measurement, fields, tags, now)
	if s.Device {
		return
	}
	known := make(map[string]any, len(s.Counters))
	for _, c := range entity.InterfaceCounters() {
		if n, ok := s.Counters[ovsName(c.Field)]; ok {
			known[c.Field] = n
		}
	}
	if len(known) > 0 {
		acc.AddCounter(entity.MeasurementInterface, known, map[string]string{
			entity.TagEntity: s.Entity.String(), "host_id": hostID, "interface": s.Name, "type": s.Type,
		}, now)
	}
}

// ovsName is what Open vSwitch calls a counter of the kernel
// (ovs-vswitchd.conf.db(5), Interface, statistics).
func ovsName(field string) string {
	switch field {
	case "multicast":
		return "rx_multicast_packets"
	case "rx_crc_errors":
		return "rx_crc_err"
	case "rx_frame_errors":
		return "rx_frame_err"
	case "rx_over_errors":
		return "rx_over_err"
	}
	return field
}
