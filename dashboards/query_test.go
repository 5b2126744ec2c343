package dashboards

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/skein-net/skein/grafana-datasource/pkg/query"
)

func TestQueryValidate(t *testing.T) {
	tests := []struct {
		name  string
		q     Query
		valid bool
	}{
		{"none", Query{}, false},
		{"unknown", Query{QueryType: "topologie", Gremlin: "G"}, false},
		{"topology", Query{QueryType: typeTopology, Gremlin: "G"}, true},
		{"topology of nothing", Query{QueryType: typeTopology}, false},
		{"table of nothing", Query{QueryType: typeTable}, false},
		{"events", Query{QueryType: typeEvents}, true},
		{"status", Query{QueryType: typeStatus}, true},
		{"series of nothing", Query{QueryType: typeTimeSeries}, false},
		{"series", Query{QueryType: typeTimeSeries, Series: "flows"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.q.Validate(); (err == nil) != tt.valid {
				t.Errorf("Validate: %v", err)
			}
			if _, err := tt.q.Build(); (err == nil) != tt.valid {
				t.Errorf("Build: %v", err)
			}
		})
	}
}

func TestQueryEquals(t *testing.T) {
	a := Query{QueryType: typeFlows, Filter: &Filter{Port: "443"}, Rate: yes()}
	b := Query{QueryType: typeFlows, Filter: &Filter{Port: "443"}, Rate: yes()}
	if !a.Equals(b) {
		t.Error("the same queries differ")
	}
	b.Filter.Port = "80"
	if a.Equals(b) || a.Equals(nil) {
		t.Error("different queries are the same")
	}
	if a.DataqueryType() != PluginID {
		t.Error(a.DataqueryType())
	}
}

// TestQueryJSON pins the names of the members: the datasource reads them.
func TestQueryJSON(t *testing.T) {
	ds := skein()
	q := Query{
		RefID: "A", Hide: true, Datasource: &ds, QueryType: typeDiff, Gremlin: "G", Time: "now", Group: []string{"host"}, Expand: "*", NodeLimit: 1,
		ExpandVariable: "expand", Arcs: "change", Traffic: no(), ChangesOnly: yes(), Keys: "State", View: "both", Columns: []string{"Name"}, Flatten: true,
		Flows: "top", Filter: &Filter{Node: "n", Host: "h", Interface: "i", Capture: "c", Address: "a", Port: "1", Application: "x", Protocol: "p", Layers: "l", Tracking: "t", Finished: "true"},
		By: "pair", Metric: "bytes", Sort: "last", Order: "asc", Limit: 2, Series: "flows", Fields: []string{"RxBytes"}, Rate: no(), Legend: "{{Name}}", Ops: []string{"added"}, What: "all", Live: true,
	}
	const want = `{"refId":"A","hide":true,"datasource":{"type":"skein-topology-datasource","uid":"${ds}"},"queryType":"diff","gremlin":"G","time":"now",` +
		`"group":["host"],"expand":"*","nodeLimit":1,"expandVariable":"expand","arcs":"change","traffic":false,"changesOnly":true,"keys":"State","view":"both",` +
		`"columns":["Name"],"flatten":true,"flows":"top","filter":{"node":"n","host":"h","interface":"i","capture":"c","address":"a","port":"1","application":"x",` +
		`"protocol":"p","layers":"l","tracking":"t","finished":"true"},"by":"pair","metric":"bytes","sort":"last","order":"asc","limit":2,"series":"flows",` +
		`"fields":["RxBytes"],"rate":false,"legend":"{{Name}}","ops":["added"],"what":"all","live":true}`
	have, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("have %s\nwant %s", have, want)
	}
}

// TestQueryIsTheDatasources: every member is one that the datasource reads, and
// there is none that dashboards cannot set but those of its frontend.
func TestQueryIsTheDatasources(t *testing.T) {
	names := func(v any) map[string]bool {
		out := map[string]bool{}
		for f := range reflect.TypeOf(v).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			out[name] = true
		}
		return out
	}
	ours, theirs := names(Query{}), names(query.Query{})
	for _, grafanas := range []string{"hide", "datasource"} {
		delete(ours, grafanas)
	}
	delete(theirs, "link")
	if !maps.Equal(ours, theirs) {
		t.Errorf("members are %v, those of the datasource %v", ours, theirs)
	}
}
