package nodegraph

import (
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/topologyd/client"
)

// Skein's dashboards that links lead to.
const (
	dashOverview = "d/skein-overview"
	dashHost     = "d/skein-host"
	dashNode     = "d/skein-node"
	dashFlows    = "d/skein-flows"
	dashCaptures = "d/skein-captures"
	dashChanges  = "d/skein-changes"
)

// timeRange has Grafana fill in the time range.
const timeRange = "&${__url_time_range}"

// allHosts is the value All of a variable, ready for a URL.
const allHosts = "var-host=%24__all"

// nodeLinks make the menu of a node. A link has one title and URL for all rows,
// but both may hold fields of the row: so a link leads from each row to what makes
// sense there, and is called so. Fields are written into URLs as they are, so
// they hold what is ready for a URL.
type nodeLinks struct {
	s *scene
	o Options
	// dashboard is the path of the asking one with its variables, but for the one
	// of open groups.
	dashboard string
	// shows tell that there is something to open or close.
	canOpen, canClose bool

	// Of each row: the value of the expand variable that opens it; the node; the
	// host.id; the variables that name it; a query for it.
	expand, node, host, scope, query []string
	// URLs without the leading slash, and their titles.
	open, openTitle, fold, foldTitle, about, aboutTitle []string
}

func (s *scene) newNodeLinks(o Options, c *columns) *nodeLinks {
	l := &nodeLinks{s: s, o: o, dashboard: dashboardURL(o.Links)}
	l.expand, l.node, l.host, l.scope, l.query = c.add("expand", ""), c.add("node", ""), c.add("host", ""), c.add("scope", ""), c.add("query", "")
	if l.dashboard != "" {
		l.canOpen = slices.ContainsFunc(s.nodes, func(n *client.TopologyNode) bool { return n.Group != nil && n.Group.Expandable })
		l.canClose = slices.ContainsFunc(o.Expand, func(s string) bool { return s != "" })
	}
	if l.canOpen {
		l.open, l.openTitle = c.add("open", ""), c.add("opentitle", "")
	}
	if l.canClose {
		l.fold, l.foldTitle = c.add("fold", ""), c.add("foldtitle", "")
	}
	if o.Links.hasDashboards() {
		l.about, l.aboutTitle = c.add("about", ""), c.add("abouttitle", "")
	}
	return l
}

func (l *Links) hasDashboards() bool { return l.Dashboards && l.Datasource != "" }

