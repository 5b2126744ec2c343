package alerts

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/definition"
)

const downRule = `groups:
  - name: links
    labels: {team: net}
    rules:
      - alert: InterfaceDown
        expr: G.V().Has('Type', 'device', 'State', 'DOWN')
        labels: {severity: warning}
        annotations:
          summary: '{{ .Name }} of {{ .Host }} at {{ $externalLabels.site }} is down'
`

// TestFollowed has a link go down and come up.
func TestFollowed(t *testing.T) {
	w := newWorld(t)
	w.cfg.ExternalURL = "http://skein:4280/"
	w.link("br0", "State", "UP")
	w.link("eth0", "State", "UP")
	w.link("eth1", "State", "UP")
	w.rules(downRule)
	w.start()
	w.ready(1)
	w.await("InterfaceDown")
	w.link("eth1", "State", "UP", "MTU", "9000")
	w.link("eth0", "State", "DOWN")
	w.await("InterfaceDown", "eth0 firing")
	a := w.heard("InterfaceDown", 1)[0]
	require.False(t, a.resolved())
	require.Equal(t, 4*w.cfg.Interval, a.EndsAt.Sub(a.at))
	require.Equal(t, "http://skein:4280/api/v1/query?gremlin=G.V%28%29.Has%28%27Type%27%2C+%27device%27%2C+%27State%27%2C+%27DOWN%27%29", a.GeneratorURL)
	require.Equal(t, []string{"InterfaceDown", "web-1", "eth0", "device", "warning", "net"},
		[]string{a.Labels["alertname"], a.Labels["host"], a.Labels["name"], a.Labels["type"], a.Labels["severity"], a.Labels["team"]})
	notes := a.Annotations
	require.Equal(t, "eth0 of web-1 at x is down", notes["summary"])
	require.Equal(t, "State: UP → DOWN", notes["changed"])
	require.Equal(t, "br0 (layer2)", notes["neighbours"])
	require.Contains(t, notes["difference_url"], "http://skein:4280/api/v1/diff?from=")
	lines := strings.Split(notes["around"], "\n")
	require.Contains(t, lines[0], " eth0: State: UP → DOWN")
	require.Contains(t, lines[1], " eth1: MTU: none → 9000")
	w.eventually("measured", func() bool { return w.metric("topologyd_alerts_latency_seconds") == 1 })

	w.link("eth0", "State", "UP")
	w.await("InterfaceDown", "eth0 resolved")
	all := w.heard("InterfaceDown", 2)
	last := all[len(all)-1]
	require.True(t, last.resolved())
	require.Equal(t, a.StartsAt, last.StartsAt)
	require.Equal(t, a.Labels, last.Labels)

	w.link("eth0", "State", "DOWN")
	w.await("InterfaceDown", "eth0 firing")
	all = w.heard("InterfaceDown", 3)
	require.True(t, all[len(all)-1].StartsAt.After(last.EndsAt), "another alert of the same labels")
	w.unlink("eth0")
	w.await("InterfaceDown", "eth0 resolved")
}

// TestEvaluated has rules that cannot be followed alert soon after a change.
func TestEvaluated(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "UP", "MTU", "1500")
	w.rules(`groups:
  - name: values
    rules:
      - {alert: Odd, expr: "G.V().Has('MTU', NE(1500)).Values('MTU')"}
      - {alert: Few, expr: "G.V().Has('State', 'DOWN').Limit(5)", annotations: {around: own}}
      - {alert: None, expr: "G.V().Has('MTU', 9001)", absent: true}
  - name: often
    interval: 1s
    rules:
      - {alert: Counted, expr: "G.V().Has('MTU', 9002).Count().Is(GT(0))"}
`)
	w.start()
	w.ready(4)
	w.await("None", " firing")
	w.link("eth0", "State", "UP", "MTU", "9000")
	w.await("Odd", "9000 firing")
	w.link("eth0", "State", "DOWN", "MTU", "9001")
	w.await("Odd", "9000 resolved", "9001 firing")
	w.await("None", " resolved")
	w.await("Few", "eth0 firing")
	require.Equal(t, "own", w.heard("Few", 1)[0].Annotations["around"])
	w.link("eth0", "State", "DOWN", "MTU", "9002")
	w.await("Counted", " firing")
	for _, g := range w.Report().Groups {
		for _, r := range g.Rules {
			want := map[bool]string{true: WayFollowed, false: WayEvaluated}[r.Name == "None"]
			require.Equal(t, want, r.Way, r.Name)
		}
	}
}

