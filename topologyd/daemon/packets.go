package daemon

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/config"
	"github.com/skein-net/skein/topologyd/packets"
)

// auditFile is the audit log in the data directory.
const auditFile = "audit.log"

// newAudit returns the audit log, and has its tally shown: what could not be written
// is done all the same, packets excepted, and somebody has to know.
func newAudit(c *config.Config, log *slog.Logger, reg prometheus.Registerer) (*audit.Log, error) {
	l := audit.New(audit.DefaultConfig(filepath.Join(c.DataDir, auditFile)), log.With("part", "audit"), nil)
	for result, count := range map[string]func(audit.Tally) uint64{
		"written":    func(t audit.Tally) uint64 { return t.Written },
		"suppressed": func(t audit.Tally) uint64 { return t.Suppressed },
		"failed":     func(t audit.Tally) uint64 { return t.Failed },
	} {
		if err := reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "topologyd_audit_records_total",
			Help:        "Records of the audit log by result: written, suppressed (refusals that were too many), failed (what they tell of was done, packets excepted).",
			ConstLabels: prometheus.Labels{"result": result}}, func() float64 { return float64(count(l.Tally())) })); err != nil {
			return nil, fmt.Errorf("register metrics of the audit log: %w", err)
		}
	}
	return l, nil
}

// packets returns what hands out packets, nil when the configuration does not
// allow it.
func (d *Daemon) packets() *packets.Service {
	if !d.cfg.Captures.RawPackets {
		return nil
	}
	deps := packets.Deps{
		Hosts: d.definitions.orders, Nodes: d.definitions.orders, Definitions: d.definitions.store, Audit: d.audit, Log: d.log.With("part", "packets"),
	}
	if d.flows != nil {
		deps.Flows = d.flows.flows
	}
	return packets.New(packets.DefaultConfig(), deps)
}
