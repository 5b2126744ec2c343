package pcapwrite

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// frame is an ICMP echo request from 192.0.2.1 to 192.0.2.2, without payload.
func frame() []byte {
	return []byte{
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0xf6, 0xdc, 192, 0, 2, 1, 192, 0, 2, 2,
		8, 0, 0xf7, 0xfd, 0, 1, 0, 1,
	}
}

const at = 1_700_000_000_123_456_789

// writes counts the calls of Write.
type writes struct {
	bytes.Buffer
	n int
}

func (w *writes) Write(b []byte) (int, error) {
	w.n++
	return w.Buffer.Write(b)
}

func sampleNG(t *testing.T) *writes {
	t.Helper()
	w := new(writes)
	n, err := NewNG(w, &Section{Comments: []string{"capture web", "two\nlines"}, Application: "topologyd 1", OS: "Linux"})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range []Interface{
		{Name: "host-a/net1/eth0", Description: "the node of eth0", Link: 1, SnapLen: 128, Filter: "icmp"},
		{Name: "host-b//tun0", Link: 101},
	} {
		if id, err := n.Interface(&f); err != nil || id != i {
			t.Fatal(id, err)
		}
	}
	for i, p := range []struct {
		iface int
		Packet
	}{
		{0, Packet{Time: at, Data: frame(), Wire: 98, Direction: Outbound, Comments: []string{"flow f1", "application ICMPv4"}}},
		{1, Packet{Time: at + 1, Data: frame()[14:], Direction: Inbound}},
		{0, Packet{Time: 0}},
	} {
		if err := n.Packet(p.iface, &p.Packet); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := n.Statistics(0, &Statistics{Time: at, Start: 1, End: at, Received: 10, Dropped: 3, Comments: []string{"cut at 2 packets"}}); err != nil {
		t.Fatal(err)
	}
	if w.n != 7 {
		t.Errorf("%d writes for 7 blocks", w.n)
	}
	return w
}

func TestNG(t *testing.T) {
	w := sampleNG(t)
	r, err := pcapgo.NewNgReader(&w.Buffer, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: false})
	if err != nil {
		t.Fatal(err)
	}
	if s := r.SectionInfo(); s.Application != "topologyd 1" || s.OS != "Linux" {
		t.Errorf("section %+v", s)
	}
	for i, want := range []struct {
		data  []byte
		at    int64
		wire  int
		iface int
	}{{frame(), at, 98, 0}, {frame()[14:], at + 1, 28, 1}, {nil, 0, 0, 0}} {
		data, ci, err := r.ReadPacketData()
		if err != nil {
			t.Fatal(i, err)
		}
		if !bytes.Equal(data, want.data) || ci.Timestamp.UnixNano() != want.at || ci.Length != want.wire || ci.InterfaceIndex != want.iface {
			t.Errorf("packet %d: % x %+v", i, data, ci)
		}
	}
	if _, _, err := r.ReadPacketData(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	a, _ := r.Interface(0)
	b, _ := r.Interface(1)
	if a.Name != "host-a/net1/eth0" || a.Description != "the node of eth0" || a.Filter != "icmp" || a.SnapLength != 128 || a.LinkType != layers.LinkTypeEthernet {
		t.Errorf("interface %+v", a)
	}
	if b.Name != "host-b//tun0" || b.LinkType != layers.LinkTypeRaw {
		t.Errorf("interface %+v", b)
	}
	if s := a.Statistics; s.PacketsReceived != 10 || s.PacketsDropped != 3 || s.EndTime.UnixNano() != at {
		t.Errorf("statistics %+v", s)
	}
}

func TestPcap(t *testing.T) {
	var w writes
	p, err := NewPcap(&w, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Packet(&Packet{Time: at, Data: frame(), Wire: 98}); err != nil {
		t.Fatal(err)
	}
	if err := p.Packet(&Packet{Time: MaxTime, Wire: 1 << 40}); err != nil || w.n != 3 {
		t.Fatal(err, w.n)
	}
	r, err := pcapgo.NewReader(&w.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	data, ci, err := r.ReadPacketData()
	if err != nil || !bytes.Equal(data, frame()) || ci.Timestamp.UnixNano() != at || ci.Length != 98 || r.LinkType() != layers.LinkTypeEthernet {
		t.Errorf("% x %+v %v", data, ci, err)
	}
	if _, ci, err = r.ReadPacketData(); err != nil || ci.Timestamp.UnixNano() != MaxTime {
		t.Error(ci, err)
	}
}

func TestRefused(t *testing.T) {
	var w writes
	n, err := NewNG(&w, &Section{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPcap(io.Discard, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Interface(&Interface{}); err != nil {
		t.Fatal(err)
	}
	before := w.Len()
	for _, k := range []Packet{{Time: -1}, {Time: MaxTime + 1}, {Data: make([]byte, MaxData+1)}} {
		if err := n.Packet(0, &k); !errors.Is(err, ErrPacket) {
			t.Error(err)
		}
		if err := p.Packet(&k); !errors.Is(err, ErrPacket) {
			t.Error(err)
		}
	}
	if err := n.Packet(1, &Packet{}); !errors.Is(err, ErrPacket) {
		t.Error(err)
	}
	if n.Statistics(-1, &Statistics{}) == nil {
		t.Error("statistics of no interface")
	}
	if w.Len() != before {
		t.Error("what was refused was written")
	}
	for n.ifaces < MaxInterfaces {
		if _, err := n.Interface(&Interface{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Interface(&Interface{}); err == nil {
		t.Error("one interface too many")
	}
}

// broken fails every write.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteFails(t *testing.T) {
	if _, err := NewPcap(broken{}, 1); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if _, err := NewNG(broken{}, &Section{}); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"eth0": "eth0", "a\x1b[31m\x00b": "a?[31m?b", "\xff\xfe": "?", "two\nlines": "two\nlines", "ä€": "ä€",
	} {
		if got := text(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
	if got := text(strings.Repeat("€", MaxText)); len(got) > MaxText || !utf8.ValidString(got) || strings.Contains(got, "?") {
		t.Errorf("%d bytes", len(got))
	}
}

// TestWireshark has Wireshark's own tools read what was written.
func TestWireshark(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts tshark and capinfos, which take seconds")
	}
	for _, tool := range []string{"tshark", "capinfos"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	file := filepath.Join(t.TempDir(), "a.pcapng")
	if err := os.WriteFile(file, sampleNG(t).Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.WaitDelay = time.Second
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, errs.String())
		}
		return string(out)
	}
	got := run("tshark", "-n", "-r", file, "-T", "fields", "-E", "separator=|", "-E", "aggregator=;",
		"-e", "frame.interface_name", "-e", "frame.interface_description", "-e", "frame.packet_flags_direction", "-e", "frame.comment", "-e", "frame.len", "-e", "frame.cap_len", "-e", "frame.time_epoch")
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 3 {
		t.Fatalf("tshark says %q", got)
	}
	for i, want := range []string{
		"host-a/net1/eth0|the node of eth0|2|flow f1;application ICMPv4|98|42|",
		"host-b//tun0||1||28|28|",
	} {
		if out := strings.ReplaceAll(strings.ReplaceAll(lines[i], "0x00000002", "2"), "0x00000001", "1"); !strings.HasPrefix(out, want) {
			t.Errorf("tshark says %q, want %q", lines[i], want)
		}
	}
	if !strings.Contains(lines[0], "123456789") {
		t.Errorf("the time is not there to the nanosecond: %q", lines[0])
	}
	got = run("capinfos", "-M", file)
	for _, want := range []string{"capture web", "topologyd 1", "Number of packets:   3", "Name = host-a/net1/eth0", "Capture length = 128", "Filter string = icmp", "Number of stat entries = 1"} {
		if !strings.Contains(got, want) {
			t.Errorf("capinfos does not say %q:\n%s", want, got)
		}
	}
}

// FuzzNG checks that whatever is written can be read back.
func FuzzNG(f *testing.F) {
	f.Add("eth0", "comment", []byte("data"), int64(at), 60, uint16(1), uint8(2))
	f.Add("\xff\x00", strings.Repeat("x", 5000), []byte{}, int64(-1), -5, uint16(0), uint8(0))
	f.Fuzz(func(t *testing.T, name, comment string, data []byte, at int64, wire int, link uint16, dir uint8) {
		var w writes
		n, err := NewNG(&w, &Section{Comments: []string{comment}, Application: name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Interface(&Interface{Name: name, Description: comment, Filter: name, Link: link}); err != nil {
			t.Fatal(err)
		}
		p := Packet{Time: at, Data: data, Wire: wire, Direction: Direction(dir % 3), Comments: []string{comment, name}}
		werr := n.Packet(0, &p)
		if werr != nil && !errors.Is(werr, ErrPacket) {
			t.Fatal(werr)
		}
		r, err := pcapgo.NewNgReader(&w.Buffer, pcapgo.NgReaderOptions{WantMixedLinkType: true})
		if err != nil {
			t.Fatal(err)
		}
		got, ci, err := r.ReadPacketData()
		if werr != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return
		}
		if err != nil || !bytes.Equal(got, data) || ci.Timestamp.UnixNano() != at {
			t.Fatal(err, ci)
		}
	})
}

func BenchmarkNG(b *testing.B) {
	n, err := NewNG(io.Discard, &Section{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := n.Interface(&Interface{Link: 1}); err != nil {
		b.Fatal(err)
	}
	p := Packet{Time: at, Data: make([]byte, 128), Wire: 1514, Direction: Inbound}
	b.SetBytes(128)
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Packet(0, &p); err != nil {
			b.Fatal(err)
		}
	}
}
