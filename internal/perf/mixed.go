package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/perf/table"
)

// mixedOptions say how many of what come at the same time.
type mixedOptions struct {
	nodes, queries, events int
	length                 time.Duration
}

const (
	// warmUp is how long both come before anything is counted.
	warmUp = 3 * time.Second
	// askers and changers are how many requests run at a time at most.
	askers, changers = 128, 16
	// changesAtOnce is how many changes one write holds.
	changesAtOnce = 100
)

// kind is a kind of query of the mix, and how many of a hundred are of it.
type kind struct {
	name  string
	share int
	text  func(rng *rand.Rand, n int) string
}

// kinds are what dashboards, people and automation ask of a live graph.
func kinds() []kind {
	someone := func(rng *rand.Rand, n int) int {
		i := rng.IntN(n)
		if i%perHost == 0 {
			i++ // a host
		}
		return min(i, n-1)
	}
	name := func(rng *rand.Rand, n int) string { return entitytest.NetworkName(someone(rng, n)) }
	return []kind{
		{"one by name", 30, func(rng *rand.Rand, n int) string {
			return fmt.Sprintf("G.V().Has('Name','%s')", name(rng, n))
		}},
		{"ten of a type", 15, func(rng *rand.Rand, _ int) string {
			return fmt.Sprintf("G.V().Has('Type','%s').Limit(10)", []string{"veth", "bridge", "device", "vxlan"}[rng.IntN(4)])
		}},
		{"what is next to one", 15, func(rng *rand.Rand, n int) string {
			return fmt.Sprintf("G.V().Has('Name','%s').Out('RelationType','layer2')", name(rng, n))
		}},
		{"names of a host's interfaces", 10, func(rng *rand.Rand, n int) string {
			return fmt.Sprintf("G.V().Has('Name','host-%d').Out().Values('Name')", rng.IntN(n)/perHost)
		}},
		{"how many of a type", 10, func(rng *rand.Rand, _ int) string {
			return fmt.Sprintf("G.V().Has('Type','%s').Count()", []string{"veth", "bridge", "device", "vxlan"}[rng.IntN(4)])
		}},
		{"a range of numbers", 10, func(rng *rand.Rand, _ int) string {
			from := rng.IntN(90)
			return fmt.Sprintf("G.V().Has('IfIndex',BETWEEN(%d,%d)).Limit(20)", from, from+3)
		}},
		{"a short path", 10, func(rng *rand.Rand, n int) string {
			from := someone(rng, n)
			host := from / perHost * perHost
			to := host + 1 + rng.IntN(perHost-1)
			if to >= n {
				to = from
			}
			return fmt.Sprintf("G.V().Has('Name','%s').ShortestPathTo(METADATA('Name','%s'))", entitytest.NetworkName(from), entitytest.NetworkName(to))
		}},
	}
}

// mix is a fixed order of queries.
type mix struct {
	kinds []kind
	of    []int // which kind
	urls  []string
}

func newMix(server string, n, count int) *mix {
	m := &mix{kinds: kinds()}
	rng := rand.New(rand.NewPCG(1, 2))
	for range count {
		at := rng.IntN(100)
		k := slices.IndexFunc(m.kinds, func(k kind) bool { at -= k.share; return at < 0 })
		m.of = append(m.of, k)
		m.urls = append(m.urls, server+"/api/v1/query?gremlin="+url.QueryEscape(m.kinds[k].text(rng, n)))
	}
	return m
}

// changesOf encodes one write of changes of random interfaces. Those that
// measureLatency sets down are left alone: a change may not set them up again.
func changesOf(n int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 3))
	var b []byte
	for range changesAtOnce {
		i := rng.IntN(n)
		if i%perHost == 0 || i%perHost == downAt {
			i = (i + 1) % n
		}
		e := entitytest.Network(i, time.Time{})
		e.Attributes = e.Attributes.With("MTU", entity.Int(1000+rng.Int64N(8000)))
		b = lineproto.AppendEvent(b, &e)
	}
	return b
}