// TestWas alerts only what was otherwise before.
func TestWas(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "DOWN")
	w.link("eth1", "State", "UP")
	w.rules(`groups:
  - name: links
    rules:
      - {alert: Lost, expr: "G.V().Has('State', 'DOWN')", was: "G.V().Has('State', 'UP')"}
      - {alert: Few, expr: "G.V().Has('State', 'DOWN').Limit(9)", was: "G.V().Has('State', 'UP').Limit(9)"}
`)
	w.start()
	w.ready(2)
	for range 5 { // up and down together may be one step
		w.link("eth2", "State", "DOWN")
		w.unlink("eth2")
	}
	w.link("eth1", "State", "DOWN")
	w.await("Lost", "eth1 firing")
	w.await("Few", "eth1 firing")
	w.link("eth0", "State", "UP")
	w.eventually("armed", func() bool { return len(w.armed(0)) == 2 && len(w.armed(1)) == 2 })
	w.link("eth0", "State", "DOWN")
	w.await("Lost", "eth0 firing", "eth1 firing")
	w.await("Few", "eth0 firing", "eth1 firing")

	w.unlink("eth0") // another of its name has to be up anew
	w.await("Lost", "eth0 resolved", "eth1 firing")
	w.link("eth0", "State", "DOWN")
	w.link("eth3", "State", "UP")
	w.eventually("armed", func() bool { return len(w.armed(0)) == 2 })
	w.link("eth3", "State", "DOWN")
	w.await("Lost", "eth0 resolved", "eth1 firing", "eth3 firing")
}

// armed are the elements that a rule has armed.
func (w *world) armed(rule int) []string {
	r := w.list()[rule]
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machine.Save().Armed
}

// TestRestart has what fires go on firing over restarts, and end only when it is
// known that it did.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "DOWN")
	w.link("eth1", "State", "DOWN")
	w.rules(downRule)
	w.start()
	w.await("InterfaceDown", "eth0 firing", "eth1 firing")
	first := make(map[string]told)
	for _, a := range w.heard("InterfaceDown", 2) {
		first[a.Labels["name"]] = a
	}

	// Nothing is known of the graph for a while: nothing ends, whatever changed.
	w.link("eth1", "State", "UP")
	w.await("InterfaceDown", "eth0 firing", "eth1 resolved")
	w.link("eth1", "State", "DOWN")
	w.await("InterfaceDown", "eth0 firing", "eth1 firing")
	for _, a := range w.heard("InterfaceDown", 4) {
		first[a.Labels["name"]] = a
	}
	w.close()
	w.link("eth1", "State", "UP") // while nobody looks
	open := make(chan struct{})
	w.follow = func(h Hub) Hub { return &gate{h, open} }
	w.cfg.ResendDelay = time.Millisecond
	w.start()
	w.eventually("sent again", func() bool { return len(w.people.of("InterfaceDown")) >= 20 })
	for _, a := range w.people.of("InterfaceDown") {
		require.False(t, a.resolved())
		require.True(t, first[a.Labels["name"]].StartsAt.Equal(a.StartsAt), "it goes on")
		require.Equal(t, first[a.Labels["name"]].Annotations["around"], a.Annotations["around"])
	}
	require.Equal(t, []string{"eth0 firing", "eth1 firing"}, w.states("InterfaceDown"))
	close(open)
	w.await("InterfaceDown", "eth0 firing", "eth1 resolved")
	for _, a := range w.people.of("InterfaceDown") {
		require.True(t, first[a.Labels["name"]].StartsAt.Equal(a.StartsAt))
		require.False(t, a.resolved() && a.Labels["name"] == "eth0")
	}

	// Resolved ones are told again over a restart, too.
	w.follow = nil
	w.restart()
	w.eventually("told again", func() bool {
		for _, a := range w.people.of("InterfaceDown") {
			if a.resolved() && a.Labels["name"] == "eth1" {
				return true
			}
		}
		return false
	})
}

