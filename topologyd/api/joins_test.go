package api

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/join"
	"github.com/skein-net/skein/topologyd/joins"
)

// fakeJoins is a table of joins that says what a test wants.
type fakeJoins struct{ report joins.Report }

func (f *fakeJoins) Report() joins.Report { return f.report }
func (f *fakeJoins) Status(*definition.Definition) joins.Status {
	return joins.Status{State: joins.StateFailed, Matched: 3, Ambiguous: 2, TooMany: 1, Error: "x"}
}

// withJoins gives an API a store of definitions of joins and a table.
func withJoins(t *testing.T) (*bench, *fakeJoins) {
	t.Helper()
	b := newBench(t, nil)
	store, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: slog.New(slog.DiscardHandler), Leads: func() bool { return true }, Now: time.Now}, joins.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Start(t.Context(), &definitiontest.KV{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	f := &fakeJoins{}
	b.api.deps.Definitions, b.api.deps.Joins = store, f
	return b, f
}

const (
	joinSpec = `{"description":"d","kind":"edge","from":{"entity":"a","where":[{"key":"Type","in":["x"],"not_in":["y"]}],"key":["@Host","ip(IPV4)"]},` +
		`"to":{"entity":"b","key":["@Host","lower(Name)"]},"relation":"layer2","attributes":{"Type":"t"}}`
	joinBody = `{"id":"mine","spec":` + joinSpec + `}`
)

func TestJoins(t *testing.T) {
	b, f := withJoins(t)
	d := parse(t)
	decode := func(text string) (m map[string]any) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(text, err)
		}
		return m
	}
	resp, answer := b.do("POST", "/api/v1/joins", joinBody, "Content-Type", typeJSON)
	if resp.StatusCode != 201 || resp.Header.Get("Location") != "/api/v1/joins/mine" {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	made := decode(answer)
	checkShape(t, "Definition", d.Components.Schemas["Definition"], made)
	checkShape(t, "Join", d.Components.Schemas["Join"], made["spec"].(map[string]any))
	checkShape(t, "JoinStatus", d.Components.Schemas["JoinStatus"], made["status"].(map[string]any))
	if spec, err := json.Marshal(made["spec"]); err != nil || !json.Valid(spec) || strings.Contains(string(spec), `"name"`) {
		t.Errorf("%s %v", spec, err)
	}
	resp, answer = b.do("PUT", "/api/v1/joins/mine", `{"spec":{"disabled":true}}`, "Content-Type", typeJSON)
	if resp.StatusCode != 200 || !strings.Contains(answer, `"spec":{"disabled":true}`) {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	if resp, answer = b.do("DELETE", "/api/v1/joins/mine", ""); resp.StatusCode != 204 {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}

	row, err := join.Parse([]byte(strings.Replace(joinSpec, `{`, `{"name":"n",`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	f.report = joins.Report{
		Rows:  []joins.Entry{{Name: "n", State: joins.StateFailed, Origin: joins.OriginFile, From: "f", Overrides: joins.OriginBuiltIn, Pairs: 1, Ambiguous: 2, TooMany: 3, Error: "e", Row: row}},
		Files: []joins.FileStatus{{Path: "f", Rows: 1, Error: "e", Failed: &at}},
	}
	resp, answer = b.do("GET", "/api/v1/joins/table", "")
	if resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	table := decode(answer)
	checkShape(t, "JoinTable", d.Components.Schemas["JoinTable"], table)
	entry := table["rows"].([]any)[0].(map[string]any)
	checkShape(t, "JoinEntry", d.Components.Schemas["JoinEntry"], entry)
	shown := entry["row"].(map[string]any)
	checkShape(t, "JoinRow", d.Components.Schemas["JoinRow"], shown)
	side := shown["from"].(map[string]any)
	checkShape(t, "JoinSide", d.Components.Schemas["JoinSide"], side)
	checkShape(t, "JoinCondition", d.Components.Schemas["JoinCondition"], side["where"].([]any)[0].(map[string]any))
	checkShape(t, "JoinFile", d.Components.Schemas["JoinFile"], table["files"].([]any)[0].(map[string]any))
	for _, s := range []string{"Join", "JoinRow"} {
		if n := len(d.Components.Schemas[s].Properties); n != 10 {
			t.Errorf("%s has %d properties", s, n)
		}
	}
}

func TestJoinsRefused(t *testing.T) {
	b, _ := withJoins(t)
	for name, x := range map[string]struct{ body, want string }{
		"table":      {strings.Replace(joinBody, "mine", "table", 1), "is the table itself; choose another one"},
		"name":       {strings.Replace(joinBody, `"kind"`, `"name":"n","kind"`, 1), "spec: leave out name"},
		"no row":     {`{"spec":{}}`, "spec: there is no row"},
		"kind":       {strings.Replace(joinBody, `"edge"`, `"both"`, 1), `kind \"both\" is not known`},
		"expression": {strings.Replace(joinBody, `@Host`, `@Name`, 1), `expression \"@Name\" is not known`},
		"field":      {strings.Replace(joinBody, `"relation"`, `"relations"`, 1), `there is no field \"relations\"`},
	} {
		t.Run(name, func(t *testing.T) {
			if resp, answer := b.do("POST", "/api/v1/joins", x.body, "Content-Type", typeJSON); resp.StatusCode != 400 || !strings.Contains(answer, x.want) {
				t.Errorf("%d %s", resp.StatusCode, answer)
			}
		})
	}
	if resp, answer := b.do("GET", "/api/v1/joins/none", ""); resp.StatusCode != 404 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	b.api.deps.Joins = nil
	for _, path := range []string{"/api/v1/joins", "/api/v1/joins/table"} {
		if resp, answer := b.do("GET", path, ""); resp.StatusCode != 501 || !strings.Contains(answer, "no table of joins") {
			t.Errorf("%d %s", resp.StatusCode, answer)
		}
	}
}
