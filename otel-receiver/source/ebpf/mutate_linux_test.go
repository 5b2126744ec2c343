package ebpf

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

// sums adds up flows by their keys: what came through the ring may have been told
// in another order than what is in the map.
func sums(records map[flowrecord.ID]flowrecord.Record) []string {
	type sum struct{ packets, bytes int64 }
	all := map[string]sum{}
	for _, r := range records {
		if strings.Contains(r.LayersPath, "/UDP/") {
			r.TransportA, r.TransportB = 0, 0 // where a tunnel comes from is of the first packet
		}
		ends := []string{fmt.Sprint(r.LinkA, r.NetworkA, r.TransportA), fmt.Sprint(r.LinkB, r.NetworkB, r.TransportB)}
		slices.Sort(ends)
		// The path is that of the first packet: which one that is depends on the order.
		k := fmt.Sprint(strings.Replace(r.LayersPath, "/Fragment", "", 1), " ", r.TrackingID, ends, r.LinkID, r.NetworkID, r.TransportProtocol, r.ICMPID)
		s := all[k]
		s.packets += r.Metric.ABPackets + r.Metric.BAPackets
		s.bytes += r.Metric.ABBytes + r.Metric.BABytes
		all[k] = s
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, fmt.Sprintf("%s: %d/%d", k, all[k].packets, all[k].bytes))
	}
	return out
}

// TestMutated compares what the programs make of frames with some bytes changed at
// random with what the decoder makes of each: headers that contradict themselves,
// and packets that differ in little.
func TestMutated(t *testing.T) {
	b := newBench(t, Config{RingKiB: 4096}, false)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, s := range packettest.Samples() {
		if s.Link != packet.LinkEthernet || len(s.Data) != s.Wire || len(s.Data) < 34 || len(s.Data) > ringData {
			continue
		}
		var frames [][]byte
		for range 60 {
			f := bytes.Clone(s.Data)
			for range 1 + random.IntN(2) {
				at := 12 + random.IntN(min(len(f), 140)-12)
				switch random.IntN(3) {
				case 0:
					f[at] = byte(random.Uint32())
				case 1:
					f[at] ^= 1 << random.IntN(8)
				default:
					f[at] += byte(1 + random.IntN(2))
				}
			}
			if random.IntN(4) == 0 {
				f = append(f, make([]byte, random.IntN(20))...)
			}
			frames = append(frames, f, s.Data)
		}
		got := newTally()
		b.count(got, frames...)
		want := direct(packet.LinkEthernet, frames...)
		if got.packets != want.packets || got.bytes != want.bytes {
			t.Errorf("%s: %d packets with %d bytes, want %d with %d", s.Name, got.packets, got.bytes, want.packets, want.bytes)
		}
		g, w := sums(got.flows()), sums(want.flows())
		if slices.Equal(g, w) {
			continue
		}
		only := func(a, b []string) (out []string) {
			for _, x := range a {
				if !slices.Contains(b, x) {
					out = append(out, x)
				}
			}
			return out
		}
		t.Errorf("%s: the programs give\n%s\nthe decoder\n%s", s.Name, strings.Join(only(g, w), "\n"), strings.Join(only(w, g), "\n"))
	}
}
