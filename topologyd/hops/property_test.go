package hops_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/hops"
)

// truth is what happened on a path that a test simulates.
type truth struct {
	// names are the points from A to B.
	names []string
	// lost and doubled are, for each hop, how many packets vanished and how many
	// came out twice, from A to B and back.
	lost, doubled [][2]int64
	// forth and back are how long a hop takes, in nanoseconds.
	forth, back []int64
	// sampled, open and late tell which points sample, still go on, began late.
	sampled, open, late []bool
	tcp, oneHost        bool
}

// simulate makes a path of some points and the records that they report.
func simulate(rnd *rand.Rand) (*truth, []*flowrecord.Record) {
	k := 2 + rnd.IntN(5)
	w := &truth{tcp: rnd.IntN(3) > 0, oneHost: rnd.IntN(2) == 0}
	sent, answered := int64(20+rnd.IntN(500)), int64(20+rnd.IntN(500))
	ab, ba := make([]int64, k), make([]int64, k)
	ab[0], ba[k-1] = sent, answered
	for i := range k {
		w.names = append(w.names, fmt.Sprintf("p%d", i))
		w.sampled, w.open, w.late = append(w.sampled, rnd.IntN(12) == 0), append(w.open, rnd.IntN(12) == 0), append(w.late, rnd.IntN(12) == 0)
	}
	for range k - 1 {
		var lost, doubled [2]int64
		for way := range 2 {
			if rnd.IntN(2) == 0 {
				lost[way] = rnd.Int64N(6)
			}
			if rnd.IntN(6) == 0 {
				doubled[way] = rnd.Int64N(4)
			}
		}
		w.lost, w.doubled = append(w.lost, lost), append(w.doubled, doubled)
		w.forth, w.back = append(w.forth, 1+rnd.Int64N(20*ms)), append(w.back, 1+rnd.Int64N(20*ms))
	}
	for i := range k - 1 {
		ab[i+1] = ab[i] - w.lost[i][0] + w.doubled[i][0]
	}
	for i := k - 2; i >= 0; i-- {
		ba[i] = ba[i+1] - w.lost[i][1] + w.doubled[i][1]
	}
	var out []*flowrecord.Record
	begin := 1000 * ms
	for i, name := range w.names {
		// When the first packet from A, and its answer, pass the point.
		forth, back := begin, begin
		for j := range k - 1 {
			if j < i {
				forth += w.forth[j]
			}
			back += w.forth[j]
		}
		back += ms // what B takes
		for j := k - 2; j >= i; j-- {
			back += w.back[j]
		}
		h := "h1"
		if !w.oneHost {
			h = fmt.Sprintf("h%d", i/2)
		}
		r := at(name, host(h), counts(ab[i], ba[i]), bytesOf(100*ab[i], 100*ba[i]), start(forth), rtt(back-forth), finish(flowrecord.FinishTimeout))
		if w.tcp {
			// Each second point is behind a router.
			r.TCP = &flowrecord.TCP{AB: flowrecord.TCPSide{SynStart: forth, SynTTL: int64(64 - i/2)}, BA: flowrecord.TCPSide{SynStart: back, SynTTL: int64(64 - (k-1-i)/2)}}
		}
		if w.sampled[i] {
			r.SamplingRate = 4
			r.Metric.ABPackets, r.Metric.BAPackets = r.Metric.ABPackets/4*4, r.Metric.BAPackets/4*4
		}
		if w.open[i] {
			r.Finish = flowrecord.NotFinished
			r.Metric.ABPackets--
		}
		if w.late[i] {
			r.Metric.Start += 60_000 * ms
			r.Metric.Last += 60_000 * ms
			r.Metric.ABPackets -= 3
			r.TCP = nil
		}
		out = append(out, reports(rnd, r)...)
	}
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return w, out
}

// reports makes the reports of a flow: some before the last one, of which some
// are lost and some come twice; perhaps seen from the other side, perhaps by two
// captures, perhaps cut in two.
func reports(rnd *rand.Rand, r *flowrecord.Record) []*flowrecord.Record {
	clone := func() *flowrecord.Record {
		c := *r
		if r.TCP != nil {
			tcp := *r.TCP
			c.TCP = &tcp
		}
		return &c
	}
	swapped := rnd.IntN(6) == 0 && r.TCP != nil
	out := []*flowrecord.Record{clone()}
	for range rnd.IntN(3) {
		c := clone()
		c.Metric.ABPackets -= rnd.Int64N(c.Metric.ABPackets/2 + 1)
		c.Metric.BAPackets -= rnd.Int64N(c.Metric.BAPackets/2 + 1)
		c.Metric.Last--
		c.Finish = flowrecord.NotFinished
		for range rnd.IntN(3) {
			out = append(out, c)
		}
	}
	if rnd.IntN(4) == 0 { // another capture, which looks at less
		c := clone()
		c.ID, c.CaptureID = entity.TID(r.ID, "other", "flow"), "other"
		c.Metric.ABPackets /= 2
		out = append(out, c)
	}
	if rnd.IntN(5) == 0 && r.Metric.ABPackets > 4 { // evicted, and seen again
		part := r.Metric.ABPackets / 3
		c := clone()
		c.ID = entity.TID(r.ID, "again", "flow")
		c.TCP = nil
		c.Metric.ABPackets, c.Metric.BAPackets, c.Metric.ABBytes, c.Metric.BABytes = part, 0, 100*part, 0
		c.Metric.Start += ms
		for _, x := range out {
			if x.ID == r.ID {
				*x = *clone()
				x.Metric.ABPackets -= part
				x.Metric.ABBytes -= 100 * part
				if x.TCP != nil {
					tcp := *x.TCP
					x.TCP = &tcp
				}
			}
		}
		out = append(out, c)
	}
	if swapped {
		done := map[*flowrecord.Record]bool{}
		for _, x := range out {
			if !done[x] {
				done[x] = true
				swap(x)
			}
		}
	}
	return out
}

