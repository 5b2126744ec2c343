package pcapio

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/skein-net/skein/internal/pcapwrite"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// The packets that are written to files with package pcapwrite, and what is read
// of them here.
func writtenPackets() []pcapwrite.Packet {
	return []pcapwrite.Packet{
		{Time: 1_700_000_000_123_456_789, Data: []byte("a frame"), Wire: 1514, Direction: pcapwrite.Outbound, Comments: []string{"flow x", "application HTTPS"}},
		{Time: 1_700_000_000_123_456_790, Data: bytes.Repeat([]byte("x"), 9000), Wire: 9000, Direction: pcapwrite.Inbound},
		{Time: 0, Wire: 60},
		{Time: pcapwrite.MaxTime, Data: make([]byte, pcapwrite.MaxData), Wire: 1},
	}
}

// TestReadsWhatIsWritten reads back what topologyd hands out.
func TestReadsWhatIsWritten(t *testing.T) {
	var ng, plain bytes.Buffer
	n, err := pcapwrite.NewNG(&ng, &pcapwrite.Section{Comments: []string{"capture"}, Application: "topologyd"})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []pcapwrite.Interface{{Name: "a/b/c", Link: 1, SnapLen: 96, Filter: "tcp"}, {Name: "d", Link: 101, Comments: []string{"one of 4"}}} {
		if _, err := n.Interface(&i); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pcapwrite.NewPcap(&plain, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range writtenPackets() {
		if err := n.Packet(i%2, &k); err != nil {
			t.Fatal(err)
		}
		if err := p.Packet(&k); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		if err := n.Statistics(i, &pcapwrite.Statistics{Time: 5, Received: 9, Dropped: 1, Comments: []string{"end"}}); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range map[string]*bytes.Buffer{"pcapng": &ng, "pcap": &plain} {
		r, err := NewReader(file)
		if err != nil {
			t.Fatal(name, err)
		}
		for i, k := range writtenPackets() {
			var f source.Frame
			if err := r.Next(&f); err != nil {
				t.Fatal(name, i, err)
			}
			want := source.Frame{Data: k.Data, Wire: max(k.Wire, len(k.Data)), Time: k.Time, Link: 1}
			if name == "pcapng" {
				want.Outgoing = k.Direction == pcapwrite.Outbound
				want.Link = []packet.LinkType{1, 101}[i%2]
			}
			if want.Link == 101 {
				want.Link = packet.LinkRaw
			}
			if !bytes.Equal(f.Data, want.Data) || f.Wire != want.Wire || f.Time != want.Time || f.Link != want.Link || f.Outgoing != want.Outgoing {
				t.Errorf("%s, packet %d: %d bytes, %d on the wire at %d, link %d, out %t", name, i, len(f.Data), f.Wire, f.Time, f.Link, f.Outgoing)
			}
		}
		if err := r.Next(new(source.Frame)); !errors.Is(err, io.EOF) {
			t.Errorf("%s ends with %v", name, err)
		}
	}
}
