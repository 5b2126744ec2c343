package api

import (
	"net/http"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/packets"
)

// Auditor writes down who did what; [*audit.Log] is one.
type Auditor interface {
	Record(r audit.Record) error
}

// actor is who asks.
func actor(r *http.Request) audit.Actor {
	id := auth.From(r.Context())
	return audit.Actor{User: id.Name, Method: id.Method, Remote: r.RemoteAddr, UserAgent: r.UserAgent()}
}

// verb is what is done with a definition.
type verb int

const (
	created verb = iota
	replaced
	deleted
)

// actions are the names of verbs, of captures and of other kinds.
func (v verb) action(kind string) string {
	if kind == capture.Kind {
		return [...]string{audit.CaptureCreate, audit.CaptureReplace, audit.CaptureDelete}[v]
	}
	return [...]string{audit.DefinitionCreate, audit.DefinitionReplace, audit.DefinitionDelete}[v]
}

// audited writes down that a definition was changed: it was, so that a failure to
// say so is only logged.
func (c *collection) audited(r *http.Request, v verb, d *definition.Definition) {
	if c.api.deps.Audit == nil {
		return
	}
	record := audit.Record{Action: v.action(c.kind), Outcome: audit.OK, Actor: actor(r), Name: d.Name}
	if c.kind == capture.Kind {
		record.Capture = d.ID
	} else {
		record.Kind, record.ID = c.kind, d.ID
	}
	if s, ok := d.Spec.(*capture.Spec); ok {
		record.Query, record.Filter = s.Query, s.Filter
	}
	if err := c.api.deps.Audit.Record(record); err != nil {
		c.api.deps.Log.Error("a change of a definition is not in the audit log", "action", record.Action, "kind", c.kind, "id", d.ID, "error", err)
	}
}

// mayKeep refuses captures that keep packets to those who may not have packets: to
// have them kept is to have them taken.
func (c *collection) mayKeep(r *http.Request, d *definition.Definition) *failure {
	s, ok := d.Spec.(*capture.Spec)
	if !ok || !s.KeepsPackets() {
		return nil
	}
	who := auth.From(r.Context())
	if who.May(auth.Payload) {
		return nil
	}
	if c.api.deps.Audit != nil {
		err := c.api.deps.Audit.Record(audit.Record{Action: audit.AuthRefused, Outcome: audit.Refused, Reason: "packets", Actor: actor(r),
			Endpoint: r.Method + " " + c.path, Capture: d.ID, Name: d.Name, Query: s.Query, Filter: s.Filter})
		if err != nil {
			c.api.deps.Log.Error("a refusal is not in the audit log", "error", err)
		}
	}
	return fail(http.StatusForbidden, httpx.CodeForbidden, "%v", packets.ErrForbidden)
}
