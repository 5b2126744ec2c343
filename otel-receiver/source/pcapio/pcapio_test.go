package pcapio

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// copied is what a reader gave, with memory of its own.
func readAll(t testing.TB, b []byte) (frames []source.Frame, err error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b))
	for err == nil {
		var f source.Frame
		if err = r.Next(&f); err == nil {
			f.Data = bytes.Clone(f.Data)
			frames = append(frames, f)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return frames, err
}

// pcap writes a file of two frames in a byte order.
func pcap(order binary.AppendByteOrder, magic uint32, link uint32) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	for _, v := range []uint32{0, 0, 65535, link} {
		b = order.AppendUint32(b, v)
	}
	extra := make([]byte, 0, 8)
	if magic == magicModified {
		extra = extra[:8]
	}
	for i, data := range []string{"first", "second frame"} {
		for _, v := range []uint32{uint32(1000 + i), 500, uint32(len(data)), 60} {
			b = order.AppendUint32(b, v)
		}
		b = append(append(b, extra...), data...)
	}
	return b
}

func compressed(b []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(b)
	_ = z.Close()
	return buf.Bytes()
}

func TestPcapVariants(t *testing.T) {
	for _, tc := range []struct {
		name string
		file []byte
		unit int64
		link packet.LinkType
	}{
		{"little, us", pcap(binary.LittleEndian, magicMicro, 1), 1000, packet.LinkEthernet},
		{"big, us", pcap(binary.BigEndian, magicMicro, 276), 1000, packet.LinkLinuxSLL2},
		{"little, ns", pcap(binary.LittleEndian, magicNano, 101), 1, packet.LinkRaw},
		{"big, ns", pcap(binary.BigEndian, magicNano, 1), 1, packet.LinkEthernet},
		{"modified", pcap(binary.LittleEndian, magicModified, 1), 1000, packet.LinkEthernet},
		{"raw as BSD has it", pcap(binary.LittleEndian, magicMicro, 12), 1000, packet.LinkRaw},
		{"with checksum", pcap(binary.LittleEndian, magicMicro, 0x24000001), 1000, packet.LinkEthernet},
		{"gzip", compressed(pcap(binary.BigEndian, magicNano, 1)), 1, packet.LinkEthernet},
	} {
		got, err := readAll(t, tc.file)
		if err != nil || len(got) != 2 {
			t.Errorf("%s: %d frames, %v", tc.name, len(got), err)
			continue
		}
		f := got[1]
		if string(f.Data) != "second frame" || f.Wire != 60 || f.Time != 1001e9+500*tc.unit || f.Link != tc.link {
			t.Errorf("%s: %+v", tc.name, f)
		}
	}
}

func TestBadFiles(t *testing.T) {
	good := pcap(binary.LittleEndian, magicMicro, 1)
	z := compressed(good)
	change := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	for _, tc := range []struct {
		name   string
		file   []byte
		is     error
		text   string
		frames int
	}{
		{"text", []byte("hello, world, this is no capture"), ErrFormat, "begins with 0x68656c6c", 0},
		{"short", good[:3], ErrTruncated, "at byte 0", 0},
		{"header cut", good[:20], ErrTruncated, "", 0},
		{"version", change(4, 9), ErrCorrupt, "version 9.4", 0},
		{"record cut in header", good[:24+16+5+7], ErrTruncated, "after 1 frames", 1},
		{"record cut in data", good[:len(good)-1], ErrTruncated, "at byte 72 after 1 frames", 1},
		{"length", change(24+8, 0, 0, 0, 0x7f), ErrCorrupt, "a frame of 2130706432 bytes", 0},
		{"wire length", change(24+12, 0, 0, 0, 0x7f), ErrCorrupt, "2130706432 bytes long", 0},
		{"gzip cut", compressed(good)[:40], ErrTruncated, "", -1},
		{"gzip header", []byte{0x1f, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0}, ErrCorrupt, "", 0},
		{"gzip data", append(compressed(good)[:10], 7, 7, 7), ErrCorrupt, "", 0},
		{"gzip checksum", append(bytes.Clone(z[:len(z)-8]), 1, 2, 3, 4, 5, 6, 7, 8), ErrCorrupt, "checksum", 2},
	} {
		got, err := readAll(t, tc.file)
		if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.text) || tc.frames >= 0 && len(got) != tc.frames {
			t.Errorf("%s: %d frames, %v", tc.name, len(got), err)
		}
	}
	if r, err := NewReader(bytes.NewReader(nil)); r != nil || !errors.Is(err, io.EOF) {
		t.Errorf("empty: %v", err)
	}
	failed := errors.New("disk on fire")
	r, err := NewReader(io.MultiReader(bytes.NewReader(good[:30]), iotest.ErrReader(failed)))
	if err != nil {
		t.Fatal(err)
	}
	var f source.Frame
	for range 2 {
		if err := r.Next(&f); !errors.Is(err, failed) {
			t.Errorf("an error of the reader became %v", err)
		}
	}
}

