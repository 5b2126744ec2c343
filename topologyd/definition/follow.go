package definition

import (
	"context"
	"errors"
	"strings"
	"time"
)

// follow keeps the cache equal to the bucket until ctx ends.
func (s *Store) follow(ctx context.Context, open func(context.Context) (KV, error)) {
	var kv KV
	said := ""
	for ctx.Err() == nil {
		var err error
		if kv == nil {
			kv, err = open(ctx)
		}
		if err == nil {
			err = s.watch(ctx, kv)
		}
		if ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			said = text
			s.deps.Log.Warn("definitions may be old: the bucket cannot be followed, trying again", "error", err)
		}
		select {
		case <-time.After(s.cfg.Retry):
		case <-ctx.Done():
		}
	}
}

// watch follows the bucket as long as that works.
func (s *Store) watch(ctx context.Context, kv KV) error {
	s.mu.Lock()
	s.generation++
	s.mu.Unlock()
	err := kv.Watch(ctx, func(e Entry) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.Key != "" {
			s.take(e)
			return nil
		}
		s.complete()
		if s.kv == nil {
			s.kv = kv
			close(s.ready)
		}
		return nil
	})
	if err == nil {
		err = errors.New("the watch ended")
	}
	return err
}

// take enters what the bucket tells of a key; the mutex is held.
func (s *Store) take(e Entry) {
	if e.Revision <= s.floor[e.Key] {
		return
	}
	if e.Deleted {
		delete(s.floor, e.Key)
		if old := s.entries[e.Key]; old != nil && old.Revision < e.Revision {
			delete(s.entries, e.Key)
			s.announce()
		}
		return
	}
	kind, id, _ := strings.Cut(e.Key, ".")
	k := s.kinds[kind]
	if k == nil {
		// Somebody newer has it. It is not ours to touch.
		s.deps.Log.Debug("definition of a kind that is not known", "key", e.Key)
		return
	}
	d, err := decode(k, e.Value)
	if err != nil {
		d.Problem, d.Spec = err.Error(), nil
		s.deps.Log.Warn("definition cannot be read; what it did stays as it is", "kind", kind, "id", id, "error", err)
	}
	d.Kind, d.ID, d.Revision = kind, id, e.Revision
	s.put(e.Key, d)
}

// put enters a definition unless a newer one is there; the mutex is held.
func (s *Store) put(key string, d *Definition) {
	old := s.entries[key]
	if old != nil && old.Revision >= d.Revision {
		old.generation = s.generation
		return
	}
	delete(s.floor, key)
	s.entries[key] = &entry{d, s.generation}
	s.announce()
}

// complete ends the reading of what is there: what was not read is gone.
func (s *Store) complete() {
	gone := false
	for key, e := range s.entries {
		if e.generation < s.generation {
			delete(s.entries, key)
			gone = true
		}
	}
	clear(s.floor)
	if gone {
		s.announce()
	}
}

// expire deletes what expired while this replica leads.
func (s *Store) expire(ctx context.Context) {
	tick := time.NewTicker(s.cfg.ExpireEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if !s.deps.Leads() {
			continue
		}
		now := s.deps.Now()
		for kind := range s.kinds {
			for _, d := range s.List(kind) {
				if d.Fixed || d.Expires.IsZero() || d.Expires.After(now) {
					continue
				}
				if err := s.Delete(ctx, kind, d.ID); err != nil && !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
					s.deps.Log.Warn("expired definition cannot be deleted yet", "kind", kind, "id", d.ID, "error", err)
				}
			}
		}
	}
}

// Event is one change of a definition.
type Event struct {
	// Definition is the new state; of a deleted one the last state.
	*Definition
	Deleted bool
}

// Watch calls fn for every definition of a kind, then for every change, until
// ctx ends or fn fails; it returns that error. Of several changes of one
// definition in quick succession, only the last may be told.
func (s *Store) Watch(ctx context.Context, kind string, fn func(Event) error) error {
	known := make(map[string]*Definition)
	for {
		changed := s.Changed()
		now := s.List(kind)
		present := make(map[string]bool, len(now))
		for _, d := range now {
			present[d.ID] = true
			if old := known[d.ID]; old != nil && old.Revision == d.Revision {
				continue
			}
			known[d.ID] = d
			if err := fn(Event{Definition: d}); err != nil {
				return err
			}
		}
		for id, d := range known {
			if present[id] {
				continue
			}
			delete(known, id)
			if err := fn(Event{Definition: d, Deleted: true}); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
