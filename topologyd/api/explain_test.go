package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
)

// fakeExplainer explains one node and one edge.
type fakeExplainer struct {
	edge graph.EdgeExplanation
	node graph.NodeExplanation
}

func (f *fakeExplainer) ExplainEdge(id entity.UUID) (graph.EdgeExplanation, bool) {
	return f.edge, id == f.edge.Edge.ID
}

func (f *fakeExplainer) ExplainNode(id entity.UUID) (graph.NodeExplanation, bool) {
	return f.node, id == f.node.Node.ID
}

func TestExplain(t *testing.T) {
	b := newBench(t, nil)
	b.fill(1)
	d := parse(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b.api.now = func() time.Time { return now }
	ref := entity.InterfaceRef("h", "1", "2")
	facets := []graph.FacetInfo{{Source: "netlink", Entity: ref, Reported: now.Add(-time.Hour), Confirmed: now.Add(-time.Second), Interval: 30 * time.Second, Stale: true, Keys: []string{"Name"}}, {Source: "x", Entity: ref}}
	f := new(fakeExplainer)
	for n := range b.api.deps.View().Nodes() {
		f.node.Node = n
	}
	for e := range b.api.deps.View().Edges() {
		f.edge.Edge, f.edge.Parent, f.edge.Child = e, f.node.Node, f.node.Node
	}
	f.node.Entity, f.node.Facets, f.node.Joined = ref, facets, []graph.JoinedEntity{{Entity: ref, ID: f.node.Node.ID, Row: "r"}}
	f.edge.Evidence = []graph.EdgeEvidence{
		{Source: "netlink", Entity: ref, Reported: now, Confirmed: now, Interval: time.Second},
		{Source: "join.r", Entity: ref, Confirmed: now, Attributes: entity.Attrs{entity.A("Type", entity.String("t"))},
			Join: &graph.JoinEvidence{Row: &join.Row{Name: "r"}, Keys: []string{"k"}, From: ref, To: ref, FromFacets: facets, ToFacets: facets}},
	}
	ask := func(path string) map[string]any {
		t.Helper()
		resp, answer := b.do("GET", path, "")
		if resp.StatusCode != 501 && b.api.deps.Explain == nil {
			t.Errorf("%d %s", resp.StatusCode, answer)
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(answer), &m); err != nil {
			t.Fatal(answer, err)
		}
		return m
	}
	ask("/api/v1/explain/node/x")
	b.api.deps.Explain = f
	schemas := d.Components.Schemas

	m := ask("/api/v1/explain/edge/" + f.edge.Edge.ID.String())
	checkShape(t, "EdgeExplanation", schemas["EdgeExplanation"], m)
	checkShape(t, "Edge", schemas["Edge"], m["edge"].(map[string]any))
	checkShape(t, "Node", schemas["Node"], m["parent"].(map[string]any))
	list := m["evidence"].([]any)
	plain, joined := list[0].(map[string]any), list[1].(map[string]any)
	checkShape(t, "EdgeEvidence", schemas["EdgeEvidence"], plain)
	checkShape(t, "EdgeEvidence", schemas["EdgeEvidence"], joined)
	if plain["join"] != nil || plain["interval"] != 1.0 || plain["confirmed"] != "2026-03-01T12:00:00Z" || joined["reported"] != nil {
		t.Errorf("%v", list)
	}
	evidence := joined["join"].(map[string]any)
	checkShape(t, "JoinEvidence", schemas["JoinEvidence"], evidence)
	side := evidence["from"].(map[string]any)
	checkShape(t, "JoinedFacets", schemas["JoinedFacets"], side)
	checkShape(t, "FacetInfo", schemas["FacetInfo"], side["facets"].([]any)[0].(map[string]any))
	checkShape(t, "FacetInfo", schemas["FacetInfo"], side["facets"].([]any)[1].(map[string]any))
	checkShape(t, "EntityRef", schemas["EntityRef"], side["entity"].(map[string]any))

	m = ask("/api/v1/explain/node/" + f.node.Node.ID.String())
	checkShape(t, "NodeExplanation", schemas["NodeExplanation"], m)
	checkShape(t, "JoinedEntity", schemas["JoinedEntity"], m["joined"].([]any)[0].(map[string]any))
	if len(m["facets"].([]any)) != 2 || m["now"] != "2026-03-01T12:00:00Z" {
		t.Errorf("%v", m)
	}

	for path, want := range map[string]string{
		"edge/" + f.node.Node.ID.String(): "there is no edge",
		"node/" + f.edge.Edge.ID.String(): "there is no node",
		"edge/x":                          "is not the ID of an edge",
		"node/x":                          "is not the ID of a node",
	} {
		if resp, answer := b.do("GET", "/api/v1/explain/"+path, ""); resp.StatusCode < 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
}
