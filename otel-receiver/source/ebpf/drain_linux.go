package ebpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// drain makes the other map the active one and hands on what is in the one that
// was. No program still writes to it by then: each entry is read once, complete.
func (x *session) drain() error {
	x.src.mu.Lock()
	defer x.src.mu.Unlock()
	x.draining = true
	defer func() { x.draining = false }()
	old := x.control.Active & 1
	// The new map's rate is set before it is used.
	x.control.Rate[old^1] = x.src.rate.Load()
	if err := x.putControl(); err != nil {
		return err
	}
	x.base[old^1] = x.kernel.Created[old^1]
	x.control.Active = old ^ 1
	if err := x.putControl(); err != nil {
		return err
	}
	now := boot()
	if err := x.programs.barrier.wait(); err != nil {
		return err
	}
	x.swapped = now
	x.src.count.drains.Add(1)
	if err := x.readStats(); err != nil {
		return err
	}
	// What came through the ring before goes first: connections begin by it.
	clear(x.closing)
	if err := x.waiting(); err != nil {
		return err
	}
	read := boot()
	err := x.batch.read(x.programs.flows[old], func(v value) { x.flow(v, x.control.Rate[old], read) })
	if err != nil {
		return fmt.Errorf("read flows: %w", err)
	}
	x.upTo = x.unix(now)
	return nil
}

// flow hands on what was counted of a flow.
func (x *session) flow(v value, rate uint32, now time.Duration) {
	b, high := &x.bulk, v.high()
	f := &b.Sample
	f.Data, f.Wire, f.Link = v.data(), v.wire(), x.link
	f.Time, f.Outgoing, f.Weight = v.time()+x.offset, v.out(), rate
	b.Same, b.Reverse = x.counted(v, high, rate, now), x.counted(v, high^1, rate, now)
	packets := v.packets(0) + v.packets(1)
	if packets == 0 || len(f.Data) == 0 {
		x.src.count.malformed.Add(1) // the programs never do this
		return
	}
	if b.Same.Packets > 0 {
		// The sample's time is exact.
		b.Same.First = f.Time
		b.Same.Last = max(b.Same.Last, f.Time)
	}
	c := &x.src.count
	c.received.Add(packets)
	c.bytes.Add(v.bytes(0) + v.bytes(1))
	c.flows.Add(1)
	x.worker.Bulk(b)
}

// counted is what a flow counted of one direction, scaled.
func (x *session) counted(v value, dir uint8, rate uint32, now time.Duration) source.BulkCount {
	n := v.packets(dir)
	if n == 0 {
		return source.BulkCount{}
	}
	first := x.unix(unwrap(v.first(dir), now))
	return source.BulkCount{
		Packets: n * uint64(rate), Bytes: v.bytes(dir) * uint64(rate),
		First: first, Last: max(x.unix(unwrap(v.last(dir), now)), first),
	}
}

// event hands on a packet that came through the ring.
func (x *session) event(e event) error {
	if len(e) < eventData || e.packets() == 0 || e.last() < 0 {
		x.src.count.malformed.Add(1) // the programs never do this
		return nil
	}
	switch e.why() {
	case whyClose:
		if len(x.closing) < maxClosing {
			x.closing[e.key()] = struct{}{}
		}
	case whyFlags:
		// The ports of a connection that was over are used again: what was counted of
		// it is not of the new one.
		if _, again := x.closing[e.key()]; again && !x.draining && boot()-x.swapped >= leastDrain {
			e = bytes.Clone(e) // it is read over
			if err := x.drain(); err != nil {
				return err
			}
		}
	}
	f := &x.frame
	f.Data, f.Wire, f.Link = e.data(), e.wire(), x.link
	f.Time, f.Outgoing, f.Weight = e.time()+x.offset, e.out(), e.rate()
	if x.link == packet.LinkRaw {
		x.cook(e)
	}
	c := &x.src.count
	c.received.Add(e.packets())
	c.bytes.Add(e.bytes() + e.packets()*uint64(f.Wire-e.wire()))
	c.events.Add(1)
	if len(f.Data) < f.Wire {
		c.truncated.Add(1)
	}
	if more := e.packets() - 1; more > 0 {
		// The flags are those of the last one.
		n := more * uint64(f.Weight)
		x.bulk = source.Bulk{Sample: *f, Same: source.BulkCount{Packets: n, Bytes: n * uint64(f.Wire), First: f.Time, Last: f.Time}}
		x.worker.Bulk(&x.bulk)
		f.Wire += e.last() - e.wire()
		f.Data = f.Data[:min(len(f.Data), f.Wire)]
	}
	x.worker.Frame(f)
	return nil
}

