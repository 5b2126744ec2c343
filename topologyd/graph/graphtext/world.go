package graphtext

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
	"github.com/skein-net/skein/topologyd/when"
)

// World is a graph with the names that the text has for what is in it. It is for
// one goroutine.
type World struct {
	Graph *graph.Graph
	// Now is when the next thing happens.
	Now time.Time
	// Events are the last of each node by its alias, Edges the IDs of edges by
	// "parent>child:relation", Names both the other way round.
	Events map[string]*entity.Event
	Edges  map[string]entity.UUID
	Names  map[entity.UUID]string
	// Changed, when set, is told what each event changed.
	Changed func([]graph.Change)

	stale bool
}

// New returns an empty graph at a time.
func New(now time.Time) *World {
	return &World{
		Graph: graph.New(graph.DefaultConfig()), Now: now,
		Events: map[string]*entity.Event{}, Edges: map[string]entity.UUID{}, Names: map[entity.UUID]string{},
	}
}

// View returns the graph as it is after all that happened.
func (w *World) View() *graph.View {
	if w.stale {
		for from, more := int32(0), true; more; more = from != 0 {
			_, from, _ = w.Graph.Sweep(from, w.Now, nil)
		}
	}
	return w.Graph.View()
}

// Line has the thing of a line happen. It tells errors, and whether there was
// anything in the line.
func (w *World) Line(line string) (some bool, err error) {
	if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
		return false, nil
	}
	words, err := Words(line)
	if err == nil {
		err = w.Do(words)
	}
	return true, err
}

// Do has the thing of a line happen that was split by [Words].
func (w *World) Do(words []string) error {
	n := len(words)
	if n == 0 {
		return errors.New("the line is empty")
	}
	arrow := n > 4 && words[2] == "->"
	switch verb := words[0]; {
	case verb == "node" && n > 1:
		return w.node(words[1], words[2:])
	case verb == "host" && n > 1:
		if w.Events[words[1]] == nil {
			w.Events[words[1]] = &entity.Event{Ref: entity.HostRef(words[1])}
		}
		return w.node(words[1], append([]string{"host"}, words[2:]...))
	case verb == "set" && n > 2:
		return w.set(words[1], words[2:])
	case verb == "edge" && arrow:
		return w.edge(words[1], words[3], words[4], words[5:])
	case verb == "metric" && n > 2:
		return w.metric(words[1], words[2:])
	case verb == "stale" && n == 2:
		return w.goStale(words[1])
	case verb == "delete" && n == 2:
		e, err := w.event(words[1])
		if err != nil {
			return err
		}
		w.apply(&entity.Event{Kind: entity.Delete, Ref: e.Ref, Source: e.Source})
		return nil
	case verb == "unlink" && arrow && n == 5:
		return w.unlink(words[1], words[3], words[4])
	case verb == "same" && n == 4:
		w.same(words[1], words[2], words[3:])
		return nil
	case verb == "clock" && n > 1:
		t, err := when.Parse(strings.Join(words[1:], " "), w.Now)
		if err == nil {
			w.Now = t
		}
		return err
	}
	return errors.New("it is no line that is known; there are node, host, set, edge, metric, stale, delete, unlink, same and clock")
}

func (w *World) event(alias string) (*entity.Event, error) {
	if e := w.Events[alias]; e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("there is no node %s yet", alias)
}

func (w *World) node(alias string, words []string) error {
	typ := ""
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		typ = words[0]
		words = words[1:]
	}
	a, err := Attrs(words)
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
	if old := w.Events[alias]; old != nil {
		if old.Ref.Type == entity.TypeHost {
			e.Ref = old.Ref
		}
		e.Relationships = old.Relationships
	}
	w.Events[alias] = e
	w.Names[e.Ref.UUID()] = alias
	w.apply(e)
	return nil
}

func (w *World) set(alias string, words []string) error {
	e, err := w.event(alias)
	if err != nil {
		return err
	}
	now := *e
	for _, word := range words {
		key, text, _ := strings.Cut(word, "=")
		a, err := Attrs([]string{word})
		if err != nil {
			return err
		}
		if strings.HasPrefix(key, "@") {
			return fmt.Errorf("%s cannot be set; give it with the node", key)
		}
		now.Attributes = slices.DeleteFunc(slices.Clone(now.Attributes), func(old entity.Attr) bool { return old.Key == key })
		if text != "null" {
			now.Attributes = append(now.Attributes, a...).Normalize()
		}
	}
	w.Events[alias] = &now
	w.apply(&now)
	return nil
}

func (w *World) edge(parent, child, relation string, words []string) error {
	a, err := Attrs(words)
	if err != nil {
		return err
	}
	p, err := w.event(parent)
	if err != nil {
		return err
	}
	c, err := w.event(child)
	if err != nil {
		return err
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
	w.Edges[name], w.Names[id] = id, name
	w.apply(p)
	return nil
}

func (w *World) unlink(parent, child, relation string) error {
	p, err := w.event(parent)
	if err != nil {
		return err
	}
	c, err := w.event(child)
	if err != nil {
		return err
	}
	p.Relationships = slices.DeleteFunc(p.Relationships, func(r entity.Relationship) bool {
		return r.Type == relation && r.Target.Equal(c.Ref)
	})
	w.apply(p)
	return nil
}

func (w *World) metric(alias string, words []string) error {
	e, err := w.event(alias)
	if err != nil {
		return err
	}
	a, err := Attrs(words)
	if err != nil {
		return err
	}
	w.Graph.SetMetric(e.Ref.UUID(), w.Now, a)
	return nil
}

func (w *World) goStale(alias string) error {
	e, err := w.event(alias)
	if err != nil {
		return err
	}
	e.Interval = time.Second
	w.apply(e)
	w.Now = w.Now.Add(1700 * time.Millisecond)
	w.stale = true
	return nil
}

func (w *World) same(to, from string, key []string) {
	side := func(typ string) join.Side {
		return join.Side{Entity: "test", Where: []join.Condition{{Key: entity.KeyType, In: []string{typ}}}, Key: key}
	}
	row := join.Row{Name: to, Kind: join.Same, From: side(from), To: side(to)}
	w.apply(&entity.Event{
		Ref: entity.JoinRef(row.Name), Source: entity.SourceJoin,
		Attributes: entity.Attrs{entity.A(entity.KeyRow, entity.String(row.JSON()))},
	})
}

// apply applies a copy, since events are immutable once they are prepared.
func (w *World) apply(e *entity.Event) {
	ev := *e
	ev.Time = w.Now
	ev.Attributes = append(entity.Attrs(nil), e.Attributes...)
	ev.Relationships = append([]entity.Relationship(nil), e.Relationships...)
	p := w.Graph.Prepare(&ev, 0)
	changes, _ := w.Graph.Apply(&p, w.Now, nil)
	if w.Changed != nil {
		w.Changed(changes)
	}
}

// Expand replaces $(alias) and $(parent>child:relation) by IDs.
func (w *World) Expand(text string) (string, error) {
	for {
		i := strings.Index(text, "$(")
		if i < 0 {
			return text, nil
		}
		name, rest, _ := strings.Cut(text[i+2:], ")")
		id, ok := w.Edges[name]
		if e := w.Events[name]; e != nil {
			id, ok = e.Ref.UUID(), true
		}
		if !ok {
			return "", fmt.Errorf("there is no element %q in %q", name, text)
		}
		text = text[:i] + id.String() + rest
	}
}
