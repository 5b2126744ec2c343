package alerts

import (
	"errors"
	"time"
)

// savePause is how long nothing is saved after it was, in multiples of how long
// that took.
const savePause = 20

// restore reads what the daemon before this one saved. What cannot be read is told
// and passed over.
func (m *Manager) restore() {
	m.left = make(map[string]*savedRule)
	if m.cfg.StateFile == "" {
		return
	}
	sweep(m.cfg.StateFile)
	left, err := load(m.cfg.StateFile, m.cfg.MaxState)
	if err != nil {
		m.deps.Log.Warn("alerts begin anew: what was saved of them cannot be read", "error", err)
		return
	}
	if left != nil {
		m.left = left
	}
}

// save writes what has to survive a restart, and returns how long that took.
func (m *Manager) save() time.Duration {
	if m.cfg.StateFile == "" {
		return 0
	}
	begun := time.Now()
	m.dirty.Store(false)
	var all []savedRule
	for _, r := range m.list() {
		r.mu.Lock()
		s := r.saved()
		r.mu.Unlock()
		if s != nil {
			all = append(all, *s)
		}
	}
	for _, s := range m.left {
		all = append(all, *s)
	}
	err := save(m.cfg.StateFile, m.deps.Now(), all, m.cfg.MaxState)
	if errors.Is(err, errTooLarge) { // without what is only told
		m.n.dropped.WithLabelValues(dropState).Inc()
		for i := range all {
			all[i].Extra = nil
		}
		err = save(m.cfg.StateFile, m.deps.Now(), all, m.cfg.MaxState)
	}
	text, result := "", "ok"
	if err != nil {
		text, result = err.Error(), "failed"
		m.dirty.Store(true)
		if text != m.said {
			m.deps.Log.Error("alerts cannot be saved; after a restart they would begin anew", "error", err)
		}
	}
	m.said = text
	m.n.saves.WithLabelValues(result).Inc()
	return time.Since(begun)
}

// saved returns what has to survive of a rule, nil when there is nothing. The lock
// is held, or nothing runs.
func (r *runner) saved() *savedRule {
	if r.machine == nil {
		return nil
	}
	s := &savedRule{Key: r.w.key, State: r.machine.Save()}
	for key, e := range r.extras {
		if s.Extra == nil {
			s.Extra = make(map[string]savedNote, len(r.extras))
		}
		s.Extra[key] = savedNote{Notes: e.notes, Sent: e.sent}
	}
	return s
}

// restore takes what was saved of the rule, before it starts.
func (r *runner) restore(s *savedRule) {
	if r.machine == nil || s.State == nil {
		return
	}
	if err := r.machine.Restore(s.State, r.now()); err != nil {
		r.m.deps.Log.Warn("alerts of a rule begin anew", "alert", r.w.rule.Alert, "group", r.w.group.Name, "error", err)
		return
	}
	for a := range r.machine.Alerts() {
		key := labelKey(a.Labels)
		if n, ok := s.Extra[key]; ok {
			r.extras[key] = &extra{notes: n.Notes, sent: n.Sent}
		}
	}
	_, r.tick = r.machine.Tick(r.now())
	r.count()
	r.found = r.machine.Found()
	r.m.found.Add(int64(r.found))
}

// labels asks for the labels that alerts get when they are sent.
func (m *Manager) labels() {
	if m.deps.ExternalLabels != nil {
		l := m.deps.ExternalLabels()
		m.externalLabels.Store(&l)
	}
}

// room tells whether there may be more alerts.
func (m *Manager) room() bool {
	return m.total.Load() < int64(m.cfg.MaxAlerts) && m.found.Load() < int64(m.cfg.MaxFound)
}
