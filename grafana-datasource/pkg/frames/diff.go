package frames

import (
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// changeRows has one row for each key that changed, one for each element that
// was added or removed.
type changeRows struct {
	change, kind, name, typ, host, key, old, new, id, node []string

	max, elements, shown int
}

func (r *changeRows) add(change, kind, name, typ, host, id, node string, keys []client.Key) {
	r.elements++
	if r.max > 0 && len(r.change)+max(len(keys), 1) > r.max {
		return
	}
	r.shown++
	row := func(key, was, is string) {
		r.change, r.kind, r.name, r.typ = append(r.change, change), append(r.kind, kind), append(r.name, name), append(r.typ, typ)
		r.host, r.id, r.node = append(r.host, host), append(r.id, id), append(r.node, node)
		r.key, r.old, r.new = append(r.key, key), append(r.old, was), append(r.new, is)
	}
	for i := range keys {
		row(keys[i].Key, cell(keys[i].Old), cell(keys[i].New))
	}
	if len(keys) == 0 {
		row("", "", "")
	}
}

// cell is a value for people, nothing when there is none.
func cell(v entity.Value) string {
	if v.IsZero() {
		return ""
	}
	return text(v)
}

// Diff makes a table of what differs between two times.
func Diff(d *client.Diff, hosts Hosts, maxRows int) *data.Frame {
	r := &changeRows{max: maxRows}
	for i := range d.Nodes {
		n := &d.Nodes[i]
		r.add(n.Op, "node", nodeName(&n.Node), cell(n.Node.Metadata.Get("Type")), hosts.name(n.Node.Host), n.Node.ID.String(), n.Node.ID.String(), n.Keys)
	}
	for i := range d.Edges {
		e := &d.Edges[i]
		r.add(e.Op, "edge", endName(e.Parent, e.Edge.Parent)+" → "+endName(e.Child, e.Edge.Child),
			cell(e.Edge.Metadata.Get("RelationType")), hosts.name(e.Edge.Host), e.Edge.ID.String(), e.Edge.Child.String(), e.Keys)
	}
	for i := range d.Values {
		v := &d.Values[i]
		r.add(v.Op, "value", fmt.Sprintf("%s × %d", clip(v.Value.Text(), 500), v.Count), "", "", "", "", nil)
	}
	if d.Number != nil && !d.Number.Old.Equal(d.Number.New) {
		r.add(client.Changed, "number", "", "", "", "", "", []client.Key{{Key: "Value", Old: d.Number.Old, New: d.Number.New}})
	}
	f := table(data.NewFrame("changes",
		data.NewField("change", nil, r.change), data.NewField("kind", nil, r.kind), data.NewField("name", nil, r.name), data.NewField("type", nil, r.typ),
		data.NewField("host", nil, r.host), data.NewField("key", nil, r.key), data.NewField("old", nil, r.old), data.NewField("new", nil, r.new),
		data.NewField("id", nil, r.id), data.NewField("node", nil, r.node),
	))
	f.Meta.Custom = map[string]any{"from": d.From.Time.UTC().Format(time.RFC3339Nano), "to": d.To.Time.UTC().Format(time.RFC3339Nano), "summary": d.Summary}
	leftOut(f, r.shown, r.elements, "changed elements")
	return f
}
