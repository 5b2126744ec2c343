package rtnl

import (
	"encoding/binary"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

// TestSettings decodes settings whose obvious reading is wrong.
func TestSettings(t *testing.T) {
	u32 := func(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }
	for _, tc := range []struct {
		kind string
		attr attr
		want string
	}{
		{"vxlan", attr{33, []byte{0xf7, 0xff, 0xff, 0xff, 0, 0, 0, 0xff}}, `{"ReservedBits":"f7ffffff000000ff"}`},
		// What the tunnel can do at the moment is no setting (IP6_TNL_F_CAP_*).
		{"ip6tnl", attr{8, u32(0x70000)}, `{}`},
		{"ip6tnl", attr{8, u32(0x30001)}, `{"Flags":["ign_encap_limit"]}`},
		{"ip6gre", attr{13, u32(0x40000)}, `{}`},
		{"ip6gretap", attr{13, u32(0x30002)}, `{"Flags":["use_orig_tclass"]}`},
		{"ip6erspan", attr{13, u32(0x30000)}, `{}`},
	} {
		b := appendRequest(0, 0, 0, nil, tc.attr)[nlHeaderLen:]
		got, err := decodeTable(tc.kind, linkKinds[tc.kind].data, b, nil)
		if err != nil {
			t.Errorf("%s: %v", tc.kind, err)
		}
		if text := string(jsonOf(t, entity.Map(got.Normalize()))); text != tc.want {
			t.Errorf("%s is %s, want %s", tc.kind, text, tc.want)
		}
	}
	if _, err := hex64(&field{name: "x"}, attr{33, make([]byte, 7)}, nil); err == nil {
		t.Error("7 bytes are 64 bits")
	}
}

// TestResilientGroup tells the buckets of a group from its timers.
func TestResilientGroup(t *testing.T) {
	u32 := func(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }
	res := appendRequest(0, 0, 0, nil,
		attr{1, binary.NativeEndian.AppendUint16(nil, 8)}, attr{2, u32(12000)}, attr{3, u32(500)})[nlHeaderLen:]
	msg := appendRequest(0, 0, 0, make([]byte, sizeofNhmsg),
		attr{1, u32(11)}, attr{2, make([]byte, 2*sizeofNexthopGrp)}, attr{3, []byte{1, 0}}, attr{12 | 1<<15, res})[nlHeaderLen:]
	n, err := DecodeNexthop(msg)
	if err != nil || n.GroupType != "resilient" || n.Buckets != 8 || n.IdleTimer != 12000 || n.UnbalancedTimer != 500 {
		t.Errorf("%+v, %v", n, err)
	}
}
