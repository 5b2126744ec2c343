package plugin

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/grafana-datasource/pkg/frames"
	"github.com/skein-net/skein/grafana-datasource/pkg/query"
	"github.com/skein-net/skein/topologyd/client"
)

// topology answers a query for a picture of the graph.
func (d *Datasource) topology(ctx context.Context, a *ask) (data.Frames, error) {
	t, err := d.client.Topology(ctx, client.TopologyQuery{
		Gremlin: a.Gremlin, At: a.At(a.Range, a.now), Group: a.Group, Expand: a.ExpandPaths(), Limit: int(a.NodeLimit), Limits: d.limits(),
	})
	if err != nil {
		return nil, err
	}
	return d.draw(t, a)
}

// diff answers a query for what differs between the begin and the end of the
// range: as a picture, as a table, or as both.
func (d *Datasource) diff(ctx context.Context, a *ask) (data.Frames, error) {
	var (
		out      data.Frames
		from, to = query.Stamp(a.Range.From), a.At(a.Range, a.now)
	)
	if a.View != query.ViewTable {
		t, err := d.client.Topology(ctx, client.TopologyQuery{
			Gremlin: a.Gremlin, At: to, Since: from, Group: a.Group, Expand: a.ExpandPaths(), Limit: int(a.NodeLimit),
			ChangesOnly: a.OnlyChanges(), Keys: a.Keys, Limits: d.limits(),
		})
		if err != nil {
			return nil, err
		}
		if out, err = d.draw(t, a); err != nil {
			return nil, err
		}
	}
	if a.View != query.ViewGraph {
		hosts := d.hostsLater(ctx, to)
		c, err := d.client.Diff(ctx, client.DiffQuery{From: from, To: to, Gremlin: whole(a.Gremlin), Keys: a.Keys})
		if err != nil {
			return nil, err
		}
		out = append(out, frames.Diff(c, hosts(), d.settings.MaxRows))
	}
	return out, nil
}

// whole is the query whose results are compared, "" for the whole graph.
func whole(gremlin string) string {
	if gremlin == "G" {
		return ""
	}
	return gremlin
}
