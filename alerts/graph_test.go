package alerts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/skein-net/skein/topologyd/alert/rulefile"
)

const (
	graphRules = "graph/*.rules.yaml"
	graphTests = "graph/tests/*.test.yaml"
)

// TestGraphRules checks that topologyd takes the graph rules, and that they say
// what an alert has to say.
func TestGraphRules(t *testing.T) {
	files, err := filepath.Glob(graphRules)
	if err != nil || len(files) == 0 {
		t.Fatalf("no graph rules: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rulefile.Parse(data); err != nil {
			t.Errorf("%s:\n%v", file, err)
		}
	}
	for name, r := range alertsOf(t, graphRules) {
		described(t, name, r)
	}
}