// packetOutgoing is PACKET_OUTGOING of linux/if_packet.h.
const packetOutgoing = 4

// cook puts the header of a Linux cooked frame (LINKTYPE_LINUX_SLL) in front of
// what is neither IPv4 nor IPv6.
func (x *session) cook(e event) {
	if p := e.proto(); p == unix.ETH_P_IP || p == unix.ETH_P_IPV6 {
		return
	}
	kind := uint16(e.kind())
	if e.out() {
		kind = packetOutgoing
	}
	b := binary.BigEndian.AppendUint16(x.cooked[:0], kind)
	b = binary.BigEndian.AppendUint16(b, x.arphrd)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, e.proto())
	b = append(b, e.data()...)
	x.cooked = b
	x.frame.Data, x.frame.Link = b, packet.LinkLinuxSLL
	x.frame.Wire += 16
}

// maxClosing is how many connections that were over are remembered until the map
// is read.
const maxClosing = 1 << 14

// batchSize is how many flows are read at once.
const batchSize = 1024

// batch reads maps of flows.
type batch interface {
	// read empties a map into which nobody writes.
	read(m *ebpf.Map, each func(value)) error
	memory() uint64
}

func newBatch(sample int, single bool) batch {
	if sample > SmallSample {
		return &batches[[valueHead + LargeSample]byte]{single: single, bytes: func(v *[valueHead + LargeSample]byte) value { return v[:] }}
	}
	return &batches[[valueHead + SmallSample]byte]{single: single, bytes: func(v *[valueHead + SmallSample]byte) value { return v[:] }}
}

// batches is a batch of values of one size. Its memory is there from the first
// flow on.
type batches[V any] struct {
	keys   [][keySize]byte
	values []V
	bytes  func(*V) value
	single bool
}

func (b *batches[V]) memory() uint64 {
	if len(b.values) == 0 {
		return 0
	}
	return uint64(len(b.values) * (keySize + len(b.bytes(&b.values[0]))))
}

func (b *batches[V]) read(m *ebpf.Map, each func(value)) error {
	if b.keys == nil {
		b.keys, b.values = make([][keySize]byte, batchSize), make([]V, batchSize)
	}
	if b.single {
		return b.one(m, each)
	}
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookupAndDelete(&cursor, b.keys, b.values, nil)
		if errors.Is(err, ebpf.ErrNotSupported) {
			b.single = true
			return b.one(m, each)
		}
		for i := range n {
			each(b.bytes(&b.values[i]))
		}
		switch {
		case errors.Is(err, ebpf.ErrKeyNotExist):
			return nil // that was all
		case errors.Is(err, unix.ENOSPC) && n == 0 && len(b.keys) < 1<<16:
			// A bucket has more than fits.
			b.keys, b.values = make([][keySize]byte, 4*len(b.keys)), make([]V, 4*len(b.values))
		case err != nil:
			return err
		}
	}
}

// one empties a map where the kernel has no batches (before Linux 5.6).
func (b *batches[V]) one(m *ebpf.Map, each func(value)) error {
	var key [keySize]byte
	for {
		// The first key, again and again: each is deleted.
		err := m.NextKey(nil, &key)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err == nil {
			err = m.Lookup(&key, &b.values[0])
		}
		if err == nil {
			err = m.Delete(&key)
		}
		if err != nil {
			return err
		}
		each(b.bytes(&b.values[0]))
	}
}
