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
