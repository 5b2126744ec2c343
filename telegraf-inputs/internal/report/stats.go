package report

import (
	"maps"

	"github.com/influxdata/telegraf/selfstat"
)

// stats are the reporter's counters; inputs.internal shows them as the
// measurement internal_topology_report.
type stats struct {
	reportsSent, changesSent, deletesSent, retriesSent selfstat.Stat
	// rejected and ackTimeouts count metrics, invalid counts events that no
	// encoding can carry.
	rejected, ackTimeouts, invalid selfstat.Stat
	// entities, pending and undelivered are gauges.
	entities, pending, undelivered selfstat.Stat
}

func newStats(source string, tags map[string]string) *stats {
	t := maps.Clone(tags)
	if t == nil {
		t = make(map[string]string, 1)
	}
	t["source"] = source
	reg := func(field string) selfstat.Stat { return selfstat.Register("topology_report", field, t) }
	return &stats{
		reportsSent: reg("reports_sent"),
		changesSent: reg("changes_sent"),
		deletesSent: reg("deletes_sent"),
		retriesSent: reg("retries_sent"),
		rejected:    reg("rejected"),
		ackTimeouts: reg("ack_timeouts"),
		invalid:     reg("invalid"),
		entities:    reg("entities"),
		pending:     reg("pending"),
		undelivered: reg("undelivered"),
	}
}

// sent counts one metric handed to Telegraf.
func (s *stats) sent(why reason, isDelete bool) {
	switch {
	case isDelete:
		s.deletesSent.Incr(1)
	case why == change:
		s.changesSent.Incr(1)
	case why == retry:
		s.retriesSent.Incr(1)
	default:
		s.reportsSent.Incr(1)
	}
}