// TestDamagedState starts with nothing when what was saved cannot be read.
func TestDamagedState(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "DOWN")
	w.rules(downRule)
	w.start()
	w.await("InterfaceDown", "eth0 firing")
	w.close()
	good, err := os.ReadFile(w.cfg.StateFile)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"empty": "", "noise": "\x00\xff{", "torn": string(good[:len(good)-10]), "newer": strings.Replace(string(good), `"version":1`, `"version":2`, 1),
		"other times": strings.ReplaceAll(string(good), `"since":"2`, `"since":"x`), "no state": `{"version":1,"rules":1}` + "\n{}",
		"too many": strings.Replace(string(good), `"rules":1`, `"rules":2`, 1),
	} {
		require.NoError(t, os.WriteFile(w.cfg.StateFile, []byte(text), 0o600))
		require.NoError(t, os.WriteFile(w.cfg.StateFile+unfinished+"123", good, 0o600)) // it ended while it wrote
		w.start()
		w.await("InterfaceDown", "eth0 firing")
		w.close()
		again, err := load(w.cfg.StateFile, w.cfg.MaxState)
		require.NoError(t, err, name)
		require.Len(t, again, 1, name)
	}
	left, err := filepath.Glob(w.cfg.StateFile + "*")
	require.NoError(t, err)
	require.Equal(t, []string{w.cfg.StateFile}, left, "nothing is left of what was written")
	w.cfg.MaxState = 10
	w.start()
	w.await("InterfaceDown", "eth0 firing")
	w.eventually("told that it cannot be saved", func() bool { return w.metric("topologyd_alerts_dropped_total") > 0 })
}

// TestResend repeats what fires, and for a while what ended.
func TestResend(t *testing.T) {
	w := newWorld(t)
	w.cfg.ResendDelay, w.cfg.Interval = 5*time.Millisecond, time.Millisecond
	w.link("eth0", "State", "DOWN")
	w.rules(downRule)
	w.start()
	w.eventually("repeated", func() bool { return len(w.people.of("InterfaceDown")) > 10 })
	for i, a := range w.people.of("InterfaceDown") {
		require.Equal(t, 20*time.Millisecond, a.EndsAt.Sub(a.at))
		if i > 0 {
			require.GreaterOrEqual(t, a.at.Sub(w.people.of("InterfaceDown")[i-1].at), w.cfg.ResendDelay)
		}
	}
	w.link("eth0", "State", "UP")
	ended := 0
	w.eventually("repeated that it ended", func() bool {
		ended = 0
		for _, a := range w.people.of("InterfaceDown") {
			if a.resolved() {
				ended++
			}
		}
		return ended > 10
	})
}

// TestFor waits before it tells, and goes on for a while.
func TestFor(t *testing.T) {
	w := newWorld(t)
	w.rules(strings.Replace(downRule, "labels: {severity: warning}", "for: 200ms\n        keep_firing_for: 200ms", 1))
	w.start()
	w.ready(1)
	w.link("eth0", "State", "DOWN")
	w.eventually("pending", func() bool { return len(w.states("InterfaceDown")) == 1 })
	w.link("eth1", "State", "DOWN")
	w.link("eth1", "State", "UP")
	w.await("InterfaceDown", "eth0 firing")
	w.link("eth0", "State", "UP")
	w.await("InterfaceDown", "eth0 resolved")
	for _, a := range w.people.of("InterfaceDown") {
		require.Equal(t, "eth0", a.Labels["name"])
		require.GreaterOrEqual(t, a.at.Sub(w.Active(Filter{})[0].ActiveAt), 200*time.Millisecond)
	}
	x := w.Active(Filter{})[0]
	require.GreaterOrEqual(t, x.ResolvedAt.Sub(x.FiredAt), 200*time.Millisecond)
}

