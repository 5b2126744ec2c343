package gremlin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
	"github.com/skein-net/skein/topologyd/when"
)

// world builds a graph from the compact text that the scripts load:
//
//	node ALIAS [TYPE] [KEY=VALUE ...]   Name is the alias and Type the type,
//	                                    unless given; - is "no type", Name=- "no name"
//	host ALIAS [KEY=VALUE ...]          a node of type host, which has a TID; so does
//	                                    what it owns
//	edge PARENT -> CHILD RELATION [KEY=VALUE ...]
//	metric ALIAS KEY=VALUE ...          counters of a node, one second later each time
//	stale ALIAS                         the reports of the node have stopped
//	delete ALIAS                        the node is gone
//	unlink PARENT -> CHILD RELATION     the edge is gone
//	flow ALIAS NODE KEY=VALUE ...       a report of a flow seen on a node: its fields,
//	                                    of times in milliseconds; it starts when it
//	                                    is first reported, its Last is the time of
//	                                    the line, and what a report adds is computed
//	packet FLOW WIRE [LINK]             a packet of a flow is kept
//	same TO FROM KEY                    nodes of type TO join those of type FROM that
//	                                    have the same KEY
//	clock TIME                          the next line happens a second after it
//
// A value is JSON or a bare word; @Host and @Origin set those fields. Each
// line happens a second after the one before it, the first at 1 s after 1970.
// A node or edge given again is a new revision.
type world struct {
	tb     testing.TB
	g      *graph.Graph
	events map[string]*entity.Event
	edges  map[string]entity.UUID // "parent>child:relation"
	names  map[entity.UUID]string
	now    time.Time
	stale  bool
	view   *graph.View
	past   *history
	flows  *flowTable
	// packets are what is kept, nil when nothing is.
	packets *packetTable
}

func newWorld(tb testing.TB) *world {
	return &world{
		tb: tb, g: graph.New(graph.DefaultConfig()), now: time.Unix(0, 0).UTC(),
		events: map[string]*entity.Event{}, edges: map[string]entity.UUID{}, names: map[entity.UUID]string{}, past: &history{}, flows: newFlowTable(),
	}
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
	if w.stale {
		for from, more := int32(0), true; more; more = from != 0 {
			_, from, _ = w.g.Sweep(from, w.now, nil)
		}
	}
	w.view = w.g.View()
	return w.view
}

func (w *world) line(line string) error {
	w.now = w.now.Add(time.Second)
	words, err := splitWords(line)
	if err != nil {
		return err
	}
	switch {
	case words[0] == "node" && len(words) > 1:
		return w.node(words[1], words[2:])
	case words[0] == "host" && len(words) > 1:
		w.events[words[1]] = &entity.Event{Ref: entity.HostRef(words[1])}
		return w.node(words[1], append([]string{"host"}, words[2:]...))
	case words[0] == "flow" && len(words) > 3:
		return w.flow(words[1], words[2], words[3:])
	case words[0] == "packet" && len(words) > 2:
		return w.packet(words[1], words[2:])
	case words[0] == "edge" && len(words) > 4 && words[2] == "->":
		return w.edge(words[1], words[3], words[4], words[5:])
	case words[0] == "metric" && len(words) > 2:
		a, err := attrs(words[2:])
		if err != nil {
			return err
		}
		id := w.events[words[1]].Ref.UUID()
		w.g.SetMetric(id, w.now, a)
		w.flows.counters = append(w.flows.counters, Counters{Node: id, Time: w.now.UnixNano(), Values: a})
		return nil
	case words[0] == "stale" && len(words) == 2:
		e := w.events[words[1]]
		e.Interval = time.Second
		w.apply(e)
		w.now = w.now.Add(1700 * time.Millisecond)
		w.stale = true
		return nil
	case words[0] == "delete" && len(words) == 2:
		e := w.events[words[1]]
		w.apply(&entity.Event{Kind: entity.Delete, Ref: e.Ref, Source: e.Source})
		return nil
	case words[0] == "unlink" && len(words) == 5:
		p, c := w.events[words[1]], w.events[words[3]]
		p.Relationships = slices.DeleteFunc(p.Relationships, func(r entity.Relationship) bool {
			return r.Type == words[4] && r.Target.Equal(c.Ref)
		})
		w.apply(p)
		return nil
	case words[0] == "same" && len(words) == 4:
		side := func(typ string) join.Side {
			return join.Side{Entity: "test", Where: []join.Condition{{Key: entity.KeyType, In: []string{typ}}}, Key: words[3:]}
		}
		row := join.Row{Name: words[1], Kind: join.Same, From: side(words[2]), To: side(words[1])}
		w.apply(&entity.Event{
			Ref: entity.JoinRef(row.Name), Source: entity.SourceJoin,
			Attributes: entity.Attrs{entity.A(entity.KeyRow, entity.String(row.JSON()))},
		})
		return nil
	case words[0] == "clock" && len(words) > 1:
		w.now, err = when.Parse(strings.Join(words[1:], " "), w.now)
		return err
	}
	return fmt.Errorf("not a line that is known")
}

