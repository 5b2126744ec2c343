package ofprobe

import (
	"encoding/binary"
	"hash/maphash"
	"testing"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// desc15 is a struct ofp15_flow_desc with these counters.
func desc15(packets, bytes uint64) []byte {
	b := make([]byte, 24)
	b[4] = 3
	b = append(b, fakeRule{in: 7}.match()...)
	oxs := func(field byte, v uint64) []byte {
		return binary.BigEndian.AppendUint64([]byte{0x80, 2, field << 1, 8}, v)
	}
	b = append(b, 0, 0, 0, 4+3*12)
	b = append(b, oxs(0, 1<<40)...) // duration
	b = append(b, oxs(4, packets)...)
	b = append(b, oxs(5, bytes)...)
	b = append(b, fakeRule{out: 8}.instructions()...)
	binary.BigEndian.PutUint16(b, uint16(len(b)))
	return b
}

// TestSum changes each byte of a rule: the fingerprint changes unless the byte
// is of a counter, a duration or an age.
func TestSum(t *testing.T) {
	s := &summer{maphash.MakeSeed()}
	nicira := fakeRule{in: 1, out: 2, packets: 3}.stats()
	for _, tc := range []struct {
		name string
		part openflow.Part
		b    []byte
		free func(i int) bool // the bytes that do not matter
		want counts
	}{
		{
			"1.0 of Nicira", openflow.Part{Version: openflow.V10, Type: 0xffff}, nicira,
			func(i int) bool { return i >= 4 && i < 12 || i >= 20 && i < 24 || i >= 32 && i < 48 },
			counts{3, 180},
		},
		{
			"1.3", openflow.Part{Version: openflow.V13, Type: 1}, nicira,
			func(i int) bool { return i >= 4 && i < 12 || i >= 32 && i < 48 },
			counts{3, 180},
		},
		{
			"1.5", openflow.Part{Version: openflow.V15, Type: 17}, desc15(5, 6),
			func(i int) bool { return i >= 24+16 && i < 24+16+40 },
			counts{5, 6},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sum, c, ok := s.sum(&tc.part, tc.b)
			if !ok || c != tc.want {
				t.Fatalf("counters %v %v, want %v", c, ok, tc.want)
			}
			for i := range tc.b {
				if tc.part.Version == openflow.V15 && i >= 40 && i < 44 {
					continue // the length of the statistics moves what follows
				}
				other := append([]byte(nil), tc.b...)
				other[i] ^= 1
				got, _, ok := s.sum(&tc.part, other)
				if ok && (got == sum) != tc.free(i) {
					t.Errorf("byte %d of %d: the fingerprint is the same: %v", i, len(tc.b), got == sum)
				}
			}
			for n := range tc.b {
				s.sum(&tc.part, tc.b[:n]) // must not panic
			}
		})
	}
	if _, _, ok := s.sum(&openflow.Part{Version: openflow.V10, Type: 1}, nicira); ok {
		t.Error("a fingerprint of a format without a known place of counters")
	}
}
