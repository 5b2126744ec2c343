package frames

import (
	"encoding/json"
	"flag"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"

	"github.com/skein-net/skein/grafana-datasource/internal/fakedaemon"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// hostID is that of the host that has everything in the recordings.
const hostID = "3d1219c7c4c5404aaa1f6d2a48adfda4"

var update = flag.Bool("update", false, "write the golden files anew")

// read reads a recorded answer.
func read[T any](t testing.TB, name string) *T {
	t.Helper()
	v := new(T)
	if err := json.Unmarshal(fakedaemon.Recording(t, name), v); err != nil {
		t.Fatal(err)
	}
	return v
}

// result reads a recorded answer to a query.
func result(t testing.TB, kind, name string) *client.Result {
	t.Helper()
	r, err := client.ParseResult(kind, 27, fakedaemon.Recording(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// golden compares frames with those that are kept.
func golden(t *testing.T, name string, frames data.Frames) {
	t.Helper()
	experimental.CheckGoldenJSONResponse(t, "testdata", name, &backend.DataResponse{Frames: frames, Status: backend.StatusOK}, *update)
}

func TestGoldenFrames(t *testing.T) {
	one := func(f *data.Frame) data.Frames { return data.Frames{f} }
	hosts := Hosts{hostID: "paris"}
	status := read[client.Status](t, "status.json")
	status.Raw = fakedaemon.Recording(t, "status.json")
	statusFrame, err := Status(status)
	if err != nil {
		t.Fatal(err)
	}
	sankey, err := Sankey(read[client.FlowTop](t, "flows_top.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	metrics := ParseCounted(result(t, client.KindMetrics, "metrics.json").Values)
	fields := []string{"RxBytes", "TxPackets"}
	largest, _ := Largest(metrics, fields, 10)
	base := time.UnixMilli(largest[0].Steps[0].Get("Start").Int())
	options := SeriesOptions{Base: base, Step: time.Minute, Rate: true, Legend: "{{ID}} {{field}}"}
	counts := options
	counts.Rate, counts.Legend = false, ""
	labels := func(c *Counted) data.Labels { return data.Labels{"ID": c.Name, "Name": "x", "Host": "paris"} }
	for name, frames := range map[string]data.Frames{
		"nodes":         one(Table(result(t, client.KindNodes, "nodes.json"), TableOptions{})),
		"nodes_columns": one(Table(result(t, client.KindNodes, "nodes.json"), TableOptions{Columns: []string{"Name", "IPV4", "@CreatedAt", "Host", "Nothing"}, MaxRows: 3})),
		"edges":         one(Table(result(t, client.KindEdges, "edges.json"), TableOptions{})),
		"values":        one(Table(result(t, client.KindValues, "values.json"), TableOptions{MaxRows: 4})),
		"maps":          one(Table(result(t, client.KindMaps, "maps.json"), TableOptions{})),
		"paths":         one(Table(result(t, client.KindPaths, "paths.json"), TableOptions{})),
		"number":        one(Table(result(t, client.KindNumber, "number.json"), TableOptions{})),
		"groups":        one(Table(result(t, client.KindGroups, "groups.json"), TableOptions{Flatten: true, MaxRows: 3})),
		"groups_nodes":  one(Table(&client.Result{Kind: client.KindGroups, Values: parsed(t, `[{"bridge":[{"ID":"a","Metadata":{"Name":"br0","MTU":1500}}],"veth":[]}]`)}, TableOptions{})),
		"groups_values": one(Table(&client.Result{Kind: client.KindGroups, Values: parsed(t, `[{"bridge":2,"veth":["v1","v2"]}]`)}, TableOptions{})),
		"metrics":       one(Table(result(t, client.KindMetrics, "metrics.json"), TableOptions{MaxRows: 5})),
		"query_flows":   one(Table(result(t, client.KindFlows, "query_flows.json"), TableOptions{Columns: []string{"Application", "Network.A", "Metric.BABytes", "Last"}})),
		"flows":         one(FlowList(read[client.FlowList](t, "flows.json"), nil, 0)),
		"flow_top":      one(FlowTop(read[client.FlowTop](t, "flows_top.json"), nil)),
		"sankey":        one(sankey),
		"flow_series":   FlowSeries(read[client.FlowSeries](t, "flows_series.json"), nil, SeriesOptions{Rate: true}),
		"flow_sums":     FlowSeries(read[client.FlowSeries](t, "flows_series.json"), nil, SeriesOptions{}),
		"counted":       CountedSeries(largest, fields, labels, options),
		"counted_sums":  CountedSeries(largest, fields, labels, counts),
		"events":        one(Events(read[client.Changes](t, "changes.json"), hosts, time.Time{}, 0)),
		"diff":          one(Diff(read[client.Diff](t, "diff.json"), hosts, 0)),
		"status":        one(statusFrame),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, frames) })
	}
}

// parsed reads the values of an answer.
func parsed(t *testing.T, text string) []entity.Value {
	t.Helper()
	v, err := entity.ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return v.List()
}