// TestAgainstGopacket reads what gopacket writes.
func TestAgainstGopacket(t *testing.T) {
	at := time.Unix(1_600_000_000, 123_456_789).UTC()
	frames := [][]byte{[]byte("a"), bytes.Repeat([]byte("b"), 1500), {}, []byte("dddd")}
	var ng, pc bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&ng, pcapgo.NgInterface{Name: "eth0", LinkType: layers.LinkTypeEthernet, TimestampResolution: 9}, pcapgo.DefaultNgWriterOptions)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.AddInterface(pcapgo.NgInterface{Name: "tun0", LinkType: layers.LinkTypeRaw, TimestampResolution: 9, SnapLength: 100})
	if err != nil {
		t.Fatal(err)
	}
	p := pcapgo.NewWriterNanos(&pc)
	if err := p.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for i, b := range frames {
		ci := gopacket.CaptureInfo{Timestamp: at.Add(time.Duration(i)), CaptureLength: len(b), Length: len(b) + i, InterfaceIndex: i % 2 * raw}
		if err := w.WritePacket(ci, b); err != nil {
			t.Fatal(err)
		}
		if err := p.WritePacket(ci, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"pcapng": ng.Bytes(), "pcap": pc.Bytes(), "two sections": append(bytes.Clone(ng.Bytes()), ng.Bytes()...)} {
		got, err := readAll(t, file)
		want := len(frames)
		if name == "two sections" {
			want *= 2
		}
		if err != nil || len(got) != want {
			t.Errorf("%s: %d frames, %v", name, len(got), err)
			continue
		}
		for i, f := range got {
			i %= len(frames)
			link := packet.LinkEthernet
			if name != "pcap" && i%2 == 1 {
				link = packet.LinkRaw
			}
			if !bytes.Equal(f.Data, frames[i]) || f.Wire != len(frames[i])+i || f.Time != at.UnixNano()+int64(i) || f.Link != link {
				t.Errorf("%s: frame %d: %+v", name, i, f)
			}
		}
	}
}

// ngBlock makes a block.
func ngBlock(order binary.AppendByteOrder, typ uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	b := order.AppendUint32(nil, typ)
	b = order.AppendUint32(b, uint32(len(body)+12))
	return order.AppendUint32(append(b, body...), uint32(len(body)+12))
}

func words(order binary.AppendByteOrder, v ...uint32) (b []byte) {
	for _, x := range v {
		b = order.AppendUint32(b, x)
	}
	return b
}

func section(order binary.AppendByteOrder) []byte {
	body := order.AppendUint16(order.AppendUint16(words(order, byteOrderMagic), 1), 0)
	return ngBlock(order, blockSection, append(body, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
}

func ifaceBlock(order binary.AppendByteOrder, link uint16, snap uint32, options ...byte) []byte {
	body := order.AppendUint16(order.AppendUint16(nil, link), 0)
	return ngBlock(order, blockIface, append(order.AppendUint32(body, snap), options...))
}

func TestPcapng(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		option := func(code uint16, v ...byte) []byte {
			b := order.AppendUint16(order.AppendUint16(nil, code), uint16(len(v)))
			b = append(b, v...)
			return append(b, make([]byte, (4-len(v)%4)%4)...)
		}
		offset := order.AppendUint64(nil, 100)
		file := section(order)
		file = append(file, ngBlock(order, 0x0bad, []byte("a block that nobody knows"))...)
		file = append(file, ifaceBlock(order, 1, 6)...)                                                            // 0: microseconds
		file = append(file, ifaceBlock(order, 113, 0, append(option(optResol, 0x80|10), option(optEnd)...)...)...) // 1: 1/1024 s
		file = append(file, ifaceBlock(order, 1, 0, append(option(optResol, 12), option(optTSOffset, offset...)...)...)...)
		file = append(file, ngBlock(order, blockEnhanced, append(append(words(order, 0, 0, 2_000_000, 3, 60), "abc\x00"...), option(optFlags, order.AppendUint32(nil, 2)...)...))...)
		file = append(file, ngBlock(order, blockEnhanced, append(words(order, 1, 0, 512, 0, 0), option(optFlags, order.AppendUint32(nil, 1)...)...))...)
		file = append(file, ngBlock(order, blockEnhanced, words(order, 2, 0, 5000, 0, 0))...)
		file = append(file, ngBlock(order, blockSimple, append(words(order, 60), "simple"...))...)
		old := order.AppendUint16(order.AppendUint16(nil, 1), 7)
		file = append(file, ngBlock(order, blockOldFrame, append(append(old, words(order, 0, 1024, 4, 4)...), "olds"...))...)
		got, err := readAll(t, file)
		want := []source.Frame{
			{Data: []byte("abc"), Wire: 60, Time: 2e9, Link: 1, Outgoing: true},
			{Data: []byte{}, Time: 5e8, Link: 113},
			{Data: []byte{}, Time: 100e9 + 5, Link: 1},
			{Data: []byte("simple"), Wire: 60, Time: 100e9 + 5, Link: 1},
			{Data: []byte("olds"), Wire: 4, Time: 1e9, Link: 113},
		}
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %d frames, %v", order, len(got), err)
		}
		for i, w := range want {
			f := got[i]
			if !bytes.Equal(f.Data, w.Data) || f.Wire != w.Wire || f.Time != w.Time || f.Link != w.Link || f.Outgoing != w.Outgoing {
				t.Errorf("%s: frame %d: %+v, want %+v", order, i, f, w)
			}
		}
	}
}

