package packets

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skein-net/skein/internal/order"
)

// FuzzHost has a host send anything: what is written of it can be read back, and
// is as much as the summary says.
func FuzzHost(f *testing.F) {
	for _, m := range []order.Packets{
		{},
		{Packets: []order.Packet{pk("def-1", "a", 10, 1), pk("def-1", "a", 5, 0)}, Lost: 3, Done: true},
		{Packets: []order.Packet{{Capture: "def-1/node-a", Time: -1, Link: 65535, Wire: -1, Flow: "x"}}, Lost: -9, Error: "no \xff"},
	} {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m order.Packets
		if json.Unmarshal(b, &m) != nil {
			return
		}
		w := newWorld()
		w.nodes["def-1"] = w.nodes["def-1"][:1]
		w.hosts["a"] = sends(3, m.Packets...)
		if m.Error != "" || len(m.Packets) == 0 {
			w.hosts["a"] = func(_ context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) { yield(&m, nil) }
		}
		a, err := w.service().Open(t.Context(), Query{Captures: w.defs})
		if errors.Is(err, ErrAway) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		var out file
		if err := Write(&out, PcapNG, a, "x"); err != nil {
			t.Fatal(err)
		}
		sum := a.Summary()
		if sum.Lost < 0 || sum.Refused < 0 || sum.Packets > int64(len(m.Packets)) {
			t.Fatalf("%+v of %d", sum, len(m.Packets))
		}
		if sum.Packets == 0 {
			return
		}
		r, err := pcapgo.NewNgReader(&out.Buffer, pcapgo.NgReaderOptions{WantMixedLinkType: true})
		if err != nil {
			t.Fatal(err)
		}
		var last, n int64
		for {
			_, ci, err := r.ReadPacketData()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if n++; ci.Timestamp.UnixNano() <= 0 {
				t.Fatalf("packet %d at %d after %d", n, ci.Timestamp.UnixNano(), last)
			}
			last = ci.Timestamp.UnixNano()
		}
		if n != sum.Packets {
			t.Fatalf("%d packets can be read, %+v", n, sum)
		}
	})
}
