package lxd

import (
	"context"
	"errors"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
)

// world is what is known of the instances during one connection. It is used by
// one goroutine.
type world struct {
	s   *Source
	c   *client
	out *feed.Sink
	// known are the instances that were told.
	known map[key]entity.Ref
	// again says when an instance is asked for once more.
	again map[key]time.Time
}

const reasonDeleted = "deleted"

// list asks for everything.
func (w *world) list(ctx context.Context) error {
	all, err := w.c.list(ctx)
	if err != nil {
		return err
	}
	seen := make(map[key]entity.Ref, len(all))
	for i := range all {
		k, ref := w.tell(&all[i])
		seen[k] = ref
	}
	old := w.known
	w.known = seen
	for k, ref := range old {
		if now, ok := seen[k]; !ok || !now.Equal(ref) {
			w.end(ref)
		}
	}
	return nil
}

// tell tells what an instance is now.
func (w *world) tell(i *Instance) (key, entity.Ref) {
	k := key{i.Project, i.Name}
	ev := w.s.mapper.Event(describe(i))
	w.out.Set(ev)
	return k, ev.Ref
}

// end tells the end of an instance, unless it is there under another name.
func (w *world) end(ref entity.Ref) {
	for _, r := range w.known {
		if r.Equal(ref) {
			return
		}
	}
	w.out.Delete(ref, reasonDeleted)
}

// events asks for the instances that an event, and those that came with it, tell
// of: once for each.
func (w *world) events(ctx context.Context, ev event, more <-chan event) error {
	// gone tells of each whether an event said that its name ended. Else one that
	// is not found has another name now, of which the event is yet to come.
	gone := make(map[key]bool)
	for ok := true; ok; {
		if w.c.here(ev.location) {
			gone[ev.key] = gone[ev.key] || ev.deleted()
			if ev.old != (key{}) {
				gone[ev.old] = true
			}
		}
		select {
		case ev, ok = <-more:
		default:
			ok = false
		}
	}
	// Names come before ends: an instance that was renamed did not end.
	var ended []entity.Ref
	for k, deleted := range gone {
		old, err := w.ask(ctx, k, deleted)
		if err != nil {
			return err
		}
		ended = append(ended, old...)
		if _, ok := w.known[k]; ok {
			w.again[k] = time.Now().Add(w.s.cfg.Settle)
		}
	}
	for _, ref := range ended {
		w.end(ref)
	}
	return nil
}

// ask tells what an instance is now. It returns the one that had the name before
// and has not any more: none or one. Of an instance that is not there that is so
// only if deleted tells that somebody said so.
func (w *world) ask(ctx context.Context, k key, deleted bool) ([]entity.Ref, error) {
	delete(w.again, k)
	i, err := w.c.instance(ctx, k)
	old, was := w.known[k]
	switch {
	case errors.Is(err, errElsewhere), errors.Is(err, ErrNotFound) && deleted:
		delete(w.known, k)
		if was {
			return []entity.Ref{old}, nil
		}
		return nil, nil
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	asked := k
	k, ref := w.tell(i)
	if asked != k { // instances of one project may be kept in another
		delete(w.known, asked)
	}
	w.known[k] = ref
	if was && !old.Equal(ref) { // another one of the same name
		return []entity.Ref{old}, nil
	}
	return nil, nil
}

// settle asks for the instances whose time has come.
func (w *world) settle(ctx context.Context, now time.Time) error {
	for k, at := range w.again {
		if !at.After(now) {
			ended, err := w.ask(ctx, k, false)
			if err != nil {
				return err
			}
			for _, ref := range ended {
				w.end(ref)
			}
		}
	}
	return nil
}

// next returns when settle has something to do, the zero time for never.
func (w *world) next() time.Time {
	var next time.Time
	for _, at := range w.again {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}
