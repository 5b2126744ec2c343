package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/alerts"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// fakeAlerts runs no rules.
type fakeAlerts struct {
	filter alerts.Filter
	active int // how many there are, 0: one
	err    error
}

func (f *fakeAlerts) Active(filter alerts.Filter) []alerts.Active {
	f.filter = filter
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	one := alerts.Active{Labels: map[string]string{"alertname": "x"}, Annotations: map[string]string{}, State: "firing", ActiveAt: at, FiredAt: at, ResolvedAt: at,
		Group: "g", Subject: "s", GeneratorURL: "u"}
	return slices.Repeat([]alerts.Active{one}, max(f.active, 1))
}

func (f *fakeAlerts) Report() alerts.Report {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return alerts.Report{
		Groups: []alerts.GroupReport{{Name: "g", File: "f", Interval: 15, Limit: 1, Rules: []alerts.RuleReport{{
			State: "firing", Name: "x", Query: "G.V()", Was: "G.V()", Changed: []string{"MTU"}, Absent: true, Limit: 1, Way: alerts.WayFollowed, Alerts: 1,
			Labels: map[string]string{}, Annotations: map[string]string{}, Health: alerts.HealthError, LastError: "e", Problems: []string{"p"},
			LastEvaluation: at, Type: "alerting", Definition: "d",
		}}}},
		Files: []alerts.FileReport{{Path: "f", Rules: 1, Error: "e", Failed: &at}},
	}
}

func (f *fakeAlerts) Status(*definition.Definition) alerts.Status {
	return alerts.Status{State: "failed", Matched: 3, Firing: 2, Way: alerts.WayEvaluated, Error: "e", Problems: []string{"p"}}
}

func (f *fakeAlerts) Try(context.Context, *alerts.Spec) (*alerts.Trial, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &alerts.Trial{Way: alerts.WayEvaluated, Why: "w", Found: 1, More: true, Alerts: f.Active(f.filter), Problems: []string{"p"}, Took: 1.5}, nil
}

// withAlerts gives an API a store of definitions of rules and what runs them.
func withAlerts(t *testing.T) (*bench, *fakeAlerts) {
	t.Helper()
	b := newBench(t, nil)
	store, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: slog.New(slog.DiscardHandler), Leads: func() bool { return true }, Now: time.Now}, alerts.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Start(t.Context(), &definitiontest.KV{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	f := &fakeAlerts{}
	b.api.deps.Definitions, b.api.deps.Alerts = store, f
	return b, f
}

const alertSpec = `{"alert":"Down","expr":"G.V().Has('State','DOWN')","was":"G.V().Has('State','UP')","changed":["MTU"],"absent":false,"for":"10s","keep_firing_for":"1m","keep_gone_for":"1h",` +
	`"limit":5,"interval":"30s","labels":{"severity":"info"},"annotations":{"summary":"{{ .Name }}"}}`

// TestAlerts holds what is answered against the document.
func TestAlerts(t *testing.T) {
	b, f := withAlerts(t)
	d := parse(t)
	get := func(method, path, body string, want int) map[string]any {
		t.Helper()
		resp, answer := b.do(method, path, body, "Content-Type", typeJSON)
		if resp.StatusCode != want {
			t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, answer)
		}
		var m map[string]any
		if answer != "" && json.Unmarshal([]byte(answer), &m) != nil {
			t.Fatal(answer)
		}
		return m
	}
	first := func(m map[string]any, key string) map[string]any { return m[key].([]any)[0].(map[string]any) }
	shape := func(name string, m map[string]any) { t.Helper(); checkShape(t, name, d.Components.Schemas[name], m) }

	spec := strings.Replace(strings.Replace(alertSpec, `"changed":["MTU"],"absent":false,`, "", 1), `"keep_firing_for":"1m","keep_gone_for":"1h",`, "", 1)
	made := get("POST", "/api/v1/alerts", `{"id":"down","spec":`+spec+`}`, 201)
	shape("AlertRule", made["spec"].(map[string]any))
	shape("AlertStatus", made["status"].(map[string]any))
	get("GET", "/api/v1/alerts/down", "", 200)
	get("PUT", "/api/v1/alerts/down", `{"spec":`+spec+`}`, 200)
	get("DELETE", "/api/v1/alerts/down", "", 204)
	get("GET", "/api/v1/alerts/down", "", 404)
	for _, reserved := range []string{"active", "rules", "check"} {
		get("POST", "/api/v1/alerts", `{"id":"`+reserved+`","spec":`+spec+`}`, 400)
	}
	for text := range d.Components.Schemas["AlertRule"].Properties {
		if !strings.Contains(alertSpec, `"`+text+`":`) {
			t.Errorf("%s is no field of a rule", text)
		}
	}

	active := get("GET", "/api/v1/alerts/active?state=firing&alertname=x&host=h", "", 200)
	shape("ActiveAlerts", active)
	shape("Alert", first(active, "alerts"))
	if f.filter != (alerts.Filter{State: "firing", Name: "x", Host: "h", Limit: activeDefault + 1}) {
		t.Error(f.filter)
	}
	if active["more"] != false || get("GET", "/api/v1/alerts/active?limit=2", "", 200)["more"] != false || f.filter.Limit != 3 {
		t.Error(active, f.filter)
	}
	get("GET", "/api/v1/alerts/active?state=burning", "", 400)
	get("GET", "/api/v1/alerts/active?limit=10001", "", 400)
	f.active = 3
	if many := get("GET", "/api/v1/alerts/active?limit=2", "", 200); many["more"] != true || len(many["alerts"].([]any)) != 2 {
		t.Error(many)
	}
	rules := get("GET", "/api/v1/alerts/rules", "", 200)
	shape("AlertGroups", rules)
	shape("AlertGroup", first(rules, "groups"))
	shape("AlertRuleStatus", first(first(rules, "groups"), "rules"))
	shape("AlertFile", first(rules, "files"))
	trial := get("POST", "/api/v1/alerts/check", spec, 200)
	shape("AlertTrial", trial)
	f.err = &gremlin.LimitError{Limit: "visited"}
	get("POST", "/api/v1/alerts/check", spec, 422)

	for body, want := range map[string][2]string{
		`{"alert":"x","expr":"G.V(` + `"}`:                                        {"syntax", "expr"},
		`{"alert":"x","expr":"G.V()","was":"G.E()"}`:                              {"invalid", "was"},
		`{"alert":"x","expr":"G.V()","annotations":{"summary":"{{ .Nothing }}"}}`: {"invalid", "annotations.summary"},
		`{"alert":"x","expr":"G.V()","for":"soon"}`:                               {"invalid", ""},
		`{"alert":"x","expr":"G.V()","surprise":1}`:                               {"invalid", ""},
		`{"alert":"x"}`: {"invalid", "expr"},
	} {
		e := get("POST", "/api/v1/alerts/check", body, 400)["error"].(map[string]any)
		field, _ := e["field"].(string)
		if e["code"] != want[0] || field != want[1] {
			t.Errorf("%s: %v", body, e)
		}
	}
	if resp, _ := b.do("POST", "/api/v1/alerts/check", spec, "Content-Type", "text/plain"); resp.StatusCode != 415 {
		t.Error(resp.StatusCode)
	}

	b.api.deps.Alerts = nil
	for _, path := range []string{"", "/active", "/rules", "/down"} {
		get("GET", "/api/v1/alerts"+path, "", 501)
	}
	get("POST", "/api/v1/alerts/check", spec, 501)
}
