package dashboards

import (
	"encoding/json"
	"testing"
)

// board as tests read it: what Grafana needs and nothing of the builders.
type boardJSON struct {
	UID           string      `json:"uid"`
	Title         string      `json:"title"`
	Description   string      `json:"description"`
	SchemaVersion int         `json:"schemaVersion"`
	Refresh       string      `json:"refresh"`
	Tags          []string    `json:"tags"`
	ID            *int        `json:"id"`
	Panels        []panelJSON `json:"panels"`
	Links         []linkJSON  `json:"links"`
	Time          struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"time"`
	Templating struct {
		List []variableJSON `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Name       string          `json:"name"`
			Datasource refJSON         `json:"datasource"`
			Target     json.RawMessage `json:"target"`
		} `json:"list"`
	} `json:"annotations"`
}

type panelJSON struct {
	ID          int               `json:"id"`
	Type        string            `json:"type"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Collapsed   bool              `json:"collapsed"`
	Datasource  refJSON           `json:"datasource"`
	Targets     []json.RawMessage `json:"targets"`
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Panels []panelJSON `json:"panels"`
}

type refJSON struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type linkJSON struct {
	URL         string `json:"url"`
	KeepTime    bool   `json:"keepTime"`
	IncludeVars bool   `json:"includeVars"`
}

type variableJSON struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Label       string          `json:"label"`
	Description string          `json:"description"`
	Datasource  refJSON         `json:"datasource"`
	Query       json.RawMessage `json:"query"`
	IncludeAll  bool            `json:"includeAll"`
	AllValue    string          `json:"allValue"`
}

// generated returns what the builders make, by the dashboards' UIDs.
func generated(t *testing.T) (map[string]boardJSON, map[string]string) {
	t.Helper()
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	boards, texts := map[string]boardJSON{}, map[string]string{}
	for _, f := range files {
		var b boardJSON
		if err := json.Unmarshal(f.JSON, &b); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if f.Name != b.UID+".json" {
			t.Errorf("%s holds the dashboard %s", f.Name, b.UID)
		}
		boards[b.UID], texts[b.UID] = b, string(f.JSON)
	}
	return boards, texts
}

// each calls f with every panel, also those in rows.
func (b boardJSON) each(f func(panelJSON)) {
	for _, p := range b.Panels {
		f(p)
		for _, q := range p.Panels {
			f(q)
		}
	}
}
