package ebpf

import (
	"testing"
)

// TestCounts sends datagrams both ways and compares with the counters of the
// interface.
func TestCounts(t *testing.T) {
	w := newWorld(t)
	tl := newTally()
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, tl)
	before, beforeBytes := w.counters(w.b, "vb")
	a, b := w.sender(w.a, "va"), w.sender(w.b, "vb")
	for i := range uint16(100) {
		for range 10 {
			a.send(ether(0x0800, ipv4(17, 1, 2, udp(1000+i, 53, make([]byte, i)))))
			b.send(back(0x0800, ipv4(17, 2, 1, udp(53, 1000+i, nil))))
		}
	}
	if err := c.src.SelfTest(); err != nil {
		t.Error(err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	packets, bytes := w.counters(w.b, "vb")
	gotPackets, gotBytes := tl.counts()
	if gotPackets != packets-before || gotBytes != bytes-beforeBytes {
		t.Errorf("%d packets with %d bytes, want %d with %d", gotPackets, gotBytes, packets-before, bytes-beforeBytes)
	}
	if n := len(tl.flows()); n != 100 || tl.bulks != 100 || tl.frames != 0 {
		t.Errorf("%d flows of %d samples and %d frames, want 100 of 100", n, tl.bulks, tl.frames)
	}
	t.Logf("%+v %+v", c.src.Stats(), c.src.Detail())
}
