package past

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// changes calls fn for each change of the element in a file after a revision.
func (h *historian) changes(ctx context.Context, info *fileInfo, after uint64, fn func(fr *frame, c *changeHead, revision uint64) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ids, err := info.filter(); err != nil || !ids.has(&h.id) {
		return err
	}
	c, err := info.load()
	if err != nil {
		return err
	}
	h.number = -1
	var d decoder
	var head changeHead
	err = c.each(func(_ summary, payload string) error {
		fr, err := readFrame(payload, &d)
		if err != nil {
			return err
		}
		d.read(fr.body, fr.table)
		ms, next := milliseconds(fr.at), int64(fr.number)
		for i := range fr.count {
			if d.changeHead(ms, &head); d.err != nil {
				return d.err
			}
			if head.flags&flagNumber != 0 {
				if int64(head.number) != h.number {
					continue
				}
			} else {
				next++
				if head.id != h.id {
					continue
				}
				h.number = next - 1
			}
			if revision := fr.revision + uint64(i); revision > after {
				if err := fn(&fr, &head, revision); err != nil {
					return err
				}
			}
		}
		return nil
	})
	h.s.noteLost(c)
	return err
}

// add notes the current state as a revision.
func (h *historian) add(op graph.Op, revision uint64, at int64, changed []KeyChange) {
	e := &h.state
	for i := len(h.list) - 1; i >= 0 && (h.list[i].open || h.list[i].to > e.updated); i-- {
		h.list[i].to, h.list[i].open = e.updated, false
	}
	if e.updated > h.to {
		return
	}
	r := item{Revision: Revision{Op: op, Revision: revision, Changed: changed}, from: e.updated, open: true}
	if at != 0 {
		r.LogTime = time.Unix(0, at)
	}
	if e.edge {
		r.Edge = &graph.Edge{}
		e.toEdge(r.Edge, e.attrs)
	} else {
		r.Node = &graph.Node{}
		e.node(r.Node, e.attrs)
	}
	if len(h.list) >= 2*h.limit+16 {
		h.list = slices.Delete(h.list, 0, h.limit+8)
	}
	h.list = append(h.list, r)
}

// result returns those that were valid in the time that is asked about.
func (h *historian) result() (out []Revision) {
	for i := range h.list {
		r := &h.list[i]
		in := r.open || r.to > h.from || r.from >= h.from
		if isDeleted(r.Op) {
			in = r.from >= h.from
		}
		if !in {
			continue
		}
		r.From = time.UnixMilli(r.from)
		if !r.open {
			r.To = time.UnixMilli(r.to)
		}
		out = append(out, r.Revision)
	}
	return out[max(0, len(out)-h.limit):]
}

// compare lists what differs between two whole states.
func compare(old, now *element) (out []KeyChange) {
	if old.origin != now.origin {
		out = append(out, KeyChange{graph.FieldOrigin, entity.String(old.origin), entity.String(now.origin)})
	}
	if old.host != now.host {
		out = append(out, KeyChange{graph.FieldHost, entity.String(old.host), entity.String(now.host)})
	}
	for _, a := range old.attrs {
		if v := now.attrs.Get(a.Key); !v.Equal(a.Value) {
			out = append(out, KeyChange{a.Key, a.Value, v})
		}
	}
	for _, a := range now.attrs {
		if !old.attrs.Has(a.Key) {
			out = append(out, KeyChange{a.Key, entity.Value{}, a.Value})
		}
	}
	slices.SortStableFunc(out, func(a, b KeyChange) int { return strings.Compare(a.Key, b.Key) })
	return out
}
