package plugin

import (
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/grafana-datasource/pkg/nodegraph"
	"github.com/skein-net/skein/topologyd/client"
)

// draw makes the frames of the Node graph panel.
func (d *Datasource) draw(t *client.Topology, a *ask) (data.Frames, error) {
	// The same picture at another time, with other groups open or as a difference
	// has its nodes at the same places.
	key := strings.Join(append([]string{a.Gremlin}, a.Group...), "\x00")
	out, err := nodegraph.Build(t, nodegraph.Options{
		Arcs: a.Arcs, Traffic: a.WithTraffic(), Expand: a.ExpandPaths(),
		Links: nodegraph.Links{
			Datasource: d.settings.UID, Type: ID, Dashboards: d.settings.Dashboards,
			Dashboard: a.Link.Dashboard, Params: a.Link.Params, ExpandVariable: a.ExpandVariable,
		},
	}, d.places, key)
	if err != nil {
		return nil, &problem{err.Error(), backend.StatusInternal, backend.ErrorSourcePlugin}
	}
	for _, f := range out {
		if f.Meta == nil {
			f.Meta = &data.FrameMeta{}
		}
		f.Meta.ExecutedQueryString = a.Gremlin
	}
	return out, nil
}
