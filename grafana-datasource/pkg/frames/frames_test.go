package frames

import (
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

func parse(t testing.TB, text string) entity.Value {
	t.Helper()
	v, err := entity.ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func notices(f *data.Frame) string {
	var out []string
	if f.Meta != nil {
		for _, n := range f.Meta.Notices {
			out = append(out, n.Text)
		}
	}
	return strings.Join(out, "\n")
}

// TestColumnTypes checks that a column has the narrowest type that holds all of
// its values.
func TestColumnTypes(t *testing.T) {
	for text, want := range map[string]data.FieldType{
		`[{"v":1},{"v":2},{}]`:            data.FieldTypeNullableInt64,
		`[{"v":1},{"v":2.5}]`:             data.FieldTypeNullableFloat64,
		`[{"v":true},{}]`:                 data.FieldTypeNullableBool,
		`[{"v":"a"},{"v":1}]`:             data.FieldTypeNullableString,
		`[{"v":1},{"v":true}]`:            data.FieldTypeNullableString,
		`[{"v":["a","b"]},{"v":{"x":1}}]`: data.FieldTypeNullableString,
		`[{"x":1}]`:                       data.FieldTypeNullableString,
	} {
		r := &client.Result{Kind: client.KindMaps, Values: parse(t, text).List()}
		f := Table(r, TableOptions{Columns: []string{"v"}})
		if got := f.Fields[0].Type(); got != want || f.Rows() != len(r.Values) {
			t.Errorf("%s: %v with %d rows, want %v", text, got, f.Rows(), want)
		}
	}
	for text, want := range map[string]data.FieldType{
		`[{"@CreatedAt":1795378388000}]`:         data.FieldTypeNullableTime,
		`[{"Docker.StartTime":1795378388000.0}]`: data.FieldTypeNullableTime,
		`[{"Start":12}]`:                         data.FieldTypeNullableInt64,
		`[{"Last":"soon"}]`:                      data.FieldTypeNullableString,
		`[{"CreatedAtAll":1795378388000}]`:       data.FieldTypeNullableInt64,
	} {
		f := Table(&client.Result{Kind: client.KindMaps, Values: parse(t, text).List()}, TableOptions{})
		if got := f.Fields[0].Type(); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestFlatten(t *testing.T) {
	v := parse(t, `[{"Name":"c1","Docker":{"ID":"x","Labels":{"app":"web"}},"IPV4":["10.0.0.1/24","10.0.0.2/24"],"Deep":[{"a":1}]}]`)
	nodes := []client.Node{{Metadata: v.List()[0].Map()}}
	names := func(o TableOptions) string {
		var out []string
		for _, f := range Table(&client.Result{Kind: client.KindNodes, Nodes: nodes}, o).Fields {
			if !strings.HasPrefix(f.Name, "@") {
				out = append(out, f.Name)
			}
		}
		return strings.Join(out, " ")
	}
	if got := names(TableOptions{}); got != "Name IPV4" {
		t.Errorf("columns %s", got)
	}
	if got := names(TableOptions{Flatten: true}); got != "Name Docker.ID IPV4" {
		t.Errorf("flat columns %s", got)
	}
	f := Table(&client.Result{Kind: client.KindNodes, Nodes: nodes}, TableOptions{Columns: []string{"Docker.Labels.app", "IPV4", "Deep.a", "Deep"}})
	for i, want := range []any{"web", "10.0.0.1/24, 10.0.0.2/24", int64(1), `[{"a":1}]`} {
		if got, ok := f.ConcreteAt(i, 0); !ok || got != want {
			t.Errorf("%s is %v, want %v", f.Fields[i].Name, got, want)
		}
	}
}

func TestRowLimit(t *testing.T) {
	nodes := make([]client.Node, 25)
	for kind, r := range map[string]*client.Result{
		"nodes":  {Kind: client.KindNodes, Nodes: nodes},
		"edges":  {Kind: client.KindEdges, Edges: make([]client.Edge, 25)},
		"flows":  {Kind: client.KindFlows, Flows: make([]client.Flow, 25)},
		"values": {Kind: client.KindValues, Values: make([]entity.Value, 25)},
		"paths":  {Kind: client.KindPaths, Paths: make([][]client.Node, 25)},
	} {
		f := Table(r, TableOptions{MaxRows: 10})
		if f.Rows() != 10 || !strings.Contains(notices(f), "first 10 of 25 "+kind+" are shown, 15 are left out") {
			t.Errorf("%s: %d rows, notices %q", kind, f.Rows(), notices(f))
		}
	}
	f := FlowList(&client.FlowList{More: true, Flows: make([]client.Flow, 2)}, nil, 0)
	if !strings.Contains(notices(f), "Only 2 flows") {
		t.Error(notices(f))
	}
	d := &client.Diff{Nodes: []client.NodeDiff{{Op: "changed", Keys: make([]client.Key, 5)}, {Op: "changed", Keys: make([]client.Key, 6)}}}
	if f := Diff(d, nil, 10); f.Rows() != 5 || !strings.Contains(notices(f), "first 1 of 2 changed elements") {
		t.Errorf("%d rows: %s", f.Rows(), notices(f))
	}
	changes := &client.Changes{From: time.Unix(5000, 0), Changes: []client.PastChange{
		{Op: client.NodeAdded, Node: &client.Node{}, Revision: 1}, {Op: client.NodeAdded, Node: &client.Node{}, Revision: 2}}}
	f = Events(changes, nil, time.Unix(1000, 0), 1)
	if v, _ := f.FieldByName("revision"); f.Rows() != 1 || v.At(0) != int64(2) || !strings.Contains(notices(f), "newest 1") || !strings.Contains(notices(f), "kept from 1970-01-01T01:23:20Z") {
		t.Errorf("%d rows: %s", f.Rows(), notices(f))
	}
}

// TestManyKeys checks that no graph makes a table without bounds.
func TestManyKeys(t *testing.T) {
	var a entity.Attrs
	for i := range 5000 {
		a = append(a, entity.A("k"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), entity.Int(1)))
	}
	f := Table(&client.Result{Kind: client.KindNodes, Nodes: []client.Node{{Metadata: a.Normalize()}}}, TableOptions{})
	if len(f.Fields) > maxColumns || !strings.Contains(notices(f), "columns are left out") {
		t.Errorf("%d columns, notices %q", len(f.Fields), notices(f))
	}
	long := client.Node{Metadata: entity.Attrs{entity.A("Text", entity.String(strings.Repeat("ü", maxCell)))}}
	f = Table(&client.Result{Kind: client.KindNodes, Nodes: []client.Node{long}}, TableOptions{Columns: []string{"Text"}})
	if v, _ := f.ConcreteAt(0, 0); len(v.(string)) > maxCell {
		t.Errorf("a cell of %d bytes", len(v.(string)))
	}
}

func TestSankey(t *testing.T) {
	row := func(a, b string, v int64) client.TopRow {
		return client.TopRow{Key: entity.Attrs{entity.A("A", str(a)), entity.A("B", str(b))}.Normalize(), Value: v}
	}
	f, err := Sankey(&client.FlowTop{By: []string{"A", "B"}, Rows: []client.TopRow{row("x", "y", 10), row("y", "x", 4), row("x", "", 1), row("x", "x", 2)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "x y (2) 10|y x (2) 4|x none 1|x x (2) 2"
	var got []string
	for i := range f.Rows() {
		got = append(got, strings.Join([]string{f.Fields[0].At(i).(string), f.Fields[1].At(i).(string), entity.Int(f.Fields[2].At(i).(int64)).Text()}, " "))
	}
	if strings.Join(got, "|") != want {
		t.Errorf("%s, want %s", strings.Join(got, "|"), want)
	}
	if _, err := Sankey(&client.FlowTop{By: []string{"A"}}, nil); err == nil || !strings.Contains(err.Error(), "two fields") {
		t.Error(err)
	}
	three, err := Sankey(&client.FlowTop{By: []string{"A", "B", "C"}, Rows: []client.TopRow{
		{Key: entity.Attrs{entity.A("A", str("a")), entity.A("B", str("b")), entity.A("C", str("c"))}, Value: 3},
		{Key: entity.Attrs{entity.A("A", str("a")), entity.A("B", str("b")), entity.A("C", str("d"))}, Value: 4},
	}}, nil)
	if err != nil || three.Rows() != 3 || three.Fields[2].At(0) != int64(7) {
		t.Errorf("%v %v", three, err)
	}
}

func TestRate(t *testing.T) {
	c := ParseCounted(parse(t, `[{"a":[{"Start":1000000,"Last":1010000,"RxBytes":1000},{"Start":1010100,"Last":1015100,"RxBytes":1000},{"Start":1040000,"Last":1040000,"RxBytes":10}],"b":[{"Start":1000000,"Last":1010000,"RxBytes":5000}],"c":[]}]`).List())
	all, total := Largest(c, []string{"RxBytes"}, 1)
	if total != 2 || len(all) != 1 || all[0].Name != "b" {
		t.Fatalf("%d of %d: %v", len(all), total, all)
	}
	all, _ = Largest(c, []string{"RxBytes"}, 0)
	frames := CountedSeries(all[1:], []string{"RxBytes", "Nothing"}, func(c *Counted) data.Labels { return data.Labels{"Name": c.Name} },
		SeriesOptions{Base: time.UnixMilli(1000000), Step: 10 * time.Second, Rate: true})
	if len(frames) != 1 || frames[0].Rows() != 3 {
		t.Fatalf("%d frames", len(frames))
	}
	for i, want := range []float64{100, 200, 1} {
		if got, _ := frames[0].ConcreteAt(1, i); got != want {
			t.Errorf("point %d is %v, want %v", i, got, want)
		}
	}
	if at := frames[0].At(0, 1).(time.Time); at.UnixMilli() != 1010000 {
		t.Errorf("the second point is at %v", at)
	}
	config := frames[0].Fields[1].Config
	if config.Unit != "Bps" || config.DisplayNameFromDS != "a RxBytes" {
		t.Errorf("config %+v", config)
	}
	SeriesLeftOut(frames, 1, 7)
	if !strings.Contains(notices(frames[0]), "1 largest of 7 series") {
		t.Error(notices(frames[0]))
	}
}

func TestLegend(t *testing.T) {
	labels := data.Labels{"Name": "eth0", "Host": "paris", "field": "RxBytes"}
	for text, want := range map[string]string{"{{Name}}@{{ Host }} {{field}}{{none}}": "eth0@paris RxBytes", "plain": "plain", "{{": "{{"} {
		if got := legend(text, labels); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
	if got := usualName(labels); got != "eth0 on paris RxBytes" {
		t.Error(got)
	}
	if got := usualName(data.Labels{"Application": "DNS", "Host": "x"}); got != "DNS x" {
		t.Error(got)
	}
}

func TestNumberOfNothing(t *testing.T) {
	f := Number(entity.Value{})
	if f.Rows() != 1 || !f.NilAt(0, 0) {
		t.Errorf("%d rows", f.Rows())
	}
	if f := Table(&client.Result{Kind: client.KindMap, Number: parse(t, `{"a":1,"b":2}`)}, TableOptions{}); f.Meta.Type != data.FrameTypeNumericLong || f.Rows() != 2 {
		t.Errorf("%+v", f.Meta)
	}
	if f := FlowReports(nil, nil, 5); f.Rows() != 0 || len(f.Fields) != 23 {
		t.Errorf("%d rows, %d fields", f.Rows(), len(f.Fields))
	}
	if f := Revision(time.Unix(1, 0), 7); f.Rows() != 1 || f.At(1, 0) != int64(7) {
		t.Error(f)
	}
}
