package alerts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-net/skein/topologyd/alert/rulefile"
	"github.com/skein-net/skein/topologyd/alert/ruletest"
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

// TestGraphCases runs the tests of the graph rules, and checks that each rule has
// a case in which it fires and one in which it does not.
func TestGraphCases(t *testing.T) {
	bothCases(t, alertsOf(t, graphRules), load[testFile](t, graphTests))
	files, err := filepath.Glob(graphTests)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		var out strings.Builder
		if ok, err := ruletest.TestFile(t.Context(), file, &out); err != nil || !ok {
			t.Errorf("%s: %v\n%s", file, err, out.String())
		}
	}
}
