package graph

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/skein-net/skein/internal/entity"
)

const (
	// maxOrdered is how many ordered indexes are kept.
	maxOrdered = 16
	// maxWishes bounds how many names are known of indexes that were asked for.
	maxWishes = 64
	// orderedRest is how often ordered indexes are asked for before one that was
	// not is given up for another.
	orderedRest = 1000
	// maxJournal bounds what may change while an index is made.
	maxJournal = 1 << 20
	// journalLast is how many changes are made up for while the graph is locked.
	journalLast = 256
	// builderEpoch is that of what nobody but the builder has seen.
	builderEpoch = 1<<64 - 1
)

// wishes are the ordered indexes that views were asked for, made or not.
type wishes struct {
	mu sync.Mutex
	// asked tells at which turn each was last.
	asked map[orderedName]int64
	// turn counts how often any was.
	turn int64
	// news gets something when an index is asked for that there is not.
	news chan struct{}
}

func newWishes() *wishes {
	return &wishes{asked: make(map[orderedName]int64), news: make(chan struct{}, 1)}
}

// note notes that an index was asked for.
func (w *wishes) note(name orderedName, made bool) {
	if name.key == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.asked[name]; !known {
		name.key = strings.Clone(name.key)
		if len(w.asked) >= maxWishes {
			delete(w.asked, w.oldest(func(orderedName) bool { return true }))
		}
	}
	w.turn++
	w.asked[name] = w.turn
	if !made {
		select {
		case w.news <- struct{}{}:
		default:
		}
	}
}

// oldest returns the name among some that was not asked for the longest.
func (w *wishes) oldest(among func(orderedName) bool) (out orderedName) {
	at := int64(0)
	for name, turn := range w.asked {
		if among(name) && (at == 0 || turn < at) {
			out, at = name, turn
		}
	}
	return out
}

// next returns an index that is to be made, and the one to be given up for it,
// if any; ok is false when there is none. Wishes that cannot be met are
// forgotten.
func (w *wishes) next(made []orderedIndex) (name, instead orderedName, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	isMade := func(name orderedName) bool {
		return slices.ContainsFunc(made, func(x orderedIndex) bool { return x.orderedName == name })
	}
	for {
		name = w.oldest(func(name orderedName) bool { return !isMade(name) })
		if name == (orderedName{}) {
			return name, instead, false
		}
		if len(made) < maxOrdered {
			return name, instead, true
		}
		// Those that are empty are given up sooner, those that are not known to have
		// been asked for at all first.
		asked := func(x *orderedIndex) int64 {
			at := w.asked[x.orderedName]
			if x.tree.len() == 0 {
				at -= orderedRest * 9 / 10
			}
			return at
		}
		oldest := &made[0]
		for i := range made {
			if asked(&made[i]) < asked(oldest) {
				oldest = &made[i]
			}
		}
		if w.asked[oldest.orderedName] == 0 || w.turn-asked(oldest) >= orderedRest {
			return name, oldest.orderedName, true
		}
		delete(w.asked, name)
	}
}

func (w *wishes) forget(name orderedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.asked, name)
}

// journal is what changes while an ordered index is made.
type journal struct {
	name  orderedName
	moves []move
	// lost tells that there was too much.
	lost bool
}

type move struct {
	slot          int32
	before, after nodeKeys
}

func (j *journal) note(m move) {
	if j.lost = j.lost || len(j.moves) == maxJournal; !j.lost {
		j.moves = append(j.moves, m)
	}
}

// Wanted returns a channel that gets something when an ordered index was asked
// for that there is not.
func (g *Graph) Wanted() <-chan struct{} { return g.wishes.news }

// BuildWanted makes the ordered indexes that queries asked for, and returns how
// many. It looks at all nodes, some microseconds each, without holding up those
// who change or view the graph. At most sixteen are kept: the one that was not
// asked for the longest is given up for another when others were a thousand
// times since. One goroutine at a time may call it.
func (g *Graph) BuildWanted(ctx context.Context) (built int) {
	for range maxOrdered { // a bound: what is given up may be asked for again
		if ctx.Err() != nil {
			break
		}
		g.mu.Lock()
		name, instead, ok := g.wishes.next(g.t.index.ordered)
		if !ok {
			g.mu.Unlock()
			break
		}
		j := &journal{name: name}
		g.index.journal = j
		v := g.current()
		g.mu.Unlock()
		if g.build(ctx, v, j, instead) {
			built++
			g.wishes.forget(instead)
		} else {
			g.wishes.forget(name)
		}
	}
	return built
}

// build makes an ordered index from a view and what the journal gets meanwhile.
func (g *Graph) build(ctx context.Context, v *View, j *journal, instead orderedName) bool {
	x, ok := v.order(ctx, j.name)
	for {
		g.mu.Lock()
		moves := j.moves
		j.moves = nil
		if !ok || j.lost || g.index.journal != j { // the last: the graph was emptied
			if g.index.journal == j {
				g.index.journal = nil
			}
			g.mu.Unlock()
			return false
		}
		if len(moves) <= journalLast {
			x.moveAll(moves)
			g.index.journal = nil
			g.publish(x, instead)
			g.mu.Unlock()
			return true
		}
		g.mu.Unlock()
		x.moveAll(moves)
		ok = ctx.Err() == nil
	}
}

// publish makes an ordered index one of those that are kept.
func (g *Graph) publish(x orderedIndex, instead orderedName) {
	list := &g.t.index
	list.ownOrdered(g.epoch)
	list.ordered = append(slices.DeleteFunc(list.ordered, func(x orderedIndex) bool { return x.orderedName == instead }), x)
	g.view = nil // the next one has it
}

func (x *orderedIndex) moveAll(moves []move) {
	for _, m := range moves {
		x.move(m.slot, m.before, m.after, builderEpoch)
	}
}

// order makes an ordered index of the nodes of the view; false when the context
// ended.
func (v *View) order(ctx context.Context, name orderedName) (x orderedIndex, ok bool) {
	x.orderedName = name
	type prefixed struct {
		prefix uint64
		entry
	}
	var list []prefixed
	var keys nodeKeys
	var at int32
	lookup := func(path string, yield func(entity.Value) bool) { v.LookupNode(at, path, yield) }
	if !strings.Contains(name.key, ".") {
		lookup = func(key string, yield func(entity.Value) bool) { yield(v.NodeAttr(at, key)) }
	}
	for slot := range v.NodeList() {
		if slot%4096 == 0 && ctx.Err() != nil {
			return x, false
		}
		at = slot
		keys.of(&name, lookup)
		x.count(keys, 1)
		for _, key := range keys.keys {
			var b [8]byte
			copy(b[:], key)
			list = append(list, prefixed{binary.BigEndian.Uint64(b[:]), entry{key, slot}})
		}
	}
	slices.SortFunc(list, func(a, b prefixed) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return a.compare(b.entry)
	})
	entries := make([]entry, len(list))
	for i := range list {
		entries[i] = list[i].entry
	}
	x.tree = treeOf(entries, builderEpoch)
	return x, ctx.Err() == nil
}
