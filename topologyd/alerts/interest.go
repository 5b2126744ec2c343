package alerts

import (
	"strings"
	"sync"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// maxKeys is of how many keys it is remembered who cares for them.
const maxKeys = 10_000

// caring is who may be told that a change matters to him.
type caring interface {
	// about is the text of what he asks; a key that is not in it cannot matter. ok
	// is false when no change does.
	about() (text string, ok bool)
	mark()
}

// interest tells which rules a change may matter to. note is for one goroutine.
type interest struct {
	mu    sync.Mutex
	all   []caring // of any change that adds or removes an element
	texts []string
	byKey map[string][]caring
}

// set takes the rules that there are now.
func (i *interest) set(rules []caring) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.all, i.texts, i.byKey = nil, nil, make(map[string][]caring)
	for _, r := range rules {
		if text, ok := r.about(); ok {
			i.all, i.texts = append(i.all, r), append(i.texts, text)
		}
	}
}

// note marks the rules to which changes may matter.
func (i *interest) note(changes []graph.Change) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.all) == 0 {
		return
	}
	whole := false
	for n := range changes {
		switch c := &changes[n]; {
		case c.IsMark():
			i.key(graph.FieldStale)
		case c.Op == graph.NodeUpdated && c.OldNode != nil:
			if c.OldNode.Origin != c.Node.Origin {
				i.key(graph.FieldOrigin)
			}
			eachDifference(c.OldNode.Attrs, c.Node.Attrs, i.key)
			i.key(graph.FieldUpdatedAt)
		case c.Op == graph.EdgeUpdated && c.OldEdge != nil:
			eachDifference(c.OldEdge.Attrs, c.Edge.Attrs, i.key)
			i.key(graph.FieldUpdatedAt)
		default:
			whole = true
		}
	}
	if whole {
		markAll(i.all)
	}
}

// key marks the rules that name a key. Those that name a field that changes with
// every revision are marked by each of its names.
func (i *interest) key(key string) {
	who, known := i.byKey[key]
	if !known {
		for n, text := range i.texts {
			// Escapes may hide a key.
			if strings.Contains(text, key) || strings.Contains(text, `\`) ||
				key == graph.FieldUpdatedAt && (strings.Contains(text, "UpdatedAt") || strings.Contains(text, graph.FieldRevision)) {
				who = append(who, i.all[n])
			}
		}
		if len(i.byKey) >= maxKeys {
			clear(i.byKey)
		}
		i.byKey[key] = who
	}
	markAll(who)
}

func markAll(who []caring) {
	for _, r := range who {
		r.mark()
	}
}

// eachDifference calls fn for each key whose values differ.
func eachDifference(a, b entity.Attrs, fn func(key string)) {
	n := 0
	for _, x := range b {
		for n < len(a) && a[n].Key < x.Key {
			fn(a[n].Key)
			n++
		}
		if n == len(a) || a[n].Key != x.Key {
			fn(x.Key)
			continue
		}
		if !a[n].Value.Equal(x.Value) {
			fn(x.Key)
		}
		n++
	}
	for ; n < len(a); n++ {
		fn(a[n].Key)
	}
}