// TestKeepGone goes on about what left the graph until it is back.
func TestKeepGone(t *testing.T) {
	w := newWorld(t)
	w.rules(strings.Replace(downRule, "labels: {severity: warning}", "keep_gone_for: 1h", 1))
	w.start()
	w.ready(1)
	w.link("eth0", "State", "DOWN")
	w.link("eth1", "State", "DOWN")
	w.await("InterfaceDown", "eth0 firing", "eth1 firing")
	w.unlink("eth0")
	w.link("eth1", "State", "UP")
	w.await("InterfaceDown", "eth0 firing", "eth1 resolved")
	w.restart()
	w.ready(1)
	require.Equal(t, []string{"eth0 firing", "eth1 resolved"}, w.states("InterfaceDown"))
	w.link("eth0", "State", "UP")
	w.await("InterfaceDown", "eth0 resolved", "eth1 resolved")
}

// TestRulesChange has rules come, change and go.
func TestRulesChange(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "DOWN")
	w.rules(downRule)
	w.start()
	w.await("InterfaceDown", "eth0 firing")
	since := w.Active(Filter{})[0].FiredAt

	w.rules(strings.Replace(downRule, "is down", "is off", 1))
	w.eventually("another text", func() bool {
		a := w.Active(Filter{})
		return len(a) == 1 && a[0].Annotations["summary"] == "eth0 of web-1 at x is off"
	})
	require.Equal(t, since, w.Active(Filter{})[0].FiredAt, "the same alert")

	w.rules("groups: [")
	w.eventually("told", func() bool { return w.metric("topologyd_alerts_files_failed") == 1 })
	require.Equal(t, []string{"eth0 firing"}, w.states("InterfaceDown"))
	require.NotEmpty(t, w.Report().Files[0].Error)
	require.Equal(t, 1, w.Report().Files[0].Rules)

	before := len(w.people.of("InterfaceDown"))
	w.rules(strings.Replace(downRule, "warning", "critical", 1))
	w.eventually("other labels", func() bool {
		a := w.Active(Filter{State: "firing"})
		return len(a) == 1 && a[0].Labels["severity"] == "critical"
	})
	w.eventually("the old one ended", func() bool {
		for _, a := range w.people.of("InterfaceDown")[before:] {
			if a.Labels["severity"] == "warning" && a.resolved() {
				return true
			}
		}
		return false
	})
	before = len(w.people.of("InterfaceDown"))
	require.NoError(t, os.Remove(filepath.Join(w.dir, "rules.yaml")))
	w.eventually("gone", func() bool { return len(w.Report().Groups) == 0 })
	w.eventually("ended", func() bool {
		for _, a := range w.people.of("InterfaceDown")[before:] {
			if a.Labels["severity"] == "critical" && a.resolved() {
				return true
			}
		}
		return false
	})
}

