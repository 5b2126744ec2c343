package flowstore

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// traffic makes reports as captures send them: flows that live for minutes and
// report every 10 s, between addresses of which few have most of the flows.
type traffic struct {
	rng     *rand.Rand
	clients *rand.Zipf
	servers *rand.Zipf
	flows   []flowrecord.Record
	ends    []int64
	nodes   []entity.UUID
}

func newTraffic(flows int, at int64) *traffic {
	t := &traffic{rng: rand.New(rand.NewPCG(9, 9))}
	t.clients, t.servers = rand.NewZipf(t.rng, 1.1, 20, 19_999), rand.NewZipf(t.rng, 1.2, 10, 1_999)
	for i := range 120 {
		t.nodes = append(t.nodes, entity.TID(entity.HostTID(fmt.Sprintf("host-%d", i/4)), fmt.Sprintf("eth%d", i%4), "veth"))
	}
	t.flows, t.ends = make([]flowrecord.Record, flows), make([]int64, flows)
	for i := range t.flows {
		t.begin(i, at)
	}
	return t
}

// begin replaces a flow by a new one.
func (t *traffic) begin(i int, at int64) {
	n := i % len(t.nodes)
	port := t.rng.IntN(100)
	kind := []struct {
		app, proto string
		port       uint16
	}{{"HTTPS", "TCP", 443}, {"HTTPS", "TCP", 8443}, {"HTTP", "TCP", 80}, {"DNS", "UDP", 53}, {"SSH", "TCP", 22}, {"TCP", "TCP", 5432}, {"TCP", "TCP", 9092}, {"TCP", "TCP", 6379}}
	k := kind[min(port*port/1000, len(kind)-1)]
	c, s := t.clients.Uint64(), t.servers.Uint64()
	r := flowrecord.Record{TrackingID: flowrecord.Tracking(t.rng.Uint64()), L3TrackingID: flowrecord.Tracking(t.rng.Uint64()),
		NodeTID: t.nodes[n], HostID: fmt.Sprintf("host-%d", n/4), Interface: fmt.Sprintf("eth%d", n%4), CaptureID: "all",
		LayersPath: "Ethernet/IPv4/" + k.proto, Application: k.app, LinkProtocol: "ETHERNET",
		LinkA: flowrecord.MAC{2, 0, 0, 0, 0, byte(n)}, LinkB: flowrecord.MAC{2, 0, 0, 0, 1, byte(n)}, NetworkProtocol: "IPV4",
		NetworkA: netip.AddrFrom4([4]byte{10, 1, byte(c >> 8), byte(c)}), NetworkB: netip.AddrFrom4([4]byte{10, 2, byte(s >> 8), byte(s)}),
		TransportProtocol: k.proto, TransportA: uint16(1024 + t.rng.IntN(60000)), TransportB: k.port}
	for j := range r.ID {
		r.ID[j] = byte(t.rng.Uint32())
	}
	if k.proto == "TCP" {
		r.TCP = &flowrecord.TCP{State: "ESTABLISHED", AB: flowrecord.TCPSide{SynStart: at, SynTTL: 64}, BA: flowrecord.TCPSide{SynStart: at + 100_000, SynTTL: 63}}
	}
	r.Metric = flowrecord.Metric{Start: at, Last: at, RTT: t.rng.Int64N(1e8)}
	t.flows[i], t.ends[i] = r, at+int64(t.rng.ExpFloat64()*3*float64(time.Minute))
}

