package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const (
	edgeID   = "690bd3fe-f370-59e1-b9af-6d35bcec655b"
	tunnelID = "690bd3fe-f370-59e1-b9af-6d35bcec655c"
	goneID   = "690bd3fe-f370-59e1-b9af-6d35bcec655d"
)

// What the fake server explains, at 2026-03-01T12:00:00Z.
const (
	ethRef       = `{"type":"interface","id":{"host.id":"web-1","ifindex":"2","namespace":"4026531840"}}`
	ovsRef       = `{"type":"ovsinterface","id":{"database":"d","uuid":"u\u001b"}}`
	freshFacet   = `{"source":"netlink","entity":` + ethRef + `,"reported":"2026-03-01T11:00:00Z","confirmed":"2026-03-01T11:59:57Z","interval":30,"stale":false,"keys":["MAC","Name","Type"]}`
	staleFacet   = `{"source":"ovsdb","entity":` + ovsRef + `,"reported":"2026-02-28T12:00:00Z","confirmed":"2026-03-01T11:50:00Z","interval":60,"stale":true,"keys":["Ovs"]}`
	edgeExplains = `{"now":"2026-03-01T12:00:00Z","edge":` + owns + `,"parent":` + host + `,"child":` + eth0 + `,"evidence":[` +
		`{"source":"netlink","entity":` + ethRef + `,"attributes":{"Type":"x"},"reported":"2026-03-01T11:00:00Z","confirmed":"2026-03-01T11:59:57Z","interval":30,"stale":false},` +
		`{"source":"rule.up","entity":` + ethRef + `,"attributes":{},"reported":"2026-02-20T12:00:00Z","confirmed":"2026-02-20T12:00:00Z","interval":0,"stale":false}]}`
	tunnelExplains = `{"now":"2026-03-01T12:00:00Z","edge":` + owns + `,"parent":` + eth0 + `,"child":` + down + `,"evidence":[` +
		`{"source":"join.tunnel","entity":` + ethRef + `,"attributes":{"RelationType":"layer2","Type":"tunnel"},"confirmed":"2026-03-01T11:50:00Z","interval":0,"stale":true,` +
		`"join":{"row":{"name":"tunnel","description":"Both ends.","kind":"edge","relation":"layer2","from":{"entity":"interface","key":["Type","ip(Local)"]},"to":{"entity":"ovsinterface","key":["Type","ip(Remote)"]}},` +
		`"keys":["vxlan","10.0.0.1"],"from":{"entity":` + ethRef + `,"facets":[` + freshFacet + `]},"to":{"entity":` + ovsRef + `,"facets":[` + staleFacet + `]}}}]}`
	nodeExplains = `{"now":"2026-03-01T12:00:00Z","node":` + eth0 + `,"entity":` + ethRef + `,"facets":[` + freshFacet + `,` + staleFacet + `],"joined":[{"entity":` + ovsRef + `,"id":"` + hostID + `","row":"by-ifindex"}]}`
	hostExplains = `{"now":"2026-03-01T12:00:00Z","node":` + host + `,"entity":{"type":"host","id":{"host.id":"web-1"}},"facets":[` +
		`{"source":"netlink","entity":{"type":"host","id":{"host.id":"web-1"}},"reported":"2026-03-01T11:59:59.5Z","confirmed":"2026-03-01T11:59:59.5Z","interval":30,"stale":false,"keys":["Name"]}],"joined":[]}`
)

func fakeEvidence(t *testing.T) http.HandlerFunc {
	answers := map[string]string{
		"edge/" + edgeID: edgeExplains, "edge/" + tunnelID: tunnelExplains, "node/" + eth0ID: nodeExplains, "node/" + hostID: hostExplains,
	}
	many := make([]string, explainMost+1)
	for i := range many {
		many[i] = strings.Replace(host, "c5090a19", fmt.Sprintf("c5090a%02d", i), 1)
	}
	queries := map[string][2]string{
		"G.V().Has('Name','eth0')":          {"nodes", "[" + eth0 + "," + eth0 + "]"},
		"G.V().Has('Name','web-1')":         {"nodes", "[" + host + "]"},
		`G.V().Has('Name','it\'s \\')`:      {"nodes", "[]"},
		"G.V()":                             {"nodes", "[" + strings.Join(many, ",") + "]"},
		"G.V().BothE()":                     {"edges", "[]"},
		"G.V().Has('Name','web-1').BothE()": {"edges", "[" + owns + "," + owns + "]"},
		"G.V('" + hostID + "').BothE()":     {"edges", "[" + owns + "]"},
		"G.E().Has('Type','tunnel')":        {"edges", "[" + strings.Replace(owns, edgeID, tunnelID, 1) + "," + owns + "]"},
		"G.E().None()":                      {"edges", "[]"},
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/api/v1/query" {
			var q struct{ Gremlin string }
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
				t.Error(err)
			}
			a, ok := queries[q.Gremlin]
			if !ok {
				t.Errorf("query %s", q.Gremlin)
			}
			w.Header().Set("X-Skein-Kind", a[0])
			io.WriteString(w, a[1])
			return
		}
		a, ok := answers[strings.TrimPrefix(r.URL.Path, "/api/v1/explain/")]
		if !ok {
			w.WriteHeader(404)
			a = `{"error":{"code":"not_found","message":"there is no such edge now"}}`
		}
		io.WriteString(w, a)
	}
}

func TestExplain(t *testing.T) {
	s := httptest.NewServer(fakeEvidence(t))
	defer s.Close()
	env := map[string]string{"SKEIN_SERVER": s.URL}
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{name: "edge", args: []string{"edge", edgeID}},
		{name: "edge-join", args: []string{"edge", tunnelID}},
		{name: "edge-query", args: []string{"edge", "G.E().Has('Type','tunnel')"}},
		{name: "edge-ends", args: []string{"edge", "web-1", "eth0"}},
		{name: "edge-ids", args: []string{"edge", hostID, "eth0", "-o", "yaml"}},
		{name: "edge-json", args: []string{"edge", "G.E().Has('Type','tunnel')", "-o", "json"}},
		{name: "edge-none", args: []string{"edge", "G.E().None()"}, code: exitFailed},
		{name: "edge-no-way", args: []string{"edge", "G.V()", "eth0"}, code: exitFailed},
		{name: "edge-gone", args: []string{"edge", goneID}, code: exitFailed},
		{name: "edge-name", args: []string{"edge", "eth0"}, code: exitUsage},
		{name: "edge-nodes", args: []string{"edge", "G.V()"}, code: exitFailed},
		{name: "edge-nothing", args: []string{"edge"}, code: exitUsage},
		{name: "node", args: []string{"node", "eth0"}},
		{name: "node-id", args: []string{"node", hostID}},
		{name: "node-none", args: []string{"node", `it's \`}, code: exitFailed},
		{name: "node-many", args: []string{"node", "G.V()"}, code: exitFailed},
		{name: "node-two", args: []string{"node", "a", "b"}, code: exitUsage},
		{name: "help", args: nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := call(t, env, "", append([]string{"explain"}, c.args...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if strings.ContainsAny(stdout+stderr, "\x1b\x07") {
				t.Error("a control character reached the terminal")
			}
			golden(t, "explain-"+c.name, stdout+sep(stderr))
		})
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "just now", 999 * time.Millisecond: "just now", 3 * time.Second: "3 s ago", 119 * time.Second: "119 s ago",
		2 * time.Minute: "2 min ago", 119 * time.Minute: "119 min ago", 2 * time.Hour: "2 h ago", 47 * time.Hour: "47 h ago", 49 * time.Hour: "2 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
