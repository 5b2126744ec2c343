package packets

import (
	"context"
	"errors"
	"hash/maphash"

	"github.com/skein-net/skein/internal/order"
)

// What a host has is asked for in pages, because it cannot be told to wait: a page
// fits into what the daemon holds for those who read slowly. The next page begins
// a little before the end of the last one, for packets that are not quite in
// order; those that came already are known by what they are.
const (
	// pageMemory is what the pages of one answer take together, pageMost and
	// pageLeast bound one, in bytes of packets; pagePackets bounds it too.
	pageMemory  = 64 << 20
	pageMost    = 4 << 20
	pageLeast   = 512 << 10
	pagePackets = 16_384
	// pageEnd is how far from its bound a page is that was cut: hosts send whole
	// packets.
	pageEnd = 256 << 10
	// overlap is how much of the last page is asked for again, nanoseconds.
	overlap = 1_000_000
	// capacity is what an interface keeps at most when the capture does not say; it
	// bounds an answer that would never end because packets come faster than they
	// are fetched.
	capacity = 64 << 20
)

// pages asks a host page by page and hands the parts to give until that returns
// false, the last of which has an error.
func (s *Service) pages(ctx context.Context, h *host, f order.Fetch, size, most int64, give func(part) bool) {
	whole := f
	seen := newSeen()
	var total, handed int64
	for {
		f = whole
		f.From = max(f.From, seen.from())
		f.MaxBytes, f.MaxPackets = size, pagePackets
		if whole.MaxPackets > 0 {
			f.MaxPackets = min(f.MaxPackets, whole.MaxPackets+int64(seen.count()))
		}
		var bytes, packets, fresh int64
		end := errEnd
		for m, err := range s.deps.Hosts.Fetch(ctx, h.id, f) {
			p := part{host: h.id, err: err}
			if err == nil && m != nil {
				packets += int64(len(m.Packets))
				for i := range m.Packets {
					bytes += int64(len(m.Packets[i].Data))
				}
				h.check(m, &p)
				p.packets = seen.fresh(p.packets)
				fresh += int64(len(p.packets))
			}
			if errors.Is(p.err, errEnd) {
				p.err = nil // of this page
			} else if p.err != nil {
				end = p.err
			}
			if !give(p) {
				return
			}
			if p.err != nil {
				return
			}
		}
		lost := seen.turn()
		total, handed = total+bytes, handed+fresh
		cut := bytes+pageEnd > size || packets >= f.MaxPackets
		if !cut || total > most || whole.MaxPackets > 0 && handed >= whole.MaxPackets || !seen.advance(fresh) {
			give(part{host: h.id, lost: lost, err: end})
			return
		}
		if lost > 0 && !give(part{host: h.id, lost: lost}) {
			return
		}
	}
}

// pageSize is how large pages are when so many hosts are asked.
func pageSize(hosts int) int64 {
	return min(max(pageMemory/int64(max(hosts, 1)), pageLeast), pageMost)
}

// capacityOf is how much a host can keep of what is asked for, in bytes.
func (q *Query) capacityOf(at map[string]*place) (n int64) {
	for _, p := range at {
		n += max(keeps(p.capture), capacity)
	}
	return n
}

// seenKey is what a packet is known by.
type seenKey struct {
	assignment string
	time       int64
	wire       int
	out        bool
	hash       uint64
}

// seen are the packets at the end of the last page.
type seen struct {
	seed maphash.Seed
	last int64 // the time of the newest packet of all pages
	// before are those of the last page, by how often they came and have not come
	// again; now those of this one. again counts those that did.
	before, now map[seenKey]int
	again       int
	first       bool
	// exact has the next page begin right behind the last one: all that fits into a
	// page is within the overlap.
	exact bool
}

func newSeen() *seen {
	return &seen{seed: maphash.MakeSeed(), now: make(map[seenKey]int), first: true}
}

// from is where the next page begins.
func (s *seen) from() int64 {
	if s.first {
		return 0
	}
	if s.exact {
		return s.last + 1
	}
	return max(s.last-overlap, 1)
}

// advance reports whether another page may bring more, after one with so many
// packets that were new.
func (s *seen) advance(fresh int64) bool {
	if fresh > 0 {
		s.exact = false
		return true
	}
	if s.exact || s.last == 0 {
		return false
	}
	s.exact = true
	clear(s.before)
	return true
}

// count is how many packets may come again.
func (s *seen) count() (n int) {
	for _, k := range s.before {
		n += k
	}
	return n
}

// fresh takes those out that came with the last page.
func (s *seen) fresh(list []Packet) []Packet {
	out := list[:0]
	for _, p := range list {
		s.last = max(s.last, p.Time)
		key := seenKey{p.Assignment, p.Time, p.Wire, p.Out, maphash.Bytes(s.seed, p.Data)}
		if p.Time >= s.last-overlap {
			s.now[key]++
		}
		if n := s.before[key]; n > 0 {
			s.before[key] = n - 1
			s.again++
			continue
		}
		out = append(out, p)
	}
	return out
}

// turn begins the next page. It returns 1 when what this one should have begun
// with was not there any more: at least one packet was overwritten meanwhile.
func (s *seen) turn() (lost int64) {
	if !s.first && len(s.before) > 0 && s.again == 0 {
		lost = 1
	}
	for k := range s.now {
		if k.time < s.last-overlap {
			delete(s.now, k)
		}
	}
	s.before, s.now, s.again, s.first = s.now, make(map[seenKey]int), 0, false
	return lost
}