// TestDefinitions runs rules that are definitions, over a restart and after one
// cannot be read.
func TestDefinitions(t *testing.T) {
	w := newWorld(t)
	w.link("eth0", "State", "DOWN")
	w.start()
	spec := &Spec{Alert: "Down", Expr: "G.V().Has('State', 'DOWN')", For: "1ms", Labels: map[string]string{"severity": "info"}}
	d, err := w.defs.Create(t.Context(), &definition.Definition{Kind: Kind, ID: "down", Spec: spec})
	require.NoError(t, err)
	w.await("Down", "eth0 firing")
	w.eventually("status", func() bool { return w.Status(d).State == "ok" })
	require.Equal(t, Status{State: "ok", Matched: 1, Firing: 1, Way: WayFollowed}, w.Status(d))
	since := w.Active(Filter{})[0].FiredAt
	stale := *d
	stale.Revision++
	require.Equal(t, "pending", w.Status(&stale).State)

	value := w.kv.Get(Kind + ".down")
	w.kv.Put(Kind+".down", []byte(strings.Replace(string(value), `"version":1`, `"version":99`, 1)))
	w.eventually("told", func() bool { return strings.Contains(w.Report().Groups[0].Rules[0].LastError, "version 99") })
	require.Equal(t, []string{"eth0 firing"}, w.states("Down"))
	w.link("eth1", "State", "DOWN")
	w.await("Down", "eth0 firing", "eth1 firing")
	w.kv.Put(Kind+".down", value)
	w.eventually("read again", func() bool { return w.Report().Groups[0].Rules[0].LastError == "" })
	w.restart()
	w.await("Down", "eth0 firing", "eth1 firing")
	require.True(t, since.Equal(w.Active(Filter{})[0].FiredAt))

	for _, bad := range []Spec{{}, {Alert: "x"}, {Alert: "x", Expr: "G.V("}, {Alert: "x", Expr: "G.V()", For: "soon"},
		{Alert: "x", Expr: "G.V()", Annotations: map[string]string{"a": "{{ .Nothing }}"}}, {Alert: "x", Expr: "G.V().Count()"}} {
		require.Error(t, bad.Validate(), "%+v", bad)
	}
	require.NoError(t, w.defs.Delete(t.Context(), Kind, "down"))
	w.eventually("ended", func() bool {
		all := w.people.of("Down")
		return len(all) > 1 && all[len(all)-1].resolved() && all[len(all)-2].resolved()
	})
}

// TestBounds alerts no more than there may be, and says so.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	w.cfg.MaxAlerts, w.cfg.MaxRules = 3, 2
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.link(name, "State", "DOWN")
	}
	w.rules(downRule + "      - {alert: Two, expr: \"G.V().Has('State', 'DOWN').Limit(9)\", limit: 2}\n      - {alert: Three, expr: G.V()}\n")
	w.start()
	w.ready(2)
	w.eventually("as many as there may be", func() bool { return len(w.Active(Filter{State: "firing"})) == 3 })
	require.Positive(t, w.metric("topologyd_alerts_dropped_total"))
	rules := w.Report().Groups[0].Rules
	require.Contains(t, rules[2].LastError, "more than 2 rules")
	require.NotEmpty(t, append(rules[0].Problems, rules[1].Problems...))
	require.Positive(t, w.metric("topologyd_alerts_problems"))
	w.cfg.MaxAlerts, w.cfg.MaxFound = 100, 6
	w.restart()
	w.eventually("as much as may be found", func() bool {
		return len(w.Active(Filter{State: "firing"})) >= 3 && w.metric("topologyd_alerts_dropped_total") > 0
	})
	w.eventually("and no more", func() bool { return w.found.Load() == 6 })
	w.cfg.MaxFound = 100
	w.restart()
	w.await("InterfaceDown", "a firing", "b firing", "c firing", "d firing", "e firing")
	w.eventually("the limit of the rule", func() bool {
		p := w.Report().Groups[0].Rules[1].Problems
		return len(p) == 1 && strings.Contains(p[0], "3 things are not alerted")
	})
}

// TestReplicas has two managers tell the same.
func TestReplicas(t *testing.T) {
	w := newWorld(t)
	w.rules(downRule)
	w.start()
	other := *w
	other.cfg.StateFile = filepath.Join(w.dir, "other.json")
	other.start()
	w.link("eth0", "State", "DOWN")
	w.await("InterfaceDown", "eth0 firing")
	other.await("InterfaceDown", "eth0 firing")
	a, b := w.heard("InterfaceDown", 1)[0], other.heard("InterfaceDown", 1)[0]
	require.Equal(t, a.Labels, b.Labels)
	require.Equal(t, slicesOf(a.Annotations), slicesOf(b.Annotations))
}

