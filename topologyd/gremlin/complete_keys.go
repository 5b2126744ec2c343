package gremlin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// keyCount is what is known of a key.
type keyCount struct {
	count   int
	example entity.Value
	last    int // element in which it was seen last
}

// offerKeys offers the keys of what a query gives.
func (c *completer) offerKeys(kind Kind, calls []call) {
	switch {
	case kind == KindFlows:
		c.offerFields()
		return
	case kind == KindNone:
		kind, calls = KindNodes, everything(KindNodes)
	case !onElements.has(kind) && kind != KindMaps:
		return
	}
	found := make(map[string]*keyCount)
	n := 0
	c.look(calls, kind, keySample, func(e element) {
		n++
		walk(e.Metadata(), "", 0, func(path string, v entity.Value) {
			if kind != KindMaps {
				path = spelled(path, c.typed)
			}
			k := found[path]
			if k == nil {
				if len(found) == maxDistinct || c.matches(path) == 0 || len(path) > maxValueText || kind != KindMaps && strings.HasPrefix(path, "@") {
					return
				}
				k = &keyCount{example: v}
				found[path] = k
			}
			if k.last != n {
				k.last = n
				k.count++
			}
		})
	})
	items := make([]Item, 0, len(found))
	for path, k := range found {
		items = append(items, Item{Kind: ItemKey, Text: path, Insert: c.quoted(path), Detail: shown(k.example), Count: k.count})
	}
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(keyRank(a.Text), keyRank(b.Text)), cmp.Compare(b.Count, a.Count), strings.Compare(a.Text, b.Text))
	})
	c.offer(items...)
	if kind != KindMaps {
		c.offerTexts(true, ItemKey,
			graph.FieldID, "UUID, the same after every restart", graph.FieldHost, "the host it belongs to, by its host.id",
			graph.FieldOrigin, "the sources that report it", graph.FieldCreatedAt, "time of its first revision, Unix milliseconds",
			graph.FieldUpdatedAt, "time of this revision, Unix milliseconds", graph.FieldRevision, "counts its changes from 1",
			graph.FieldStale, "TRUE when its reports are overdue",
			graph.FieldArchivedAt, "when the revision ended, in slices of time", graph.FieldDeletedAt, "when it was deleted, in slices of time")
	}
}

// keyRank orders keys: what things are known by, then plain keys, then those
// that lead into others.
func keyRank(key string) int {
	switch {
	case key == entity.KeyName || key == entity.KeyType || key == entity.KeyRelationType:
		return 0
	case !strings.Contains(key, "."):
		return 1
	default:
		return 2
	}
}

// walkDepth is how deep keys are followed into maps and lists of maps.
const walkDepth = 4

// walk visits the paths of attributes.
func walk(attrs entity.Attrs, prefix string, depth int, visit func(path string, v entity.Value)) {
	for _, a := range attrs {
		path := a.Key
		if prefix != "" {
			path = prefix + "." + a.Key
		}
		visit(path, a.Value)
		if depth == walkDepth {
			continue
		}
		switch a.Value.Kind() {
		case entity.KindMap:
			walk(a.Value.Map(), path, depth+1, visit)
		case entity.KindList:
			for i, e := range a.Value.List() {
				if i < walkDepth && e.Kind() == entity.KindMap {
					walk(e.Map(), path, depth+1, visit)
				}
			}
		}
	}
}

// offerFields offers the fields of flows.
func (c *completer) offerFields() {
	f := (&compiler{}).flowFields()
	items := make([]Item, 0, len(f.names))
	for _, name := range f.names {
		detail := "both ends"
		switch field := f.Query(name); {
		case field == nil && !sides(name):
			detail = "all of its fields"
		case field == nil:
		case field.Time:
			detail = "Unix milliseconds"
		case field.Kind == entity.KindInt:
			detail = "a number"
		case field.Kind == entity.KindMap:
			detail = "details, which a dot leads into"
		default:
			detail = "a text"
		}
		items = append(items, Item{Kind: ItemKey, Text: name, Insert: c.quoted(name), Detail: detail})
	}
	if strings.HasPrefix(c.typed, aliasCapture+".") {
		name := aliasCapture + "." + entity.KeyName
		items = append(items, Item{Kind: ItemKey, Text: name, Insert: c.quoted(name), Detail: "the same as " + aliasedField(name)})
	}
	slices.SortStableFunc(items, func(a, b Item) int { return cmp.Compare(fieldRank(a.Text), fieldRank(b.Text)) })
	c.offer(items...)
}

// fieldRank puts the fields that are asked for most before the others.
func fieldRank(name string) int {
	often := []string{"Application", "Network", "Transport", "Interface", "Host", "Network.A", "Network.B", "Transport.A", "Transport.B", "Metric.ABBytes", "Metric.BABytes"}
	if i := slices.Index(often, name); i >= 0 {
		return i
	}
	return len(often)
}
