package past

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// ends returns when what each change made ended, and whether the element did.
func (m model) ends() []end {
	out := make([]end, len(m))
	next := map[entity.UUID]end{}
	for i := len(m) - 1; i >= 0; i-- {
		of := id(&m[i].change)
		e, ok := next[of]
		if !ok {
			e = end{at: math.MaxInt64}
		}
		if out[i] = e; m[i].valid < e.at {
			next[of] = end{m[i].valid, isDeleted(m[i].change.Op)}
		}
	}
	return out
}

// slice returns, as text, the revisions that are shown from a time to another,
// and which revisions of its ends each edge stood between.
func (m model) slice(from, to int64) (nodes, edges []string) {
	type life struct {
		text    string
		edge    *graph.Edge
		is, was int64
	}
	nodeLives := map[entity.UUID][]life{}
	var edgeLives []life
	ends := m.ends()
	for i := range m {
		c := &m[i].change
		end, gone := ends[i].at, ends[i].gone
		if isDeleted(c.Op) || m[i].valid >= end || m[i].valid > to || end <= from {
			continue
		}
		archived, deleted := int64(0), int64(0)
		if end <= to {
			if archived = end; gone {
				deleted = end
			}
		}
		if c.Node != nil {
			n := *c.Node
			n.ArchivedAt, n.DeletedAt = archived, deleted
			nodeLives[n.ID] = append(nodeLives[n.ID], life{plainNode(&n), nil, m[i].valid, end})
			nodes = append(nodes, plainNode(&n))
		} else {
			e := *c.Edge
			e.ArchivedAt, e.DeletedAt = archived, deleted
			edgeLives = append(edgeLives, life{plainEdge(&e), &e, m[i].valid, end})
		}
	}
	for _, e := range edgeLives {
		for _, p := range nodeLives[e.edge.Parent] {
			for _, c := range nodeLives[e.edge.Child] {
				if max(p.is, c.is, e.is, from) < min(p.was, c.was, e.was, to+1) {
					edges = append(edges, e.text+p.text+c.text)
				}
			}
		}
	}
	slices.Sort(nodes)
	slices.Sort(edges)
	return nodes, edges
}

func checkSlice(t *testing.T, w *world, s *Store) {
	t.Helper()
	from, to := w.moment(), w.moment()
	if to.Before(from) {
		from, to = to, from
	}
	if w.rng.IntN(3) > 0 { // short ones too
		to = from.Add(time.Duration(w.rng.IntN(500)) * time.Millisecond)
	}
	v, err := s.Slice(t.Context(), from, to)
	if oldest, _, _ := s.Bounds(); from.UnixMilli() < oldest.UnixMilli() {
		require.ErrorAs(t, err, &ErrTooOld{})
		return
	}
	require.NoError(t, err)
	nodes, edges := w.model.slice(from.UnixMilli(), to.UnixMilli())
	var gotNodes, gotEdges []string
	for n := range v.Nodes() {
		gotNodes = append(gotNodes, plainNode(n))
	}
	for e := range v.Edges() {
		for p, c := range v.Ends(e.Slot) {
			gotEdges = append(gotEdges, plainEdge(e)+plainNode(v.NodeAt(p))+plainNode(v.NodeAt(c)))
		}
	}
	slices.Sort(gotNodes)
	slices.Sort(gotEdges)
	require.Equal(t, nodes, gotNodes, "from %d to %d", from.UnixMilli(), to.UnixMilli())
	require.Equal(t, edges, gotEdges)
}

func describe(r *Revision) string {
	var b strings.Builder
	to := "now"
	if !r.To.IsZero() {
		to = fmt.Sprint(r.To.UnixMilli())
	}
	fmt.Fprintf(&b, "%v %d logged %d from %d to %s: ", r.Op, r.Revision, r.LogTime.UnixMilli(), r.From.UnixMilli(), to)
	if r.Node != nil {
		b.WriteString(plainNode(r.Node))
	} else {
		b.WriteString(plainEdge(r.Edge))
	}
	for _, c := range r.Changed {
		fmt.Fprintf(&b, " %s: %s -> %s", c.Key, c.Old.Text(), c.New.Text())
	}
	return b.String()
}

