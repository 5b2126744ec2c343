package alerts

import (
	"maps"
	"time"

	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/alertmanager"
)

// validFor is for how many times it is sent again an alert counts as firing when
// nothing more is heard of it, as Prometheus has it.
const validFor = 4

// external is what templates know of the daemon.
func (m *Manager) external() alert.External {
	e := alert.External{URL: m.cfg.ExternalURL, HostName: func(id string) string { return alert.HostName(m.deps.View(), id) }}
	if p := m.externalLabels.Load(); p != nil {
		e.Labels = *p
	}
	return e
}

// send hands alerts over.
func (m *Manager) send(now time.Time, out []alertmanager.Outgoing) {
	if len(out) == 0 {
		return
	}
	for i := range out {
		state := alert.Firing
		if !out[i].EndsAt.After(now) {
			state = alert.Resolved
		}
		m.n.sent.WithLabelValues(state.String()).Inc()
	}
	if m.deps.Sender != nil {
		m.deps.Sender.Send(now, out)
	}
}

// outgoing is an alert as it is sent. The lock is held.
func (r *runner) outgoing(a *alert.Alert, e *extra, now time.Time) alertmanager.Outgoing {
	out := alertmanager.Outgoing{
		Labels: a.Labels, Annotations: e.annotations(a), StartsAt: a.Fired, EndsAt: a.Resolved,
		GeneratorURL: r.m.cfg.queryURL(r.c.Query.String()),
	}
	if a.State == alert.Firing {
		out.EndsAt = now.Add(validFor * max(r.m.cfg.ResendDelay, r.w.interval))
	}
	return out
}

// annotations are those of the rule and those that are added.
func (e *extra) annotations(a *alert.Alert) map[string]string {
	if e == nil || len(e.notes) == 0 {
		return a.Annotations
	}
	out := maps.Clone(e.notes)
	maps.Copy(out, a.Annotations)
	return out
}

// sendDue sends what has not been sent for long, and notes when to do so again.
func (r *runner) sendDue(now time.Time) {
	r.mu.Lock()
	var out []alertmanager.Outgoing
	r.resend = now.Add(r.m.cfg.ResendDelay)
	there := make(map[string]bool, len(r.extras))
	for a := range r.machine.Alerts() {
		key := labelKey(a.Labels)
		there[key] = true
		if a.State == alert.Pending {
			continue
		}
		e := r.extras[key]
		if e == nil {
			e = &extra{}
			r.extras[key] = e
		}
		if again := e.sent.Add(r.m.cfg.ResendDelay); again.After(now) {
			r.resend = earlier(r.resend, again)
			continue
		}
		e.sent = now
		out = append(out, r.outgoing(&a, e, now))
	}
	for key := range r.extras {
		if !there[key] {
			delete(r.extras, key)
		}
	}
	r.mu.Unlock()
	r.m.send(now, out)
}

// resolveAll tells that the alerts of a rule ended, which is no longer there.
func (r *runner) resolveAll() {
	if r.machine == nil {
		return
	}
	now := r.now()
	r.mu.Lock()
	var out []alertmanager.Outgoing
	for a := range r.machine.Alerts() {
		if a.State == alert.Firing {
			a.State, a.Resolved = alert.Resolved, now
			out = append(out, r.outgoing(&a, r.extras[labelKey(a.Labels)], now))
		}
	}
	r.mu.Unlock()
	r.m.send(now, out)
}
