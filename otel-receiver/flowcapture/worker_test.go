package flowcapture

import (
	"net/netip"
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// heard takes the reports of a worker.
type heard struct {
	records []flowrecord.Record
	kept    map[flowrecord.ID][]int
}

func (t *heard) report(r *flowrecord.Record) { t.records = append(t.records, *r) }
func (*heard) lost(uint64, uint64)           {}
func (*heard) busy() bool                    { return false }
func (t *heard) Keep(id flowrecord.ID, f *source.Frame) {
	t.kept[id] = append(t.kept[id], f.Wire)
}

func keepingWorker(t *testing.T, keep int) (*worker, *heard) {
	t.Helper()
	cfg := DefaultConfig()
	c := DefaultCapture()
	c.Workers = 1
	tables, err := newKeepingTables(cfg, &c, keep)
	if err != nil {
		t.Fatal(err)
	}
	to := &heard{kept: map[flowrecord.ID][]int{}}
	return newWorker(packet.New(), tables(flow.Place{}), to), to
}

// datagram is a UDP datagram in an Ethernet frame.
func datagram(src, dst string, size int) source.Frame {
	b := append(make([]byte, 0, 64), 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, byte(size-14), 0, 0, 0, 0, 64, 17, 0, 0)
	b = append(append(b, netip.MustParseAddr(src).AsSlice()...), netip.MustParseAddr(dst).AsSlice()...)
	b = append(b, 0x10, 0, 0x20, 0, 0, byte(size-34), 0, 0)
	return source.Frame{Data: append(b, make([]byte, size-len(b))...), Wire: size, Link: packet.LinkEthernet, Time: 1e9}
}

// TestWorkerBulk has frames, their weights and what was counted elsewhere be one
// flow.
func TestWorkerBulk(t *testing.T) {
	w, to := keepingWorker(t, 0)
	w.Frame(&source.Frame{Link: packet.LinkEthernet, Data: []byte{1}, Wire: 1, Time: 1, Weight: 8})
	f := datagram("192.0.2.1", "192.0.2.2", 100)
	w.Frame(&f)
	f.Weight = 8
	w.Frame(&f)
	f.Weight = 0
	w.Bulk(&source.Bulk{Sample: f, Same: source.BulkCount{Packets: 10, Bytes: 5000, First: 2e9, Last: 3e9}, Reverse: source.BulkCount{Packets: 1, Bytes: 60, First: 4e9, Last: 4e9}})
	w.Bulk(&source.Bulk{Sample: source.Frame{Link: packet.LinkEthernet, Data: []byte{1}, Wire: 1}, Same: source.BulkCount{Packets: 7, Bytes: 7, First: 1, Last: 1}})
	w.end(to.report)
	if len(to.records) != 1 {
		t.Fatalf("%d records", len(to.records))
	}
	r := to.records[0]
	want := flowrecord.Metric{ABPackets: 19, ABBytes: 5900, BAPackets: 1, BABytes: 60, Start: 1e9, Last: 4e9}
	if r.Metric != want || r.SamplingRate != 8 || w.last != 4e9 {
		t.Errorf("%+v, rate %d, last %d; want %+v", r.Metric, r.SamplingRate, w.last, want)
	}
	var stopped uint64
	for _, n := range w.count[1:] {
		stopped += n
	}
	if s := w.table.Stats(); s.Undecoded != 7+8 || stopped != 7+8 {
		t.Errorf("%+v, %v", s, w.count)
	}
}

// TestWorkerWaitsForBulk has no flow end for want of room before all that was
// counted of it may have been told.
func TestWorkerWaitsForBulk(t *testing.T) {
	w, to := keepingWorker(t, 0)
	f := datagram("192.0.2.1", "192.0.2.2", 100)
	b := source.Bulk{Sample: f, Same: source.BulkCount{Packets: 10, Bytes: 1000, First: 1e9, Last: 1e9}}
	w.Bulk(&b)
	w.Tick(2e9)
	w.room, w.since = -1, w.ring
	f = datagram("192.0.2.1", "192.0.2.3", 100)
	f.Time = 3600e9
	w.Frame(&f)
	if len(to.records) != 0 {
		t.Fatalf("reported before it was idle: %+v", to.records)
	}
	b.Same.First, b.Same.Last = 3e9, 3599e9
	w.Bulk(&b)
	w.Tick(3600e9)
	w.end(to.report)
	packets := map[string]int64{}
	for _, r := range to.records {
		if r.Finished() {
			packets[r.NetworkB.String()] += r.Metric.ABPackets
		}
	}
	if len(packets) != 2 || packets["192.0.2.2"] != 20 {
		t.Errorf("%v", packets)
	}
}

// TestWorkerKeeps has the keeper get what the table says.
func TestWorkerKeeps(t *testing.T) {
	for _, tc := range []struct{ keep, each int }{{0, 0}, {2, 2}, {keepAll, 5}} {
		w, to := keepingWorker(t, tc.keep)
		w.keeper = to
		for range 5 {
			for _, dst := range []string{"192.0.2.2", "192.0.2.3"} {
				f := datagram("192.0.2.1", dst, 100)
				w.Frame(&f)
			}
		}
		w.end(to.report)
		for _, r := range to.records {
			if len(to.kept[r.ID]) != tc.each || r.RawPackets != int64(tc.each) {
				t.Errorf("keep %d: %d packets, told %d", tc.keep, len(to.kept[r.ID]), r.RawPackets)
			}
		}
		if len(to.records) != 2 || len(to.kept) > 2 {
			t.Errorf("%d records, %d flows with packets", len(to.records), len(to.kept))
		}
	}
}
