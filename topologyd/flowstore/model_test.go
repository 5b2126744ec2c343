package flowstore

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// model is a store that keeps everything and looks at everything.
type model struct {
	table   *flowrecord.Table
	report  int64
	records []flowrecord.Record
}

func newModel(cfg Config) *model {
	return &model{table: flowrecord.NewTable(), report: int64(cfg.ReportInterval)}
}

// ready makes conditions ready that make sense.
func ready(t *flowrecord.Table, where []flowrecord.Condition) *flowrecord.Conditions {
	c, err := t.Conditions(where)
	if err != nil {
		panic(err)
	}
	return c
}

func (m *model) flows(q *flowrecord.Query) []*flowrecord.Record {
	best := make(map[entity.UUID]*flowrecord.Record)
	newer := func(a, b *flowrecord.Record) bool {
		return rowTime(a) > rowTime(b) || rowTime(a) == rowTime(b) && a.Finished() && !b.Finished()
	}
	fixedAll, movingAll := split(m.table, q.Where)
	fixed, moving := ready(m.table, fixedAll), ready(m.table, movingAll)
	for _, inside := range []bool{true, false} {
		seen := make(map[entity.UUID]*flowrecord.Record)
		for i := range m.records {
			r := &m.records[i]
			t := rowTime(r)
			if q.Nodes != nil && !slices.Contains(q.Nodes, r.NodeTID) || q.IDs != nil && !slices.Contains(q.IDs, r.ID) || !fixed.Match(r) {
				continue
			}
			old := seen[r.ID]
			if inside {
				if t >= q.From && t <= q.To && (old == nil || newer(r, old)) {
					seen[r.ID] = r
				}
				continue
			}
			if t > q.To && t <= q.To+m.report && r.Metric.Start <= q.To &&
				(old == nil || t < rowTime(old) || t == rowTime(old) && r.Finished()) {
				seen[r.ID] = r
			}
		}
		for id, r := range seen {
			if best[id] == nil {
				best[id] = r
			}
		}
	}
	var out []*flowrecord.Record
	for _, r := range best {
		if moving.Match(r) {
			out = append(out, r)
		}
	}
	if f := m.table.Query(q.Sort); f != nil {
		slices.SortFunc(out, func(a, b *flowrecord.Record) int {
			c := entity.Compare(f.Value(a), f.Value(b))
			if q.Descending {
				c = -c
			}
			return cmp.Or(c, slices.Compare(a.ID[:], b.ID[:]))
		})
		if q.Limit > 0 && len(out) > q.Limit {
			out = out[:q.Limit]
		}
	}
	return out
}

// world makes reports of flows that look like those of a network.
type world struct {
	rng  *rand.Rand
	from int64
	span time.Duration
	// nodes are the interfaces, odd adds strange strings.
	nodes []entity.UUID
	odd   bool
}

func newWorld(seed uint64, from int64, span time.Duration) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), from: from, span: span}
	for i := range 8 {
		w.nodes = append(w.nodes, entity.TID(entity.HostTID(fmt.Sprintf("h%d", i/4)), fmt.Sprintf("eth%d", i%4), "veth"))
	}
	return w
}

func (w *world) uuid() (u entity.UUID) {
	for i := range u {
		u[i] = byte(w.rng.Uint32())
	}
	return u
}

