package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/nodegraph"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Units of Grafana.
const (
	unitCount     = "short"
	unitBytes     = "decbytes"
	unitBytesRate = "Bps"
	unitRate      = "ops"
	unitSeconds   = "s"
	unitNone      = "none"
	unitText      = "string"
	unitWhole     = "locale"
)

// The colours mean the same on all dashboards: green is up and added, red down
// and removed, orange stale and changed.
const (
	green  = "green"
	red    = "red"
	orange = "orange"
	blue   = "blue"
	grey   = "text"
)

func graphPanel(title, description string, q Query) *nodegraph.PanelBuilder {
	return nodegraph.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(skein()).
		ZoomMode(nodegraph.ZoomModeCooperative).
		WithTarget(q)
}

func statPanel(title, description, unit string, q cog.Builder[variants.Dataquery]) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(skein()).
		Unit(unit).
		Decimals(0).
		ColorMode(common.BigValueColorModeValue).
		GraphMode(common.BigValueGraphModeNone).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		ColorScheme(thresholdColors()).
		Thresholds(steps(grey)).
		WithTarget(q)
}

func tablePanel(title, description string, qs ...Query) *table.PanelBuilder {
	p := table.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(skein()).
		Unit(unitNone).
		CellHeight(common.TableCellHeightSm).
		Filterable(true).
		OverrideByRegexp("/^(Oper)?State$/", stateCells()).
		OverrideByRegexp("/^Network\\./", property("noValue", "not IP")).
		OverrideByName("@Stale", property("displayName", "Stale"))
	for _, q := range qs {
		p.WithTarget(q)
	}
	return p
}

func seriesPanel(title, description, unit string, qs ...Query) *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(skein()).
		Unit(unit).
		Min(0).
		LineWidth(1).
		FillOpacity(10).
		ShowPoints(common.VisibilityModeNever).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeTable).
			Placement(common.LegendPlacementRight).
			ShowLegend(true).
			Calcs([]string{"mean", "max"}).
			SortBy("Mean").SortDesc(true))
	for _, q := range qs {
		p.WithTarget(q)
	}
	return p
}

// stacked has a panel show what its series add up to.
func stacked(p *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	return p.LineWidth(0).FillOpacity(70).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
}

func barPanel(title, description, unit string, q Query) *barchart.PanelBuilder {
	return barchart.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(skein()).
		Unit(unit).
		Min(0).
		Orientation(common.VizOrientationHorizontal).
		ShowValue(common.VisibilityModeAuto).
		BarWidth(0.8).
		FillOpacity(60).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeHidden).Placement(common.LegendPlacementBottom).ShowLegend(false)).
		WithTarget(q)
}

func textPanel(title, content string) *text.PanelBuilder {
	return text.NewPanelBuilder().
		Title(title).
		Datasource(skein()).
		Mode(text.TextModeMarkdown).
		Content(content)
}

func promPanel(title, description, unit string, qs ...cog.Builder[variants.Dataquery]) *timeseries.PanelBuilder {
	p := seriesPanel(title, description, unit).Datasource(prometheus())
	for _, q := range qs {
		p.WithTarget(q)
	}
	return p
}

func thresholdColors() *dashboard.FieldColorBuilder {
	return dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)
}

// steps are one colour from the start, and others from values on.
func steps(base string, more ...dashboard.Threshold) *dashboard.ThresholdsConfigBuilder {
	return dashboard.NewThresholdsConfigBuilder().
		Mode(dashboard.ThresholdsModeAbsolute).
		Steps(append([]dashboard.Threshold{{Color: base}}, more...))
}

func from(v float64, color string) dashboard.Threshold {
	return dashboard.Threshold{Value: &v, Color: color}
}

// valueColors colours a cell by its text.
func valueColors(colors map[string]string) []dashboard.DynamicConfigValue {
	options := make(map[string]dashboard.ValueMappingResult, len(colors))
	for value, color := range colors {
		options[value] = dashboard.ValueMappingResult{Color: &color}
	}
	return []dashboard.DynamicConfigValue{
		{Id: "mappings", Value: []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: options}}}},
		{Id: "custom.cellOptions", Value: map[string]string{"type": "color-text"}},
	}
}

func stateCells() []dashboard.DynamicConfigValue {
	return valueColors(map[string]string{"UP": green, "DOWN": red})
}

func changeCells() []dashboard.DynamicConfigValue {
	return valueColors(map[string]string{"added": green, "removed": red, "changed": orange})
}

func property(id string, value any) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{{Id: id, Value: value}}
}

// hidden keeps a field that only links need out of sight.
func hidden() []dashboard.DynamicConfigValue { return property("custom.hideFrom.viz", true) }

func width(px int) []dashboard.DynamicConfigValue { return property("custom.width", px) }

func transform(id string, options any) dashboard.DataTransformerConfig {
	return dashboard.DataTransformerConfig{Id: id, Options: options}
}
