package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/alerts"
	"github.com/skein-net/skein/topologyd/api"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/graph"
)

// fixedAlerts are alerts that do not change.
type fixedAlerts struct{}

func (fixedAlerts) Active(f alerts.Filter) []alerts.Active {
	if f.Host == "nowhere" {
		return []alerts.Active{}
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return []alerts.Active{
		{Labels: map[string]string{"alertname": "InterfaceDown", "host": "web-1", "name": "eth0\x1b", "severity": "warning"},
			Annotations: map[string]string{"summary": "eth0 of web-1 is down", "around": "12:00:00 eth0: State: UP → DOWN\n11:59:58 br0: MTU: 1500 → 9000"},
			State:       "firing", ActiveAt: at, FiredAt: at.Add(time.Minute), Group: "links"},
		{Labels: map[string]string{"alertname": "Odd", "value": "9000"}, Annotations: map[string]string{}, State: "pending", ActiveAt: at, Group: "values"},
	}
}

func (fixedAlerts) Report() alerts.Report {
	return alerts.Report{
		Groups: []alerts.GroupReport{
			{Name: "links", File: "/etc/skein/rules.d/links.yaml", Interval: 15, Rules: []alerts.RuleReport{
				{Name: "InterfaceDown", State: "firing", Alerts: 2, Health: alerts.HealthOK, Way: alerts.WayFollowed, EvaluationTime: 0.00123, Query: "G.V().Has('State', 'DOWN')", Type: "alerting"},
				{Name: "Odd", State: "inactive", Health: alerts.HealthOK, Way: alerts.WayEvaluated, Query: "G.V().Values('MTU')", Problems: []string{"2 things are not alerted"}, Type: "alerting"},
			}},
			{Name: "definition/mine", File: "definition", Rules: []alerts.RuleReport{
				{Name: "Mine", State: "inactive", Health: alerts.HealthError, Query: "G.V()", LastError: "query stopped by its time limit", Type: "alerting", Definition: "mine"},
			}},
		},
		Files: []alerts.FileReport{{Path: "/etc/skein/rules.d/links.yaml", Rules: 2}, {Path: "/etc/skein/b\x1b.yaml", Error: "line 3: there is no field expresion"}},
	}
}

func (fixedAlerts) Status(*definition.Definition) alerts.Status {
	return alerts.Status{State: "ok", Matched: 2, Firing: 1, Way: alerts.WayFollowed}
}

func (f fixedAlerts) Try(_ context.Context, s *alerts.Spec) (*alerts.Trial, error) {
	return &alerts.Trial{Way: alerts.WayEvaluated, Why: "Limit gives any of them", Found: 5, More: true, Alerts: f.Active(alerts.Filter{}), Problems: []string{"something"}, Took: 1.5}, nil
}

// alertServer is the real API over definitions in memory.
func alertServer(t *testing.T) (url string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	store, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: func() bool { return false }, Now: now}, alerts.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Start(t.Context(), &definitiontest.KV{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	reg := prometheus.NewRegistry()
	a, err := api.New(api.DefaultConfig(), api.Deps{
		Definitions: store, Alerts: fixedAlerts{}, View: graph.New(graph.DefaultConfig()).View, Now: now, Log: log, Registerer: reg, Gatherer: reg,
		Ready: func() error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(httpx.Mux(a.Routes()))
	t.Cleanup(s.Close)
	return s.URL
}

// TestAlerts is a session, one command after the other.
func TestAlerts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rule.yaml")
	text := "id: filed\nspec:\n  alert: Filed\n  expr: G.V().Has('State', 'DOWN')\n  changed: [MTU]\n  keep_firing_for: 10m\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SKEIN_SERVER": alertServer(t)}
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{name: "create", args: []string{"alert", "create", "--id", "down", "--alert", "InterfaceDown", "--expr", "G.V().Has('State','DOWN')", "--was", "G.V().Has('State','UP')",
			"--for", "10s", "--keep-firing-for", "1m", "--keep-gone-for", "1h", "--limit", "5", "--interval", "30s", "--label", "severity=warning", "--annotation", "summary={{ .Name }} = down", "-o", "yaml"}},
		{name: "create-absent", args: []string{"alert", "create", "--id", "none", "--alert", "NoHost", "--expr", "G.V().Has('Type','host')", "--absent"}},
		{name: "create-bad", args: []string{"alert", "create", "--alert", "x", "--expr", "G.V().Hass('State')"}, code: exitFailed},
		{name: "create-label", args: []string{"alert", "create", "--alert", "x", "--expr", "G.V()", "--label", "severity"}, code: exitUsage},
		{name: "create-active", args: []string{"alert", "create", "--id", "active", "--alert", "x", "--expr", "G.V()"}, code: exitFailed},
		{name: "create-nothing", args: []string{"alert", "create"}, code: exitUsage},
		{name: "list", args: []string{"alert", "list"}},
		{name: "get", args: []string{"alert", "get", "down"}},
		{name: "replace", args: []string{"alert", "replace", "down", "--alert", "Other", "--expr", "G.V()", "-o", "json"}},
		{name: "delete", args: []string{"alert", "delete", "down", "nobody"}, code: exitFailed},
		{name: "active", args: []string{"alert", "active"}},
		{name: "active-none", args: []string{"alert", "active", "--host", "nowhere"}},
		{name: "active-json", args: []string{"alert", "active", "--state", "firing", "-o", "json"}},
		{name: "active-bad", args: []string{"alert", "active", "--state", "burning"}, code: exitFailed},
		{name: "rules", args: []string{"alert", "rules"}},
		{name: "rules-yaml", args: []string{"alert", "rules", "-o", "yaml"}},
		{name: "check", args: []string{"alert", "check", "--alert", "x", "--expr", "G.V().Limit(5)"}},
		{name: "check-file", args: []string{"alert", "check", "-f", file, "-o", "json"}},
		{name: "check-bad", args: []string{"alert", "check", "--alert", "x", "--expr", "G.V().Has('State',"}, code: exitFailed},
		{name: "check-nothing", args: []string{"alert", "check"}, code: exitUsage},
		{name: "help", args: []string{"alert"}},
		{name: "help-create", args: []string{"alert", "create", "--help"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, stderr)
			}
			if strings.ContainsAny(stdout+stderr, "\x1b\x07") {
				t.Error("a control character reached the terminal")
			}
			golden(t, "alert-"+c.name, stdout+sep(stderr))
		})
	}
}
