package gremlin

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDocs runs every example of docs/queries.md on the graph that the page
// shows: fenced blocks of gremlin (the lines after => in any order, in order
// after Sort and Order), error, and plan.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/queries.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := fenced(string(text))
	w := newWorld(t)
	examples := 0
	used := map[string]bool{}
	for _, b := range blocks {
		if b.verb == "graph" {
			w.load(b.body...)
		}
	}
	if w.view == nil {
		t.Fatal("the page shows no graph")
	}
	for _, b := range blocks {
		if b.verb != "gremlin" && b.verb != "error" && b.verb != "plan" {
			continue
		}
		examples++
		var want []string
		for _, line := range b.body {
			if answer, ok := strings.CutPrefix(line, "=>"); ok {
				want = append(want, strings.TrimSpace(answer))
			} else {
				b.expr += line
			}
		}
		if b.verb == "plan" {
			if got := planOf(t, w, b.expr); !slices.Equal(got, want) {
				t.Errorf("line %d: %s\ngot  %q\nwant %q", b.line, b.expr, got, want)
			}
			continue
		}
		got, err := w.ask(b.expr, Limits{})
		if b.verb == "error" {
			if err == nil || len(want) != 1 || err.Error() != want[0] {
				t.Errorf("line %d: %s\ngot  %v\nwant %v", b.line, b.expr, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("line %d: %s", b.line, Explain(b.expr, err))
			continue
		}
		q := mustParse(t, b.expr)
		for i := range q.steps {
			used[q.steps[i].name] = true
		}
		if q.Kind() == KindPaths {
			for i := range got {
				got[i] = "[" + got[i] + "]"
			}
		}
		if !strings.Contains(b.expr, "Sort") && !strings.Contains(b.expr, "Order") {
			slices.Sort(got)
			slices.Sort(want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("line %d: %s\ngot  %q\nwant %q", b.line, b.expr, got, want)
		}
	}
	if examples < 25 {
		t.Errorf("only %d examples were found", examples)
	}
	for _, s := range steps() {
		if !strings.Contains(string(text), "`"+s.name) && !used[s.name] {
			t.Errorf("the page does not speak of %s", s.name)
		}
	}
	for _, f := range functions() {
		if !strings.Contains(string(text), f.name) {
			t.Errorf("the page does not speak of %s", f.name)
		}
	}
}

// planOf gives the rows of a plan without times.
func planOf(t *testing.T, w *world, text string) (out []string) {
	e, err := mustParse(t, text).Explain(t.Context(), w.view, w.sources(), Limits{})
	if err != nil {
		t.Fatal(Explain(text, err))
	}
	for _, s := range e.Steps {
		cells := []string{s.Text}
		if len(s.How) > 0 {
			cells = append(cells, strings.Join(s.How, "; "))
		}
		if s.In >= 0 {
			cells = append(cells, fmt.Sprintf("%d given", s.In))
		}
		cells = append(cells, fmt.Sprintf("%d found", s.Out), fmt.Sprintf("%d looked at", s.Visited))
		out = append(out, strings.Join(cells, " | "))
	}
	return out
}

// fenced finds the fenced blocks of a Markdown text.
func fenced(text string) []block {
	var blocks []block
	var open *block
	for i, line := range strings.Split(text, "\n") {
		switch rest, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			open = &block{line: i + 1, verb: rest}
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.body = append(open.body, line)
		}
	}
	return blocks
}
