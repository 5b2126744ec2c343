package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/perf/table"
	"github.com/skein-net/skein/topologyd/client"
)

// batchLines is how many lines one write holds, and writers how many
// connections write at the same time.
const (
	batchLines = 1000
	writers    = 4
)

// bodies encodes all entities in writes.
func bodies(n int, at time.Time) (out [][]byte) {
	var b []byte
	for i := range n {
		e := entitytest.Network(i, at)
		b = lineproto.AppendEvent(b, &e)
		if (i+1)%batchLines == 0 || i == n-1 {
			out = append(out, slices.Clone(b))
			b = b[:0]
		}
	}
	return out
}

// write sends all bodies and returns the lines a second.
func (d *daemon) write(ctx context.Context, bodies [][]byte, n int) (float64, error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	begin := time.Now()
	for range writers {
		wg.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(bodies) {
					return
				}
				if err := d.send(ctx, bodies[i]); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(n) / time.Since(begin).Seconds(), nil
}

func measureGraph(ctx context.Context, t *table.Table, bin string, n int) error {
	d, err := newDaemon(ctx, bin)
	if err != nil {
		return err
	}
	defer d.remove()
	size := fmt.Sprintf("%d k nodes", n/1000)

	empty, err := d.rss()
	if err != nil {
		return err
	}
	now := time.Now()
	first, again := bodies(n, now), bodies(n, now.Add(time.Second))
	rate, err := d.write(ctx, first, n)
	if err != nil {
		return err
	}
	t.Add("new entities a second, logged and synced, "+size, "100,000", "%.0f", rate)
	count, err := d.ask(ctx, "G.V().Count()")
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(count)); got != strconv.Itoa(n) {
		return fmt.Errorf("%s nodes in the graph instead of %d", got, n)
	}
	if rate, err = d.write(ctx, again, n); err != nil {
		return err
	}
	t.Add("unchanged reports a second, "+size, "500,000", "%.0f", rate)
	full, err := d.rss()
	if err != nil {
		return err
	}
	t.Add("resident memory a node with its two edges, "+size, "1 kB a node with an edge", "%.2f kB", float64(full-empty)/float64(n)/1000)

	end := min(n-1, 1+101*100) // as far as the predecessor's longest answer
	if end%101 == 0 {
		end-- // a host, which the chain does not reach
	}
	far := entitytest.NetworkName(end)
	for _, q := range []struct{ name, gremlin, goal string }{
		{"`G.V().Count()`", "G.V().Count()", ""},
		{"`Has('Name', x)`", fmt.Sprintf("G.V().Has('Name', '%s')", entitytest.NetworkName(n/2)), "0.3 ms at 100 k"},
		{"`Has('Type','veth').Count()`", "G.V().Has('Type','veth').Count()", ""},
		{"`Has('Type','veth').Out().Count()`", "G.V().Has('Type','veth').Out().Count()", "5 ms at 100 k"},
		{"`Has('Type','veth').Values('Name')`", "G.V().Has('Type','veth').Values('Name')", ""},
		{"`ShortestPathTo`, across 100 hosts", fmt.Sprintf("G.V().Has('Name', '%s').ShortestPathTo(METADATA('Name','%s'))", entitytest.NetworkName(1), far), "2 ms at 10 k, 10 ms at 100 k"},
		{"`G.V()`: all nodes as JSON", "G.V()", ""},
	} {
		p50, p99, err := timed(ctx, func(ctx context.Context) error {
			_, err := d.ask(ctx, q.gremlin)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", q.gremlin, err)
		}
		t.Add(q.name+" over HTTP, p50 · p99, "+size, q.goal, "%s · %s ms", ms(p50), ms(p99))
	}

	// What a Grafana dashboard shows first, read by the client that the datasource
	// has.
	p50, p99, err := timed(ctx, func(ctx context.Context) error {
		_, err := d.Topology(ctx, client.TopologyQuery{Gremlin: "G"})
		return err
	})
	if err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	t.Add("all of it drawn as at most 200 nodes and groups, client included, p50 · p99, "+size, "300 ms at 5 k", "%s · %s ms", ms(p50), ms(p99))

	restart, err := d.restart(ctx)
	if err != nil {
		return err
	}
	t.Add("restart to the first answer, "+size, "3 s at 100 k", "%.2f s", restart.Seconds())
	return nil
}

// timed asks something again and again, for at most five seconds.
func timed(ctx context.Context, ask func(context.Context) error) (p50, p99 time.Duration, err error) {
	var all []time.Duration
	for begin := time.Now(); len(all) < 300 && (len(all) < 5 || time.Since(begin) < 5*time.Second) && ctx.Err() == nil; {
		start := time.Now()
		if err := ask(ctx); err != nil {
			return 0, 0, err
		}
		all = append(all, time.Since(start))
	}
	return quantile(all, 0.5), quantile(all, 0.99), ctx.Err()
}

func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }
