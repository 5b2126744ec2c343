package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// File is one dashboard as Grafana reads it.
type File struct {
	// Name is that of the file, JSON its content.
	Name string
	JSON []byte
}

// All makes the dashboards, in the order of the links at their top.
func All() ([]dashboard.Dashboard, error) {
	makers := []func() (dashboard.Dashboard, error){
		overview, host, node, flows, changes, captures, health,
	}
	out := make([]dashboard.Dashboard, 0, len(makers))
	for _, make := range makers {
		d, err := make()
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// Files makes the dashboards as JSON, the same bytes each time.
func Files() ([]File, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(all))
	for _, d := range all {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(d); err != nil {
			return nil, fmt.Errorf("encode dashboard %s: %w", *d.Uid, err)
		}
		files = append(files, File{Name: *d.Uid + ".json", JSON: b.Bytes()})
	}
	return files, nil
}
