package ofprobe

import (
	"time"

	"github.com/influxdata/telegraf"

	"github.com/skein-net/skein/internal/entity"
)

// Measurement is the Telegraf measurement with the counters of rules. Its tags
// are entity (the rule's node ID), host_id, bridge and table, its fields
// rx_packets and rx_bytes: what matched the rule so far. Those of a group have
// the tag group in place of table.
const Measurement = entity.MeasurementOpenFlow

// meters are the entries whose counters wait to be sent. They are sent a few at
// a time, since all at once could fill the buffers of Telegraf's outputs, which
// then drop other metrics.
type meters struct {
	waiting []*entry
	// share is how many are sent at a time.
	share int
}

// metersTick is how often some are sent.
const metersTick = 250 * time.Millisecond

// gather makes those wait whose counters moved. They are sent within half the
// time until the next read.
func (m *meters) gather(interval time.Duration, tables ...*table) {
	for _, t := range tables {
		for _, e := range t.entries {
			if !e.sent && !e.metered && e.packets|e.bytes != 0 {
				e.metered = true
				m.waiting = append(m.waiting, e)
			}
		}
	}
	ticks := max(int(interval/2/metersTick), 1)
	m.share = max((len(m.waiting)+ticks-1)/ticks, 50)
}

// send sends the next ones.
func (m *meters) send(acc telegraf.Accumulator, hostID, bridge string, now time.Time) {
	n := min(m.share, len(m.waiting))
	for i, e := range m.waiting[:n] {
		m.waiting[i] = nil
		if !e.metered {
			continue // it ended
		}
		e.metered, e.sent = false, true
		if e.id == "" {
			e.id = e.ev.UUID().String()
		}
		tags := map[string]string{entity.TagEntity: e.id, "host_id": hostID, "bridge": bridge, e.tag: e.value}
		acc.AddCounter(Measurement, map[string]any{"rx_packets": e.packets, "rx_bytes": e.bytes}, tags, now)
	}
	m.waiting = m.waiting[n:]
	if len(m.waiting) == 0 {
		m.waiting = nil
	}
}
