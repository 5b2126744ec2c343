package main

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/api"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/rules"
)

// definitionServer is the real API over a store in memory.
func definitionServer(t *testing.T) (url string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	store, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: func() bool { return false }, Now: now},
		rules.Kinds(), rules.Configured([]string{"SPINE -> S1", "oops"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Start(t.Context(), &definitiontest.KV{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	reg := prometheus.NewRegistry()
	a, err := api.New(api.DefaultConfig(), api.Deps{
		Definitions: store, Now: now, Log: log, Registerer: reg, Gatherer: reg, Ready: func() error { return nil },
		RuleStatus: func(d *definition.Definition) rules.Status {
			if d.Fixed {
				return rules.Status{State: rules.StateFailed, Matched: 2, Error: "line 2, column 5: found the end of the line"}
			}
			return rules.Status{State: rules.StateApplied, Matched: 3, Edges: map[string]int{rules.KindEdgeRule: 6}[d.Kind]}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(httpx.Mux(a.Routes()))
	t.Cleanup(s.Close)
	return s.URL
}

// TestDefinitions is a session, one command after the other.
func TestDefinitions(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rule := file("rule.yaml", "id: cloud\nname: \"the \\u202ecloud\"\nttl: 7d\nspec:\n  action: create\n  metadata: {Name: internet, Type: cloud, Prio: 3}\n")
	lines := file("rack.txt", "# rack 1\nTOR1 -> P1\r\nP1 --> *[Type=host]/eth0\n\n")
	bad := file("bad.txt", "TOR1 -> P1\nP1 --> *[Type=host/eth0\n")
	odd := file("odd.yaml", "1: 2\n? [a]\n: b\n")
	env := map[string]string{"SKEIN_SERVER": definitionServer(t)}
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{name: "none", args: []string{"edge-rule", "list"}},
		{name: "create", args: []string{"node-rule", "create", "--id", "own", "--name", "owner", "--action", "update",
			"--query", "G.V().Has('Type','device')", "-m", "Owner=net ops", "-m", "Prio=3", "-m", `Tags=["a","b"]`, "-m", "N=007", "--ttl", "12h"}},
		{name: "create-file", args: []string{"node-rule", "create", "-f", rule}},
		{name: "create-again", args: []string{"node-rule", "create", "-f", rule}, code: exitFailed},
		{name: "create-file-flags", args: []string{"node-rule", "create", "-f", rule, "--id", "cloud2", "--name", "other", "-o", "yaml"}},
		{name: "create-node", args: []string{"node-rule", "create", "--id", "n", "--action", "create", "--node-name", "n", "--node-type", "t"}},
		{name: "list", args: []string{"node-rule", "list"}},
		{name: "get", args: []string{"node-rule", "get", "own"}},
		{name: "replace", args: []string{"node-rule", "replace", "own", "--action", "update", "--query", "G.V()", "-m", "Owner=me", "-o", "json"}},
		{name: "delete", args: []string{"node-rule", "delete", "own", "n", "none"}, code: exitFailed},
		{name: "list-json", args: []string{"node-rule", "list", "-o", "json"}},
		{name: "edge", args: []string{"edge-rule", "create", "--id", "up", "--source", "G.V().Has('Name','internet')", "--destination", "G.V()",
			"--relation-type", "layer2", "-m", "Type=uplink"}},
		{name: "edge-list", args: []string{"edge-rule", "list"}},
		{name: "edge-syntax", args: []string{"edge-rule", "create", "--source", "G.V()", "--destination", "G.V().X()", "--relation-type", "layer2"}, code: exitFailed},
		{name: "fabric", args: []string{"fabric", "create", "--id", "rack1", "-f", lines}},
		{name: "fabric-line", args: []string{"fabric", "create", "--id", "rack2", "TOR2 -> P2"}},
		{name: "fabric-replace", args: []string{"fabric", "replace", "rack2", "TOR2 -> P3"}},
		{name: "fabric-get", args: []string{"fabric", "get", "rack1"}},
		{name: "fabric-list", args: []string{"fabric", "list"}},
		{name: "fabric-syntax", args: []string{"fabric", "create", "-f", bad}, code: exitFailed},
		{name: "fabric-fixed", args: []string{"fabric", "delete", "configuration"}, code: exitFailed},
		{name: "odd-file", args: []string{"edge-rule", "create", "-f", odd}, code: exitFailed},
		{name: "nothing", args: []string{"node-rule", "create"}, code: exitUsage},
		{name: "both", args: []string{"node-rule", "create", "--action", "create", "-f", rule}, code: exitUsage},
		{name: "argument", args: []string{"node-rule", "create", "G.V()"}, code: exitUsage},
		{name: "metadata", args: []string{"node-rule", "create", "-m", "Owner"}, code: exitUsage},
		{name: "no-id", args: []string{"fabric", "delete"}, code: exitUsage},
		{name: "two-ids", args: []string{"fabric", "get", "a", "b"}, code: exitUsage},
		{name: "no-replace", args: []string{"fabric", "replace"}, code: exitUsage},
		{name: "sub", args: []string{"fabric", "creat"}, code: exitUsage},
		{name: "help", args: []string{"node-rule", "create", "--help"}},
		{name: "help-fabric", args: []string{"fabric"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if strings.ContainsAny(stdout+stderr, "\x1b\x07") {
				t.Error("a control character reached the terminal")
			}
			golden(t, "definition-"+c.name, stdout+sep(stderr))
		})
	}
}
