package api

import (
	"net/http"

	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
)

// Auditor writes down who did what; [*audit.Log] is one.
type Auditor interface {
	Record(r audit.Record) error
}

// actor is who asks.
func actor(r *http.Request) audit.Actor {
	return audit.Actor{Remote: r.RemoteAddr, UserAgent: r.UserAgent()}
}

// audited writes down that a definition was changed: it was, so that a failure to
// say so is only logged. Of what is no capture nothing is written.
func (c *collection) audited(r *http.Request, action string, d *definition.Definition) {
	if c.kind != capture.Kind || c.api.deps.Audit == nil {
		return
	}
	record := audit.Record{Action: action, Outcome: audit.OK, Actor: actor(r), Capture: d.ID, Name: d.Name}
	if s, ok := d.Spec.(*capture.Spec); ok {
		record.Query, record.Filter = s.Query, s.Filter
	}
	if err := c.api.deps.Audit.Record(record); err != nil {
		c.api.deps.Log.Error("a change of a capture is not in the audit log", "action", action, "capture", d.ID, "error", err)
	}
}
