package alerts

import (
	"cmp"
	"container/list"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/graph"
)

// Bounds of what is remembered of changes.
const (
	// recentElements is how many nodes and edges are remembered at most, recentEach
	// how many changes of one.
	recentElements, recentEach = 50_000, 4
	// recentGone is how many edges are remembered of a node that lost them.
	recentGone = 8
	// recentKeys and recentText bound what is told of one change.
	recentKeys, recentText = 4, 200
	// recentValue bounds one value in it.
	recentValue = 60
)

// event is one change of an element, in words.
type event struct {
	at int64 // Unix milliseconds
	op graph.Op
	// text are the keys that changed: "State: UP → DOWN, MTU: 1500 → 9000"; "" of
	// what was added or deleted.
	text string
	// times is how often it changed the same keys in a row.
	times int
	keys  string // that changed
}

// memory is what is remembered of one element.
type memory struct {
	id   entity.UUID
	name string // of a node, its relation of an edge
	edge bool
	// parent and child are the ends of an edge.
	parent, child entity.UUID
	events        []event // oldest first
	gone          []entity.UUID
	place         *list.Element
}

// recent remembers the last changes of the elements that changed last, so that
// an alert can tell what happened near it without reading the past. All of it is
// bounded; what changes often does not push out what changed once.
type recent struct {
	mu       sync.Mutex
	max      int
	byID     map[entity.UUID]*memory
	order    *list.List // of *memory, the one that changed last in front
	revision uint64
}

func newRecent(most int) *recent {
	return &recent{max: most, byID: make(map[entity.UUID]*memory), order: list.New()}
}

// note takes changes in their order.
func (r *recent) note(changes []graph.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range changes {
		c := &changes[i]
		r.revision = max(r.revision, c.Revision)
		r.add(c)
	}
}

// begin notes that changes after a revision are to come.
func (r *recent) begin(revision uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revision = max(r.revision, revision)
}

func (r *recent) add(c *graph.Change) {
	var m *memory
	e := event{at: c.At, op: c.Op, times: 1}
	if changed := alert.ChangesOf(c); len(changed) > 0 {
		e.tell(changed)
	} else if c.IsMark() {
		e.tell(staleChange(c))
	}
	if c.Node != nil {
		m = r.touch(c.Node.ID)
		m.name = nameOf(c.Node)
	} else {
		m = r.touch(c.Edge.ID)
		m.edge, m.name, m.parent, m.child = true, c.Edge.RelationType, c.Edge.Parent, c.Edge.Child
		if c.Op == graph.EdgeDeleted {
			r.lost(c.Edge)
		}
	}
	if e.text == "" && (e.op == graph.NodeUpdated || e.op == graph.EdgeUpdated) {
		return // of nothing that is told
	}
	m.add(e)
}

// add keeps an event; one that changes the same keys as the one before it goes
// into that.
func (m *memory) add(e event) {
	if n := len(m.events); n > 0 && e.keys != "" && m.events[n-1].keys == e.keys {
		e.times = m.events[n-1].times + 1
		m.events[n-1] = e
		return
	}
	if len(m.events) == recentEach {
		m.events = append(m.events[:0], m.events[1:]...)
	}
	m.events = append(m.events, e)
}

// touch returns the memory of an element and makes it the newest.
func (r *recent) touch(id entity.UUID) *memory {
	m := r.byID[id]
	if m != nil {
		r.order.MoveToFront(m.place)
		return m
	}
	for len(r.byID) >= r.max {
		last := r.order.Back()
		r.order.Remove(last)
		delete(r.byID, last.Value.(*memory).id) //nolint:forcetypeassert // nothing else is in it
	}
	m = &memory{id: id}
	m.place = r.order.PushFront(m)
	r.byID[id] = m
	return m
}

// lost notes at the ends of an edge that it is gone.
func (r *recent) lost(e *graph.Edge) {
	for _, end := range [...]entity.UUID{e.Parent, e.Child} {
		n := r.touch(end)
		if len(n.gone) == recentGone {
			n.gone = append(n.gone[:0], n.gone[1:]...)
		}
		n.gone = append(n.gone, e.ID)
	}
}

// staleChange tells how the Stale mark changed.
func staleChange(c *graph.Change) []alert.Change {
	stale := c.Node != nil && c.Node.Stale || c.Edge != nil && c.Edge.Stale
	return []alert.Change{{Key: "Stale", Old: strconv.FormatBool(!stale), New: strconv.FormatBool(stale)}}
}

// tell puts keys that changed into words.
func (e *event) tell(changed []alert.Change) {
	names := make([]string, len(changed))
	for i := range changed {
		names[i] = changed[i].Key
	}
	e.text, e.keys = changeText(changed), strings.Join(names, ",")
}

// changeText puts what changed into words: "State: UP → DOWN, MTU: 1500 → 9000".
// What says most comes first: single values, and of those the ones of the element
// itself; lists and maps last.
func changeText(changed []alert.Change) string {
	changed = slices.Clone(changed)
	slices.SortStableFunc(changed, func(a, b alert.Change) int { return cmp.Compare(bulk(&a), bulk(&b)) })
	var b strings.Builder
	for i := range changed {
		c := &changed[i]
		if i == recentKeys || b.Len() > recentText {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(cut(c.Key, recentValue) + ": " + valueText(c.Old) + " → " + valueText(c.New))
	}
	return b.String()
}

// bulk is how little a change says at a glance.
func bulk(c *alert.Change) int {
	switch {
	case strings.HasPrefix(c.Old, "[") || strings.HasPrefix(c.Old, "{") || strings.HasPrefix(c.New, "[") || strings.HasPrefix(c.New, "{"):
		return 2
	case strings.Contains(c.Key, "."):
		return 1
	}
	return 0
}

func valueText(v string) string { return cmp.Or(cut(v, recentValue), "none") }

// cut shortens a text to so many bytes, between characters, and takes line breaks
// and control characters from it.
func cut(s string, most int) string {
	if len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// nameOf is what people know a node by.
func nameOf(n *graph.Node) string {
	if name := n.Attrs.Get(entity.KeyName).Text(); name != "" {
		return cut(name, recentValue)
	}
	return n.ID.String()
}
