package flowstore

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// benchRows is how many rows the benchmarks of queries look at: 10 million with
// FLOWSTORE_ROWS=10000000.
func benchRows() int {
	if n, err := strconv.Atoi(os.Getenv("FLOWSTORE_ROWS")); err == nil {
		return n
	}
	return 200_000
}

// fill writes n rows of reports as 60 captures send them in an hour.
func fill(b *testing.B, s *Store, n int) (from, to int64) {
	b.Helper()
	from = time.Now().Add(-2 * time.Hour).UnixNano()
	to = from + int64(time.Hour)
	w := newWorld(7, 0, 1)
	w.span = time.Second
	step := int64(time.Hour) / int64(n)
	batch := make([]flowrecord.Record, 0, 1000)
	for i := 0; i < n; {
		w.from = from + int64(i)*step
		for _, r := range w.flow() {
			r.HostID = fmt.Sprintf("h%d", i/64%60) // a capture sends many at a time
			batch = append(batch, r)
			i++
		}
		if len(batch) > 990 {
			if err := s.Write(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return from, to
}

// cpu returns the processor time of the process: the clock says little on a
// machine that does other things too.
func cpu() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWrite writes with sums of minutes and without.
func BenchmarkWrite(b *testing.B) {
	for name, sums := range map[string]int{"sums": DefaultConfig().MaxRollup, "rows": 0} {
		b.Run(name, func(b *testing.B) { benchWrite(b, sums) })
	}
}

func benchWrite(b *testing.B, sums int) {
	s := open(b, func(c *Config) { c.MaxRollup = sums })
	w := newWorld(5, time.Now().Add(-2*time.Hour).UnixNano(), time.Hour)
	rs := w.flows(20_000)
	b.ReportAllocs()
	b.ResetTimer()
	n, begin := 0, cpu()
	for b.Loop() {
		at := n % (len(rs) - 1000)
		if err := s.Write(b.Context(), rs[at:at+1000]); err != nil {
			b.Fatal(err)
		}
		n += 1000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64((cpu()-begin).Microseconds())/float64(n), "cpu-us/row")
}

func BenchmarkEncode(b *testing.B) {
	w := newWorld(5, time.Now().UnixNano(), time.Hour)
	rs := w.flows(1000)
	e := newEncoder()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if _, refused := e.flow(&rs[n%len(rs)]); refused != "" {
			b.Fatal(refused)
		}
	}
}

// BenchmarkQuery fills a store once and asks it in several ways. The directory
// FLOWSTORE_DIR is kept, and not filled again when it has rows enough.
func BenchmarkQuery(b *testing.B) {
	n := benchRows()
	dir := os.Getenv("FLOWSTORE_DIR")
	keep := dir != ""
	s := open(b, func(c *Config) {
		c.MaxFlows = 10_000_000
		if keep {
			c.Dir = dir
		}
	})
	var from, to int64
	if st := s.Stats(); keep && int(st.Rows) >= n {
		from, to = st.Oldest, st.Newest
	} else {
		start := time.Now()
		from, to = fill(b, s, n)
		b.Logf("filled: %.0f rows/s", float64(n)/time.Since(start).Seconds())
	}
	s.Stop()
	if err := s.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	st := s.Stats()
	b.Logf("%d rows, %.1f bytes a row", st.Rows, float64(st.Bytes)/float64(st.Rows))
	minute := int64(time.Minute)
	address := []flowrecord.Condition{{Fields: []string{"Network.A", "Network.B"}, Values: []entity.Value{entity.String("10.0.1.7")}}}
	https := []flowrecord.Condition{{Fields: []string{"Application"}, Values: []entity.Value{entity.String("HTTPS")}}}
	w := newWorld(7, 0, 1)
	top := map[string]TopQuery{
		"Application":    {By: []string{"Application"}, Metric: TopBytes},
		"Address":        {By: []string{"Network.A"}, Metric: TopBytes},
		"AddressABBytes": {By: []string{"Network.A"}, Metric: "LastUpdateMetric.ABBytes"},
		"Pair":           {By: []string{"Network.A", "Network.B"}, Metric: TopBytes},
		"PairOfNode":     {By: []string{"Network.A", "Network.B"}, Metric: TopBytes, Nodes: w.nodes[:1]},
	}
	for name, q := range top {
		q.From, q.To = from, to
		b.Run("Top/"+name, func(b *testing.B) {
			begin := cpu()
			for b.Loop() {
				if rows, err := s.Top(b.Context(), q); err != nil || len(rows) == 0 {
					b.Fatal(rows, err)
				}
			}
			b.ReportMetric(float64((cpu()-begin).Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
	flows := map[string]flowrecord.Query{
		"Limit100":          {From: from, To: to, Limit: 100},
		"Newest100":         {From: from, To: to, Limit: 100, Sort: "Last", Descending: true},
		"AddressLimit100":   {From: from, To: to, Limit: 100, Where: address},
		"AddressMinutes5":   {From: to - 5*minute, To: to, Where: address},
		"NodeSeconds10":     {From: to - minute/6, To: to, Nodes: w.nodes[:1]},
		"HTTPSMinute":       {From: to - minute, To: to, Where: https},
		"LargestOf5Minutes": {From: to - 5*minute, To: to, Sort: "Metric.ABBytes", Descending: true, Limit: 20},
		"LargestOfHour":     {From: from, To: to, Sort: "Metric.ABBytes", Descending: true, Limit: 20},
	}
	for name, q := range flows {
		b.Run("Flows/"+name, func(b *testing.B) {
			var m int
			begin := cpu()
			for b.Loop() {
				m = 0
				for _, err := range s.Flows(b.Context(), &q) {
					if err != nil {
						b.Fatal(err)
					}
					m++
				}
			}
			b.ReportMetric(float64((cpu()-begin).Milliseconds())/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(m), "flows")
		})
	}
}
