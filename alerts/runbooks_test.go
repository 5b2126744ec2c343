package alerts

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	runbooks = "../docs/runbooks"
	// runbookURL is where the pages are read.
	runbookURL = "https://github.com/skein-net/skein/blob/main/docs/runbooks/"
)

// everyAlert are the alerts of Prometheus' rules and of graph rules, by name.
func everyAlert(t *testing.T) map[string]rule {
	t.Helper()
	all := alertsOf(t, prometheusRules)
	for name, r := range alertsOf(t, graphRules) {
		if _, twice := all[name]; twice {
			t.Errorf("%s is an alert of Prometheus and of a graph rule", name)
		}
		all[name] = r
	}
	return all
}

// TestRunbooks checks that each alert leads to a page about it, each page belongs
// to an alert, and the list has all of them.
func TestRunbooks(t *testing.T) {
	all := everyAlert(t)
	list, err := os.ReadFile(filepath.Join(runbooks, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if url := all[name].Annotations["runbook_url"]; url != runbookURL+name+".md" {
			t.Errorf("%s: the runbook is %q", name, url)
		}
		page, err := os.ReadFile(filepath.Join(runbooks, name+".md"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.HasPrefix(string(page), "# "+name+"\n") {
			t.Errorf("%s: the page has another title", name)
		}
		for _, part := range []string{"## What it means", "## What to look at", "## What to do", "## When it is wrong"} {
			if !strings.Contains(string(page), "\n"+part+"\n") {
				t.Errorf("%s: the page has no part %q", name, part)
			}
		}
		if !strings.Contains(string(list), "("+name+".md)") {
			t.Errorf("%s is not in the list of pages", name)
		}
		if severity := "**" + all[name].Labels["severity"] + "**"; !strings.Contains(string(page), severity) {
			t.Errorf("%s: the page does not say that it is %s", name, severity)
		}
	}
	pages, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if _, there := all[name]; !there && name != "README" {
			t.Errorf("%s is about no alert", page)
		}
	}
}
