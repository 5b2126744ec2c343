package rawpackets

import (
	"encoding/binary"
	"sync"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// A record in a ring is its head and the data, padded to 8 bytes. It never goes
// over the end of the ring: what is left there is a gap, which has a head of 8
// bytes.
const (
	offSize = 0  // uint32, head and padding included
	offData = 4  // uint32, the length of the data, gap for a gap
	offTime = 8  // int64
	offWire = 16 // uint32
	offLink = 20 // uint16
	offOut  = 22 // byte
	offFlow = 24 // [16]byte
	head    = 40

	gap = 1<<32 - 1
)

const (
	// marks is how many places of a ring are remembered with their times.
	marks = 256
	// slack is how much frames of one worker may be out of order, nanoseconds.
	slack = 1_000_000_000
	// minRing is the least size of a ring in bytes.
	minRing = 16 << 10
)

// Ring is what one worker keeps. It may be used by several goroutines, which
// then wait for one another.
type Ring struct {
	mu  sync.Mutex
	buf []byte
	// longest is how much of a packet is kept, so that a ring holds several.
	longest int
	stride  uint64
	// Records are at positions from tail to head, which only grow; the place in
	// buf is the rest by its length. first is the number of the oldest one, next
	// that of the one to come.
	tail, head  uint64
	first, next uint64
	bytes       int64
	evicted     uint64
	lost        uint64 // bytes of those evicted
	cut         uint64
	closed      bool
	mark        [marks]mark
}

// mark is where a record is.
type mark struct {
	pos, seq uint64
	time     int64
}

func newRing(size int64) *Ring {
	n := max(size, minRing) &^ 7
	return &Ring{buf: make([]byte, n), longest: int(min(n/4, 256<<10)), stride: max(uint64(n)/(marks-1), 1)}
}

// Keep copies a frame of a flow into the ring, where the oldest ones make room.
// It allocates nothing.
func (r *Ring) Keep(id flowrecord.ID, f *source.Frame) {
	data := f.Data
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	if len(data) > r.longest {
		data = data[:r.longest]
		r.cut++
	}
	size := uint64(head+len(data)+7) &^ 7
	b := r.place(size)
	le := binary.LittleEndian
	le.PutUint32(b[offSize:], uint32(size))
	le.PutUint32(b[offData:], uint32(len(data)))
	le.PutUint64(b[offTime:], uint64(f.Time))
	le.PutUint32(b[offWire:], uint32(min(f.Wire, 1<<31-1)))
	le.PutUint16(b[offLink:], uint16(f.Link))
	b[offOut] = 0
	if f.Outgoing {
		b[offOut] = 1
	}
	copy(b[offFlow:], id[:])
	copy(b[head:], data)
	if n := r.head / r.stride; r.head == 0 || n != r.mark[n%marks].pos/r.stride {
		r.mark[n%marks] = mark{r.head, r.next, f.Time}
	}
	r.head += size
	r.next++
	r.bytes += int64(len(data))
	r.mu.Unlock()
}

// place makes room for a record and returns it.
func (r *Ring) place(size uint64) []byte {
	all := uint64(len(r.buf))
	at := r.head % all
	if left := all - at; left < size {
		r.evict(left)
		binary.LittleEndian.PutUint32(r.buf[at+offSize:], uint32(left))
		binary.LittleEndian.PutUint32(r.buf[at+offData:], gap)
		r.head += left
		at = 0
	}
	r.evict(size)
	return r.buf[at : at+size]
}

// evict takes the oldest records away until there is room for size bytes.
func (r *Ring) evict(size uint64) {
	all := uint64(len(r.buf))
	for r.head+size-r.tail > all {
		b := r.buf[r.tail%all:]
		if n := binary.LittleEndian.Uint32(b[offData:]); n != gap {
			r.first++
			r.evicted++
			r.lost += uint64(n)
			r.bytes -= int64(n)
		}
		r.tail += uint64(binary.LittleEndian.Uint32(b[offSize:]))
	}
}

// close frees the memory.
func (r *Ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed, r.buf = true, nil
	r.bytes, r.tail, r.first = 0, r.head, r.next
}

// Stats count what a capture keeps.
type Stats struct {
	// Packets and Bytes are kept now. Bytes are those of the packets; what the
	// memory takes is fixed, see [Store.Memory].
	Packets, Bytes int64
	// Evicted and EvictedBytes made room for newer ones.
	Evicted, EvictedBytes uint64
	// Cut counts packets of which less was kept than was captured, because they
	// were longer than a quarter of the ring.
	Cut uint64
}

func (r *Ring) add(s *Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Packets += int64(r.next - r.first)
	s.Bytes += r.bytes
	s.Evicted += r.evicted
	s.EvictedBytes += r.lost
	s.Cut += r.cut
}

// kept is a packet as it was copied out of a ring; its bytes are a part of the
// buffer that it was read into.
type kept struct {
	flow flowrecord.ID
	time int64
	wire uint32
	link packet.LinkType
	out  bool
	data []byte
}
