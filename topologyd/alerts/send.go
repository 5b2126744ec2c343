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

// resendAtOnce is the part of [Config.ResendDelay] for which alerts are gathered
// that are to be sent again: looking through all of them for each would be much.
const resendAtOnce = 10

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
		// What was sent later than now was so before the clock was set back.
		if again := e.sent.Add(r.m.cfg.ResendDelay); again.After(now) && !e.sent.After(now) {
			r.resend = earlier(r.resend, again)
			continue
		}
		e.sent = now
		out = append(out, r.outgoing(&a, e, now))
	}
	r.resend = later(r.resend, now.Add(r.m.cfg.ResendDelay/resendAtOnce))
	noted := int64(0)
	for key, e := range r.extras {
		if !there[key] {
			delete(r.extras, key)
			continue
		}
		noted += sizeOf(e.notes)
	}
	r.m.noted.Add(noted - r.noted)
	r.noted = noted
	r.mu.Unlock()
	r.m.send(now, out)
}

// firing adds the keys of the labels of what the rule has fire.
func (r *runner) firing(keys map[string]bool) {
	if r.machine == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for a := range r.machine.Alerts() {
		if a.State == alert.Firing {
			keys[labelKey(a.Labels)] = true
		}
	}
}

// resolveAll tells that the alerts of a rule ended, which is no longer there; but
// not of those that another rule has: to whoever hears of them they are one.
func (r *runner) resolveAll(others map[string]bool) {
	if r.machine == nil {
		return
	}
	now := r.now()
	r.mu.Lock()
	var out []alertmanager.Outgoing
	for a := range r.machine.Alerts() {
		if key := labelKey(a.Labels); a.State == alert.Firing && !others[key] {
			a.State, a.Resolved = alert.Resolved, now
			out = append(out, r.outgoing(&a, r.extras[key], now))
		}
	}
	r.mu.Unlock()
	r.m.send(now, out)
}