// measureMixed asks queries of many kinds while the graph changes.
func measureMixed(ctx context.Context, t *table.Table, bin string, o *mixedOptions) error {
	d, err := newDaemon(ctx, bin)
	if err != nil {
		return err
	}
	defer d.remove()
	if _, err := d.write(ctx, bodies(o.nodes, time.Now()), o.nodes); err != nil {
		return err
	}
	length := warmUp + o.length
	m := newMix(d.url, o.nodes, int(float64(o.queries)*length.Seconds())+1)

	var wrote atomic.Int64 // bytes of answers
	writes := make(chan []sample, 1)
	cpu, begin := d.cpu(), time.Now()
	go func() {
		writes <- pace(ctx, float64(o.events)/changesAtOnce, length, changers, func(ctx context.Context, n int) error {
			return d.send(ctx, changesOf(o.nodes, uint64(n)))
		})
	}()
	asked := pace(ctx, float64(o.queries), length, askers, func(ctx context.Context, n int) error {
		got, err := get(ctx, d.web, m.urls[n])
		wrote.Add(got)
		return err
	})
	changed := <-writes
	cpu = d.cpu() - cpu
	took := time.Since(begin).Seconds()
	if err := ctx.Err(); err != nil {
		return err
	}

	what := fmt.Sprintf("%d k nodes", o.nodes/1000)
	first := int(float64(o.queries) * warmUp.Seconds())
	var all tally
	each := make([]tally, len(m.kinds))
	for _, s := range asked {
		if s.n >= first {
			all.add(s)
			each[m.of[s.n]].add(s)
		}
	}
	var events tally
	for _, s := range changed {
		if s.n >= int(float64(o.events)/changesAtOnce*warmUp.Seconds()) {
			events.add(s)
		}
	}
	if err := cmp.Or(all.err, events.err); err != nil {
		t.Add("queries · writes beside them that failed", "", "%d · %d: %v", all.failed, events.failed, err)
	}
	t.Add(fmt.Sprintf("%d queries a second of mixed kinds beside %d changes a second, p50 · p99 · p99.9 · worst, %s", o.queries, o.events, what),
		"p99 20 ms", "%s · %s · %s · %s ms", ms(quantile(all.took, 0.5)), ms(quantile(all.took, 0.99)), ms(quantile(all.took, 0.999)), ms(quantile(all.took, 1)))
	for i, k := range m.kinds {
		t.Add(fmt.Sprintf("of them %d %%: %s, p50 · p99", k.share, k.name), "", "%s · %s ms", ms(quantile(each[i].took, 0.5)), ms(quantile(each[i].took, 0.99)))
	}
	t.Add(fmt.Sprintf("%d changes written together beside them, p50 · p99 · p99.9", changesAtOnce), "",
		"%s · %s · %s ms", ms(quantile(events.took, 0.5)), ms(quantile(events.took, 0.99)), ms(quantile(events.took, 0.999)))
	t.Add("answered queries · logged changes a second", fmt.Sprintf("%d · %d", o.queries, o.events), "%.0f · %.0f",
		float64(len(all.took))/span(all.took, o.length), float64(len(events.took)*changesAtOnce)/span(events.took, o.length))
	rss, peak, err := d.held()
	if err != nil {
		return err
	}
	t.Add("the daemon meanwhile: processors · answers · resident memory · at most", "", "%.2f · %.1f MB/s · %d · %d MB",
		cpu.Seconds()/took, float64(wrote.Load())/1e6/took, rss/1e6, peak/1e6)
	return nil
}

// span is how many seconds it took until all was done that was due within a
// time: the last ones may have been late.
func span(took []time.Duration, length time.Duration) float64 {
	late := time.Duration(0)
	if len(took) > 0 {
		late = quantile(took, 0.99)
	}
	return (length + late).Seconds()
}

// get reads an answer and throws it away.
func get(ctx context.Context, web *http.Client, url string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	resp, err := web.Do(req)
	if err != nil {
		return 0, fmt.Errorf("query: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // what there is
		return 0, fmt.Errorf("query: %s: %s", resp.Status, text)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		return n, fmt.Errorf("read answer: %w", err)
	}
	return n, nil
}