func slicesOf(m map[string]string) map[string]string {
	m = maps.Clone(m)
	delete(m, "difference_url") // has the time
	return m
}

// TestTry tells what a rule would alert.
func TestTry(t *testing.T) {
	w := newWorld(t)
	w.link("br0", "State", "UP")
	w.link("eth0", "State", "DOWN")
	w.start()
	trial, err := w.Try(t.Context(), &Spec{Alert: "Down", Expr: "G.V().Has('State', 'DOWN')", Was: "G.V().Has('State', 'UP')", For: "1h",
		Annotations: map[string]string{"summary": "{{ .Name }}"}})
	require.NoError(t, err)
	require.Equal(t, 1, trial.Found)
	require.Equal(t, WayFollowed, trial.Way)
	require.Len(t, trial.Alerts, 1)
	require.Equal(t, "eth0", trial.Alerts[0].Annotations["summary"])
	require.Equal(t, "br0 (layer2)", trial.Alerts[0].Annotations["neighbours"])
	require.Equal(t, "firing", trial.Alerts[0].State)
	trial, err = w.Try(t.Context(), &Spec{Alert: "Many", Expr: "G.V().Values('Name').Limit(1)"})
	require.NoError(t, err)
	require.Equal(t, WayEvaluated, trial.Way)
	require.NotEmpty(t, trial.Why)
	_, err = w.Try(t.Context(), &Spec{Alert: "Wrong", Expr: "G.V("})
	require.Error(t, err)
	require.Empty(t, w.people.told)
	require.Empty(t, w.Active(Filter{}))
}

// TestAgrees has links go up and down, come and go at random, over restarts and
// broken subscriptions; in the end what fires is what queries find.
func TestAgrees(t *testing.T) {
	w := newWorld(t)
	w.rules(downRule + "      - {alert: Listed, expr: \"G.V().Has('State', 'DOWN').Limit(1000)\"}\n" +
		"      - {alert: Lost, expr: \"G.V().Has('State', 'DOWN')\", was: \"G.V().Has('State', 'UP')\"}\n")
	w.start()
	w.ready(3)
	rng := rand.New(rand.NewPCG(1, 2))
	down := make(map[string]bool)
	for i := range 300 {
		name := string(rune('a' + rng.IntN(8)))
		switch rng.IntN(5) {
		case 0:
			w.unlink(name)
			delete(down, name)
		case 1, 2:
			w.link(name, "State", "UP", "MTU", strconv.Itoa(1500+i))
			delete(down, name)
		default:
			w.link(name, "State", "DOWN", "MTU", strconv.Itoa(1500+i))
			down[name] = true
		}
		if i%100 == 99 {
			w.restart()
		}
	}
	firing := func(name string) (out []string) {
		for _, a := range w.Active(Filter{Name: name, State: "firing"}) {
			out = append(out, a.Labels["name"])
		}
		slices.Sort(out)
		return out
	}
	want := slices.Sorted(maps.Keys(down))
	require.NotEmpty(t, want)
	w.eventually("what is down", func() bool {
		return slices.Equal(firing("InterfaceDown"), want) && slices.Equal(firing("Listed"), want)
	})
	w.eventually("of what was otherwise before, what is down", func() bool {
		return !slices.ContainsFunc(firing("Lost"), func(name string) bool { return !down[name] })
	})
	w.eventually("the last word on each", func() bool {
		told := make(map[string]bool)
		for _, a := range w.people.of("InterfaceDown") {
			told[a.Labels["name"]] = !a.resolved()
		}
		for name, is := range told {
			if down[name] != is {
				return false
			}
		}
		return true
	})
}
