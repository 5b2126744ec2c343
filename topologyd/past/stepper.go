package past

import (
	"github.com/skein-net/skein/internal/entity"
)

// stepper applies changes to elements; each goroutine has its own.
type stepper struct {
	in    decoder // of the base
	d     decoder // of changes
	chain []ref
	ends  []end
	attrs entity.Attrs // of the element that changes
	h     changeHead
}

// open reads the head of a change.
func (s *stepper) open(f *fold, r ref) *frame {
	fr := &f.frames[r.frame]
	s.d.read(fr.body[r.offset:], fr.table)
	s.d.changeHead(milliseconds(fr.at), &s.h)
	s.d.read(s.h.body, fr.table)
	return fr
}

// last brings an element to its last state; e is its state in the base, not
// known when it is not there. It returns false when the element is not there.
func (s *stepper) last(f *fold, t *touch, e *element) (bool, error) {
	if t.gone {
		return false, nil
	}
	if t.based && (!e.known || e.revision+1 != t.first) {
		return e.known, nil // what led there was lost: what was known before
	}
	s.chain = f.chain(t, s.chain)
	s.attrs = append(s.attrs[:0], e.attrs...)
	e.attrs = s.attrs
	for _, r := range s.chain {
		s.open(f, r)
		if s.h.flags&flagFull != 0 {
			s.d.full(&s.h, e)
		} else {
			s.d.difference(&s.h, e, nil)
		}
		if s.d.err != nil {
			return false, s.d.err
		}
	}
	s.attrs = e.attrs
	return e.known, nil
}

// keep returns attributes that are not changed any more.
func (s *stepper) keep(a entity.Attrs) entity.Attrs {
	if len(a) == 0 {
		return nil
	}
	out := s.d.room(len(a))
	copy(out, a)
	return out
}
