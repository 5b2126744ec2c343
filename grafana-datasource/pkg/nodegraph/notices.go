package nodegraph

import (
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/topologyd/client"
)

// drawn is how many nodes the panel draws at once.
const drawn = 200

// notices say what the picture does not show.
func (s *scene) notices(o Options) []data.Notice {
	var out []data.Notice
	add := func(severity data.NoticeSeverity, format string, args ...any) {
		out = append(out, data.Notice{Severity: severity, Text: fmt.Sprintf(format, args...)})
	}
	t := s.t
	if len(s.nodes) == 0 {
		if t.Since != nil {
			add(data.NoticeSeverityInfo, "Nothing changed in this time, as far as the query sees.")
		} else {
			add(data.NoticeSeverityInfo, "The query gives nothing at this time.")
		}
	}
	if s.groups > 0 && t.Grouped.Nodes > 0 {
		how := "open a group with Expand in its menu, or narrow the query."
		if dashboardURL(o.Links) == "" {
			how = "name groups to open in the query's Expand, or narrow the query."
		}
		some := "%s"
		if t.Grouped.Nodes < t.Total.Nodes {
			some = "%s of " + number(t.Total.Nodes)
		}
		add(data.NoticeSeverityInfo, some+" %s shown as %s: %s",
			number(t.Grouped.Nodes), plural(max(t.Total.Nodes, t.Grouped.Nodes), "node is", "nodes are"), count(s.groups, "group", "groups"), how)
	}
	if t.LeftOut != (client.ElementCount{}) {
		add(data.NoticeSeverityWarning, "%s and %s are left out, more than the node limit has room for, even in groups: narrow the query, group by something coarser, or raise the node limit.",
			count(t.LeftOut.Nodes, "node", "nodes"), count(t.LeftOut.Edges, "edge", "edges"))
	}
	if s.dropped > 0 {
		add(data.NoticeSeverityWarning, "%s not drawn: an end is not in the answer, or both ends are the same.", count(s.dropped, "edge is", "edges are"))
	}
	if len(s.nodes) > drawn {
		add(data.NoticeSeverityInfo, "Grafana draws %d of the %s nodes and hides the rest behind its + marks: set a node limit of %d to see groups instead.", drawn, number(len(s.nodes)), drawn)
	}
	return out
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
