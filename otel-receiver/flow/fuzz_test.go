package flow_test

import (
	"encoding/binary"
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

// FuzzTable adds frames of any bytes at any times to a small table: nothing may
// panic, and every packet of every level is told once.
func FuzzTable(f *testing.F) {
	var all []byte
	for _, s := range packettest.Samples() {
		one := append(binary.BigEndian.AppendUint16([]byte{byte(s.Link)}, uint16(len(s.Data))), s.Data...)
		f.Add(uint8(0), one)
		if len(all) < 8000 {
			all = append(all, one...)
		}
	}
	f.Add(uint8(3), all)
	f.Add(uint8(13), all)
	f.Fuzz(func(t *testing.T, mode uint8, b []byte) {
		cfg := flow.Config{Capacity: 64, Fragments: 8, TCPDetails: 4, Messages: 2, Update: 1e9, Idle: 5e9, FragmentTimeout: 2e9, Defrag: mode&1 != 0, KeyMode: flow.KeyMode(mode >> 1 & 1)}
		table, d, p := flow.New(cfg, flow.Place{}, echoDetailer{}), packet.New(), new(packet.Packet)
		if mode&4 != 0 {
			table.UseQueue()
		}
		s := newSums(t)
		at, packets, bytes := int64(1), int64(0), int64(0)
		for len(b) >= 3 {
			n := min(int(binary.BigEndian.Uint16(b[1:])), len(b)-3)
			link, data := packet.LinkType(b[0]), b[3:3+n]
			b = b[3+n:]
			d.Decode(p, link, data, len(data))
			for i := range p.N {
				packets++
				bytes += int64(p.Levels[i].Wire)
			}
			table.Add(p, data, at)
			at += int64(n) * 1e7
			if mode&8 == 0 {
				table.Expire(at, s.emit)
			}
		}
		table.Flush(at, flowrecord.FinishStopped, s.emit)
		st := table.Stats()
		if s.packets+int64(st.UnreportedPackets) != packets || s.bytes+int64(st.UnreportedBytes) != bytes {
			t.Errorf("%d packets, %d bytes told of %d, %d: %+v", s.packets, s.bytes, packets, bytes, st)
		}
	})
}

// FuzzBulk adds frames of any bytes in every way there is: one by one, with
// weights, kept, and as samples of any counts. Nothing may panic, and every packet
// of every level is told once, those of fragments in bulk for their own level
// only.
func FuzzBulk(f *testing.F) {
	var all []byte
	for i, s := range packettest.Samples() {
		one := append(binary.BigEndian.AppendUint16([]byte{byte(i), byte(i * 7), byte(s.Link)}, uint16(len(s.Data))), s.Data...)
		f.Add(uint8(i), one)
		if len(all) < 8000 {
			all = append(all, one...)
		}
	}
	f.Add(uint8(0), all)
	f.Add(uint8(5), all)
	f.Fuzz(func(t *testing.T, mode uint8, b []byte) {
		cfg := flow.Config{Capacity: 64, Fragments: 8, TCPDetails: 4, Messages: 2, Update: 1e9, Idle: 5e9, FragmentTimeout: 2e9, Defrag: mode&1 != 0, KeyMode: flow.KeyMode(mode >> 1 & 1), Keep: int(mode>>4&3) - 1, NoSequences: mode&64 != 0}
		table, d, p := flow.New(cfg, flow.Place{}, echoDetailer{}), packet.New(), new(packet.Packet)
		if mode&4 != 0 {
			table.UseQueue()
		}
		s := newSums(t)
		at, packets := int64(1), int64(0)
		for len(b) >= 5 {
			how, x := b[0], uint64(b[1])
			n := min(int(binary.BigEndian.Uint16(b[3:])), len(b)-5)
			data := b[5 : 5+n]
			d.Decode(p, packet.LinkType(b[2]), data, len(data))
			b = b[5+n:]
			weight := uint32(1) << (x % 18)
			levels := int64(p.N)
			switch how % 4 {
			case 0:
				table.AddWeighted(p, data, at, weight)
				packets += levels * int64(min(weight, flow.MaxWeight))
			case 1:
				table.AddKeep(p, data, at, weight)
				packets += levels * int64(min(weight, flow.MaxWeight))
			default:
				bulk := flow.Bulk{Weight: weight,
					Same:    flow.Count{Packets: x << (how >> 4), Bytes: x * 1000, First: at - int64(how), Last: at},
					Reverse: flow.Count{Packets: x >> 4 << (how >> 3), Bytes: x * 10, First: at - int64(x), Last: at - 5}}
				for i := range p.N {
					if l := &p.Levels[i]; l.Fragment && (l.Proto == 1 || l.Proto == 6 || l.Proto == 17 || l.Proto == 58 || l.Proto == 132) {
						levels = int64(i + 1)
						break
					}
				}
				table.AddBulk(p, data, &bulk)
				packets += levels * int64(bulk.Same.Packets+bulk.Reverse.Packets)
			}
			at += int64(n) * 1e7
			if mode&8 == 0 {
				table.Expire(at, s.emit)
			}
		}
		table.Flush(at, flowrecord.FinishStopped, s.emit)
		st := table.Stats()
		if s.packets+int64(st.UnreportedPackets) != packets || s.bytes < 0 {
			t.Errorf("%d packets, %d bytes told of %d: %+v", s.packets, s.bytes, packets, st)
		}
	})
}
