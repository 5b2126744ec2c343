package past

import (
	"context"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Revision is one state of an element, and what made it.
type Revision struct {
	Op graph.Op
	// Revision is the graph's; it and LogTime are zero when the change is older
	// than what is kept.
	Revision uint64
	// From is when it became valid, To when the next one did; zero: it still is.
	From, To time.Time
	// LogTime is when the daemon took it.
	LogTime time.Time
	// Node or Edge is the state; of a deletion the last one.
	Node *graph.Node
	Edge *graph.Edge
	// Changed lists by key what differs from the state before, for updates only.
	Changed []KeyChange
}

// KeyChange is an attribute that changed, or @Host or @Origin. The zero value
// means that there was, or is, none.
type KeyChange struct {
	Key      string
	Old, New entity.Value
}

// defaultHistory is the limit of a history when none is given.
const defaultHistory = 10_000

// History returns the revisions of an element that were valid at some time from
// one moment to another, and its deletions in between, in their order; when
// there are more than limit (10,000 when it is not positive), the newest. From
// the zero time means everything that is kept; before that the error is
// ErrTooOld. An element that is not known has none.
func (s *Store) History(ctx context.Context, id entity.UUID, from, to time.Time, limit int) (out []Revision, err error) {
	if limit <= 0 {
		limit = defaultHistory
	}
	err = s.retryGone(func(l layout) (err error) {
		h := &historian{s: s, l: &l, id: id, from: from.UnixMilli(), to: to.UnixMilli(), limit: limit}
		if from.IsZero() {
			h.from, _, _ = l.oldest()
		}
		out, err = h.run(ctx)
		return err
	}, nil)
	return out, err
}

// historian gathers the history of one element.
type historian struct {
	s        *Store
	l        *layout
	id       entity.UUID
	from, to int64
	limit    int

	state  element
	number int64 // of the element in the file that is read; -1: none yet
	list   []item
	d      decoder
}

// item is a revision with its times in Unix ms.
type item struct {
	Revision
	from, to int64 // to 0: open
	open     bool
}

func (h *historian) run(ctx context.Context) ([]Revision, error) {
	info, err := h.l.root(h.from)
	if err != nil {
		return nil, err
	}
	if info, err = h.origin(ctx, info); err != nil {
		return nil, err
	}
	root, err := h.s.openRoot(info)
	if err != nil {
		return nil, err
	}
	after := uint64(0)
	if root != nil {
		after = root.revision
		if err := h.based(root); err != nil {
			return nil, err
		}
	}
	for i := range h.l.files {
		f := &h.l.files[i]
		if f.last <= after {
			continue
		}
		if err := h.file(ctx, f, after); err != nil {
			return nil, err
		}
	}
	return h.result(), nil
}

// origin goes back to the base before the change that made the state that the
// element has in a base.
func (h *historian) origin(ctx context.Context, info *baseInfo) (*baseInfo, error) {
	if info == nil {
		return nil, nil
	}
	for i := len(h.l.files) - 1; i >= 0; i-- {
		f := &h.l.files[i]
		if f.last > info.revision {
			continue
		}
		older, ok := h.rootBefore(f.start)
		if !ok {
			break
		}
		if found, err := h.mentions(ctx, f); err != nil {
			return nil, err
		} else if found {
			return older, nil
		}
	}
	return info, nil
}

// rootBefore returns the base from which the state at a revision is made, nil
// for the empty graph; false when that is not kept.
func (h *historian) rootBefore(revision uint64) (*baseInfo, bool) {
	info, err := h.l.rootAt(revision)
	return info, err == nil
}

// based takes the state of the element in a base as the first one.
func (h *historian) based(root *base) error {
	for _, blocks := range [][]block{root.nodeBlocks, root.edgeBlocks} {
		for i := range blocks {
			b := &blocks[i]
			for j := range b.count {
				if b.id(j) != h.id {
					continue
				}
				return root.elements(b, &h.d, func(k int, e *element) bool {
					if k == j {
						h.state = *e
						h.state.attrs = slices.Clone(e.attrs)
						h.add(unknownOp(e), 0, 0, nil)
					}
					return k < j
				})
			}
		}
	}
	return nil
}

// unknownOp is the operation that made a state, as far as the state tells.
func unknownOp(e *element) graph.Op {
	op := graph.NodeUpdated
	if e.revision == 1 {
		op = graph.NodeAdded
	}
	if e.edge {
		op += graph.EdgeAdded - graph.NodeAdded
	}
	return op
}

// mentions tells whether a file has a change of the element.
func (h *historian) mentions(ctx context.Context, f *fileInfo) (found bool, err error) {
	err = h.changes(ctx, f, 0, func(*frame, *changeHead, uint64) error {
		found = true
		return nil
	})
	return found, err
}

func (h *historian) file(ctx context.Context, f *fileInfo, after uint64) error {
	return h.changes(ctx, f, after, func(fr *frame, c *changeHead, revision uint64) error {
		var changed []KeyChange
		e := &h.state
		h.d.read(c.body, fr.table)
		switch {
		case isDeleted(c.op):
			if !e.known { // its state was lost
				return nil
			}
			e.updated = c.valid
			h.add(c.op, revision, fr.at, nil)
			e.known = false
			return nil
		case c.flags&flagFull != 0:
			old := *e
			e.attrs = nil
			if h.d.full(c, e); old.known && !isAdded(c.op) {
				changed = compare(&old, e)
			}
		case e.known && e.revision+1 == c.revision:
			e.attrs = slices.Clone(e.attrs)
			h.d.difference(c, e, func(key string, old, now entity.Value) {
				changed = append(changed, KeyChange{key, old, now})
			})
		default:
			return nil // what led there was lost
		}
		if h.d.err == nil {
			h.add(c.op, revision, fr.at, changed)
		}
		return h.d.err
	})
}
