package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// PluginID is the ID of the datasource's plugin.
const PluginID = "skein-topology-datasource"

// UIDs of the dashboards, by which they link to one another.
const (
	UIDOverview = "skein-overview"
	UIDHost     = "skein-host"
	UIDNode     = "skein-node"
	UIDFlows    = "skein-flows"
	UIDChanges  = "skein-changes"
	UIDCaptures = "skein-captures"
	UIDHealth   = "skein-health"
)

// Names of the variables that choose datasources.
const (
	varSkein      = "ds"
	varPrometheus = "prom"
)

// gridWidth is how many columns a dashboard has.
const gridWidth = 24

// board puts a dashboard together: panels stand side by side until a line is
// full. The first error is kept until done.
type board struct {
	b           *dashboard.DashboardBuilder
	uid         string
	panels      []dashboard.PanelOrRowPanel
	row         *dashboard.RowPanel
	x, y, lineH uint32
	id          uint32
	err         error
}

func newBoard(uid, title, description string) *board {
	b := dashboard.NewDashboardBuilder(title).
		Uid(uid).
		Description(description).
		Tags([]string{"skein"}).
		Timezone("browser").
		Time("now-1h", "now").
		Refresh("30s").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Timepicker(dashboard.NewTimePickerBuilder().RefreshIntervals([]string{"5s", "10s", "30s", "1m", "5m", "15m", "1h"})).
		Editable().
		WithVariable(datasourceVariable(varSkein, "Skein", PluginID))
	return &board{b: b, uid: uid}
}

// skein refers to the Skein that is chosen, prometheus to the Prometheus.
func skein() common.DataSourceRef {
	kind, uid := PluginID, "${"+varSkein+"}"
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

func prometheus() common.DataSourceRef {
	kind, uid := "prometheus", "${"+varPrometheus+"}"
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

// variable adds variables.
func (d *board) variable(vs ...cog.Builder[dashboard.VariableModel]) {
	for _, v := range vs {
		d.b.WithVariable(v)
	}
}

// add puts a panel at the next place that is w columns wide and h lines high.
func (d *board) add(w, h uint32, p cog.Builder[dashboard.Panel]) {
	panel, err := p.Build()
	if err != nil {
		d.fail(fmt.Errorf("panel %d: %w", d.id+1, err))
		return
	}
	d.id++
	id := d.id
	panel.Id = &id
	panel.GridPos = d.place(w, h)
	inSight(panel.Links)
	for i, t := range panel.Targets {
		panel.Targets[i] = withRef(t, i)
	}
	if d.row != nil {
		d.row.Panels = append(d.row.Panels, panel)
		return
	}
	d.panels = append(d.panels, dashboard.PanelOrRowPanel{Panel: &panel})
}

// place returns the next free place.
func (d *board) place(w, h uint32) *dashboard.GridPos {
	if d.x+w > gridWidth {
		d.line()
	}
	g := &dashboard.GridPos{X: d.x, Y: d.y, W: w, H: h}
	d.x += w
	d.lineH = max(d.lineH, h)
	return g
}

// line begins a new line.
func (d *board) line() {
	d.y += d.lineH
	d.x, d.lineH = 0, 0
}

// collapsed begins a row that is closed until somebody opens it; panels that
// are added from here on are in it.
func (d *board) collapsed(title string) {
	d.line()
	d.endRow()
	d.id++
	d.row = &dashboard.RowPanel{Type: "row", Collapsed: true, Title: &title, Id: d.id, GridPos: d.place(gridWidth, 1), Panels: []dashboard.Panel{}}
	d.line()
}

func (d *board) endRow() {
	if d.row != nil {
		d.panels = append(d.panels, dashboard.PanelOrRowPanel{RowPanel: d.row})
		d.row = nil
	}
}

func (d *board) fail(err error) {
	if d.err == nil {
		d.err = fmt.Errorf("dashboard %s: %w", d.uid, err)
	}
}

// done returns the dashboard with links to all others.
func (d *board) done() (dashboard.Dashboard, error) {
	d.endRow()
	for _, l := range links() {
		if l.uid != d.uid {
			d.b.Link(dashboard.NewDashboardLinkBuilder(l.title).
				Type(dashboard.DashboardLinkTypeLink).
				Icon(l.icon).
				Tooltip(l.tooltip).
				Url(toDashboard(l.uid)).
				KeepTime(true))
		}
	}
	if d.err != nil {
		return dashboard.Dashboard{}, d.err
	}
	out, err := d.b.Build()
	if err != nil {
		return dashboard.Dashboard{}, fmt.Errorf("dashboard %s: %w", d.uid, err)
	}
	out.Panels = d.panels
	inSight(out.Links)
	for i := range out.Annotations.List {
		out.Annotations.List[i].Placement = nil
	}
	return out, nil
}

// inSight puts links where they are seen at once; the builders put them in a
// menu.
func inSight(links []dashboard.DashboardLink) {
	for i := range links {
		links[i].Placement = nil
	}
}

// withRef names a query A, B, … and has it ask the Skein that is chosen.
func withRef(t variants.Dataquery, i int) variants.Dataquery {
	q, ok := t.(Query)
	if !ok {
		return t
	}
	ds := skein()
	q.RefID, q.Datasource = string(rune('A'+i)), &ds
	return q
}
