package daemon

import (
	"log/slog"
	"path/filepath"

	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/config"
	"github.com/skein-net/skein/topologyd/packets"
)

// auditFile is the audit log in the data directory.
const auditFile = "audit.log"

func newAudit(c *config.Config, log *slog.Logger) *audit.Log {
	return audit.New(audit.DefaultConfig(filepath.Join(c.DataDir, auditFile)), log.With("part", "audit"), nil)
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
