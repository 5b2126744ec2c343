package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/perf/table"
	"github.com/skein-net/skein/topologyd/client"
)

// changed encodes the nth change of all interfaces, without times: the daemon
// takes them as of when they come.
func changed(n, round int) (out [][]byte, events int) {
	var b []byte
	for i := range n {
		e := entitytest.Network(i, time.Time{})
		if e.Type != entity.TypeInterface {
			continue
		}
		e.Attributes = e.Attributes.With("MTU", entity.Int(int64(1500+round)))
		b = lineproto.AppendEvent(b, &e)
		if events++; events%batchLines == 0 {
			out, b = append(out, b), nil
		}
	}
	if len(b) > 0 {
		out = append(out, b)
	}
	return out, events
}

// measurePast fills a graph, changes it, and asks what it was.
func measurePast(ctx context.Context, t *table.Table, bin string, n, changes int) error {
	d, err := newDaemon(ctx, bin)
	if err != nil {
		return err
	}
	defer d.remove()
	if _, err := d.write(ctx, bodies(n, time.Now()), n); err != nil {
		return err
	}
	logBefore, pastBefore, err := d.disk()
	if err != nil {
		return err
	}
	first := time.Now()
	done, took := 0, time.Duration(0)
	for round := 1; done < changes; round++ {
		lines, events := changed(n, round)
		begin := time.Now()
		if _, err := d.write(ctx, lines, events); err != nil {
			return err
		}
		took += time.Since(begin)
		done += events
	}
	last := time.Now()
	what := fmt.Sprintf("%d k nodes, %.1f M changes", n/1000, float64(done)/1e6)
	t.Add("changes a second, logged and synced, "+what, "100,000", "%.0f", float64(done)/took.Seconds())
	log, past, err := d.disk()
	if err != nil {
		return err
	}
	t.Add("disk a change: event log · past, "+what, "", "%d · %d B", (log-logBefore)/int64(done), (past-pastBefore)/int64(done))

	rng := rand.New(rand.NewPCG(1, 2))
	then := func() string {
		at := first.Add(time.Duration(rng.Int64N(int64(last.Sub(first)))))
		return fmt.Sprintf("G.At('%s').V().Count()", at.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	}
	var cold, warm, diff []time.Duration
	for range 40 {
		q := then()
		for i := range 3 {
			begin := time.Now()
			if _, err := d.ask(ctx, q); err != nil {
				return err
			}
			if took := time.Since(begin); i == 0 {
				cold = append(cold, took)
			} else {
				warm = append(warm, took)
			}
		}
	}
	t.Add("`G.At(t).V().Count()` over HTTP, cold, p50 · p99, "+what, "300 ms", "%s · %s ms", ms(quantile(cold, 0.5)), ms(quantile(cold, 0.99)))
	t.Add("the same again, p50 · p99", "5 ms", "%s · %s ms", ms(quantile(warm, 0.5)), ms(quantile(warm, 0.99)))
	for range 5 {
		from := first.Add(time.Duration(rng.Int64N(int64(last.Sub(first)))))
		begin := time.Now()
		if _, err := d.Diff(ctx, client.DiffQuery{From: from.UTC().Format(time.RFC3339Nano), To: from.Add(100 * time.Millisecond).UTC().Format(time.RFC3339Nano)}); err != nil {
			return err
		}
		diff = append(diff, time.Since(begin))
	}
	t.Add("difference over 0.1 s of the load, two cold times, p50, "+what, "", "%s ms", ms(quantile(diff, 0.5)))
	restart, err := d.restart(ctx)
	if err != nil {
		return err
	}
	t.Add("restart to the first answer, "+what, "3 s", "%.2f s", restart.Seconds())
	return nil
}

// disk returns the bytes that the event log and the past take.
func (d *daemon) disk() (log, past int64, err error) {
	if log, err = d.size("jetstream"); err != nil {
		return 0, 0, fmt.Errorf("measure event log: %w", err)
	}
	if past, err = d.size("past"); err != nil {
		return 0, 0, fmt.Errorf("measure past: %w", err)
	}
	return log, past, nil
}
