package dashboards

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/skein-net/skein/topologyd/gremlin"
)

// TestDocs reads the queries of docs/grafana.md as the datasource and topologyd
// do.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/grafana.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) < 5 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		var q Query
		dec := json.NewDecoder(bytes.NewReader(b[1]))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&q); err != nil {
			t.Errorf("%s: %v", b[1], err)
			continue
		}
		if err := q.Validate(); err != nil {
			t.Errorf("%s: %v", b[1], err)
		}
		if q.Gremlin == "" {
			continue
		}
		if _, err := gremlin.Parse(q.Gremlin); err != nil {
			t.Errorf("%s: %v", b[1], err)
		}
	}
}