func TestBadPcapng(t *testing.T) {
	le := binary.LittleEndian
	start := append(section(le), ifaceBlock(le, 1, 0)...)
	with := func(b []byte) []byte { return append(bytes.Clone(start), b...) }
	for _, tc := range []struct {
		name string
		file []byte
		text string
	}{
		{"byte order", append(words(le, blockSection, 28, 0x11223344), make([]byte, 16)...), "section with byte order 44 33 22 11"},
		{"section length", append(words(le, blockSection, 27, byteOrderMagic), make([]byte, 16)...), "section header of 27 bytes"},
		{"version", func() []byte { b := section(le); b[12] = 7; return b }(), "version 7.0"},
		{"lengths differ", func() []byte { b := with(nil); b[len(b)-4] = 99; return b }(), "at its end"},
		{"block length", with(words(le, 5, 13)), "block of 13 bytes"},
		{"huge block", with(words(le, 5, 1<<31)), "block of 2147483648 bytes"},
		{"no such interface", with(ngBlock(le, blockEnhanced, words(le, 1, 0, 0, 0, 0))), "frame of interface 1 of 1"},
		{"simple without interface", append(section(le), ngBlock(le, blockSimple, words(le, 0))...), "interface 0 of 0"},
		{"frame longer than block", with(ngBlock(le, blockEnhanced, words(le, 0, 0, 0, 4, 4))), "frame of 4 bytes"},
		{"short frame block", with(ngBlock(le, blockEnhanced, words(le, 0, 0))), "frame's block of 8 bytes"},
		{"option", append(section(le), ifaceBlock(le, 1, 0, 9, 0, 200, 0)...), "option 9 of 200 bytes where 0 are left"},
		{"resolution", append(section(le), ifaceBlock(le, 1, 0, 9, 0, 1, 0, 99, 0, 0, 0)...), "ticks a second"},
		{"interfaces", append(section(le), bytes.Repeat(ifaceBlock(le, 1, 0), maxInterfaces+1)...), "more than 4096 interfaces"},
	} {
		if _, err := readAll(t, tc.file); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	for cut := 1; cut < len(start); cut++ {
		_, err := readAll(t, start[:cut])
		if blockEnd := cut == len(section(le)); blockEnd != (err == nil) || err != nil && !errors.Is(err, ErrTruncated) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	file := pcap(binary.LittleEndian, magicNano, 1)
	record := file[24 : 24+16+5]
	r, err := NewReader(bytes.NewReader(append(file, bytes.Repeat(record, 2000)...)))
	if err != nil {
		t.Fatal(err)
	}
	var f source.Frame
	if n := testing.AllocsPerRun(1000, func() {
		if err := r.Next(&f); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// FuzzReader checks that no input panics, gives more than it holds, or goes on
// after an error, and that reading byte by byte makes no difference.
func FuzzReader(f *testing.F) {
	f.Add(pcap(binary.LittleEndian, magicMicro, 1))
	f.Add(pcap(binary.BigEndian, magicNano, 1))
	f.Add(pcap(binary.LittleEndian, magicModified, 1))
	f.Add(compressed(pcap(binary.BigEndian, magicNano, 1)))
	le := binary.LittleEndian
	ng := append(section(le), ifaceBlock(le, 1, 100, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0)...)
	ng = append(ng, ngBlock(le, blockEnhanced, append(words(le, 0, 0, 5, 3, 3), "abc\x00"...))...)
	f.Add(append(ng, ngBlock(le, blockSimple, append(words(le, 4), "data"...))...))
	f.Add(append(section(binary.BigEndian), ifaceBlock(binary.BigEndian, 1, 100)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		one, err1 := readAll(t, b)
		gz := len(b) > 1 && b[0] == 0x1f && b[1] == 0x8b
		total := 0
		for _, f := range one {
			total += len(f.Data)
			if f.Wire < len(f.Data) || len(f.Data) > MaxRecord {
				t.Fatalf("frame of %d bytes, %d on the wire", len(f.Data), f.Wire)
			}
		}
		if !gz && total > len(b) {
			t.Fatalf("%d bytes out of %d", total, len(b))
		}
		r, err := NewReader(iotest.OneByteReader(bytes.NewReader(b)))
		n := 0
		for err == nil {
			var f source.Frame
			if err = r.Next(&f); err == nil {
				if n >= len(one) || !bytes.Equal(f.Data, one[n].Data) || f.Time != one[n].Time {
					t.Fatalf("frame %d differs when read byte by byte", n)
				}
				n++
			}
		}
		if n != len(one) || errors.Is(err, io.EOF) != (err1 == nil) {
			t.Fatalf("%d frames and %v byte by byte, %d and %v at once", n, err, len(one), err1)
		}
	})
}
