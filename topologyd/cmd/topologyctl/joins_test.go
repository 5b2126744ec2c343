package main

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
	"github.com/skein-net/skein/topologyd/joins"
)

// fixedJoins is a table of joins that does not change.
type fixedJoins struct{ rows []joins.Entry }

func (f *fixedJoins) Report() joins.Report {
	return joins.Report{Rows: f.rows, Files: []joins.FileStatus{{Path: "/etc/skein/good.yaml", Rows: 1}, {Path: "/etc/skein/b\x1b.yaml", Error: "line 3: there is no field sort"}}}
}

func (f *fixedJoins) Status(d *definition.Definition) joins.Status {
	if s, ok := d.Spec.(*joins.Spec); ok && s.Disabled {
		return joins.Status{State: joins.StateDisabled}
	}
	return joins.Status{State: joins.StateApplied, Matched: 3, Ambiguous: 2}
}

// joinServer is the real API over definitions in memory.
func joinServer(t *testing.T) (url string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	store, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: func() bool { return false }, Now: now}, joins.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Start(t.Context(), &definitiontest.KV{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	side := func(entity string, key ...string) join.Side { return join.Side{Entity: entity, Key: key} }
	f := &fixedJoins{rows: []joins.Entry{
		{Name: "by-mac", State: joins.StateApplied, Origin: joins.OriginBuiltIn, Pairs: 12, Ambiguous: 3,
			Row: &join.Row{Name: "by-mac", Kind: join.Same, From: side("interface", "@Host", "MAC"), To: side("ovsinterface", "Ovs.HostID", "MAC")}},
		{Name: "cable", State: joins.StateApplied, Origin: joins.OriginFile, From: "/etc/skein/good.yaml", TooMany: 1,
			Row: &join.Row{Name: "cable", Kind: join.Edge, Relation: "layer2", From: side("a", "X"), To: side("b\x1b", "Y")}},
		{Name: "none", State: joins.StateDisabled, Origin: joins.OriginDefinition, From: "none", Overrides: joins.OriginBuiltIn},
		{Name: "wrong", State: joins.StateFailed, Origin: joins.OriginDefinition, From: "wrong", Error: "the disk is full"},
	}}
	g := graph.New(graph.DefaultConfig())
	for i := range 14 {
		ref := entity.InterfaceRef("h", "1", fmt.Sprint(i))
		if i == 0 {
			ref = entity.HostRef("h")
		}
		p := g.Prepare(&entity.Event{Ref: ref, Source: "netlink", Time: now(), Attributes: entity.Attrs{entity.A("Name", entity.String(fmt.Sprintf("n%02d\x1b", i)))}}, 0)
		g.Apply(&p, now(), nil)
	}
	reg := prometheus.NewRegistry()
	a, err := api.New(api.DefaultConfig(), api.Deps{
		Definitions: store, Joins: f, View: g.View, Now: now, Log: log, Registerer: reg, Gatherer: reg, Ready: func() error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(httpx.Mux(a.Routes()))
	t.Cleanup(s.Close)
	return s.URL
}

// TestJoins is a session, one command after the other.
func TestJoins(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "join.yaml")
	text := "id: filed\nspec:\n  kind: same\n  priority: 5\n  prefer: [Type]\n  from: {entity: interface, key: ['@Host', Name]}\n  to: {entity: tap, where: [{key: Up, not_in: ['false']}], key: [Host, Name]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SKEIN_SERVER": joinServer(t)}
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{name: "create", args: []string{"join", "create", "--id", "vm-tap", "--kind", "edge", "--relation-type", "layer2", "-m", "Type=tap", "-m", "Speed=10",
			"--from", "vm", "--from-key", "@Host,Interfaces.Tap", "--from-where", "State=running,paused", "--from-where", "Name",
			"--to", "interface", "--to-key", "@Host,Name", "--to-where", "Type!=veth", "-o", "yaml"}},
		{name: "create-file", args: []string{"join", "create", "-f", file}},
		{name: "create-disabled", args: []string{"join", "create", "--id", "lldp-port", "--disabled"}},
		{name: "create-table", args: []string{"join", "create", "--id", "table", "--disabled"}, code: exitFailed},
		{name: "create-bad", args: []string{"join", "create", "--kind", "edge", "--from", "a", "--from-key", "X", "--to", "b", "--to-key", "upper(X)"}, code: exitFailed},
		{name: "create-nothing", args: []string{"join", "create"}, code: exitUsage},
		{name: "create-where", args: []string{"join", "create", "--kind", "edge", "--from-where", "=x"}, code: exitUsage},
		{name: "list", args: []string{"join", "list"}},
		{name: "get", args: []string{"join", "get", "filed"}},
		{name: "replace", args: []string{"join", "replace", "filed", "--disabled", "-o", "json"}},
		{name: "delete", args: []string{"join", "delete", "filed", "none"}, code: exitFailed},
		{name: "table", args: []string{"join", "table"}},
		{name: "table-json", args: []string{"join", "table", "-o", "json"}},
		{name: "check", args: []string{"join", "check", "--kind", "edge", "--relation-type", "owner", "--from", "host", "--from-key", "@Host", "--to", "interface", "--to-key", "@Host"}},
		{name: "check-same", args: []string{"join", "check", "--kind", "same", "--from", "host", "--from-key", "@Host", "--to", "interface", "--to-key", "@Host"}},
		{name: "check-file", args: []string{"join", "check", "-f", file, "-o", "json"}},
		{name: "check-nothing", args: []string{"join", "check"}, code: exitUsage},
		{name: "check-bad", args: []string{"join", "check", "--kind", "edge"}, code: exitFailed},
		{name: "help", args: []string{"join"}},
		{name: "help-create", args: []string{"join", "create", "--help"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if strings.ContainsAny(stdout+stderr, "\x1b\x07") {
				t.Error("a control character reached the terminal")
			}
			golden(t, "join-"+c.name, stdout+sep(stderr))
		})
	}
}