// TestSimulated: whatever is reported of a path, in whatever order, the points
// come in theirs; what is called exact is what happened, and nothing is called so
// that is not.
func TestSimulated(t *testing.T) {
	exact, others := 0, 0
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		w, records := simulate(rnd)
		c := join(t, hops.Options{}, records...)
		var names []string
		for i := range c.Points {
			names = append(names, c.Points[i].Interface)
		}
		slices.Sort(names)
		if !slices.Equal(names, w.names) {
			t.Fatalf("seed %d: %v, want %v", seed, names, w.names)
		}
		if slices.Contains(w.late, true) {
			continue // the order need not be known
		}
		for i := range c.Points {
			if c.Points[i].Interface != w.names[i] {
				t.Fatalf("seed %d: point %d is %s, by %s", seed, i, c.Points[i].Interface, c.Order)
			}
		}
		for i := range c.Between {
			b := &c.Between[i]
			clean := !w.sampled[i] && !w.sampled[i+1] && !w.open[i] && !w.open[i+1]
			if (b.Confidence == hops.Exact) != clean {
				t.Fatalf("seed %d: hop %d is %s: %q", seed, i, b.Confidence, b.Evidence)
			}
			if want := w.forth[i] + w.back[i]; !b.RoundTrip.Known || b.RoundTrip.NS != want {
				t.Fatalf("seed %d: hop %d takes %+v, want %d", seed, i, b.RoundTrip, want)
			}
			if b.OneWayAB.Known && b.OneWayAB.NS != w.forth[i] {
				t.Fatalf("seed %d: hop %d takes %d, want %d", seed, i, b.OneWayAB.NS, w.forth[i])
			}
			if !clean {
				others++
				continue
			}
			exact++
			for way, l := range []hops.Loss{b.AB, b.BA} {
				if want := w.lost[i][way] - w.doubled[i][way]; l.Packets-l.SurplusPackets != want || l.Bytes-l.SurplusBytes != 100*want || l.Packets < 0 || l.SurplusPackets < 0 {
					t.Fatalf("seed %d: hop %d, way %d: %+v, want %d", seed, i, way, l, want)
				}
			}
		}
	}
	t.Logf("%d hops exact, %d not", exact, others)
	if exact < 1000 || others < 300 {
		t.Error("the paths test too little")
	}
}

// FuzzJoin: no records make it panic, lose a packet of an unsampled point or hold
// more than it may.
func FuzzJoin(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 8
		j := hops.New(hops.Options{MaxFlows: most, L3: len(data)%2 == 0})
		for len(data) >= 8 {
			d := data[:8]
			data = data[8:]
			r := at(string(rune('a'+d[0]%4)), host(string(rune('g'+d[1]%3))), counts(int64(d[2])-5, int64(d[3])), start(int64(d[4])*100*ms), rtt(int64(d[5])), sampled(int64(d[6]%4)),
				finish(flowrecord.Finish(d[7]%7)), id(d[7]), capture(string(rune('x'+d[6]%3))))
			r.TrackingID = flowrecord.Tracking(d[1] % 3)
			if d[3]%2 == 0 {
				r.TCP = &flowrecord.TCP{AB: flowrecord.TCPSide{SynStart: int64(d[0]), SynTTL: int64(d[1])}, BA: flowrecord.TCPSide{SynStart: int64(d[2])}}
			}
			if d[2]%2 == 0 {
				swap(r)
			}
			_ = j.Add(r)
		}
		n := 0
		for c := range j.Conversations() {
			n++
			if len(c.Points) == 0 || len(c.Between) != len(c.Points)-1 || c.Total >= len(c.Points) {
				t.Fatalf("%+v", c)
			}
			for i := range c.Between {
				if b := &c.Between[i]; b.AB.Packets < 0 || b.BA.SurplusPackets < 0 || len(b.Evidence) == 0 {
					t.Fatalf("%+v", b)
				}
			}
			_ = entity.Map(c.Attrs(nil)).AppendJSON(nil)
			if len(slices.Collect(c.Rows())) != len(c.Between) {
				t.Fatal("rows")
			}
		}
		if n > most || n != j.Len() {
			t.Fatalf("%d conversations", n)
		}
	})
}
