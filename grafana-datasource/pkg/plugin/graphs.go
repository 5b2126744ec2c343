package plugin

import (
	"context"
	"errors"
	"time"

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
// range. When the past is not kept for that long, it is what differs since it
// is, and a notice says so.
func (d *Datasource) diff(ctx context.Context, a *ask) (data.Frames, error) {
	out, err := d.diffSince(ctx, a, a.Range.From)
	var gone *client.Error
	if !errors.As(err, &gone) || gone.Code != client.CodeGone || !gone.Oldest.After(a.Range.From) || !gone.Oldest.Before(a.Range.End(a.now)) {
		return out, err
	}
	if out, err = d.diffSince(ctx, a, gone.Oldest); err == nil {
		frames.Warn(out, "The past is kept from %s on: what has changed since then is shown.", gone.Oldest.UTC().Format(time.RFC3339))
	}
	return out, err
}

// diffSince gives a difference as a picture, as a table, or as both.
func (d *Datasource) diffSince(ctx context.Context, a *ask, since time.Time) (data.Frames, error) {
	var (
		out      data.Frames
		from, to = query.Stamp(since), a.At(a.Range, a.now)
	)
	if a.View != query.ViewTable {
		var err error
		if out, err = d.picture(ctx, a, from, to); err != nil {
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

// picture draws a difference. When nothing differs it is the graph as it is, and
// a notice says so: a panel that shows nothing could mean anything.
func (d *Datasource) picture(ctx context.Context, a *ask, from, to string) (data.Frames, error) {
	q := client.TopologyQuery{
		Gremlin: a.Gremlin, At: to, Since: from, Group: a.Group, Expand: a.ExpandPaths(), Limit: int(a.NodeLimit),
		ChangesOnly: a.OnlyChanges(), Keys: a.Keys, Limits: d.limits(),
	}
	t, err := d.client.Topology(ctx, q)
	if err != nil {
		return nil, err
	}
	same := q.ChangesOnly && len(t.Nodes) == 0
	if same {
		q.ChangesOnly = false
		if t, err = d.client.Topology(ctx, q); err != nil {
			return nil, err
		}
	}
	out, err := d.draw(t, a)
	if err == nil && same && len(t.Nodes) > 0 {
		frames.Note(out, "Nothing differs between the beginning and the end of this time: this is the graph as it is.")
	}
	return out, err
}

// whole is the query whose results are compared, "" for the whole graph.
func whole(gremlin string) string {
	if gremlin == "G" {
		return ""
	}
	return gremlin
}
