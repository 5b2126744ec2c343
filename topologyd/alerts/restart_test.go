package alerts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/alert/rulefile"
)

// TestWarmup has alerts that depend on counters and Stale marks go on after a
// restart until those can be known again.
func TestWarmup(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "DOWN")
	w.rules(`groups:
  - name: volatile
    rules:
      - {alert: Errors, expr: "G.V().Has('State', 'DOWN').HasNot('Metric.RxErrors')"}
      - {alert: Fresh, expr: "G.V().Has('State', 'DOWN').Has('@Stale', false)"}
`)
	w.start()
	w.await("Errors", "eth0 firing")
	w.await("Fresh", "eth0 firing")
	w.close()
	w.link("eth0", "State", "UP")
	w.cfg.ResendDelay, w.cfg.Warmup = time.Millisecond, time.Hour
	w.start()
	for _, name := range []string{"Errors", "Fresh"} {
		for _, a := range w.heard(name, 20) {
			require.False(t, a.resolved())
		}
	}
	w.close()
	w.cfg.Warmup = 0
	w.start()
	w.await("Errors", "eth0 resolved")
	w.await("Fresh", "eth0 resolved")
}

// TestClockSetBack has what fires sent again after a restart although, by the clock
// of before, it was sent later than now.
func TestClockSetBack(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "DOWN")
	w.rules(downRule)
	w.start()
	w.await("InterfaceDown", "eth0 firing")
	w.heard("InterfaceDown", 1)
	w.close()
	saved, err := load(w.cfg.StateFile, w.cfg.MaxState)
	require.NoError(t, err)
	var all []savedRule
	for _, r := range saved {
		for key, e := range r.Extra {
			e.Sent = e.Sent.Add(time.Hour)
			r.Extra[key] = e
		}
		all = append(all, *r)
	}
	require.NoError(t, save(w.cfg.StateFile, time.Now(), all, w.cfg.MaxState))
	w.start()
	w.heard("InterfaceDown", 1)
}

// TestTwoRulesOneAlert has one of two rules whose alerts have the same labels go:
// people are not told that it ended.
func TestTwoRulesOneAlert(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "DOWN")
	one := strings.TrimPrefix(downRule, "groups:\n")
	w.rules("groups:\n" + one + strings.Replace(one, "name: links", "name: again", 1))
	w.start()
	w.await("InterfaceDown", "eth0 firing", "eth0 firing")
	w.heard("InterfaceDown", 2)
	require.Len(t, w.Active(Filter{Limit: 1}), 1)
	w.rules("groups:\n" + one)
	w.await("InterfaceDown", "eth0 firing")
	for _, a := range w.people.of("InterfaceDown") {
		require.False(t, a.resolved())
	}
	w.rules("groups: []")
	w.await("InterfaceDown")
	all := w.heard("InterfaceDown", 3)
	require.True(t, all[2].resolved())
}

// TestSentTogether has alerts that began one after another sent again some at a
// time, none too early.
func TestSentTogether(t *testing.T) {
	w := newWorld(t)
	w.cfg.Settle = 0 // nothing is noted without rules
	w.start()
	groups, err := rulefile.Parse([]byte(downRule))
	require.NoError(t, err)
	r := newRunner(w.Manager, want([]file{{Value: groups}}, nil, true, &w.cfg).rules[0])
	for i := range 100 {
		w.link(fmt.Sprint("eth", i), "State", "DOWN")
	}
	_, err = r.once(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, w.people.of("InterfaceDown"), 100)
	now, i := time.Now(), 0
	for _, e := range r.extras {
		e.sent = now.Add(-time.Duration(i) * w.cfg.ResendDelay / 100)
		i++
	}
	rounds := 0
	for at := now; len(w.people.of("InterfaceDown")) < 200; at = r.resend {
		require.LessOrEqual(t, at.Sub(now), w.cfg.ResendDelay+w.cfg.ResendDelay/resendAtOnce)
		rounds++
		r.sendDue(at)
	}
	require.LessOrEqual(t, rounds, 1+resendAtOnce)
}

// TestNotesAreBounded has alerts begin of which not all are told what happened
// around them, and gives the room back.
func TestNotesAreBounded(t *testing.T) {
	w := newWorld(t)
	w.cfg.MaxNotes, w.cfg.ResendDelay = 200, time.Millisecond
	w.rules(downRule)
	w.start()
	w.ready(1)
	const all = 60
	for i := range all {
		w.link(fmt.Sprint("eth", i), "State", "DOWN")
	}
	with := 0
	for _, a := range w.heard("InterfaceDown", all) {
		if a.Annotations["around"] != "" {
			with++
		}
	}
	require.Positive(t, with)
	w.eventually("all fire", func() bool { return len(w.Active(Filter{State: "firing"})) == all })
	require.Positive(t, w.metric("topologyd_alerts_dropped_total"))
	with = 0
	for _, a := range w.Active(Filter{}) {
		if a.Annotations["around"] != "" {
			with++
		}
	}
	require.Less(t, with, all)
	w.rules("groups: []")
	w.eventually("nothing is kept", func() bool { return w.noted.Load() == 0 })
}
