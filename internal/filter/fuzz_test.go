package filter

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/net/bpf"
)

// Whatever the text: compiling does not panic, an error has a place inside of
// it, and a program is one that the kernel takes and gives the same verdict
// when it is compiled again.
func FuzzCompile(f *testing.F) {
	for i, l := range linkNames {
		for _, expr := range section(f, "testdata/filters.txt", l.name) {
			f.Add(expr, uint8(i), false)
		}
	}
	for _, expr := range section(f, "testdata/refused.txt", "both") {
		f.Add(expr, uint8(0), true)
	}
	frames := captures(LinkEthernet)[:300]
	f.Fuzz(func(t *testing.T, expr string, link uint8, live bool) {
		if len(expr) > 2000 {
			return
		}
		o := Options{Link: linkNames[int(link)%len(linkNames)].link, KernelVLAN: live}
		p, err := Compile(expr, o)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(expr) || e.Msg == "" || e.Show() == "" {
				t.Fatalf("%q: bad error %#v", expr, err)
			}
			return
		}
		if err := check(p.ins); err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		if missing := readsUnset(p.ins); missing {
			t.Fatalf("%q reads a register before it is set:\n%s", expr, p.Listing())
		}
		again, err := Compile(expr, o)
		if err != nil || again.Listing() != p.Listing() {
			t.Fatalf("%q compiles differently the second time: %v", expr, err)
		}
		for _, c := range frames {
			p.Matches(c.data, c.wire)
		}
	})
}

// readsUnset reports what the kernel refuses: a read of memory that is not
// stored to on every way.
func readsUnset(ins []bpf.RawInstruction) bool {
	valid := make([]uint32, len(ins)+1)
	for i := range valid {
		valid[i] = 0xffff
	}
	now := uint32(0)
	for i, in := range ins {
		now &= valid[i]
		switch {
		case in.Op == opSt || in.Op == opStx:
			now |= 1 << in.K
		case in.Op == opLd|modeMem || in.Op == opLdx|modeMem:
			if now&(1<<in.K) == 0 {
				return true
			}
		case in.Op == opJmp:
			valid[i+1+int(in.K)] &= now
			now = 0xffff
		case in.Op&7 == opJmp:
			valid[i+1+int(in.Jt)] &= now
			valid[i+1+int(in.Jf)] &= now
			now = 0xffff
		}
	}
	return false
}

// Whatever the program: what passes the check runs without a panic.
func FuzzRun(f *testing.F) {
	for _, expr := range []string{"tcp port 80", "vlan and geneve and icmp", "tcp[ip[0] % ip[1]] << ip[2] = len"} {
		p, err := Compile(expr, Options{Link: LinkEthernet, KernelVLAN: true})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(appendRaw(nil, p.ins), []byte("frame"))
	}
	f.Fuzz(func(t *testing.T, raw, data []byte) {
		var ins []bpf.RawInstruction
		for ; len(raw) >= 8; raw = raw[8:] {
			ins = append(ins, bpf.RawInstruction{Op: binary.LittleEndian.Uint16(raw), Jt: raw[2], Jf: raw[3], K: binary.LittleEndian.Uint32(raw[4:])})
		}
		if check(ins) != nil {
			return
		}
		run(ins, data, uint32(len(data)), nil)
		run(ins, data, uint32(len(data)), &meta{tagged: true, tag: 5})
	})
}
