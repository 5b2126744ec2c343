package gremlin

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReferences: each step and function is described, and its example is a
// query that uses it and gives what the reference says.
func TestReferences(t *testing.T) {
	refs := References()
	if len(refs) != len(steps())+len(functions()) || len(stepHelp()) != len(steps()) || len(functionHelp()) != len(functions()) {
		t.Errorf("%d are described, of %d steps and %d functions", len(refs), len(steps()), len(functions()))
	}
	docs, err := os.ReadFile("../../docs/queries.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range refs {
		if r.Detail == "" || strings.ContainsAny(r.Detail, "\n") || strings.HasSuffix(r.Detail, ".") {
			t.Errorf("%s: the detail is %q, want one line without a full stop", r.Name, r.Detail)
		}
		if !strings.Contains(string(docs), "`"+r.Name) && !strings.Contains(string(docs), r.Name+"(") && !r.Function {
			t.Errorf("docs/queries.md does not speak of %s", r.Name)
		}
		if !r.Function && len(r.Gives) == 0 {
			if r.Example != "" {
				t.Errorf("%s gives nothing, but has an example", r.Name)
			}
			continue
		}
		q, err := Parse(r.Example)
		if err != nil {
			t.Errorf("%s: the example: %v", r.Name, Explain(r.Example, err))
			continue
		}
		if !uses(q.steps, r.Name) {
			t.Errorf("%s: the example does not use it: %s", r.Name, r.Example)
		}
		if (r.Arguments == "") != bare(r.Name) {
			t.Errorf("%s: arguments are %q", r.Name, r.Arguments)
		}
	}
}

func bare(name string) bool {
	return name == stepG || slices.ContainsFunc(functions(), func(f function) bool { return f.bare && f.name == name })
}

func uses(calls []call, name string) bool {
	return slices.ContainsFunc(calls, func(c call) bool {
		return c.name == name || slices.ContainsFunc(c.args, func(a arg) bool { return a.fn != nil && uses([]call{*a.fn}, name) || uses(a.sub, name) })
	})
}

// TestKinds: what completion takes a step to give is what it gives, for each
// beginning of each query of the scripts.
func TestKinds(t *testing.T) {
	anID := regexp.MustCompile(`\$\([^)]*\)`)
	files, _ := filepath.Glob("testdata/*.test")
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range parseScript(string(text)) {
			q, err := Parse(anID.ReplaceAllString(b.expr, "00000000-0000-5000-8000-000000000000"))
			if err != nil {
				continue
			}
			for n := 1; n <= len(q.steps); n++ {
				part := Query{text: q.text, steps: q.steps[:n]}
				if n < len(q.steps) && (q.steps[n].name == stepBy || q.steps[n-1].name == "Repeat") {
					continue // which belongs to the step before it
				}
				if err := part.compile(steps()); err != nil {
					t.Fatal(err)
				}
				seen++
				if got := leadOf(part.steps).kind; got != part.kind {
					t.Errorf("%s gives %s, taken for %s", part.String(), part.kind, got)
				}
				last := &part.steps[n-1]
				for _, r := range References() {
					if r.Name == last.name && !slices.Contains(r.Gives, part.kind) {
						t.Errorf("%s gives %s, the reference says %v", part.String(), part.kind, r.Gives)
					}
				}
			}
		}
	}
	if seen < 500 {
		t.Errorf("only %d beginnings", seen)
	}
}
