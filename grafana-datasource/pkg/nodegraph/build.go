package nodegraph

import (
	"errors"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/grafana-datasource/pkg/layout"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// Names of the two frames; the panel knows them by these.
const (
	NodesFrame = "nodes"
	EdgesFrame = "edges"
)

// Radii of circles in pixels. The panel's own is 40.
const (
	radius      = 32
	radiusLarge = 38
)

// Custom is what the nodes frame tells of the picture besides its elements
// (Meta.Custom).
type Custom struct {
	Revision uint64              `json:"revision"`
	Total    client.ElementCount `json:"total"`
	Grouped  client.ElementCount `json:"grouped"`
	LeftOut  client.ElementCount `json:"leftOut"`
	Depth    int                 `json:"depth"`
	Levels   []string            `json:"levels,omitempty"`
	Summary  *client.DiffSummary `json:"summary,omitempty"`
	// Dropped counts edges that cannot be drawn: an end is not there, or both are
	// the same.
	Dropped int `json:"dropped,omitempty"`
}

// Build makes the frames "nodes" and "edges" of a picture. The nodes get places
// near those that they had in the last picture with the same key in p, which may
// be nil; the key is to name the query without its time and its open groups. The
// picture begins at what came out of the group that was opened last. t is not
// changed. The only error is that there is no picture.
func Build(t *client.Topology, o Options, p *Places, key string) (data.Frames, error) {
	if t == nil {
		return nil, errors.New("make a node graph: there is no topology")
	}
	s := newScene(t)
	nodes := s.nodesFrame(o, s.points(p, key, o.Expand))
	edges := s.edgesFrame(o)
	nodes.Meta.Custom = Custom{
		Revision: t.Revision, Total: t.Total, Grouped: t.Grouped, LeftOut: t.LeftOut,
		Depth: t.Depth, Levels: t.Levels, Summary: t.Summary, Dropped: s.dropped,
	}
	nodes.Meta.Notices = s.notices(o)
	return data.Frames{nodes, edges}, nil
}

// texts is a field of texts in the making.
type texts struct {
	name, label string
	values      []string
}

func (t *texts) field() *data.Field {
	f := data.NewField(t.name, nil, t.values)
	if t.label != "" {
		f.Config = &data.FieldConfig{DisplayName: t.label}
	}
	return f
}

// columns are fields of texts with one value per row.
type columns struct {
	rows int
	all  []*texts
}

func (c *columns) add(name, label string) []string {
	t := &texts{name, label, make([]string, c.rows)}
	c.all = append(c.all, t)
	return t.values
}

func (c *columns) fields() []*data.Field {
	out := make([]*data.Field, len(c.all))
	for i, t := range c.all {
		out[i] = t.field()
	}
	return out
}

func newFrame(name string, fields ...*data.Field) *data.Frame {
	f := data.NewFrame(name, fields...)
	f.Meta = &data.FrameMeta{PreferredVisualization: data.VisTypeNodeGraph}
	return f
}

func (s *scene) nodesFrame(o Options, at map[string]layout.Point) *data.Frame {
	c := &columns{rows: len(s.nodes)}
	id, titles, subtitles := c.add("id", ""), c.add("title", "Name"), c.add("subtitle", "What")
	mains, seconds, icons := c.add("mainstat", "Summary"), c.add("secondarystat", "More"), c.add("icon", "")
	l := s.newNodeLinks(o, c)
	detail := s.newDetails(c)
	x, y, r := make([]float64, len(s.nodes)), make([]float64, len(s.nodes)), make([]float64, len(s.nodes))
	for i, n := range s.nodes {
		id[i], titles[i], subtitles[i] = n.ID, title(n), s.subtitle(n)
		mains[i], seconds[i] = s.stats(i)
		if n.Group == nil {
			icons[i] = icon(typeOf(n))
		}
		x[i], y[i], r[i] = at[n.ID].X, at[n.ID].Y, radius
		if n.Group != nil || kindOf(typeOf(n)) == kindHost {
			r[i] = radiusLarge
		}
		l.fill(i, n)
		detail.fill(i, n)
	}
	f := newFrame(NodesFrame, c.fields()...)
	f.Fields[0].Config = &data.FieldConfig{Links: l.links()}
	f.Fields = append(f.Fields, data.NewField("noderadius", nil, r), data.NewField("fixedx", nil, x), data.NewField("fixedy", nil, y))
	arcs := s.arcs(o.arcs(s.t.Since != nil))
	for i := range arcs {
		f.Fields = append(f.Fields, arcs[i].field())
	}
	if len(arcs) == 0 {
		f.Fields = append(f.Fields, data.NewField("color", nil, s.colors()))
	}
	return f
}

// colors are those of rings without arcs.
func (s *scene) colors() []string {
	out := make([]string, len(s.nodes))
	for i, n := range s.nodes {
		out[i] = ringColor(kindOf(typeOf(n)), n.Group != nil)
		if n.Node != nil && n.Node.Stale {
			out[i] = hexOrange
		}
	}
	return out
}

// details are what the menu of a node shows; what is empty does not show.
type details struct {
	s                                             *scene
	typ, host, id, state, mtu, mac, addr, traffic []string
	members, change, query                        []string
}

func (s *scene) newDetails(c *columns) *details {
	return &details{
		s: s, typ: c.add("detail__type", "Type"), host: c.add("detail__host", "Host"), state: c.add("detail__state", "State"),
		mtu: c.add("detail__mtu", "MTU"), mac: c.add("detail__mac", "MAC"), addr: c.add("detail__addresses", "Addresses"),
		traffic: c.add("detail__traffic", "Traffic"), members: c.add("detail__members", "Members"),
		change: c.add("detail__change", "Change"), id: c.add("detail__id", "ID"), query: c.add("detail__query", "topologyctl"),
	}
}

func (d *details) fill(i int, n *client.TopologyNode) {
	if n.Host != "" {
		d.host[i] = d.s.host(n)
	}
	if n.Rate != nil {
		d.traffic[i] = join(", ", rate(n.Rate.Rx)+" in", rate(n.Rate.Tx)+" out")
	}
	d.change[i] = changeText(n.Change, n.Keys)
	if g := n.Group; g != nil {
		d.typ[i], d.members[i] = "group by "+g.Level, membersText(g)
		d.change[i] = join(", ", tally(g.Added, "added"), tally(g.Removed, "removed"), tally(g.Changed, "changed"))
		d.state[i] = join(", ", tally(g.Up, "up"), tally(g.Down, "down"), tally(g.Stale, "stale"))
	}
	if n.Node == nil {
		return
	}
	d.typ[i], d.id[i] = typeOf(n), n.ID
	d.state[i], d.mtu[i], d.mac[i] = text(n, "State"), text(n, "MTU"), text(n, "MAC")
	if n.Node.Stale {
		d.state[i] = join(", ", d.state[i], "its source is silent")
	}
	d.addr[i] = clip(join(", ", addresses(n)...), 240)
	d.query[i] = `topologyctl query "` + nodeQuery(n.ID) + `"`
}

// nodeQuery is the query for one node.
func nodeQuery(id string) string {
	if _, err := entity.ParseUUID(id); err != nil {
		return "G.V()"
	}
	return "G.V('" + id + "')"
}
