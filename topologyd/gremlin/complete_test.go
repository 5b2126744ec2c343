package gremlin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestComplete runs testdata/complete/*.txt: scripts as of TestScripts with the
// blocks load and
//
//	at TEXT    what can stand at the bar in the text: in the first line the text
//	           that is replaced, in brackets, then the items as KIND INSERT
//	           [COUNT]. "..." stands for any items, "not INSERT" for one that is
//	           not among them. \n in the text is a line break.
func TestComplete(t *testing.T) {
	files, _ := filepath.Glob("testdata/complete/*.txt")
	blocks := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		w.load()
		for _, b := range parseScript(string(text)) {
			switch b.verb {
			case "load":
				w = newWorld(t)
				w.load(b.body...)
				continue
			case "at":
			default:
				t.Fatalf("%s:%d: unknown verb", file, b.line)
			}
			blocks++
			query, offset := marked(b.expr)
			got := w.complete(query, offset, 50)
			if why := w.differ(query, got, b.body); why != "" {
				t.Errorf("%s:%d: %s\n%s\ngot\n  %s", file, b.line, b.expr, why, strings.Join(showItems(query, got), "\n  "))
			}
		}
	}
	if blocks < 50 {
		t.Errorf("only %d blocks", blocks)
	}
}

// marked takes the bar out of a text.
func marked(text string) (string, int) {
	text = strings.ReplaceAll(text, `\n`, "\n")
	at := strings.IndexByte(text, '|')
	return text[:at] + text[at+1:], at
}

func (w *world) complete(text string, offset, limit int) *Completion {
	return Complete(w.tb.Context(), text, offset, w.view, w.sources(), limit)
}

func showItems(text string, c *Completion) []string {
	out := []string{"[" + text[c.From:c.To] + "]"}
	for _, i := range c.Items {
		line := string(i.Kind) + " " + i.Insert
		if i.Count > 0 {
			line += fmt.Sprintf(" %d", i.Count)
		}
		out = append(out, line)
	}
	return out
}

func (w *world) differ(text string, c *Completion, want []string) string {
	got := showItems(text, c)
	for _, line := range want {
		if line == "..." {
			got = nil
			continue
		}
		if insert, ok := strings.CutPrefix(line, "not "); ok {
			if slices.ContainsFunc(c.Items, func(i Item) bool { return i.Insert == insert }) {
				return insert + " is there"
			}
			continue
		}
		if got == nil {
			if !slices.Contains(showItems(text, c), line) {
				return line + " is missing"
			}
			continue
		}
		if len(got) == 0 || got[0] != line {
			return fmt.Sprintf("want %s, is %.1q", line, got)
		}
		got = got[1:]
	}
	if len(got) > 0 {
		return fmt.Sprintf("too many: %q", got)
	}
	return ""
}

// TestCompleteSampled: of a large graph a part is looked at, which is said; what
// the index knows is counted in full all the same.
func TestCompleteSampled(t *testing.T) {
	const nodes = 2 * valueSample
	w := newWorld(t)
	lines := make([]string, nodes)
	for i := range lines {
		lines[i] = fmt.Sprintf("node n%d %s", i, []string{"veth", "veth", "bridge"}[i%3])
	}
	w.load(lines...)
	for text, want := range map[string]string{
		"G.V().Has('Type', '|":  fmt.Sprintf("value 'veth' %d", nodes-nodes/3),
		"G.V().Has('Ty|":        fmt.Sprintf("key 'Type' %d", nodes/((nodes+keySample-1)/keySample)),
		"G.V().Has('Name', 'n|": "value 'n0' 1",
	} {
		query, offset := marked(text)
		c := w.complete(query, offset, 10)
		if got := showItems(query, c); !(c.Sampled || strings.Contains(text, "Name")) || !slices.Contains(got, want) {
			t.Errorf("%s: sampled %t: %q, want %s", text, c.Sampled, got, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, text := range []string{"G.V().Has('Type', '|", "G.V().Has('Type', 'veth').Has('|", "G.V().|"} {
		query, offset := marked(text)
		if c := Complete(ctx, query, offset, w.view, w.sources(), 10); text != "G.V().|" && !c.Sampled {
			t.Errorf("%s, cancelled: %+v", text, c)
		}
	}
}

// TestCompleteWithoutFlows: where no flows are kept, their fields are known and
// their values are not.
func TestCompleteWithoutFlows(t *testing.T) {
	w := completeWorld(t)
	for text, want := range map[string]int{"G.Flows('Applic|": 1, "G.Flows('Application', '|": 0} {
		query, offset := marked(text)
		if c := Complete(t.Context(), query, offset, w.view, Sources{}, 10); len(c.Items) != want {
			t.Errorf("%s: %+v", text, c)
		}
	}
	long := strings.Repeat(" ", MaxText) + "G."
	if c := w.complete(long, len(long), 10); len(c.Items) != 0 || c.From != len(long) || c.To != len(long) {
		t.Errorf("%+v", c)
	}
	for _, offset := range []int{-5, 100} {
		if c := w.complete("G.", offset, 0); c.From < 0 || c.To > 2 || len(c.Items) > 1 {
			t.Errorf("%+v", c)
		}
	}
}