// changed is what differs between two states, the obvious way.
func changed(old, now *element) (out []KeyChange) {
	if !old.known || !now.known {
		return nil
	}
	keys := map[string]bool{}
	for _, a := range append(slices.Clone(old.attrs), now.attrs...) {
		keys[a.Key] = true
	}
	if old.origin != now.origin {
		out = append(out, KeyChange{graph.FieldOrigin, entity.String(old.origin), entity.String(now.origin)})
	}
	if old.host != now.host {
		out = append(out, KeyChange{graph.FieldHost, entity.String(old.host), entity.String(now.host)})
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if a, b := old.attrs.Get(k), now.attrs.Get(k); !a.Equal(b) {
			out = append(out, KeyChange{k, a, b})
		}
	}
	return out
}

func (m model) history(of entity.UUID, from, to int64, limit int) (out []string) {
	ends := m.ends()
	for i := range m {
		c := &m[i].change
		if id(c) != of || m[i].valid > to {
			continue
		}
		end := ends[i].at
		if end <= from && m[i].valid < from || isDeleted(c.Op) && m[i].valid < from || end <= from && end > m[i].valid {
			continue
		}
		r := Revision{Op: c.Op, Revision: c.Revision, From: time.UnixMilli(m[i].valid), LogTime: time.UnixMilli(m[i].log), Node: c.Node, Edge: c.Edge}
		if end != math.MaxInt64 {
			r.To = time.UnixMilli(end)
		}
		if !isDeleted(c.Op) {
			now, old := elementOf(c)
			r.Changed = changed(&old, &now)
		}
		out = append(out, describe(&r))
	}
	return out[max(0, len(out)-limit):]
}

func checkHistory(t *testing.T, w *world, s *Store) {
	t.Helper()
	from, to := w.moment(), w.moment()
	switch {
	case w.rng.IntN(3) == 0:
		from = time.Time{}
	case to.Before(from):
		from, to = to, from
	}
	of := id(&w.model[w.rng.IntN(len(w.model))].change)
	limit := []int{1, 3, 1000}[w.rng.IntN(3)]
	oldest, _, _ := s.Bounds()
	revisions, err := s.History(t.Context(), of, from, to, limit)
	if !from.IsZero() && from.UnixMilli() < oldest.UnixMilli() {
		require.ErrorAs(t, err, &ErrTooOld{})
		return
	}
	require.NoError(t, err)
	if from.IsZero() {
		from = oldest
	}
	var got []string
	for i := range revisions {
		got = append(got, describe(&revisions[i]))
	}
	require.Equal(t, w.model.history(of, from.UnixMilli(), to.UnixMilli(), limit), got, "from %d to %d", from.UnixMilli(), to.UnixMilli())
}

func (w *world) texts(changes []graph.Change) (out []string) {
	text := func(n *graph.Node, e *graph.Edge) string {
		switch {
		case n != nil:
			return plainNode(n)
		case e != nil:
			return plainEdge(e)
		}
		return "none"
	}
	for _, c := range changes {
		out = append(out, fmt.Sprint(c.Revision, c.Op, c.At, text(c.Node, c.Edge), text(c.OldNode, c.OldEdge)))
	}
	return out
}

func checkChanges(t *testing.T, w *world, s *Store) {
	t.Helper()
	after := len(w.model) - w.rng.IntN(min(len(w.model), 2000)+1)
	var want []graph.Change
	for i := range w.model[after:] {
		want = append(want, w.model[after+i].change)
	}
	var got []graph.Change
	require.NoError(t, s.Changes(t.Context(), uint64(after), func(c []graph.Change) error {
		got = append(got, c...)
		return nil
	}))
	require.Equal(t, w.texts(want), w.texts(got), "after %d", after)
}
