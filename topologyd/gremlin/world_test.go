package gremlin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/graph/graphtext"
)

// world builds a graph from the lines of package graphtext, and besides these:
//
//	flow ALIAS NODE KEY=VALUE ...       a report of a flow seen on a node: its fields,
//	                                    of times in milliseconds; it starts when it
//	                                    is first reported, its Last is the time of
//	                                    the line, and what a report adds is computed
//	packet FLOW WIRE [LINK]             a packet of a flow is kept
//
// Each line happens a second after the one before it, the first at 1 s after 1970;
// the line after a clock a second after the time it gives.
type world struct {
	*graphtext.World
	tb    testing.TB
	view  *graph.View
	past  *history
	flows *flowTable
	// packets are what is kept, nil when nothing is.
	packets *packetTable
}

func newWorld(tb testing.TB) *world {
	w := &world{World: graphtext.New(time.Unix(0, 0).UTC()), tb: tb, past: &history{}, flows: newFlowTable()}
	w.Changed = w.past.add
	return w
}

// load runs lines; it returns the view of what came of it.
func (w *world) load(lines ...string) *graph.View {
	w.tb.Helper()
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := w.line(line); err != nil {
			w.tb.Fatalf("load %q: %v", line, err)
		}
	}
	w.view = w.View()
	return w.view
}

func (w *world) line(line string) error {
	w.Now = w.Now.Add(time.Second)
	words, err := graphtext.Words(line)
	if err != nil {
		return err
	}
	switch {
	case words[0] == "flow" && len(words) > 3:
		return w.flow(words[1], words[2], words[3:])
	case words[0] == "packet" && len(words) > 2:
		return w.packet(words[1], words[2:])
	}
	if err = w.Do(words); err == nil && words[0] == "metric" {
		a, err := graphtext.Attrs(words[2:])
		if err != nil {
			return err
		}
		w.flows.counters = append(w.flows.counters, Counters{Node: w.Events[words[1]].Ref.UUID(), Time: w.Now.UnixNano(), Values: a})
	}
	return err
}

// expand replaces $(alias) and $(parent>child:relation) by IDs.
func (w *world) expand(text string) string {
	out, err := w.Expand(text)
	if err != nil {
		w.tb.Fatal(err)
	}
	return out
}

// show gives a result as the lines that scripts expect: nodes by alias, edges
// as parent -relation-> child, paths as aliases and -relation-, all else as JSON.
func (w *world) show(r *Result) []string {
	out := []string{}
	for n := range r.Nodes() {
		if r.Kind() != KindPaths {
			out = append(out, w.Names[n.ID])
		}
	}
	for e := range r.Edges() {
		out = append(out, fmt.Sprintf("%s -%s-> %s", w.Names[e.Parent], e.RelationType, w.Names[e.Child]))
	}
	for path := range r.PathElements() {
		names := make([]string, len(path))
		for i, e := range path {
			if e.Edge {
				names[i] = "-" + r.view.RelationType(e.Slot) + "-"
			} else {
				names[i] = w.Names[r.view.NodeID(e.Slot)]
			}
		}
		out = append(out, strings.Join(names, " "))
	}
	out = append(out, w.showFlows(r)...)
	for p := range r.Packets() {
		out = append(out, fmt.Sprintf("%s %d at %d", w.flows.aliases[p.Flow], p.Wire, p.Time/int64(time.Millisecond)))
	}
	for v := range r.Values() {
		out = append(out, string(v.AppendJSON(nil)))
	}
	return out
}

func (w *world) sources() Sources {
	w.flows.now = w.Now
	s := Sources{Past: w.past, Flows: w.flows}
	if w.packets != nil {
		s.Packets, s.CompileBPF = w.packets, w.packets.compile
	}
	return s
}

// ask runs a query and gives what scripts expect of it.
func (w *world) ask(text string, lim Limits) ([]string, error) {
	q, err := Parse(w.expand(text))
	if err != nil {
		return nil, err
	}
	r, err := q.run(w.tb.Context(), w.view, w.sources(), w.Now, lim)
	if err != nil {
		return nil, err
	}
	if r.Kind() != q.Kind() {
		w.tb.Errorf("%s: gives %s, was declared to give %s", text, r.Kind(), q.Kind())
	}
	return w.show(r), nil
}
