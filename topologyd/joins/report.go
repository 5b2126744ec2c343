package joins

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/join"
)

// States of a row.
const (
	// StateApplied: it is in force.
	StateApplied = "applied"
	// StatePending: the table is about to follow.
	StatePending = "pending"
	// StateDisabled: it was taken away, as its origin wants.
	StateDisabled = "disabled"
	// StateFailed: the error says why it is not in force, or not as it is wanted.
	StateFailed = "failed"
)

// Report is the table of joins with where its rows come from.
type Report struct {
	Rows []Entry `json:"rows"`
	// Files are those that rows come from, with what is wrong with them.
	Files []FileStatus `json:"files"`
}

// Entry is one row of the table, or one that is wanted.
type Entry struct {
	Name string `json:"name"`
	// State is applied, pending, disabled or failed.
	State string `json:"state"`
	// Origin is where it comes from: built-in, file, definition or other. From is
	// the path of the file or the ID of the definition.
	Origin string `json:"origin"`
	From   string `json:"from,omitempty"`
	// Overrides is the origin of the row that would stand without this one.
	Overrides string `json:"overrides,omitempty"`
	Pairs     int    `json:"pairs"`
	Ambiguous int    `json:"ambiguous"`
	TooMany   int    `json:"too_many"`
	Error     string `json:"error,omitempty"`
	// Row is the row in force, or the one that is wanted when there is none; nil
	// for one that is disabled.
	Row *join.Row `json:"row,omitempty"`
}

// FileStatus tells how a file does.
type FileStatus struct {
	Path string `json:"path"`
	// Rows is how many it has, of the last version that could be read.
	Rows int `json:"rows"`
	// Error is why the present version is not used, Failed since when.
	Error  string     `json:"error,omitempty"`
	Failed *time.Time `json:"failed,omitempty"`
}

// Status tells how a definition does.
type Status struct {
	// State is applied, pending, disabled, or failed.
	State string `json:"state"`
	// Matched is how many pairs of entities it joins, Ambiguous and TooMany are as
	// in [InForce].
	Matched   int    `json:"matched"`
	Ambiguous int    `json:"ambiguous,omitempty"`
	TooMany   int    `json:"too_many,omitempty"`
	Error     string `json:"error,omitempty"`
}

// Report returns the table in force and what is wanted of it, by kind, priority
// and name.
func (m *Manager) Report() Report {
	w, table := m.wanted(), m.deps.Table()
	out := Report{Rows: []Entry{}, Files: []FileStatus{}}
	present := make(map[string]bool, len(table))
	for i := range table {
		name := table[i].Row.Name
		present[name] = true
		out.Rows = append(out.Rows, m.entry(name, w.byName[name], &table[i]))
	}
	for _, x := range w.byName {
		if !present[x.name] {
			out.Rows = append(out.Rows, m.entry(x.name, x, nil))
		}
	}
	slices.SortFunc(out.Rows, func(a, b Entry) int {
		return cmp.Or(strings.Compare(kindOf(&b), kindOf(&a)), cmp.Compare(priorityOf(&a), priorityOf(&b)), strings.Compare(a.Name, b.Name))
	})
	for i := range w.files {
		f := &w.files[i]
		s := FileStatus{Path: f.Path, Rows: len(f.Value), Error: f.Problem}
		if !f.Failed.IsZero() {
			at := f.Failed.UTC().Truncate(time.Millisecond)
			s.Failed = &at
		}
		out.Files = append(out.Files, s)
	}
	return out
}

func kindOf(e *Entry) string {
	if e.Row == nil {
		return ""
	}
	return e.Row.Kind
}

func priorityOf(e *Entry) int {
	if e.Row == nil {
		return 0
	}
	return e.Row.Priority
}

// entry describes one name: what is wanted, nil for nothing, and what is in
// force, nil for nothing.
func (m *Manager) entry(name string, x *wish, now *InForce) Entry {
	e := Entry{Name: name, Origin: OriginOther, State: StatePending}
	var want *join.Row
	if x != nil {
		e.Origin, e.From, e.Overrides, e.Error, want = x.origin, x.from, x.over, x.problem, x.row
	}
	e.Row = want
	if now != nil {
		e.Row, e.Pairs, e.Ambiguous, e.TooMany = now.Row, now.Pairs, now.Ambiguous, now.TooMany
	}
	switch {
	case e.Error != "":
		e.State = StateFailed
	case x == nil, now != nil && want != nil && now.Row.Equal(want):
		e.State = StateApplied
	case now == nil && want == nil:
		e.State = StateDisabled
	default:
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.failure != "" {
			e.State, e.Error = StateFailed, m.failure
		}
	}
	return e
}

// Status returns how a definition does.
func (m *Manager) Status(d *definition.Definition) Status {
	x := m.wanted().byName[d.ID]
	if x == nil || x.origin != OriginDefinition || x.revision != d.Revision {
		return Status{State: StatePending}
	}
	var now *InForce
	for _, f := range m.deps.Table() {
		if f.Row.Name == d.ID {
			now = &f
		}
	}
	e := m.entry(d.ID, x, now)
	return Status{State: e.State, Matched: e.Pairs, Ambiguous: e.Ambiguous, TooMany: e.TooMany, Error: e.Error}
}