// dashboardURL is the asking dashboard with its variables, without the leading
// slash; "" when there is none on this server.
func dashboardURL(l Links) string {
	path := strings.TrimLeft(l.Dashboard, `/\`)
	if path == "" || strings.ContainsAny(path, "?#\\: \n\t") {
		return ""
	}
	path = strings.ReplaceAll(path, "$", "%24") + "?"
	if p := strings.Trim(l.Params, "?& "); p != "" {
		// A dollar sign would be read as a variable of the dashboard.
		path += strings.NewReplacer("$", "%24", "#", "%23", "\n", "", " ", "%20").Replace(p) + "&"
	}
	return path
}

// with is the URL of the asking dashboard with some groups open.
func (l *nodeLinks) with(open []string) string {
	return l.dashboard + "var-" + l.variable() + "=" + escape(strings.Join(open, ","))
}

func (l *nodeLinks) variable() string {
	if l.o.Links.ExpandVariable == "" {
		return "expand"
	}
	return escape(l.o.Links.ExpandVariable)
}

func (l *nodeLinks) fill(i int, n *client.TopologyNode) {
	l.host[i] = n.Host
	l.scope[i] = scopeOf(n)
	l.query[i] = nodeQuery(n.ID)
	if n.Node != nil {
		l.node[i] = n.ID
	} else if n.Group != nil {
		l.query[i] = groupQuery(n.Path)
	}
	expandable := n.Group != nil && n.Group.Expandable && n.Path != ""
	if expandable {
		l.expand[i] = escape(strings.Join(opened(l.o.Expand, n.Path), ","))
	}
	if l.about != nil {
		l.about[i], l.aboutTitle[i] = l.aboutOf(n)
	}
	fewer, inside := closed(l.o.Expand, n.Path)
	if l.open != nil {
		switch {
		case expandable:
			l.open[i], l.openTitle[i] = l.with(opened(l.o.Expand, n.Path)), "Expand"
		case inside:
			l.open[i], l.openTitle[i] = l.with(fewer), "Collapse"
		case l.about != nil:
			l.open[i], l.openTitle[i] = dashOverview+"?"+l.ds()+allHosts, "Network overview"
		default:
			l.open[i], l.openTitle[i] = l.with(l.o.Expand), "Reload"
		}
	}
	if l.fold != nil {
		l.fold[i], l.foldTitle[i] = l.with(nil), "Collapse all"
		if inside && (expandable || l.open == nil) {
			l.fold[i], l.foldTitle[i] = l.with(fewer), "Collapse"
		}
	}
}

// ds names the data source for Skein's dashboards.
func (l *nodeLinks) ds() string { return "var-ds=" + escape(l.o.Links.Datasource) + "&" }

// aboutOf is the dashboard that tells most of an element.
func (l *nodeLinks) aboutOf(n *client.TopologyNode) (url, title string) {
	isHost := n.Group != nil || kindOf(typeOf(n)) == kindHost
	switch {
	case isHost && n.Host != "":
		return dashHost + "?" + l.ds() + "var-host=" + escape(n.Host), "Host"
	case n.Node != nil:
		return dashNode + "?" + l.ds() + "var-node=" + escape(n.ID), "Details and history"
	}
	return dashOverview + "?" + l.ds() + allHosts, "Overview"
}

// scopeOf are the variables that name an element in Skein's dashboards; it is
// never empty.
func scopeOf(n *client.TopologyNode) string {
	switch {
	case n.Host != "" && (n.Group != nil || kindOf(typeOf(n)) == kindHost):
		return "var-host=" + escape(n.Host)
	case n.Node != nil:
		return "var-node=" + escape(n.ID)
	}
	return allHosts
}

// links are the entries of the menu. A title of the form Skein/… puts an entry
// into the group Skein.
func (l *nodeLinks) links() []data.DataLink {
	var out []data.DataLink
	add := func(title, url string) { out = append(out, data.DataLink{Title: "Skein/" + title, URL: url}) }
	if l.open != nil {
		add("${__data.fields.opentitle}", "/${__data.fields.open}"+timeRange)
	}
	if l.fold != nil {
		add("${__data.fields.foldtitle}", "/${__data.fields.fold}"+timeRange)
	}
	if l.about != nil {
		add("${__data.fields.abouttitle}", "/${__data.fields.about}"+timeRange)
		for _, to := range [][2]string{{"Flows", dashFlows}, {"Capture here", dashCaptures}, {"What changed", dashChanges}} {
			add(to[0], "/"+to[1]+"?"+l.ds()+"${__data.fields.scope}"+timeRange)
		}
	}
	return append(out, explore(l.o.Links, "Skein/Query in Explore", "${__data.fields.query}")...)
}

// explore is a link to a table query in Explore; the panel leaves it out for
// who may not use Explore.
func explore(l Links, title, gremlin string) []data.DataLink {
	if l.Datasource == "" {
		return nil
	}
	ref := map[string]string{"uid": l.Datasource}
	if l.Type != "" {
		ref["type"] = l.Type
	}
	return []data.DataLink{{Title: title, Internal: &data.InternalDataLink{
		DatasourceUID: l.Datasource,
		Query: map[string]any{
			"refId": "A", "queryType": "table", "gremlin": gremlin, "datasource": ref,
		},
	}}}
}

// edgeLinks make the menu of an edge: what is at its ends.
type edgeLinks struct {
	o                            Options
	from, fromTitle, to, toTitle []string
	node                         nodeLinks
}

func (s *scene) newEdgeLinks(o Options, c *columns) *edgeLinks {
	l := &edgeLinks{o: o, node: nodeLinks{o: o}}
	if o.Links.hasDashboards() {
		l.from, l.fromTitle = c.add("fromurl", ""), c.add("fromtitle", "")
		l.to, l.toTitle = c.add("tourl", ""), c.add("totitle", "")
	}
	return l
}

func (l *edgeLinks) fill(i int, a, b *client.TopologyNode) {
	if l.from == nil {
		return
	}
	l.from[i], _ = l.node.aboutOf(a)
	l.to[i], _ = l.node.aboutOf(b)
	l.fromTitle[i], l.toTitle[i] = menuText(title(a)), menuText(title(b))
}

// menuText is a text without what the menu takes for a separator.
func menuText(s string) string { return clip(strings.ReplaceAll(s, "/", "∕"), 48) }

func (l *edgeLinks) links() []data.DataLink {
	if l.from == nil {
		return nil
	}
	return []data.DataLink{
		{Title: "Skein/From ${__data.fields.fromtitle}", URL: "/${__data.fields.fromurl}" + timeRange},
		{Title: "Skein/To ${__data.fields.totitle}", URL: "/${__data.fields.tourl}" + timeRange},
	}
}
