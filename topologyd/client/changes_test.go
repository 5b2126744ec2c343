package client_test

import (
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

func TestChanges(t *testing.T) {
	body := `{"from":"2026-03-01T12:00:00Z","to":"2026-03-01T13:00:00Z","more":true,"changes":[
{"op":"node_updated","revision":5,"time":"2026-03-01T12:10:00Z","logged":"2026-03-01T12:11:00Z","node":` + node1 + `,"keys":[{"key":"a","old":1}]},
{"op":"edge_added","revision":4,"time":"2026-03-01T12:20:00Z","logged":"2026-03-01T12:20:00Z","edge":` + edge1 + `,"parent":{"Name":"h1","Type":"host","Host":"h1"}}]}`
	c := serve(t, replies(t, "/api/v1/changes?from=-1h&gremlin=G.V%28%29&keys=MTU&limit=2&op=node_updated%2Cedge_added&to=NOW", body))
	l, err := c.Changes(t.Context(), client.ChangesQuery{From: "-1h", To: "NOW", Gremlin: "G.V()", Keys: "MTU", Limit: 2, Ops: []string{client.NodeUpdated, client.EdgeAdded}})
	if err != nil {
		t.Fatal(err)
	}
	n, e := l.Changes[0], l.Changes[1]
	if !l.More || l.To.Sub(l.From) != time.Hour || string(l.Raw) != body || n.Op != client.NodeUpdated || n.Revision != 5 || n.Node.ID.String() != id1 ||
		n.Logged.Sub(n.Time) != time.Minute || n.Keys[0].Old.Int() != 1 || !n.Keys[0].New.IsZero() || n.Edge != nil ||
		e.Edge.Child.String() != id2 || e.Parent.Name != "h1" || e.Child != nil || e.Node != nil {
		t.Errorf("%+v", l)
	}
	c = serve(t, replies(t, "/api/v1/changes", `{`))
	if _, err := c.Changes(t.Context(), client.ChangesQuery{}); err == nil {
		t.Error("a broken answer was taken")
	}
}

func TestFlowSeries(t *testing.T) {
	body := `{"from":"2026-01-02T03:04:05Z","to":"2026-01-02T03:06:00Z","start":"2026-01-02T03:04:00Z","step_seconds":60,"by":["Network.A"],"metric":"packets",
"series":[{"key":{"Network.A":"10.0.0.1"},"total":9,"points":[4,0,5]},{"key":{},"total":1,"points":[0,1,0]}],"others":[3,0,0]}`
	c := serve(t, replies(t, "/api/v1/flows/series?by=source&from=-2m&host=h&limit=2&metric=packets&step=1m", body))
	s, err := c.FlowSeries(t.Context(), client.FlowSeriesQuery{FlowFilter: client.FlowFilter{Host: []string{"h"}}, From: "-2m", By: "source", Metric: "packets", Step: "1m", Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Series) != 2 || !s.Series[0].Key.Get("Network.A").Equal(entity.String("10.0.0.1")) || s.Series[0].Total != 9 || s.Series[0].Points[2] != 5 ||
		s.Others[0] != 3 || s.By[0] != "Network.A" || s.Step(2).Sub(s.To) != 0 || string(s.Raw) != body {
		t.Errorf("%+v", s)
	}
	c = serve(t, replies(t, "/api/v1/flows/series", `[]`))
	if _, err := c.FlowSeries(t.Context(), client.FlowSeriesQuery{}); err == nil {
		t.Error("a broken answer was taken")
	}
}
