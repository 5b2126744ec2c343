package dashboards

import (
	"encoding/json"
	"os"
	"testing"
)

// TestPluginBringsThem: the plugin's archive holds the dashboards, under the
// titles that they have.
func TestPluginBringsThem(t *testing.T) {
	text, err := os.ReadFile("../grafana-datasource/src/plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	var plugin struct {
		Includes []struct{ Type, Name, Path string }
	}
	if err := json.Unmarshal(text, &plugin); err != nil {
		t.Fatal(err)
	}
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	titles := map[string]string{}
	for _, f := range files {
		var d struct{ Title string }
		if err := json.Unmarshal(f.JSON, &d); err != nil {
			t.Fatal(err)
		}
		titles["dashboards/"+f.Name] = d.Title
	}
	if len(plugin.Includes) != len(titles) {
		t.Errorf("%d are included, there are %d", len(plugin.Includes), len(titles))
	}
	for _, i := range plugin.Includes {
		if i.Type != "dashboard" || titles[i.Path] != i.Name || i.Name == "" {
			t.Errorf("%s is called %q in plugin.json, and %q", i.Path, i.Name, titles[i.Path])
		}
	}
}
