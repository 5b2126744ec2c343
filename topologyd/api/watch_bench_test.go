//go:build unix

package api

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// nowhere is a transport that takes everything at once.
type nowhere struct{ messages, bytes *atomic.Int64 }

func (n nowhere) send(_ context.Context, m message) error {
	n.messages.Add(1)
	n.bytes.Add(int64(len(m.data)))
	return nil
}
func (nowhere) close(error) {}

// watchedQueries are a thousand: 600 local, 300 bounded, 100 global ones.
func watchedQueries() (out []string) {
	name := func(i int) string { return entitytest.NetworkName(1 + i*97%99_000) }
	for i := range 1000 {
		switch {
		case i < 500:
			out = append(out, fmt.Sprintf("G.V().Has('Name', '%s')", name(i)))
		case i < 600:
			out = append(out, fmt.Sprintf("G.V().Has('Type', 'veth', 'Name', '%s')", name(i)))
		case i < 750:
			out = append(out, fmt.Sprintf("G.V().Has('Name', '%s').Out()", name(i)))
		case i < 850:
			out = append(out, fmt.Sprintf("G.V().Has('Name', '%s').Both('Type', 'veth').Dedup()", name(i)))
		case i < 900:
			out = append(out, fmt.Sprintf("G.V().Has('Name', '%s').Where(In('Type', 'host'))", name(i)))
		case i < 950:
			out = append(out, fmt.Sprintf("G.V().Has('Name', '%s').Out().Limit(5)", name(i)))
		default:
			out = append(out, fmt.Sprintf("G.V().Has('Type', 'bridge', 'IfIndex', %d).Sort('Name').Limit(10)", i%100))
		}
	}
	return out
}

// BenchmarkIngestWatched has four senders change, in batches of 1,000, nodes of a
// graph of 100,000, one of ten of which also gains or loses an edge, while nobody
// watches, a thousand watch queries, or a hundred watch everything.
func BenchmarkIngestWatched(b *testing.B) {
	for _, x := range []struct {
		name          string
		all, filtered int
	}{{"nobody", 0, 0}, {"filtered=1000", 0, 1000}, {"all=100", 100, 0}, {"all=1000", 1000, 0}} {
		b.Run(x.name, func(b *testing.B) { ingestWatched(b, x.all, x.filtered) })
	}
}

func ingestWatched(b *testing.B, all, filtered int) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	e := engine.New(engine.DefaultConfig(b.TempDir()), log)
	if err := e.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := e.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	reg := prometheus.NewRegistry()
	a, err := New(DefaultConfig(), Deps{
		View: e.View, Subscribe: func(from uint64) (Subscription, error) { return e.Subscribe(from) },
		Registerer: reg, Gatherer: reg, Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	const batch, n = 1000, 100_000
	at := time.Now()
	items := func(round, from int) (out []engine.Item) {
		for i := from; i < from+batch; i++ {
			ev := entitytest.Network(i%n, at.Add(time.Duration(round)))
			ev.Attributes = ev.Attributes.With("MTU", entity.Int(int64(round)))
			if i%10 == 0 && len(ev.Relationships) > 1 {
				ev.Relationships = ev.Relationships[:1+round%2]
			}
			out = append(out, engine.Item{Event: ev, Fingerprint: uint64(round*n + i%n + 1)})
		}
		return out
	}
	for i := 0; i < n; i += batch {
		if _, err := e.Submit(b.Context(), items(0, i)); err != nil {
			b.Fatal(err)
		}
	}
	batches := make([][]engine.Item, b.N/batch+1)
	for i := range batches {
		batches[i] = items(1+i*batch/n, i*batch%n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var (
		watchers        sync.WaitGroup
		messages, bytes atomic.Int64
		ends            sync.Map
	)
	to := nowhere{&messages, &bytes}
	for i := range all {
		sub, err := e.Subscribe(e.View().Revision())
		if err != nil {
			b.Fatal(err)
		}
		watchers.Go(func() {
			defer sub.Close()
			ends.Store(i, a.serveWatch(ctx, sub, to))
		})
	}
	queries := watchedQueries()
	for i := range filtered {
		q, err := gremlin.Parse(queries[i])
		if err != nil {
			b.Fatal(err)
		}
		w, err := a.hub.Follow(ctx, q, 0)
		if err != nil {
			b.Fatal(err)
		}
		watchers.Go(func() {
			defer w.Close()
			ends.Store(i, a.serveQuery(ctx, w, to))
		})
	}
	before := a.hub.Stats()
	cpu := cpuSeconds()
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Int64
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(batches)); i = next.Add(1) - 1 {
				if _, err := e.Submit(ctx, batches[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
	b.StopTimer()
	s := a.hub.Stats()
	b.ReportMetric(float64(len(batches)*batch)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric((cpuSeconds()-cpu)/float64(len(batches)*batch)*1e6, "cpu-us/event")
	b.ReportMetric(float64(messages.Load()), "messages")
	if filtered > 0 {
		b.ReportMetric((s.Applying-before.Applying).Seconds()/b.Elapsed().Seconds(), "applying-cores")
		b.ReportMetric((s.Running-before.Running).Seconds()/b.Elapsed().Seconds(), "running-cores")
		b.ReportMetric(float64(s.Batches-before.Batches)/b.Elapsed().Seconds(), "batches/s")
		b.ReportMetric(float64(s.Global.Evaluated-before.Global.Evaluated)/b.Elapsed().Seconds(), "runs/s")
		if s.Behind > 0 {
			b.Logf("fell behind %d times", s.Behind)
		}
	}
	cancel()
	watchers.Wait()
	cut := 0
	ends.Range(func(_, err any) bool {
		if err.(error).Error() != context.Canceled.Error() {
			cut++
		}
		return true
	})
	b.ReportMetric(float64(cut), "cut-off")
	a.StopWatchers(context.Background())
}

// cpuSeconds is the processor time of the process.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