// report adds to a flow and returns its report.
func (t *traffic) report(i int, at int64) *flowrecord.Record {
	r := &t.flows[i]
	if t.ends[i] < at {
		t.begin(i, at)
	}
	u := flowrecord.Metric{Start: r.Metric.Last + 1, Last: at, ABPackets: 1 + int64(t.rng.ExpFloat64()*40), BAPackets: int64(t.rng.ExpFloat64() * 60)}
	u.ABBytes, u.BABytes = u.ABPackets*int64(60+t.rng.IntN(300)), u.BAPackets*int64(60+t.rng.IntN(1400))
	r.Update = u
	r.Metric.ABPackets += u.ABPackets
	r.Metric.ABBytes += u.ABBytes
	r.Metric.BAPackets += u.BAPackets
	r.Metric.BABytes += u.BABytes
	r.Metric.Last = at
	return r
}

// fillTraffic writes n reports of an hour.
func fillTraffic(b *testing.B, s *Store, n int, from int64) {
	b.Helper()
	flows := max(n/360, 1)
	t := newTraffic(flows, from)
	step := int64(time.Hour) / int64(n)
	batch := make([]flowrecord.Record, 0, 1000)
	for i := range n {
		if batch = append(batch, *t.report(i%flows, from+int64(i)*step)); len(batch) == cap(batch) || i == n-1 {
			if err := s.Write(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

// BenchmarkSumUp adds reports to the sums of their minutes, in batches.
func BenchmarkSumUp(b *testing.B) {
	r, err := newRollups(&Config{MaxRollup: 1 << 20}, testLogger(), flowrecord.NewTable())
	if err != nil {
		b.Fatal(err)
	}
	const flows = 27_777
	from := minuteOf(time.Now().UnixNano())
	t := newTraffic(flows, from)
	records := make([]flowrecord.Record, 100_000)
	for i := range records {
		records[i] = *t.report(i%flows, from+int64(i)*int64(360*time.Microsecond))
	}
	var batch []*flowrecord.Record
	n, begin := 0, cpu()
	for b.Loop() {
		batch = batch[:0]
		for i := range 1000 {
			batch = append(batch, &records[(n+i)%len(records)])
		}
		r.add(batch, time.Now())
		n += len(batch)
	}
	b.ReportMetric(float64((cpu()-begin).Nanoseconds())/float64(n), "cpu-ns/row")
}

// openTraffic returns a store with an hour of reports, and a time after them.
func openTraffic(b *testing.B) (s *Store, to int64) {
	b.Helper()
	n := benchRows()
	dir := os.Getenv("FLOWSTORE_TOP_DIR")
	s = open(b, func(c *Config) {
		c.FlushInterval = DefaultConfig().FlushInterval
		if dir != "" {
			c.Dir = dir
		}
	})
	st := s.Stats()
	if int(st.Rows) < n {
		from := time.Now().Add(-2 * time.Hour).UnixNano()
		start, begin := time.Now(), cpu()
		fillTraffic(b, s, n, from)
		b.Logf("filled: %.0f rows/s, %.2f us of processor time a row", float64(n)/time.Since(start).Seconds(), float64((cpu()-begin).Microseconds())/float64(n))
	}
	start, begin := time.Now(), cpu()
	s.Stop()
	b.Logf("stopped: %v, processor time %v", time.Since(start), cpu()-begin)
	if err := s.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	st = s.Stats()
	b.Logf("%d rows of reports, %d of sums, %d MiB", st.Rows-st.RollupRows, st.RollupRows, st.Bytes>>20)
	s.rollups.mu.Lock()
	b.Logf("%d minutes, %d lost", s.rollups.minutes, s.rollups.lost)
	s.rollups.mu.Unlock()
	return s, st.Newest + 1
}

// BenchmarkSeries asks for the largest of the reports of BenchmarkTop over time.
func BenchmarkSeries(b *testing.B) {
	s, to := openTraffic(b)
	https := []flowrecord.Condition{{Fields: []string{"Application"}, Values: []entity.Value{entity.String("HTTPS")}}}
	for _, c := range []struct {
		name         string
		window, step time.Duration
		q            TopQuery
	}{
		{"Source", time.Hour, time.Minute, TopQuery{By: []string{"Network.A"}}},
		{"Pair", time.Hour, time.Minute, TopQuery{By: []string{"Network.A", "Network.B"}}},
		{"Pair100", time.Hour, time.Minute, TopQuery{By: []string{"Network.A", "Network.B"}, Limit: 100}},
		{"Application", time.Hour, time.Minute, TopQuery{By: []string{"Application"}}},
		{"PairOfHTTPS", time.Hour, time.Minute, TopQuery{By: []string{"Network.A", "Network.B"}, Where: https}},
		{"All", time.Hour, time.Minute, TopQuery{}},
		{"Pair", 5 * time.Minute, 10 * time.Second, TopQuery{By: []string{"Network.A", "Network.B"}}},
		{"Application", 5 * time.Minute, 10 * time.Second, TopQuery{By: []string{"Application"}}},
		{"Application", time.Hour, 30 * time.Second, TopQuery{By: []string{"Application"}}},
	} {
		c.q.From, c.q.To, c.q.Metric = to-int64(c.window)-7*int64(time.Second), to-7*int64(time.Second), TopBytes
		b.Run(fmt.Sprintf("%v by %v/%s", c.window, c.step, c.name), func(b *testing.B) {
			begin := cpu()
			for b.Loop() {
				got, err := s.Series(b.Context(), SeriesQuery{TopQuery: c.q, Step: int64(c.step)})
				if err != nil || len(got.Rows) == 0 {
					b.Fatal(got, err)
				}
			}
			b.ReportMetric(float64((cpu()-begin).Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkTop asks for the largest of an hour of reports, FLOWSTORE_ROWS of
// them, from sums of minutes, and with FLOWSTORE_ROWS_TOO from all rows. The
// directory FLOWSTORE_TOP_DIR is kept, and not filled again.
func BenchmarkTop(b *testing.B) {
	s, to := openTraffic(b)
	https := []flowrecord.Condition{{Fields: []string{"Application"}, Values: []entity.Value{entity.String("HTTPS")}}}
	network := []flowrecord.Condition{{Fields: []string{"Network.A", "Network.B"}, Op: flowrecord.InNetwork, Values: []entity.Value{entity.String("10.1.2.0/24")}}}
	for _, window := range []time.Duration{time.Hour, 5 * time.Minute} {
		for _, c := range []struct {
			name string
			q    TopQuery
		}{
			{"Source", TopQuery{By: []string{"Network.A"}}},
			{"Pair", TopQuery{By: []string{"Network.A", "Network.B"}}},
			{"Application", TopQuery{By: []string{"Application"}}},
			{"Node", TopQuery{By: []string{"NodeTID"}}},
			{"PairPort", TopQuery{By: []string{"Network.A", "Network.B", "Transport.B"}}},
			{"PairOfHTTPS", TopQuery{By: []string{"Network.A", "Network.B"}, Where: https}},
			{"PairOfNetwork", TopQuery{By: []string{"Network.A", "Network.B"}, Where: network}},
		} {
			c.q.From, c.q.To, c.q.Metric = to-int64(window)-7*int64(time.Second), to-7*int64(time.Second), TopBytes
			for _, way := range []string{"sums", "rows"} {
				if way == "rows" && os.Getenv("FLOWSTORE_ROWS_TOO") == "" {
					continue
				}
				b.Run(window.String()+"/"+c.name+"/"+way, func(b *testing.B) {
					text, err := s.topQuery(&c.q)
					if err != nil {
						b.Fatal(err)
					}
					begin := cpu()
					for b.Loop() {
						var rows []Row
						if way == "sums" {
							rows, err = s.Top(b.Context(), c.q)
						} else {
							rows, err = s.topRows(b.Context(), &c.q, text)
						}
						if err != nil || len(rows) == 0 {
							b.Fatal(rows, err)
						}
					}
					b.ReportMetric(float64((cpu()-begin).Milliseconds())/float64(b.N), "cpu-ms/op")
				})
			}
		}
	}
}
