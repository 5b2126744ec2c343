package rawpackets

import (
	"encoding/binary"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/packet"
)

const (
	// pieceBytes and pieceScan bound what is read of a ring while a packet that is
	// to be kept may have to wait.
	pieceBytes = 64 << 10
	pieceScan  = 1024
)

// match chooses packets.
type match struct {
	flows    map[flowrecord.ID]struct{} // nil: all
	from, to int64                      // 0: not bounded
}

func (m *match) time(t int64) bool { return t >= m.from && (m.to == 0 || t <= m.to) }

func (m *match) flow(id flowrecord.ID) bool {
	if m.flows == nil {
		return true
	}
	_, ok := m.flows[id]
	return ok
}

// cursor reads a ring that is being written to.
type cursor struct {
	ring *Ring
	// pos is where it goes on, seq the number of the record there, end where it
	// ends for now.
	pos, seq, end uint64
	scratch       []byte
}

// newCursor begins with the first record that may be from the time from on.
func newCursor(r *Ring, from int64) *cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &cursor{ring: r, pos: r.tail, seq: r.first, end: r.head}
	// The marks of what is there, oldest first, as long as they are too early.
	for n := r.tail / r.stride; n <= r.head/r.stride; n++ {
		k := r.mark[n%marks]
		if k.pos < r.tail || k.pos >= r.head || k.pos/r.stride != n {
			continue
		}
		if k.time > from-slack {
			break
		}
		c.pos, c.seq = k.pos, k.seq
	}
	return c
}

// grow has the cursor go on to what is the end now.
func (c *cursor) grow() {
	c.ring.mu.Lock()
	defer c.ring.mu.Unlock()
	c.end = c.ring.head
}

// read copies packets that match out of the ring. more is false when it is at the
// end for now; out may be empty all the same when it is true. lost counts the
// records that were overwritten before it got there.
func (c *cursor) read(m *match) (out []kept, lost int64, more bool) {
	c.scratch = c.scratch[:0]
	out, lost, more = c.copy(m)
	if len(out) == 0 {
		return nil, lost, more
	}
	// What is handed on is the receiver's; it is made without the lock.
	data := append([]byte(nil), c.scratch...)
	for i := range out {
		n := len(out[i].data)
		out[i].data, data = data[:n:n], data[n:]
	}
	return out, lost, more
}

func (c *cursor) copy(m *match) (out []kept, lost int64, more bool) {
	le := binary.LittleEndian
	r := c.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.pos < r.tail {
		lost = int64(r.first - c.seq)
		c.pos, c.seq = r.tail, r.first
	}
	for range pieceScan {
		if c.pos >= min(c.end, r.head) {
			return out, lost, false
		}
		b := r.buf[c.pos%uint64(len(r.buf)):]
		size, n := uint64(le.Uint32(b[offSize:])), le.Uint32(b[offData:])
		if n == gap {
			c.pos += size
			continue
		}
		k := kept{
			flow: flowrecord.ID(b[offFlow:head]), time: int64(le.Uint64(b[offTime:])), wire: le.Uint32(b[offWire:]),
			link: packet.LinkType(le.Uint16(b[offLink:])), out: b[offOut] == 1,
		}
		if m.time(k.time) && m.flow(k.flow) {
			if len(out) > 0 && len(c.scratch)+int(n) > pieceBytes {
				return out, lost, true
			}
			at := len(c.scratch)
			c.scratch = append(c.scratch, b[head:head+n]...)
			k.data = c.scratch[at:]
			out = append(out, k)
		}
		c.pos += size
		c.seq++
	}
	return out, lost, true
}
