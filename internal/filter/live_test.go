package filter

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
)

// stripped takes the outermost tag of a frame into what the kernel knows, as it
// does before the filter of an AF_PACKET socket runs.
func stripped(c capture) (capture, *meta) {
	m := &meta{kind: uint16(len(c.data) % 5), index: uint32(len(c.data) % 4)}
	if len(c.data) < 18 {
		return c, m
	}
	switch binary.BigEndian.Uint16(c.data[12:]) {
	case etherVLAN, etherQinQ:
		m.tagged, m.tag = true, binary.BigEndian.Uint16(c.data[14:])
		return capture{append(append([]byte(nil), c.data[:12]...), c.data[16:]...), c.wire - 4}, m
	}
	return c, m
}

// The programs for live capture give the verdicts of those that tcpdump makes
// for an interface, on frames with the tag taken out and on those without.
func TestLiveTcpdump(t *testing.T) {
	if testing.Short() {
		t.Skip("runs tcpdump hundreds of times")
	}
	if os.Getuid() != 0 {
		t.Skip("tcpdump opens an interface: root only")
	}
	list := captures(LinkEthernet)
	exprs := section(t, "testdata/filters.txt", "live")
	for i, expr := range section(t, "testdata/filters.txt", "ethernet") {
		if strings.Contains(expr, "vlan") || i%10 == 0 {
			exprs = append(exprs, expr)
		}
	}
	// Of the first one libpcap's optimizer takes it for granted that the tag was
	// in the frame; the second one has no program that runs on an interface.
	faulty := map[string]bool{"ip and (vlan or mpls) and ip": true, "vlan and ip6 protochain 6": true}
	filters, looping := 0, 0
	for _, expr := range exprs {
		if faulty[expr] {
			continue
		}
		theirs, err := programs(t, "", expr)
		if err != nil {
			t.Errorf("tcpdump refuses %q: %v", expr, err)
			continue
		}
		if check(theirs) != nil {
			looping++ // protochain
			continue
		}
		f, err := Compile(expr, Options{Link: LinkEthernet, KernelVLAN: true})
		if err != nil {
			t.Errorf("compile %q: %v", expr, err)
			continue
		}
		filters++
		for _, c := range list {
			for _, inline := range []bool{false, true} {
				in, m := stripped(c)
				if inline {
					in, m = c, &meta{}
				}
				ours := run(f.ins, in.data, uint32(in.wire), m) != 0
				if want := run(theirs, in.data, uint32(in.wire), m) != 0; ours != want {
					t.Fatalf("%q: ours %v, tcpdump's %v: %+v %x", expr, ours, want, m, in.data)
				}
			}
		}
	}
	t.Logf("%d filters compared, %d with loops left out", filters, looping)
}

// An ICMP packet is matched with the tag in the frame, as in a file, and with
// the tag taken out, as on an interface.
func TestVLANOrNot(t *testing.T) {
	const expr = "icmp or (vlan and icmp)"
	icmp := ip4("10.0.0.1", "10.0.0.2", protoICMP, 0, nil, make([]byte, 64))
	for i, w := range wraps()[:3] {
		data := w(icmp)
		for _, live := range []bool{false, true} {
			f, err := Compile(expr, Options{Link: LinkEthernet, KernelVLAN: live})
			if err != nil {
				t.Fatal(err)
			}
			if !f.Matches(data, len(data)) {
				t.Errorf("frame %d, live %v: no match", i, live)
			}
			in, m := stripped(capture{data, len(data)})
			if live && run(f.ins, in.data, uint32(in.wire), m) == 0 {
				t.Errorf("frame %d with the tag taken out: no match", i)
			}
		}
	}
	f, err := Compile("vlan 5 and icmp", Options{Link: LinkEthernet, KernelVLAN: true})
	if err != nil {
		t.Fatal(err)
	}
	data := wraps()[0](icmp)
	for tag, want := range map[uint16]bool{5: true, 0x6005: true, 6: false} {
		if got := run(f.ins, data, uint32(len(data)), &meta{tagged: true, tag: tag}) != 0; got != want {
			t.Errorf("tag %#x: %v", tag, got)
		}
	}
	if f.Matches(data, len(data)) {
		t.Error("a frame without a tag matches")
	}
}
