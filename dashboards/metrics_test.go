package dashboards

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMetrics checks that every metric that is asked of Prometheus, here and in
// the rules of alerts, is one that somebody makes.
func TestMetrics(t *testing.T) {
	source := sources(t, "../topologyd", "../otel-receiver/flowcapture")
	_, texts := generated(t)
	rules, err := filepath.Glob("../alerts/prometheus/*.rules.yml")
	if err != nil || len(rules) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	for _, file := range rules {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	metric := regexp.MustCompile(`\b(topologyd|otelcol_receiver_flowcapture)_([a-z_]+)`)
	// What rules record is made of what others make.
	recorded := regexp.MustCompile(`[a-z_]+:[a-z_]+:[a-z_0-9]+`)
	seen := 0
	for where, text := range texts {
		for _, m := range metric.FindAllStringSubmatch(recorded.ReplaceAllString(text, ""), -1) {
			seen++
			name := strings.TrimSuffix(strings.TrimSuffix(m[2], "_bucket"), "_")
			// Some have a prefix in common, which stands once: "topologyd_ingest_".
			_, rest, _ := strings.Cut(name, "_")
			if !strings.Contains(source, `"`+name+`"`) && !strings.Contains(source, `"`+rest+`"`) && !strings.Contains(source, m[1]+"_"+name) {
				t.Errorf("%s asks for %s, which nobody makes", where, m[0])
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d metrics were found: is the pattern wrong?", seen)
	}
}

// sources returns the text of all Go files and of documentation.md below folders.
func sources(t *testing.T, roots ...string) string {
	t.Helper()
	var b strings.Builder
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if filepath.Ext(path) != ".go" && filepath.Base(path) != "documentation.md" || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(path)
			b.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
