package feed

import (
	"github.com/skein-net/skein/internal/entity"
)

// goneReason is why an entity ended that a new listing no longer has.
const goneReason = "not in the listing after the connection was lost"

// Sink takes what a source has to say during one call of Follow. Its methods may
// be called from any goroutine; after Follow has returned they do nothing.
type Sink struct {
	f *Feed
	// gen numbers the call of Follow.
	gen uint64
}

// Set tells the whole current state of an entity, without time and interval. It
// may be called also when nothing changed. Attributes must be normalized. An
// event without source is of the feed's.
func (s *Sink) Set(ev entity.Event) {
	f := s.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gen != s.gen {
		return
	}
	f.held[ev.UUID()] = holding{ev.Ref, s.gen}
	f.stats.entities.Set(int64(len(f.held)))
	f.rep.Set(ev)
}

// Delete tells that an entity ended.
func (s *Sink) Delete(ref entity.Ref, why string) {
	f := s.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gen != s.gen {
		return
	}
	delete(f.held, ref.UUID())
	f.stats.entities.Set(int64(len(f.held)))
	f.rep.Delete(ref, why)
}

// Listed tells that all that is there was told: what was known before and was
// not is deleted. From then on the connection counts as there. Calling it again
// does nothing.
func (s *Sink) Listed() {
	f := s.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gen != s.gen || f.listed {
		return
	}
	f.listed = true
	for id, h := range f.held {
		if h.gen != s.gen {
			delete(f.held, id)
			f.rep.Delete(h.ref, goneReason)
		}
	}
	f.connected()
}

// Lost counts events that the source could not give, for whatever reason. The
// caller then returns an error from Follow, so that everything is listed again.
func (s *Sink) Lost(n int) { s.f.stats.lost.Incr(int64(n)) }
