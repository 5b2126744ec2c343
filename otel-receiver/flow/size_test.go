package flow

import (
	"encoding/hex"
	"testing"
	"unsafe"
)

// TestSizes holds what the memory of a flow is made of: a slot is a cache line,
// and begins on one.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(slot{}); n != 64 {
		t.Errorf("a slot has %d bytes, want 64", n)
	}
	if n := unsafe.Sizeof(rest{}); n > 144 {
		t.Errorf("the rest of a flow has %d bytes, want at most 144", n)
	}
	if n := unsafe.Sizeof(conn{}); n > 144 {
		t.Errorf("the details of a connection have %d bytes, want at most 144", n)
	}
	for _, capacity := range []int{1, 64, 1000, 100_000} {
		table := New(Config{Capacity: capacity}, Place{}, nil)
		if at := uintptr(unsafe.Pointer(unsafe.SliceData(table.slots))) % 64; at != 0 {
			t.Errorf("capacity %d: slots begin %d bytes into a cache line", capacity, at)
		}
	}
}

// TestMemory holds the bound on the memory of a flow, in a full table of a size
// where the fixed parts no longer matter.
func TestMemory(t *testing.T) {
	const flows = 1 << 18
	table := New(Config{Capacity: flows}, Place{}, nil)
	total := len(table.tags)*8 + len(table.slots)*int(unsafe.Sizeof(slot{})) + len(table.rests)*int(unsafe.Sizeof(rest{})) +
		len(table.ended)*int(unsafe.Sizeof(endedFlow{})) + len(table.conns.list)*int(unsafe.Sizeof(conn{})+4) +
		len(table.pending.list)*int(unsafe.Sizeof(request{})) + len(table.frags.list)*int(unsafe.Sizeof(datagram{}))
	if per := float64(total) / flows; per > 256 {
		t.Errorf("%.1f bytes a flow, want at most 256", per)
	}
}

// TestXXHash compares with the sums of the reference implementation (xxhsum).
func TestXXHash(t *testing.T) {
	for _, tc := range []struct {
		in   string
		seed uint64
		want uint64
	}{
		{"", 0, 0xef46db3751d8e999},
		{"a", 0, 0xd24ec4f1a98c6e5b},
		{"abc", 0, 0x44bc2cf5ad770999},
		{"The quick brown fox jumps over the lazy dog", 0, 0x0b242d361fda71bc},
		{"Nobody inspects the spammish repetition", 0, 0xfbcea83c8a378bf1},
	} {
		if got := xxhash64([]byte(tc.in), tc.seed); got != tc.want {
			t.Errorf("%q: got %016x, want %016x", tc.in, got, tc.want)
		}
	}
}

// TestClasses has any number of idle times fit into the classes.
func TestClasses(t *testing.T) {
	table := New(Config{}, Place{}, nil)
	for i := range 40 {
		class := table.classOf(table.cfg.Idle / 40 * 41 * 2 * 2 << (i % 20))
		if int(class) >= len(table.idle) {
			t.Fatalf("class %d", class)
		}
	}
	if table.classOf(table.cfg.IdleDNS) != table.classDNS {
		t.Error("the same idle time has two classes")
	}
}

// TestTrackingExample is the example of docs/formats/tracking-id.md.
func TestTrackingExample(t *testing.T) {
	l3, _ := hex.DecodeString("010406000000000000" + "c00002019c40" + "c00002020050")
	link, _ := hex.DecodeString("080000" + "020000000001" + "020000000002")
	if got := xxhash64(l3, 0); got != 0x369f891fae4de054 {
		t.Errorf("L3: %016x of %x", got, l3)
	}
	if got := xxhash64(append(l3, link...), 0); got != 0x8b38abf793539eba {
		t.Errorf("L2: %016x", got)
	}
}
