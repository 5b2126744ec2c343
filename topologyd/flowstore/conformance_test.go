package flowstore

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// fresh opens an empty store; visible waits until what was written is found.
type fresh func(t *testing.T) *Store

// conformance is what every store must do. Rows of other tests may be in it:
// each looks at times, flows and nodes of its own.
func conformance(t *testing.T, open fresh, queries int) {
	t.Run("flows", func(t *testing.T) { testFlows(t, open(t)) })
	t.Run("random", func(t *testing.T) { testRandom(t, open(t), queries, false) })
	t.Run("strange", func(t *testing.T) { testRandom(t, open(t), queries, true) })
	t.Run("updates", func(t *testing.T) { testUpdates(t, open(t)) })
	t.Run("top", func(t *testing.T) { testTop(t, open(t)) })
	t.Run("counters", func(t *testing.T) { testCounters(t, open(t)) })
	t.Run("quoting", func(t *testing.T) { testQuoting(t, open(t)) })
	t.Run("twice", func(t *testing.T) { testTwice(t, open(t)) })
	t.Run("fields", func(t *testing.T) { testFields(t, open(t)) })
}

func testFlows(t *testing.T, s *Store) {
	w := newWorld(1, time.Now().Add(-4*time.Hour).UnixNano(), 30*time.Minute)
	m := newModel(s.cfg)
	m.records = w.flows(300)
	write(t, s, m.records)
	all := flowrecord.Query{From: w.from, To: w.from + int64(time.Hour)}
	checkFlows(t, s, m, &all)
	for _, change := range []func(*flowrecord.Query){
		func(q *flowrecord.Query) { q.Nodes = w.nodes[:1] },
		func(q *flowrecord.Query) { q.Nodes = []entity.UUID{} },
		func(q *flowrecord.Query) { q.IDs = []entity.UUID{} },
		func(q *flowrecord.Query) { q.Sort, q.Descending, q.Limit = "Last", true, 7 },
		func(q *flowrecord.Query) { q.Limit = 5 },
		func(q *flowrecord.Query) { q.From, q.To = q.To, q.From },
		func(q *flowrecord.Query) {
			q.From, q.To = math.MinInt64, math.MaxInt64
			q.IDs = []entity.UUID{m.records[0].ID}
		},
		func(q *flowrecord.Query) { q.From, q.To = w.from+int64(time.Minute), w.from+int64(time.Minute)+1 },
	} {
		q := all
		change(&q)
		checkFlows(t, s, m, &q)
	}
}

func testRandom(t *testing.T, s *Store, queries int, odd bool) {
	w := newWorld(2, time.Now().Add(-3*time.Hour).UnixNano(), 2*time.Minute)
	if odd {
		w = newWorld(3, time.Now().Add(-2*time.Hour).UnixNano(), 2*time.Minute)
	}
	w.odd = odd
	m := newModel(s.cfg)
	m.records = w.flows(200)
	if s.remote { // JSON has no other text than UTF-8
		for i := range m.records {
			r := &m.records[i]
			r.Application, r.Interface = strings.ToValidUTF8(r.Application, "?"), strings.ToValidUTF8(r.Interface, "?")
		}
	}
	write(t, s, m.records)
	for range queries {
		checkFlows(t, s, m, w.query(s.table, m.records))
	}
}

func testUpdates(t *testing.T, s *Store) {
	w := newWorld(4, time.Now().Add(-80*time.Minute).UnixNano(), time.Minute)
	rs := w.flows(50)
	write(t, s, rs)
	ids := []entity.UUID{rs[0].ID, rs[1].ID, rs[2].ID}
	from, to := w.from+int64(10*time.Second), w.from+int64(50*time.Second)
	var want []flowrecord.Update
	for i := range rs {
		r := &rs[i]
		if !r.Update.IsZero() && slices.Contains(ids, r.ID) && r.Update.Last >= from && r.Update.Last <= to {
			want = append(want, flowrecord.Update{ID: r.ID, Metric: r.Update})
		}
	}
	slices.SortFunc(want, func(a, b flowrecord.Update) int { return int(a.Metric.Last - b.Metric.Last) })
	var got []flowrecord.Update
	for u, err := range s.Updates(t.Context(), ids, from, to) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, u)
	}
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("updates\n%s, want\n%s", show(got), show(want))
	}
	for range s.Updates(t.Context(), nil, from, to) {
		t.Error("an update of no flow")
	}
}

