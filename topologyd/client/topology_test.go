package client_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/skein-net/skein/topologyd/client"
)

func TestTopology(t *testing.T) {
	body := `{"revision":9,"time":"2026-03-01T13:00:00Z","since":"2026-03-01T12:00:00Z","levels":["host","type"],"depth":1,
"total":{"nodes":6,"edges":4},"grouped":{"nodes":3,"edges":1},"left_out":{"nodes":2,"edges":1},
"summary":{"nodes":{"added":0,"removed":0,"changed":1},"edges":{"added":1,"removed":0,"changed":0}},
"nodes":[{"id":"` + id1 + `","node":` + node1 + `,"path":"host=h/type=host","parent":"","host":"h","change":"changed","keys":[{"key":"MTU","old":1500,"new":9000}],"rate":{"rx":1.5,"tx":2}},
{"id":"host=h/type=veth","group":{"level":"type","value":"veth","label":"veth","nodes":3,"edges":1,"types":[{"type":"veth","count":3}],"up":2,"down":1,"stale":0,"added":1,"removed":0,"changed":0,"expandable":true},"path":"host=h/type=veth","parent":"` + id1 + `","host":"h"}],
"edges":[{"id":"` + id2 + `","source":"` + id1 + `","target":"host=h/type=veth","type":"layer2","count":2,"stale":false,"change":"added","rate":7}]}`
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/api/v1/topology" {
			t.Errorf("%s %s %v", r.Method, r.URL, err)
		}
		if want := `{"gremlin":"G","at":"NOW","since":"-1h","group":["host","type"],"expand":["*"],"limit":5,"changes_only":true,"keys":"MTU","limits":{"visited":9}}`; string(got) != want {
			t.Errorf("sent %s", got)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	})
	p, err := c.Topology(t.Context(), client.TopologyQuery{Gremlin: "G", At: "NOW", Since: "-1h", Group: []string{"host", "type"}, Expand: []string{client.ExpandAll},
		Limit: 5, ChangesOnly: true, Keys: "MTU", Limits: &client.Limits{Visited: 9}})
	if err != nil {
		t.Fatal(err)
	}
	n, g, e := p.Nodes[0], p.Nodes[1], p.Edges[0]
	if p.Revision != 9 || p.Since.Hour() != 12 || p.Depth != 1 || p.Total.Edges != 4 || p.Grouped.Nodes != 3 || p.LeftOut.Nodes != 2 || p.Summary.Nodes.Changed != 1 ||
		n.Node.ID.String() != id1 || n.Change != client.Changed || n.Keys[0].New.Int() != 9000 || n.Rate.Rx != 1.5 || n.Group != nil ||
		g.Node != nil || g.Group.Types[0].Count != 3 || g.Group.Down != 1 || !g.Group.Expandable || g.Parent != id1 || g.Rate != nil ||
		e.Count != 2 || e.Edge != nil || *e.Rate != 7 || e.ID.String() != id2 || string(p.Raw) != body {
		t.Errorf("%+v", p)
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{") })
	if _, err := c.Topology(t.Context(), client.TopologyQuery{Gremlin: "G"}); err == nil {
		t.Error("a broken answer was taken")
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":{"code":"syntax","message":"no","position":{"offset":3,"line":1,"column":4}}}`)
	})
	var refused *client.Error
	if _, err := c.Topology(t.Context(), client.TopologyQuery{}); !errors.As(err, &refused) || refused.Position.Offset != 3 {
		t.Error(err)
	}
}
