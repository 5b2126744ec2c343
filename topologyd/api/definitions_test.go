package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/rules"
)

// withDefinitions gives an API a store of definitions.
func withDefinitions(t *testing.T, cfg definition.Config) (*bench, *definitiontest.KV) {
	t.Helper()
	b := newBench(t, nil)
	kv := &definitiontest.KV{}
	store, err := definition.New(cfg, definition.Deps{Log: slog.New(slog.DiscardHandler), Leads: func() bool { return true }, Now: time.Now},
		rules.Kinds(), rules.Configured([]string{"TOR -> P"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Start(t.Context(), kv); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	b.api.deps.Definitions = store
	b.api.deps.RuleStatus = func(d *definition.Definition) rules.Status {
		now := time.Now().UTC()
		return rules.Status{State: rules.StateFailed, Matched: len(d.ID), Destinations: 1, Edges: 1, Held: 1, Error: "x", Failed: &now, Evaluated: &now, Revision: 7}
	}
	return b, kv
}

const ruleBody = `{"id":"own","name":"owner","ttl":"2d","spec":{"action":"update","query":"G.V().Has('Type','device')","metadata":{"Owner":"netops","Prio":3}}}`

func TestDefinitions(t *testing.T) {
	b, kv := withDefinitions(t, definition.DefaultConfig())
	d := parse(t)
	as := []string{"Content-Type", "application/json; charset=utf-8"}
	resp, answer := b.do("POST", "/api/v1/node-rules", ruleBody, as...)
	if resp.StatusCode != 201 || resp.Header.Get("Location") != "/api/v1/node-rules/own" {
		t.Fatalf("%d %v %s", resp.StatusCode, resp.Header, answer)
	}
	var made map[string]any
	if err := json.Unmarshal([]byte(answer), &made); err != nil {
		t.Fatal(err)
	}
	checkShape(t, "Definition", d.Components.Schemas["Definition"], made)
	checkShape(t, "DefinitionStatus", d.Components.Schemas["DefinitionStatus"], made["status"].(map[string]any))
	checkShape(t, "NodeRule", d.Components.Schemas["NodeRule"], made["spec"].(map[string]any))
	if expires, err := time.Parse(time.RFC3339, made["expires"].(string)); err != nil || time.Until(expires) < 47*time.Hour {
		t.Errorf("expires %v", made["expires"])
	}

	// What was answered can be sent back.
	edited := strings.Replace(answer, "netops", "people", 1)
	resp, answer = b.do("PUT", "/api/v1/node-rules/own", edited, as...)
	if resp.StatusCode != 200 || !strings.Contains(answer, "people") {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	resp, answer = b.do("PUT", "/api/v1/node-rules/own", edited, as...)
	if resp.StatusCode != 409 || !strings.Contains(answer, `"conflict"`) {
		t.Fatalf("an old revision: %d %s", resp.StatusCode, answer)
	}
	resp, answer = b.do("GET", "/api/v1/node-rules", "")
	if resp.StatusCode != 200 || strings.Count(answer, `"kind":"node-rule"`) != 1 {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	resp, answer = b.do("GET", "/api/v1/edge-rules", "")
	if resp.StatusCode != 200 || strings.TrimSpace(answer) != "[]" {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	resp, answer = b.do("GET", "/api/v1/fabric/configuration", "")
	if resp.StatusCode != 200 || !strings.Contains(answer, `"fixed":true`) || !strings.Contains(answer, `"TOR -\u003e P"`) || strings.Contains(answer, "created") {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	kv.Put("edge-rule.new", []byte(`{"version":9}`))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		resp, answer = b.do("GET", "/api/v1/edge-rules/new", "")
		if resp.StatusCode == 200 {
			break
		}
		if time.Now().After(end) {
			t.Fatal(answer)
		}
	}
	if !strings.Contains(answer, `"spec":null`) {
		t.Error(answer)
	}
	resp, _ = b.do("DELETE", "/api/v1/node-rules/own", "")
	if resp.StatusCode != 204 {
		t.Fatal(resp.StatusCode)
	}
	resp, answer = b.do("GET", "/api/v1/node-rules/own", "")
	if resp.StatusCode != 404 || !strings.Contains(answer, `"not_found"`) {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
}

func TestDefinitionsRefused(t *testing.T) {
	cfg := definition.DefaultConfig()
	cfg.MaxCount = 1
	b, kv := withDefinitions(t, cfg)
	const asJSON = "application/json"
	if resp, answer := b.do("POST", "/api/v1/node-rules", ruleBody, "Content-Type", asJSON); resp.StatusCode != 201 {
		t.Fatal(answer)
	}
	rule := func(spec string) string { return `{"id":"x","spec":` + spec + `}` }
	for name, x := range map[string]struct {
		method, path, body, media string
		status                    int
		want                      string
	}{
		"no media type": {"POST", "node-rules", ruleBody, "text/plain", 415, "Content-Type: application/json"},
		"empty":         {"POST", "node-rules", "", asJSON, 400, "it is empty"},
		"unknown field": {"POST", "node-rules", `{"colour":1}`, asJSON, 400, `there is no field \"colour\"`},
		"spec field":    {"POST", "node-rules", rule(`{"action":"create","node":1}`), asJSON, 400, `spec: there is no field \"node\"`},
		"no spec":       {"POST", "node-rules", `{}`, asJSON, 400, "there is no spec"},
		"query":         {"POST", "edge-rules", rule(`{"source":"G.V(","destination":"G.V()","metadata":{"RelationType":"x"}}`), asJSON, 400, `"position":{"offset":4,"line":1,"column":5}`},
		"fabric":        {"POST", "fabric", rule(`{"lines":["é -> B","é -> C[","D"]}`), asJSON, 400, `"code":"syntax","message":"spec: line 2, column 8:`},
		"fabric place":  {"POST", "fabric", rule(`{"lines":["é -> B","é -> C[","D"]}`), asJSON, 400, `"position":{"offset":16,"line":2,"column":8}`},
		"metadata":      {"POST", "node-rules", rule(`{"action":"create","metadata":{"Name":1}}`), asJSON, 400, "metadata has no Name"},
		"metadata list": {"POST", "node-rules", rule(`{"action":"create","metadata":[]}`), asJSON, 400, "attributes are a JSON object"},
		"id":            {"POST", "node-rules", `{"id":"X","spec":{"action":"create","metadata":{"Name":"n","Type":"t"}}}`, asJSON, 422, `"limit"`},
		"bad id":        {"POST", "fabric", `{"id":"X","spec":{"lines":["A"]}}`, asJSON, 400, "use up to 63 lower-case letters"},
		"ttl":           {"POST", "fabric", `{"ttl":"soon","spec":{"lines":["A"]}}`, asJSON, 400, "give for example 30m, 12h or 7d"},
		"both":          {"POST", "fabric", `{"ttl":"1h","expires":"2090-01-01T00:00:00Z","spec":{"lines":["A"]}}`, asJSON, 400, "not both"},
		"past":          {"POST", "fabric", `{"expires":"2001-01-01T00:00:00Z","spec":{"lines":["A"]}}`, asJSON, 400, "which is past"},
		"kind":          {"POST", "fabric", `{"kind":"node-rule","spec":{"lines":["A"]}}`, asJSON, 400, "takes the kind fabric"},
		"fixed":         {"DELETE", "fabric/configuration", "", "", 409, "configuration of the daemon; change it there"},
		"other id":      {"PUT", "node-rules/own", strings.Replace(ruleBody, "own", "two", 1), asJSON, 400, "leave out that in the body"},
		"put nothing":   {"PUT", "node-rules/none", rule(`{"action":"create","metadata":{"Name":"n","Type":"t"}}`), asJSON, 400, "the URL"},
		"put unknown":   {"PUT", "node-rules/x", rule(`{"action":"create","metadata":{"Name":"n","Type":"t"}}`), asJSON, 404, `"not_found"`},
		"too large":     {"POST", "fabric", strings.Repeat(" ", maxDefinitionBody+1), asJSON, 413, `"too_large"`},
		"too long":      {"POST", "fabric", `{"spec":{"lines":["` + strings.Repeat(`A","`, 70_000) + `A"]}}`, asJSON, 400, "more than 1000"},
		"post to one":   {"POST", "node-rules/own", ruleBody, asJSON, 405, "takes GET, HEAD, PUT, DELETE, not POST"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, answer := b.do(x.method, "/api/v1/"+x.path, x.body, "Content-Type", x.media)
			if resp.StatusCode != x.status || !strings.Contains(answer, x.want) {
				t.Errorf("%d %s", resp.StatusCode, answer)
			}
		})
	}
	kv.Fail(errors.New("no quorum"))
	resp, answer := b.do("DELETE", "/api/v1/node-rules/own", "")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !strings.Contains(answer, "no quorum") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	b.api.deps.Definitions, _ = definition.New(cfg, definition.Deps{}, rules.Kinds())
	if resp, answer := b.do("GET", "/api/v1/node-rules", ""); resp.StatusCode != 503 || !strings.Contains(answer, "not been read yet") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	b.api.deps.Definitions = nil
	for _, m := range []string{"GET", "POST"} {
		if resp, answer := b.do(m, "/api/v1/fabric", ""); resp.StatusCode != 501 || !strings.Contains(answer, httpx.CodeUnsupported) {
			t.Errorf("%d %s", resp.StatusCode, answer)
		}
	}
}