func testTop(t *testing.T, s *Store) {
	w := newWorld(5, time.Now().Add(-70*time.Minute).UnixNano(), time.Minute)
	rs := w.flows(300)
	write(t, s, rs)
	from, to := w.from, w.from+int64(3*time.Minute)
	where := []flowrecord.Condition{{Fields: []string{"Network.Protocol"}, Values: []entity.Value{entity.String("IPV4")}}}
	sums := make(map[string]int64)
	var all int64
	for i := range rs {
		u := &rs[i].Update
		if rs[i].NetworkProtocol == "IPV4" {
			sums[rs[i].NetworkA.String()+" "+rs[i].TransportProtocol] += u.ABBytes + u.BABytes
		}
		all += u.ABPackets
	}
	got, err := s.Top(t.Context(), TopQuery{By: []string{"Network.A", "Transport.Protocol"}, Metric: TopBytes, From: from, To: to, Where: where, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(sums) {
		t.Errorf("%d rows, want %d", len(got), len(sums))
	}
	for i, r := range got {
		if k := r.By[0].Str() + " " + r.By[1].Str(); sums[k] != r.Value || i > 0 && got[i-1].Value < r.Value {
			t.Errorf("row %d: %s has %d, want %d", i, k, r.Value, sums[k])
		}
	}
	got, err = s.Top(t.Context(), TopQuery{Metric: "LastUpdateMetric.ABPackets", From: from, To: to})
	if err != nil || len(got) != 1 || got[0].Value != all {
		t.Errorf("all packets: %v %v, want %d", got, err, all)
	}
	got, err = s.Top(t.Context(), TopQuery{Metric: TopFlows, From: from, To: to})
	if err != nil || len(got) != 1 || got[0].Value != 300 {
		t.Errorf("all flows: %v %v, want 300", got, err)
	}
	for _, bad := range []TopQuery{
		{Metric: "Metric.ABBytes"}, {Metric: "Nonsense"}, {}, {Metric: TopBytes, By: []string{"DNS.Questions"}}, {Metric: TopBytes, Limit: -1},
		{Metric: TopBytes, Where: []flowrecord.Condition{{Fields: []string{"Network.A"}, Op: flowrecord.InNetwork, Values: []entity.Value{entity.String("2001:db8::/32")}}}},
	} {
		bad.From, bad.To = from, to
		if _, err := s.Top(t.Context(), bad); err == nil {
			t.Errorf("%s: no error", show(bad))
		}
	}
}

func testCounters(t *testing.T, s *Store) {
	w := newWorld(uint64(time.Now().UnixNano()), time.Now().Add(-time.Minute).UnixNano(), time.Minute)
	a, b := w.uuid(), w.uuid()
	want := []Counters{
		{Node: a, Time: w.from, Values: entity.Attrs{entity.A("RxBytes", entity.Int(1)), entity.A("Speed", entity.Float(1.5)), entity.A("Up", entity.Bool(true))}},
		{Node: b, Time: w.from + 1, Values: entity.Attrs{entity.A("RxBytes", entity.Int(math.MaxInt64))}},
		{Node: a, Time: w.from + 2, Values: entity.Attrs{entity.A("Note", entity.String("7")), entity.A("RxBytes", entity.Int(0))}},
	}
	if err := s.WriteCounters(t.Context(), []Counters{want[2], want[0], want[1], want[1]}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	read := func(nodes []entity.UUID, from, to int64) (out []Counters) {
		for c, err := range s.Counters(t.Context(), nodes, from, to) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, c)
		}
		return out
	}
	same := func(x, y Counters) bool { return x.Node == y.Node && x.Time == y.Time && x.Values.Equal(y.Values) }
	if got := read([]entity.UUID{a, b}, w.from, w.from+10); !slices.EqualFunc(got, want, same) {
		t.Errorf("counters %s, want %s", show(got), show(want))
	}
	if got := read([]entity.UUID{b}, w.from, w.from+10); !slices.EqualFunc(got, want[1:2], same) {
		t.Errorf("counters of one node: %s", show(got))
	}
	if got := read([]entity.UUID{}, w.from, w.from+10); got != nil {
		t.Errorf("counters of no node: %s", show(got))
	}
	if got := read(nil, w.from+1, w.from+1); !slices.EqualFunc(got, want[1:2], same) {
		t.Errorf("counters of one time: %s", show(got))
	}
}

// testQuoting asks for strange strings: each must give the flow that has it.
func testQuoting(t *testing.T, s *Store) {
	w := newWorld(6, time.Now().Add(-50*time.Minute).UnixNano(), time.Second)
	m := newModel(s.cfg)
	texts := strange()
	if s.remote {
		texts = slices.DeleteFunc(texts, func(s string) bool { return s == "\xff" })
	}
	for _, text := range texts {
		r := w.flow()[0]
		r.Application = text
		m.records = append(m.records, r)
	}
	write(t, s, m.records)
	for i, text := range texts {
		q := flowrecord.Query{From: w.from, To: w.from + int64(time.Minute), Where: []flowrecord.Condition{{Fields: []string{"Application"}, Values: []entity.Value{entity.String(text)}}}}
		got := flowsOf(t, s, &q)
		if len(got) != 1 || got[0].ID != m.records[i].ID {
			t.Errorf("%q: %d flows", text, len(got))
		}
		rows, err := s.Top(t.Context(), TopQuery{By: []string{"Application"}, Metric: TopReports, From: q.From, To: q.To, Where: q.Where})
		if err != nil || len(rows) != 1 || rows[0].By[0].Str() != text || rows[0].Value != 1 {
			t.Errorf("%q: top %v, %v", text, rows, err)
		}
		q.Where[0].Not = true
		checkFlows(t, s, m, &q)
		q.Where[0].Values = append(q.Where[0].Values, entity.String("x"), entity.String(texts[0]))
		checkFlows(t, s, m, &q)
	}
}

// testTwice writes reports again, as a collector does that had no answer.
func testTwice(t *testing.T, s *Store) {
	w := newWorld(8, time.Now().Add(-40*time.Minute).UnixNano(), time.Second)
	m := newModel(s.cfg)
	m.records = w.flows(20)
	write(t, s, m.records)
	write(t, s, m.records)
	q := flowrecord.Query{From: w.from, To: w.from + int64(5*time.Minute)}
	checkFlows(t, s, m, &q)
	n := 0
	for _, err := range s.Updates(t.Context(), []entity.UUID{m.records[0].ID}, q.From, q.To) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	for _, r := range m.records {
		if r.ID == m.records[0].ID && !r.Update.IsZero() {
			n--
		}
	}
	if n != 0 {
		t.Errorf("%d updates too many", n)
	}
}

func TestEmbedded(t *testing.T) {
	conformance(t, func(t *testing.T) *Store { return open(t, nil) }, 700)
}
