package source

import (
	"fmt"
	"sync/atomic"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// Filter gives the filter for frames of a link type, nil for all frames. It is
// asked once for each type that a file or a stream holds. VLAN tags are in the
// frames.
type Filter func(link packet.LinkType) (Matcher, error)

// Sieve hands on the frames of files and streams: those that a filter takes, cut
// to a length. It counts what it does with them.
type Sieve struct {
	filter  Filter
	snapLen int

	received, bytes, filtered, truncated atomic.Uint64
}

// NewSieve returns a sieve. A nil filter takes all frames, and snapLen 0 leaves
// them as long as they are.
func NewSieve(filter Filter, snapLen int) *Sieve { return &Sieve{filter: filter, snapLen: snapLen} }

// Stats sets Received, Bytes, Filtered and Truncated. It may be called at any
// time, by several goroutines.
func (s *Sieve) Stats() Stats {
	return Stats{Received: s.received.Load(), Bytes: s.bytes.Load(), Filtered: s.filtered.Load(), Truncated: s.truncated.Load()}
}

// Open returns what the frames of one file or stream go through. Several of one
// sieve may be in use at once.
func (s *Sieve) Open() *Sifter { return &Sifter{sieve: s, filters: make(map[packet.LinkType]Matcher)} }

// Sifter is for one file or stream. It belongs to one goroutine.
type Sifter struct {
	sieve   *Sieve
	filters map[packet.LinkType]Matcher
}

// Frame hands one frame to a worker if the filter takes it. It fails when there
// is no filter for the frame's link type.
func (p *Sifter) Frame(f *Frame, w Worker) error {
	s := p.sieve
	if s.filter != nil {
		m, known := p.filters[f.Link]
		if !known {
			var err error
			if m, err = s.filter(f.Link); err != nil {
				return fmt.Errorf("compile filter for link type %d: %w", f.Link, err)
			}
			p.filters[f.Link] = m
		}
		if m != nil && !m.Matches(f.Data, f.Wire) {
			s.filtered.Add(1)
			return nil
		}
	}
	if n := s.snapLen; n > 0 && len(f.Data) > n {
		f.Data = f.Data[:n:n]
	}
	if len(f.Data) < f.Wire {
		s.truncated.Add(1)
	}
	s.received.Add(1)
	s.bytes.Add(uint64(f.Wire))
	w.Frame(f)
	return nil
}
