package frames

import (
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// TestHostsHaveNames: people read names; links take the IDs beside them.
func TestHostsHaveNames(t *testing.T) {
	hosts := Hosts{"id1": "paris"}
	key := func(host, app string) entity.Attrs {
		return entity.Attrs{entity.A("Host", entity.String(host)), entity.A("Application", entity.String(app))}.Normalize()
	}
	top := &client.FlowTop{By: []string{"Host", "Application"}, Metric: "bytes", Rows: []client.TopRow{{Key: key("id1", "DNS"), Value: 2}, {Key: key("id2", "id1"), Value: 1}}}
	f := FlowTop(top, hosts)
	for column, want := range map[string][]string{"Host": {"paris", "id2"}, "HostID": {"id1", "id2"}, "Application": {"DNS", "id1"}} {
		field, _ := f.FieldByName(column)
		for i := range want {
			if field == nil || field.At(i) != want[i] {
				t.Errorf("%s of row %d: %v, want %s", column, i, field, want[i])
			}
		}
	}
	sankey, err := Sankey(top, hosts)
	if err != nil || sankey.Fields[0].At(0) != "paris" {
		t.Errorf("%v, %v", sankey, err)
	}
	at := time.Unix(0, 0)
	series := FlowSeries(&client.FlowSeries{
		From: at, To: at.Add(time.Minute), Start: at, StepSeconds: 60, By: top.By,
		Series: []client.FlowSeriesRow{{Key: key("id1", ""), Points: []int64{1}}}, Others: []int64{2},
	}, hosts, SeriesOptions{Legend: "{{Host}}: {{Application}}"})
	if len(series) != 2 || series[0].Fields[1].Config.DisplayNameFromDS != "paris: none" || series[1].Fields[1].Config.DisplayNameFromDS != "others" {
		t.Errorf("series are called %v", series)
	}
	list := FlowList(&client.FlowList{Flows: []client.Flow{{Host: "id1"}}}, hosts, 0)
	for column, want := range map[string]string{"Host": "paris", "HostID": "id1"} {
		if field, _ := list.FieldByName(column); field == nil || field.At(0) != want {
			t.Errorf("%s: %v, want %s", column, field, want)
		}
	}
}
