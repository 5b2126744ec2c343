package flowstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// sumUp writes the sums of all minutes that are open.
func sumUp(s *Store) { s.rollups.work(time.Now(), true, s.writeRows) }

// topModel adds up records one by one.
func topModel(t *flowrecord.Table, records []flowrecord.Record, q *TopQuery) map[string]int64 {
	sums := make(map[string]int64)
	where := ready(t, q.Where)
	for i := range records {
		r := &records[i]
		when := rowTime(r)
		if when < q.From || when > q.To || q.Nodes != nil && !slices.Contains(q.Nodes, r.NodeTID) || !where.Match(r) {
			continue
		}
		key := ""
		for _, name := range q.By {
			v := t.Query(name).Value(r)
			key += strconv.Quote(string(v.AppendJSON(nil)))
		}
		u := &r.Update
		sums[key] += map[string]int64{TopBytes: u.ABBytes + u.BABytes, TopPackets: u.ABPackets + u.BAPackets, TopReports: 1,
			"LastUpdateMetric.ABBytes": u.ABBytes, "LastUpdateMetric.BABytes": u.BABytes, "LastUpdateMetric.ABPackets": u.ABPackets, "LastUpdateMetric.BAPackets": u.BAPackets}[q.Metric]
	}
	return sums
}

func topKey(r *Row) string {
	key := ""
	for _, v := range r.By {
		key += strconv.Quote(string(v.AppendJSON(nil)))
	}
	return key
}

// checkTop compares an answer with that of a model; of equal values any will do.
func checkTop(t testing.TB, q *TopQuery, got []Row, sums map[string]int64) {
	t.Helper()
	var values []int64
	for _, n := range sums {
		values = append(values, n)
	}
	slices.SortFunc(values, func(a, b int64) int { return int(b - a) })
	values = values[:min(len(values), topLimit(q))]
	if len(got) != len(values) {
		t.Fatalf("%s: %d rows, want %d", show(q), len(got), len(values))
	}
	seen := make(map[string]bool)
	for i := range got {
		k := topKey(&got[i])
		if n, ok := sums[k]; !ok || n != got[i].Value || values[i] != n || seen[k] {
			t.Fatalf("%s: row %d is %s with %d, want %d", show(q), i, k, got[i].Value, n)
		}
		seen[k] = true
	}
}

// topQuery makes a query that sums of minutes may be able to answer.
func (w *world) topQuery(t *flowrecord.Table, rs []flowrecord.Record) *TopQuery {
	var names []string
	for _, n := range slotFields() {
		names = append(names, n...)
	}
	if w.rng.IntN(10) == 0 {
		names = append(names, "Link.A", "Transport.A", "LayersPath")
	}
	metrics := []string{TopBytes, TopPackets, TopReports, "LastUpdateMetric.ABBytes", "LastUpdateMetric.BABytes", "LastUpdateMetric.ABPackets", "LastUpdateMetric.BAPackets"}
	q := &TopQuery{Metric: metrics[w.rng.IntN(len(metrics))], Limit: []int{0, 1, 7, maxTop}[w.rng.IntN(4)]}
	for range 1 + w.rng.IntN(3) {
		if n := names[w.rng.IntN(len(names))]; !slices.Contains(q.By, n) {
			q.By = append(q.By, n)
		}
	}
	a, b := rowTime(&rs[w.rng.IntN(len(rs))]), rowTime(&rs[w.rng.IntN(len(rs))])
	q.From, q.To = min(a, b), max(a, b)
	switch w.rng.IntN(4) {
	case 0:
		q.From, q.To = 0, maxTime
	case 1:
		q.From, q.To = minuteOf(q.From), minuteOf(q.To)+minuteLength-1
	}
	if w.rng.IntN(4) == 0 {
		q.Nodes = []entity.UUID{w.nodes[w.rng.IntN(len(w.nodes))], w.nodes[w.rng.IntN(len(w.nodes))]}
	}
	for range w.rng.IntN(3) {
		c := w.condition(t, rs)
		if w.rng.IntN(8) > 0 && !slices.Equal(c.Fields, []string{"Network.A", "Network.B"}) {
			c.Fields = []string{names[w.rng.IntN(len(names))], names[w.rng.IntN(len(names))]}[:1+w.rng.IntN(2)]
			for range w.rng.IntN(3) {
				c.Values = append(c.Values, w.value(t, t.Query(c.Fields[0]), rs))
			}
		}
		q.Where = append(q.Where, c)
	}
	return q
}

// rolledRows answers from sums, nil when they cannot.
func rolledRows(t testing.TB, s *Store, q *TopQuery) []Row {
	t.Helper()
	if text, err := s.topQuery(q); text == "" || err != nil {
		return nil
	}
	r := s.rolledUp(q)
	if r == nil {
		return nil
	}
	rows, err := r.answer(t.Context())
	if err != nil && !errors.Is(err, errUnrolled) {
		t.Fatalf("%s: %v", show(q), err)
	}
	if rows == nil && err == nil {
		rows = []Row{}
	}
	return rows
}

// checkTops asks random queries in all ways; it reports how many were answered
// from sums.
func checkTops(t testing.TB, s *Store, w *world, rs, asked []flowrecord.Record, n int) (rolled int) {
	t.Helper()
	for range n {
		q := w.topQuery(s.table, asked)
		rows, err := s.Top(t.Context(), *q)
		if errors.Is(err, ErrInexact) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", show(q), err)
		}
		var sums map[string]int64
		if rs != nil {
			sums = topModel(s.table, rs, q)
		} else { // what is stored is not known
			all := *q
			all.Limit = maxTop
			text, err := s.topQuery(&all)
			if err != nil {
				t.Fatal(err)
			}
			sums = make(map[string]int64)
			if text != "" {
				raw, err := s.topRows(t.Context(), &all, text)
				if err != nil {
					t.Fatal(err)
				}
				for i := range raw {
					sums[topKey(&raw[i])] = raw[i].Value
				}
			}
		}
		checkTop(t, q, rows, sums)
		if got := rolledRows(t, s, q); got != nil {
			checkTop(t, q, got, sums)
			rolled++
		}
	}
	return rolled
}

// TestTopOfMinutes writes reports in any order, late, twice and ahead of time,
// sums up now and then, stops and starts, and asks.
func TestTopOfMinutes(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			s := open(t, func(c *Config) { c.RollupGrace = time.Hour })
			w := newWorld(20+seed, time.Now().Add(-time.Duration(seed+1)*10*time.Minute).UnixNano(), 8*time.Minute)
			if seed == 4 {
				w.from = time.Now().Add(-2 * time.Minute).UnixNano() // and into the future
			}
			w.odd = seed%2 == 1
			rest := w.flows(400)
			if seed%3 == 0 { // a limit that minutes do not fit in
				s.cfg.MaxRollup = 150
			}
			slices.SortFunc(rest, func(a, b flowrecord.Record) int { return int(rowTime(&a) - rowTime(&b)) })
			for i := range rest { // on the edge of a minute
				if r := &rest[i]; seed > 1 && w.rng.IntN(5) == 0 && !r.Update.IsZero() {
					r.Update.Last = minuteOf(r.Update.Last) + []int64{0, minuteLength - 1}[w.rng.IntN(2)]
					r.Metric.Last = r.Update.Last
				}
			}
			for i := range rest { // late ones
				if j := i + w.rng.IntN(300); w.rng.IntN(6) == 0 && j < len(rest) {
					rest[i], rest[j] = rest[j], rest[i]
				}
			}
			var done []flowrecord.Record
			rolled := 0
			for len(rest) > 0 {
				n := min(1+w.rng.IntN(150), len(rest))
				batch := slices.Clone(rest[:n])
				rest = rest[n:]
				if len(done) > 0 && w.rng.IntN(4) == 0 {
					batch = append(batch, done[w.rng.IntN(len(done))], batch[0])
				}
				write(t, s, batch)
				done = append(done, batch...)
				switch w.rng.IntN(8) {
				case 0:
					s.Stop()
					if err := s.Start(t.Context()); err != nil {
						t.Fatal(err)
					}
				case 1, 2:
					sumUp(s)
				case 3:
					s.rollups.work(time.Now().Add(2*time.Hour), false, s.writeRows)
					s.rollups.work(time.Now().Add(3*time.Hour), false, s.writeRows)
				}
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				rolled += checkTops(t, s, w, done, done, 25)
			}
			rolled += checkTops(t, s, w, done, done, 100)
			st := s.Stats()
			if rolled == 0 || st.RollupRows == 0 || st.Rows-st.RollupRows != uint64(len(done)) {
				t.Errorf("%d answers from sums, %d rows of reports, %+v", rolled, len(done), st)
			}
			m := newModel(s.cfg)
			m.records = done
			for range 30 {
				if seed > 1 {
					break // reports of one time: any is the newest
				}
				checkFlows(t, s, m, w.query(s.table, done))
			}
		})
	}
}

// rollupChild names the directory in which the test program, run again, writes
// and sums up until it is killed.
const rollupChild = "FLOWSTORE_TEST_ROLLUP_CHILD"

func childRollups(where string) {
	begin, dir, _ := strings.Cut(where, " ")
	from, err := strconv.ParseInt(begin, 10, 64)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	cfg := DefaultConfig()
	cfg.Dir, cfg.MinFreeBytes, cfg.FlushInterval, cfg.RollupGrace = dir, 1<<20, time.Second, 50*time.Millisecond
	s, err := New(cfg, testLogger())
	if err == nil {
		err = s.Start(context.Background())
	}
	if err != nil {
		fmt.Println("error", err)
		return
	}
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any
	rng := rand.New(rand.NewPCG(seed, 2))
	w := newWorld(seed, from, time.Minute)
	for {
		w.span = time.Duration(1+rng.IntN(20)) * time.Minute
		if err := s.Write(context.Background(), w.flows(20)); err != nil {
			fmt.Println("error", err)
			return
		}
		time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
		fmt.Println("minutes", s.Stats().Minutes)
	}
}

func TestKillRollups(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs processes and kills them")
	}
	dir := t.TempDir()
	rolled := 0
	for round := range 3 {
		// The second one has the minutes of the first and others, the third others.
		from := minuteOf(time.Now().Add(-time.Duration([]int{40, 50, 80}[round]) * time.Minute).UnixNano())
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), rollupChild+"="+strconv.FormatInt(from, 10)+" "+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n, more := 0, 3+20*round; more > 0; {
			if !lines.Scan() {
				t.Fatal("the child ended")
			}
			if _, err := fmt.Sscanf(lines.Text(), "minutes %d", &n); err != nil {
				t.Fatal(lines.Text())
			}
			if n > 0 {
				more--
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		s := open(t, func(c *Config) { c.Dir = dir })
		w := newWorld(uint64(30+round), from, 20*time.Minute)
		asked := w.flows(300)
		rolled += checkTops(t, s, w, nil, asked, 100)
		write(t, s, asked)
		rolled += checkTops(t, s, w, nil, asked, 50)
		write(t, s, asked[:100])
		sumUp(s)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		rolled += checkTops(t, s, w, nil, asked, 50)
		s.Stop()
	}
	if rolled == 0 {
		t.Error("no answer came from sums")
	}
}
