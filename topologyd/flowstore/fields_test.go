package flowstore

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/flowrecordtest"
)

// testFields: every field that a record can have is kept, and chooses the flows
// that have it; what is no counter is not summed.
func testFields(t *testing.T, s *Store) {
	rng := rand.New(rand.NewPCG(11, 1))
	from := time.Now().Add(-30 * time.Minute).UnixNano()
	m := newModel(s.cfg)
	for i := range int64(6) {
		r := flowrecordtest.Full(rng)
		r.ID, r.Finish = entity.TID(entity.HostTID("fields"), string(rune('a'+i)), "flow"), flowrecord.FinishTCPFin
		r.Metric.Start, r.Metric.Last = from+i, from+i+int64(time.Second)
		r.Update.Start, r.Update.Last = r.Metric.Start, r.Metric.Last
		r.SamplingRate = 1 << i
		if i < 2 { // as a capture that knows nothing of sockets, and counts every packet
			r.ProcessA, r.ProcessB, r.SamplingRate, r.Dropped, r.Drops = flowrecord.Process{}, flowrecord.Process{}, 0, 0, entity.Value{}
		}
		m.records = append(m.records, r)
	}
	write(t, s, m.records)
	to := from + int64(time.Minute)
	got := map[flowrecord.ID]*flowrecord.Record{}
	for _, r := range flowsOf(t, s, &flowrecord.Query{From: from, To: to}) {
		got[r.ID] = r
	}
	for i := range m.records {
		want := &m.records[i]
		if r := got[want.ID]; r == nil || !entity.Map(s.table.Attrs(r)).Equal(entity.Map(s.table.Attrs(want))) {
			t.Errorf("flow %d: got\n%v\nwant\n%s", i, r, entity.Map(s.table.Attrs(want)).Text())
		}
	}
	same := func(c flowrecord.Condition) {
		t.Helper()
		q := flowrecord.Query{From: from, To: to, Where: []flowrecord.Condition{c}}
		found, want := map[flowrecord.ID]bool{}, map[flowrecord.ID]bool{}
		for _, r := range flowsOf(t, s, &q) {
			found[r.ID] = true
		}
		for _, r := range m.flows(&q) {
			want[r.ID] = true
		}
		if !maps.Equal(found, want) {
			t.Errorf("%+v: %d flows, want %d", c, len(found), len(want))
		}
	}
	for _, f := range s.table.Fields() {
		v := f.Value(&m.records[3])
		if f.Time || f.Kind == entity.KindMap || v.IsZero() {
			continue
		}
		same(flowrecord.Condition{Fields: []string{f.Query}, Values: []entity.Value{v}})
		same(flowrecord.Condition{Fields: []string{f.Query}, Op: flowrecord.Exists, Not: true})
	}
	for _, limit := range []int64{0, 1, 4, 16, 32} {
		over := flowrecord.Condition{Fields: []string{"SamplingRate"}, Op: flowrecord.Greater, Values: []entity.Value{entity.Int(limit)}}
		same(over)
		rows, err := s.Top(t.Context(), TopQuery{By: []string{"SamplingRate"}, Metric: TopReports, From: from, To: to, Where: []flowrecord.Condition{over}})
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for i := range m.records {
			if m.records[i].SamplingRate > limit {
				want++
			}
		}
		if len(rows) != want {
			t.Errorf("sampling rates over %d: %v, want %d", limit, rows, want)
		}
	}
	rows, err := s.Top(t.Context(), TopQuery{By: []string{"ProcessA.Name", "ProcessA.ContainerID"}, Metric: TopPackets, From: from, To: to})
	if err != nil || len(rows) < 2 {
		t.Errorf("by process: %v, %v", rows, err)
	}
	for _, metric := range []string{"SamplingRate", "Dropped", "RawPacketsCaptured", "ProcessA.PID"} {
		if _, err := s.Top(t.Context(), TopQuery{By: []string{"Host"}, Metric: metric, From: from, To: to}); err == nil {
			t.Errorf("%s can be summed up over reports, which repeat it", metric)
		}
	}
}