// strange are strings that mean something in LogsQL, JSON or a shell.
func strange() []string {
	return []string{`"`, `'`, "`", `\`, `*`, `" or *`, `a" | delete *`, `)`, `(`, `in(*)`, `{`, `_time:5m`, "\n", "\x00", "\xff", "#", "é", " ", "!", ":=", "a|b", `{"a":1}`, "NaN", "1e3", "007", "10.0.0.1", "-", "null", "true", "2024-01-01T00:00:00Z"}
}

// flow makes the reports of one flow.
func (w *world) flow() []flowrecord.Record {
	n := w.rng.IntN(len(w.nodes))
	start := w.from + w.rng.Int64N(int64(w.span))
	r := flowrecord.Record{
		ID: w.uuid(), TrackingID: flowrecord.Tracking(w.rng.Uint64()), L3TrackingID: flowrecord.Tracking(w.rng.Uint64()),
		NodeTID: w.nodes[n], HostID: fmt.Sprintf("h%d", n/4), Interface: fmt.Sprintf("eth%d", n%4), CaptureID: "c1",
		LayersPath: "Ethernet/IPv4/TCP", Application: []string{"HTTPS", "DNS", "TCP", "SSH"}[w.rng.IntN(4)],
		LinkProtocol: "ETHERNET", LinkA: flowrecord.MAC{2, 0, 0, 0, 0, byte(w.rng.IntN(20))}, LinkB: flowrecord.MAC{2, 0, 0, 0, 1, byte(w.rng.IntN(20))},
		NetworkProtocol: "IPV4", NetworkA: netip.AddrFrom4([4]byte{10, 0, byte(w.rng.IntN(4)), byte(w.rng.IntN(250))}),
		NetworkB:          netip.AddrFrom4([4]byte{192, 168, 0, byte(w.rng.IntN(250))}),
		TransportProtocol: "TCP", TransportA: uint16(1024 + w.rng.IntN(60000)), TransportB: []uint16{443, 53, 80, 22}[w.rng.IntN(4)],
	}
	switch w.rng.IntN(8) {
	case 0:
		r.NetworkProtocol, r.LayersPath = "IPV6", "Ethernet/IPv6/UDP"
		r.TransportProtocol = "UDP"
		r.NetworkA, r.NetworkB = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(w.rng.IntN(250))}), netip.IPv6LinkLocalAllNodes()
	case 1:
		r.NetworkProtocol, r.TransportProtocol, r.TransportA, r.TransportB = "", "", 0, 0
		r.NetworkA, r.NetworkB, r.LayersPath, r.Application = netip.Addr{}, netip.Addr{}, "Ethernet/ARP", "ARP"
	case 2:
		r.ParentID, r.LinkID, r.NetworkID = w.uuid(), 100, int64(w.rng.IntN(3))
		r.DNS = entity.Map(entity.Attrs{entity.A("Questions", entity.List(entity.String("example.org")))})
	}
	if w.odd {
		s := strange()
		r.Application, r.Interface = s[w.rng.IntN(len(s))], s[w.rng.IntN(len(s))]
	}
	if r.TransportProtocol == "TCP" {
		r.TCP = &flowrecord.TCP{State: "ESTABLISHED", AB: flowrecord.TCPSide{SynStart: start, SynTTL: 64}, BA: flowrecord.TCPSide{SynStart: start + 1000}}
	}
	var out []flowrecord.Record
	at := start
	for i := range 1 + w.rng.IntN(5) {
		u := flowrecord.Metric{ABPackets: int64(1 + w.rng.IntN(50)), BAPackets: int64(w.rng.IntN(50)), Start: at, Last: at + w.rng.Int64N(int64(9*time.Second))}
		u.ABBytes, u.BABytes = u.ABPackets*int64(60+w.rng.IntN(1400)), u.BAPackets*int64(60+w.rng.IntN(1400))
		if i == 0 {
			r.Metric = flowrecord.Metric{Start: start, RTT: w.rng.Int64N(1e8)}
		}
		r.Update = u
		r.Metric.ABPackets += u.ABPackets
		r.Metric.ABBytes += u.ABBytes
		r.Metric.BAPackets += u.BAPackets
		r.Metric.BABytes += u.BABytes
		r.Metric.Last = u.Last
		at = u.Last + 1 + w.rng.Int64N(int64(10*time.Second))
		c := r
		if r.TCP != nil {
			t := *r.TCP
			t.AB.Retransmits = int64(i)
			c.TCP = &t
		}
		out = append(out, c)
	}
	last := &out[len(out)-1]
	switch w.rng.IntN(3) {
	case 0:
		last.Finish = flowrecord.FinishTimeout
	case 1: // a report that says only that the flow ended
		end := *last
		end.Finish, end.Update = flowrecord.FinishTCPFin, flowrecord.Metric{}
		out = append(out, end)
	}
	return out
}

func (w *world) flows(n int) []flowrecord.Record {
	var out []flowrecord.Record
	for range n {
		out = append(out, w.flow()...)
	}
	w.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// value takes a value of some record, so that conditions do hold at times.
func (w *world) value(t *flowrecord.Table, f *flowrecord.Field, rs []flowrecord.Record) entity.Value {
	for range 20 {
		if v := f.Value(&rs[w.rng.IntN(len(rs))]); !v.IsZero() {
			return v
		}
	}
	return entity.Int(0)
}

func (w *world) condition(t *flowrecord.Table, rs []flowrecord.Record) flowrecord.Condition {
	fs := t.Fields()
	f := &fs[w.rng.IntN(len(fs))]
	c := flowrecord.Condition{Fields: []string{f.Query}, Op: flowrecord.Op(w.rng.IntN(7)), Not: w.rng.IntN(3) == 0}
	switch c.Op {
	case flowrecord.InNetwork:
		c.Fields = []string{"Network.A", "Network.B"}
		c.Values = []entity.Value{entity.String([]string{"10.0.0.0/8", "10.0.1.0/24", "192.168.0.128/25", "2001:db8::/64", "ff02::1", "10.0.0.7"}[w.rng.IntN(6)])}
		return c
	case flowrecord.Exists:
		return c
	}
	switch w.rng.IntN(8) {
	case 0:
		c.Fields = append(c.Fields, fs[w.rng.IntN(len(fs))].Query)
	case 1:
		c.Values = append(c.Values, entity.Float(float64(w.rng.IntN(100))/4))
	case 2:
		s := strange()
		c.Values = append(c.Values, entity.String(s[w.rng.IntN(len(s))]))
	case 3:
		c.Values = append(c.Values, entity.Int(0))
	}
	for range 1 + w.rng.IntN(3) {
		c.Values = append(c.Values, w.value(t, f, rs))
	}
	return c
}

func (w *world) query(t *flowrecord.Table, rs []flowrecord.Record) *flowrecord.Query {
	q := &flowrecord.Query{From: w.from + w.rng.Int64N(int64(w.span))}
	q.To = q.From + w.rng.Int64N(int64(w.span)/2)
	if w.rng.IntN(3) == 0 {
		q.From, q.To = w.from, w.from+2*int64(w.span)
	}
	if w.rng.IntN(4) == 0 {
		q.Nodes = []entity.UUID{w.nodes[w.rng.IntN(len(w.nodes))], w.nodes[w.rng.IntN(len(w.nodes))]}
	}
	if w.rng.IntN(10) == 0 {
		q.IDs = []entity.UUID{rs[w.rng.IntN(len(rs))].ID, rs[w.rng.IntN(len(rs))].ID, {1}}
	}
	for range w.rng.IntN(3) {
		q.Where = append(q.Where, w.condition(t, rs))
	}
	switch w.rng.IntN(4) {
	case 0:
		q.Limit = 1 + w.rng.IntN(20)
	case 1:
		q.Sort, q.Descending, q.Limit = "Last", true, 1+w.rng.IntN(20)
	case 2:
		fs := t.Fields()
		q.Sort, q.Descending = fs[w.rng.IntN(len(fs))].Query, w.rng.IntN(2) == 0
		if w.rng.IntN(2) == 0 {
			q.Limit = 1 + w.rng.IntN(20)
		}
	}
	return q
}
