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
	if err := d.measureLoad(ctx, t, n, size); err != nil {
		return err
	}
	if err := d.measureQueries(ctx, t, n, size); err != nil {
		return err
	}
	restart, err := d.restart(ctx)
	if err != nil {
		return err
	}
	t.Add("restart to the first answer, "+size, "3 s at 100 k", "%.2f s", restart.Seconds())
	rss, peak, err := d.held()
	if err != nil {
		return err
	}
	t.Add("resident memory after that · at most, "+size, "", "%d · %d MB", rss/1e6, peak/1e6)
	return nil
}

// held returns the resident memory and the most it has been.
func (d *daemon) held() (rss, peak int64, err error) {
	if rss, err = d.rss(); err == nil {
		peak, err = d.peak()
	}
	return rss, peak, err
}

// settleAfter is how long the daemon is left alone before its memory is
// measured: it gives back what it does not need when it has nothing to do.
const settleAfter = 15 * time.Second

// measureLoad writes the graph, and all of it once more.
func (d *daemon) measureLoad(ctx context.Context, t *table.Table, n int, size string) error {
	empty, err := d.rss()
	if err != nil {
		return err
	}
	now := time.Now()
	rate, err := d.write(ctx, bodies(n, now), n)
	if err != nil {
		return err
	}
	t.Add("new entities a second, logged and synced, "+size, "100,000", "%.0f", rate)
	nodes, err := d.count(ctx, "G.V().Count()")
	if err != nil {
		return err
	}
	if nodes != n {
		return fmt.Errorf("%d nodes in the graph instead of %d", nodes, n)
	}
	edges, err := d.count(ctx, "G.E().Count()")
	if err != nil {
		return err
	}
	loaded, _, err := d.held()
	if err != nil {
		return err
	}
	if rate, err = d.write(ctx, bodies(n, now.Add(time.Second)), n); err != nil {
		return err
	}
	t.Add("unchanged reports a second, "+size, "500,000", "%.0f", rate)
	select {
	case <-time.After(settleAfter):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	settled, peak, err := d.held()
	if err != nil {
		return err
	}
	t.Add(fmt.Sprintf("resident memory when written · when settled · at most, %s and %d k edges", size, edges/1000),
		"1,500 MB at 1 M", "%d · %d · %d MB", loaded/1e6, settled/1e6, peak/1e6)
	t.Add("of that a node with its two edges, settled, "+size, "1 kB a node with an edge", "%.2f kB", float64(settled-empty)/float64(n)/1000)
	return nil
}

// count asks a query whose answer is a number.
func (d *daemon) count(ctx context.Context, gremlin string) (int, error) {
	b, err := d.ask(ctx, gremlin)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", gremlin, err)
	}
	return n, nil
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
