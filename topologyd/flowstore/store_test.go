package flowstore

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir)
		return
	}
	if dir := os.Getenv(rollupChild); dir != "" {
		childRollups(dir)
		return
	}
	goleak.VerifyTestMain(m, leaks()...)
}

// leaks are goroutines of the library that live as long as the process: those
// that its packages start when they are loaded, and one with its first summary.
func leaks() []goleak.Option {
	return []goleak.Option{goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("github.com/VictoriaMetrics/metrics.summariesSwapCron")}
}

func testLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// open starts an embedded store.
func open(t testing.TB, change func(*Config)) *Store {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Dir, cfg.MinFreeBytes = t.TempDir(), 1<<20
	// VictoriaLogs 1.43.1 reads the size of a part that it has just written to
	// disk when a query may have given it back already: the number is wrong then,
	// and the race detector stops the test.
	cfg.FlushInterval = time.Minute
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, testLogger())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func write(t testing.TB, s *Store, rs []flowrecord.Record) {
	t.Helper()
	for c := range slices.Chunk(rs, 700) {
		if err := s.Write(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func flowsOf(t testing.TB, s *Store, q *flowrecord.Query) []*flowrecord.Record {
	t.Helper()
	var out []*flowrecord.Record
	for r, err := range s.Flows(t.Context(), q) {
		if err != nil {
			t.Fatalf("%s: %v", show(q), err)
		}
		out = append(out, r)
	}
	return out
}

func show(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// same compares records; what is in a Value is behind pointers.
func same(a, b *flowrecord.Record) bool {
	x, y := *a, *b
	x.DNS, x.DHCPv4, x.VRRPv2, y.DNS, y.DHCPv4, y.VRRPv2 = entity.Value{}, entity.Value{}, entity.Value{}, entity.Value{}, entity.Value{}, entity.Value{}
	return reflect.DeepEqual(x, y) && a.DNS.Equal(b.DNS) && a.DHCPv4.Equal(b.DHCPv4) && a.VRRPv2.Equal(b.VRRPv2)
}

// checkFlows compares an answer with that of the model.
func checkFlows(t testing.TB, s *Store, m *model, q *flowrecord.Query) {
	t.Helper()
	got, want := flowsOf(t, s, q), m.flows(q)
	if q.Sort == "" && q.Limit > 0 {
		if len(got) != min(q.Limit, len(want)) {
			t.Fatalf("%s: %d flows, want %d of %d", show(q), len(got), q.Limit, len(want))
		}
		byID := make(map[entity.UUID]*flowrecord.Record)
		for _, r := range want {
			byID[r.ID] = r
		}
		for _, r := range got {
			if w := byID[r.ID]; w == nil || !same(r, w) {
				t.Fatalf("%s: flow\n%s, want\n%s", show(q), show(r), show(w))
			}
			delete(byID, r.ID)
		}
		return
	}
	if q.Sort == "" {
		byID := func(a, b *flowrecord.Record) int { return bytes.Compare(a.ID[:], b.ID[:]) }
		slices.SortFunc(got, byID)
		slices.SortFunc(want, byID)
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d flows, want %d", show(q), len(got), len(want))
	}
	for i := range got {
		if !same(got[i], want[i]) {
			t.Fatalf("%s: flow %d is\n%s, want\n%s", show(q), i, show(got[i]), show(want[i]))
		}
	}
}
