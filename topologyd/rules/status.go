package rules

import (
	"time"

	"github.com/skein-net/skein/topologyd/definition"
)

// States of a definition.
const (
	// StatePending: it was not looked at yet.
	StatePending = "pending"
	// StateApplied: the graph holds what it asks for, or is about to.
	StateApplied = "applied"
	// StateHeld: some nodes are left as they are for a while, because the rule
	// turned on and off for them.
	StateHeld = "held"
	// StateFailed: Error says why; what it did before stays.
	StateFailed = "failed"
	// StateFollower: another replica applies it and knows more.
	StateFollower = "follower"
)

// Status tells how a definition does.
type Status struct {
	State string `json:"state"`
	// Matched is how many nodes it speaks of: makes, or found with its query or
	// source. Destinations is how many the destination of an edge rule found,
	// Edges how many edges that makes.
	Matched      int `json:"matched"`
	Destinations int `json:"destinations,omitempty"`
	Edges        int `json:"edges,omitempty"`
	// Held is how many nodes are left as they are for a while.
	Held int `json:"held,omitempty"`
	// Error is why it failed last, Failed when.
	Error  string     `json:"error,omitempty"`
	Failed *time.Time `json:"failed,omitempty"`
	// Evaluated is when it was last looked at, on the graph of Revision.
	Evaluated *time.Time `json:"evaluated,omitempty"`
	Revision  uint64     `json:"revision,omitempty"`
}

func statusKey(d *definition.Definition) string { return d.Kind + "." + d.ID }

// Status returns how a definition does.
func (m *Manager) Status(d *definition.Definition) Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, known := m.status[statusKey(d)]
	switch {
	case !m.leads:
		return Status{State: StateFollower}
	case !known || m.seen[statusKey(d)] != d.Revision:
		return Status{State: StatePending}
	}
	return s
}