func (w *world) node(alias string, words []string) error {
	typ := ""
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		typ = words[0]
		words = words[1:]
	}
	a, err := attrs(words)
	if err != nil {
		return err
	}
	e := &entity.Event{Ref: entity.Ref{Type: "test", ID: entity.NewIdentity("id", alias)}, Source: "test"}
	list := entity.Attrs{entity.A(entity.KeyName, entity.String(alias))}
	if typ != "" && typ != "-" {
		list = append(list, entity.A(entity.KeyType, entity.String(typ)))
	}
	for _, x := range a {
		switch {
		case x.Key == "@Host":
			e.Ref.ID = entity.NewIdentity("id", alias, entity.IDHost, x.Value.Text())
		case x.Key == "@Origin":
			e.Source = x.Value.Text()
		case x.Key == entity.KeyName && x.Value.Text() == "-":
			list = list[1:]
		default:
			list = append(list, x)
		}
	}
	e.Attributes = list.Normalize()
	if old := w.events[alias]; old != nil {
		if old.Ref.Type == entity.TypeHost {
			e.Ref = old.Ref
		}
		e.Relationships = old.Relationships
	}
	w.events[alias] = e
	w.names[e.Ref.UUID()] = alias
	w.apply(e)
	return nil
}

func (w *world) edge(parent, child, relation string, words []string) error {
	a, err := attrs(words)
	if err != nil {
		return err
	}
	p, c := w.events[parent], w.events[child]
	if p == nil || c == nil {
		return fmt.Errorf("no node %s or %s", parent, child)
	}
	r := entity.Relationship{Type: relation, Target: c.Ref, Attributes: a}
	rels := []entity.Relationship{}
	for _, old := range p.Relationships {
		if old.Type != relation || !old.Target.Equal(c.Ref) {
			rels = append(rels, old)
		}
	}
	p.Relationships = append(rels, r)
	id := r.Edge(p.Ref.UUID()).ID
	name := parent + ">" + child + ":" + relation
	w.edges[name], w.names[id] = id, name
	w.apply(p)
	return nil
}

// apply applies a copy, since events are immutable once they are prepared.
func (w *world) apply(e *entity.Event) {
	ev := *e
	ev.Time = w.now
	ev.Attributes = append(entity.Attrs(nil), e.Attributes...)
	ev.Relationships = append([]entity.Relationship(nil), e.Relationships...)
	p := w.g.Prepare(&ev, 0)
	changes, _ := w.g.Apply(&p, w.now, nil)
	w.past.add(changes)
}

// expand replaces $(alias) and $(parent>child:relation) by IDs.
func (w *world) expand(text string) string {
	for {
		i := strings.Index(text, "$(")
		if i < 0 {
			return text
		}
		name, rest, _ := strings.Cut(text[i+2:], ")")
		id, ok := w.edges[name]
		if e := w.events[name]; e != nil {
			id, ok = e.Ref.UUID(), true
		}
		if !ok {
			w.tb.Fatalf("no element %q in %q", name, text)
		}
		text = text[:i] + id.String() + rest
	}
}

// show gives a result as the lines that scripts expect: nodes by alias, edges
// as parent -relation-> child, paths as aliases and -relation-, all else as JSON.
func (w *world) show(r *Result) []string {
	out := []string{}
	for n := range r.Nodes() {
		if r.Kind() != KindPaths {
			out = append(out, w.names[n.ID])
		}
	}
	for e := range r.Edges() {
		out = append(out, fmt.Sprintf("%s -%s-> %s", w.names[e.Parent], e.RelationType, w.names[e.Child]))
	}
	for path := range r.PathElements() {
		names := make([]string, len(path))
		for i, e := range path {
			if e.Edge {
				names[i] = "-" + r.view.RelationType(e.Slot) + "-"
			} else {
				names[i] = w.names[r.view.NodeID(e.Slot)]
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
	w.flows.now = w.now
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
	r, err := q.run(w.tb.Context(), w.view, w.sources(), w.now, lim)
	if err != nil {
		return nil, err
	}
	if r.Kind() != q.Kind() {
		w.tb.Errorf("%s: gives %s, was declared to give %s", text, r.Kind(), q.Kind())
	}
	return w.show(r), nil
}

func attrs(words []string) (entity.Attrs, error) {
	var out entity.Attrs
	for _, word := range words {
		key, text, ok := strings.Cut(word, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not KEY=VALUE", word)
		}
		v, err := entity.ParseJSON(text)
		if err != nil {
			if strings.ContainsAny(text, `"[]{}`) {
				return nil, err
			}
			v = entity.String(text)
		}
		out = append(out, entity.A(key, v))
	}
	return out.Normalize(), nil
}

// splitWords splits at spaces that are not inside JSON strings, lists or maps.
func splitWords(s string) ([]string, error) {
	var words []string
	start, depth, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ' ' && depth == 0:
			if i > start {
				words = append(words, s[start:i])
			}
			start = i + 1
		}
	}
	if quoted || depth != 0 {
		return nil, fmt.Errorf("unbalanced quotes or brackets")
	}
	if start < len(s) {
		words = append(words, s[start:])
	}
	return words, nil
}
