package frames

import (
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// TableOptions say how a table is made.
type TableOptions struct {
	// Columns are the keys that are shown, in that order; none means all with
	// scalar values.
	Columns []string
	// Flatten makes columns of scalars inside maps, too.
	Flatten bool
	// MaxRows is the most rows; 0 is no limit.
	MaxRows int
}

// Table makes a table of any answer to a query.
func Table(r *client.Result, o TableOptions) *data.Frame {
	switch r.Kind {
	case client.KindNodes:
		return nodeTable("nodes", r.Nodes, o)
	case client.KindEdges:
		return edgeTable("edges", r.Edges, o)
	case client.KindGraph:
		f := nodeTable("nodes", r.Nodes, o)
		f.AppendNotices(notice("The query gives a graph: its %d nodes are shown. Ask for edges with E(), for a picture with a Topology query.", len(r.Nodes)))
		return f
	case client.KindPaths:
		return pathTable(r.Paths, o)
	case client.KindFlows:
		return rawFlowTable(r.Flows, o)
	case client.KindNumber:
		return Number(r.Number)
	case client.KindMap:
		return mapTable(r.Number, o)
	case client.KindGroups:
		return groupTable("groups", "Group", r.Values, o)
	case client.KindMetrics:
		return groupTable("metrics", "Series", r.Values, o)
	default:
		return valueTable(r.Values, o)
	}
}

// cut is how many rows of n there may be.
func (o TableOptions) cut(n int) int {
	if o.MaxRows > 0 {
		return min(n, o.MaxRows)
	}
	return n
}

// fill puts one element in the current row: its fields have an @, everything
// else is looked up in its attributes.
func (o TableOptions) fill(r *rows, fields entity.Attrs, a entity.Attrs) {
	if len(o.Columns) == 0 {
		r.spread("", a, o.Flatten)
		for _, x := range fields {
			r.set(x.Key, x.Value)
		}
		r.next()
		return
	}
	for _, k := range o.Columns {
		if v := fields.Get(k); !v.IsZero() {
			r.set(k, v)
			continue
		}
		var found []entity.Value
		a.Lookup(k, func(v entity.Value) bool {
			found = append(found, v)
			return len(found) < 100
		})
		switch len(found) {
		case 0:
			r.set(k, fields.Get("@"+k))
		case 1:
			r.set(k, found[0])
		default:
			r.set(k, entity.List(found...))
		}
	}
	r.next()
}

func (o TableOptions) frame(r *rows, name string, first, last []string) *data.Frame {
	if len(o.Columns) > 0 {
		return r.named(name, o.Columns)
	}
	return r.frame(name, first, last)
}

func millis(ms int64) entity.Value {
	if ms == 0 {
		return entity.Value{}
	}
	return entity.Int(ms)
}

func stale(b bool) entity.Value {
	if !b {
		return entity.Value{}
	}
	return entity.Bool(true)
}

func str(s string) entity.Value {
	if s == "" {
		return entity.Value{}
	}
	return entity.String(s)
}

func nodeTable(name string, nodes []client.Node, o TableOptions) *data.Frame {
	r := newRows()
	n := o.cut(len(nodes))
	for i := range nodes[:n] {
		e := &nodes[i]
		o.fill(r, entity.Attrs{
			entity.A("@ArchivedAt", millis(e.ArchivedAt)), entity.A("@CreatedAt", millis(e.CreatedAt)), entity.A("@DeletedAt", millis(e.DeletedAt)),
			entity.A("@Host", str(e.Host)), entity.A("@ID", entity.String(e.ID.String())), entity.A("@Origin", str(e.Origin)),
			entity.A("@Revision", entity.Int(int64(e.Revision))), entity.A("@Stale", stale(e.Stale)), entity.A("@UpdatedAt", millis(e.UpdatedAt)),
		}, e.Metadata)
	}
	f := o.frame(r, name, []string{"Name", "Type", "State"}, []string{"@Host", "@Origin", "@CreatedAt", "@UpdatedAt", "@ArchivedAt", "@DeletedAt", "@Revision", "@Stale", "@ID"})
	leftOut(f, n, len(nodes), "nodes")
	return f
}

func edgeTable(name string, edges []client.Edge, o TableOptions) *data.Frame {
	r := newRows()
	n := o.cut(len(edges))
	for i := range edges[:n] {
		e := &edges[i]
		o.fill(r, entity.Attrs{
			entity.A("@ArchivedAt", millis(e.ArchivedAt)), entity.A("@Child", entity.String(e.Child.String())), entity.A("@CreatedAt", millis(e.CreatedAt)),
			entity.A("@DeletedAt", millis(e.DeletedAt)), entity.A("@Host", str(e.Host)), entity.A("@ID", entity.String(e.ID.String())),
			entity.A("@Origin", str(e.Origin)), entity.A("@Parent", entity.String(e.Parent.String())), entity.A("@Revision", entity.Int(int64(e.Revision))),
			entity.A("@Stale", stale(e.Stale)), entity.A("@UpdatedAt", millis(e.UpdatedAt)),
		}, e.Metadata)
	}
	f := o.frame(r, name, []string{"RelationType", "@Parent", "@Child"}, []string{"@Host", "@Origin", "@CreatedAt", "@UpdatedAt", "@ArchivedAt", "@DeletedAt", "@Revision", "@Stale", "@ID"})
	leftOut(f, n, len(edges), "edges")
	return f
}

// pathTable has one row for each path: how long it is and whom it passes.
func pathTable(paths [][]client.Node, o TableOptions) *data.Frame {
	n := o.cut(len(paths))
	length, from, to, way := make([]int64, n), make([]string, n), make([]string, n), make([]string, n)
	for i, p := range paths[:n] {
		names := make([]string, len(p))
		for j := range p {
			names[j] = nodeName(&p[j])
		}
		length[i] = int64(len(p))
		if len(p) > 0 {
			from[i], to[i] = names[0], names[len(p)-1]
		}
		way[i] = clip(strings.Join(names, " → "), maxCell)
	}
	f := table(data.NewFrame("paths", data.NewField("From", nil, from), data.NewField("To", nil, to), data.NewField("Nodes", nil, length), data.NewField("Path", nil, way)))
	leftOut(f, n, len(paths), "paths")
	return f
}

// nodeName is what people know a node by, its ID when it has no name.
func nodeName(n *client.Node) string {
	if name := n.Metadata.Get("Name").Str(); name != "" {
		return name
	}
	return n.ID.String()
}

// rawFlowTable has the fields of flows by their own names: of a query in which
// flows are not all there is to it.
func rawFlowTable(flows []client.Flow, o TableOptions) *data.Frame {
	if len(o.Columns) == 0 {
		return FlowList(&client.FlowList{Flows: flows}, nil, o.MaxRows)
	}
	r := newRows()
	n := o.cut(len(flows))
	for i := range flows[:n] {
		v, err := entity.ParseJSON(string(flows[i].Raw))
		if err != nil {
			continue // it was parsed once already
		}
		o.fill(r, nil, v.Map())
	}
	f := o.frame(r, "flows", nil, nil)
	leftOut(f, n, len(flows), "flows")
	return f
}

// Number makes a frame of one number, as alert rules take it.
func Number(v entity.Value) *data.Frame {
	value := []*float64{nil}
	if v.IsNumber() {
		x := v.Float()
		value[0] = &x
	}
	f := data.NewFrame("number", data.NewField("Value", nil, value))
	f.Meta = &data.FrameMeta{Type: data.FrameTypeNumericWide, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeTable}
	return f
}

// mapTable has one row for each member.
func mapTable(v entity.Value, o TableOptions) *data.Frame {
	r := newRows()
	members := v.Map()
	n := o.cut(len(members))
	numbers := n > 0
	for _, x := range members[:n] {
		r.set("Key", entity.String(x.Key))
		r.set("Value", x.Value)
		numbers = numbers && x.Value.IsNumber()
		r.next()
	}
	f := r.named("map", []string{"Key", "Value"})
	if numbers {
		f.Meta.Type = data.FrameTypeNumericLong
	}
	leftOut(f, n, len(members), "values")
	return f
}

// groupTable has one row for each member of each group of one object.
func groupTable(name, of string, values []entity.Value, o TableOptions) *data.Frame {
	r := newRows()
	all := 0
	for _, v := range values {
		for _, g := range v.Map() {
			members := g.Value.List()
			if g.Value.Kind() != entity.KindList {
				members = []entity.Value{g.Value}
			}
			for _, e := range members {
				if all++; all > o.cut(all) {
					continue
				}
				if len(o.Columns) == 0 {
					r.set(of, entity.String(g.Key))
				}
				fields, a := memberOf(e)
				o.fill(r, append(entity.Attrs{entity.A(of, entity.String(g.Key))}, fields...), a)
			}
		}
	}
	f := o.frame(r, name, []string{of, "Start", "Last"}, nil)
	leftOut(f, r.n, all, "rows")
	return f
}

// memberOf takes a member of a group apart: of nodes and edges the ID and the
// attributes, of what has no attributes the value.
func memberOf(e entity.Value) (fields, a entity.Attrs) {
	if e.Kind() != entity.KindMap {
		return nil, entity.Attrs{entity.A("Value", e)}
	}
	if m := e.Map().Get("Metadata"); m.Kind() == entity.KindMap {
		return entity.Attrs{entity.A("@ID", e.Map().Get("ID"))}, m.Map()
	}
	return nil, e.Map()
}

// valueTable has one row for each value; maps make columns of their members.
func valueTable(values []entity.Value, o TableOptions) *data.Frame {
	r := newRows()
	n := o.cut(len(values))
	plain := 0
	for _, v := range values[:n] {
		if v.Kind() == entity.KindMap {
			if len(o.Columns) > 0 {
				o.fill(r, nil, v.Map())
				continue
			}
			for _, x := range v.Map() {
				if o.Flatten && x.Value.Kind() == entity.KindMap {
					r.spread(x.Key+".", x.Value.Map(), false)
					continue
				}
				r.set(x.Key, x.Value)
			}
			r.next()
			continue
		}
		plain++
		r.set("Value", v)
		r.next()
	}
	var f *data.Frame
	if plain == n {
		f = r.named("values", []string{"Value"})
	} else {
		f = o.frame(r, "values", []string{"Name", "Type", "Value"}, nil)
	}
	leftOut(f, n, len(values), "values")
	return f
}

// stamp is a time for a field that may have none.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
