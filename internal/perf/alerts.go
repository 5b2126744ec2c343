package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/perf/table"
)

const (
	// ruleRounds is how often writing is timed without and with rules in turn,
	// ruleWrites how many writes one round has.
	ruleRounds, ruleWrites = 6, 500
	// downEvery is how often an interface goes down whose alert is waited for,
	// downWait how long at the end.
	downEvery, downWait = 100 * time.Millisecond, 20 * time.Second
	// downAt is which interface of a host goes down, a device.
	downAt = 8
)

// rulesFile has so many rules: most look at what one host has, some at the
// neighbourhood of bridges, a few have to look at the whole graph.
func rulesFile(n int) []byte {
	var b strings.Builder
	b.WriteString("groups:\n  - name: down\n    rules:\n      - alert: InterfaceDown\n        expr: G.V().Has('Type', 'device', 'State', 'DOWN')\n  - name: perf\n    rules:\n")
	for i := range n - 1 {
		var expr string
		switch i % 20 {
		case 0:
			expr = fmt.Sprintf("G.V().Has('Type', 'vxlan', 'MTU', LT(1500)).Count().Is(GT(%d))", 1_000_000+i)
		case 1, 2, 3:
			expr = fmt.Sprintf("G.V().Has('Type', 'bridge', 'Name', '%s').Where(Both('RelationType', 'layer2').Has('State', 'DOWN'))", entitytest.NetworkName(i*perHost+7))
		case 4, 5, 6, 7:
			expr = fmt.Sprintf("G.V().Has('@Host', 'host-%d', 'MTU', GT(8990))", i)
		default:
			expr = fmt.Sprintf("G.V().Has('@Host', 'host-%d', 'State', 'DOWN')", i)
		}
		fmt.Fprintf(&b, "      - alert: Rule%d\n        expr: %s\n        labels: {severity: info}\n        annotations: {summary: '{{ .Name }} of {{ .Host }}'}\n", i, expr)
	}
	return []byte(b.String())
}

// receiver takes alerts as an Alertmanager does.
type receiver struct {
	url    string
	server *http.Server
	mu     sync.Mutex
	fired  map[string]time.Time // by the name of the interface
}

func newReceiver(ctx context.Context) (*receiver, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	r := &receiver{url: "http://" + l.Addr().String(), fired: make(map[string]time.Time)}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.server.Serve(l) }() // until stop
	return r, nil
}

func (r *receiver) stop() { _ = r.server.Close() }

// ServeHTTP implements [http.Handler].
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	var alerts []struct {
		Labels map[string]string `json:"labels"`
		EndsAt time.Time         `json:"endsAt"`
	}
	if err := json.NewDecoder(req.Body).Decode(&alerts); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range alerts {
		if name := a.Labels["name"]; a.Labels["alertname"] == "InterfaceDown" && a.EndsAt.After(at) && r.fired[name].IsZero() {
			r.fired[name] = at
		}
	}
}

// measureAlerts writes changes without and with rules, then times what goes down
// beside changes until an Alertmanager is told.
func measureAlerts(ctx context.Context, t *table.Table, bin string, rules int, o *mixedOptions) error {
	dir, err := os.MkdirTemp("", "skein-perf-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // temporary
	am, err := newReceiver(ctx)
	if err != nil {
		return err
	}
	defer am.stop()
	d, err := newDaemon(ctx, bin, "--alert-rule-files", filepath.Join(dir, "*.yaml"), "--alertmanager-url", am.url)
	if err != nil {
		return err
	}
	defer d.remove()
	if _, err := d.write(ctx, bodies(o.nodes, time.Now()), o.nodes); err != nil {
		return err
	}
	what := fmt.Sprintf("%d k nodes", o.nodes/1000)
	var rates [2][]float64
	var cost [2]float64 // processor time of a change, in microseconds
	for round := range 2 * ruleRounds {
		with := round % 2
		if err := d.useRules(ctx, filepath.Join(dir, "rules.yaml"), rules*with); err != nil {
			return err
		}
		var writes [][]byte
		for i := range ruleWrites {
			writes = append(writes, changesOf(o.nodes, uint64(round*ruleWrites+i)))
		}
		cpu := d.cpu()
		rate, err := d.write(ctx, writes, ruleWrites*changesAtOnce)
		if err != nil {
			return err
		}
		rates[with] = append(rates[with], rate)
		cost[with] += float64((d.cpu() - cpu).Microseconds()) / (ruleRounds * ruleWrites * changesAtOnce)
	}
	// Rounds that follow one another had the same machine; it may have been another
	// one at the beginning than at the end.
	var ratios []float64
	for i := range rates[0] {
		ratios = append(ratios, rates[1][i]/rates[0][i])
	}
	t.Add(fmt.Sprintf("changes a second, as many as it takes: alone · beside %d graph rules, %s", rules, what), "80 %",
		"%.0f · %.0f (%.0f %%)", middle(rates[0]), middle(rates[1]), 100*middle(ratios))
	t.Add("processor time of one change meanwhile, alone · beside them", "", "%.1f · %.1f µs", cost[0], cost[1])
	return d.measureLatency(ctx, t, am, rules, o)
}

// middle is the median.
func middle(all []float64) float64 { return slices.Sorted(slices.Values(all))[len(all)/2] }

// useRules has the daemon run so many rules, and waits until all have a result.
func (d *daemon) useRules(ctx context.Context, path string, n int) error {
	if n == 0 {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove rules: %w", err)
		}
	} else if err := os.WriteFile(path, rulesFile(n), 0o600); err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		r, err := d.AlertRules(ctx)
		if err != nil {
			return err
		}
		there, ready := 0, true
		for i := range r.Groups {
			for _, x := range r.Groups[i].Rules {
				there++
				ready = ready && x.Health == "ok"
				if x.LastError != "" {
					return fmt.Errorf("rule %s: %s", x.Name, x.LastError)
				}
			}
		}
		if there == n && ready {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait for %d rules, %d are there: %w", n, there, ctx.Err())
		}
	}
}

// measureLatency times interfaces that go down beside changes of others.
func (d *daemon) measureLatency(ctx context.Context, t *table.Table, am *receiver, rules int, o *mixedOptions) error {
	length := warmUp + o.length
	writes := make(chan []sample, 1)
	cpu, begin := d.cpu(), time.Now()
	go func() {
		writes <- pace(ctx, float64(o.events)/changesAtOnce, length, changers, func(ctx context.Context, n int) error {
			return d.send(ctx, changesOf(o.nodes, uint64(1_000_000+n)))
		})
	}()
	var mu sync.Mutex
	sent := make(map[string]time.Time)
	downs := pace(ctx, float64(time.Second/downEvery), length, changers, func(ctx context.Context, n int) error {
		i := n*perHost + downAt
		if i >= o.nodes {
			return nil
		}
		e := entitytest.Network(i, time.Time{})
		e.Attributes = e.Attributes.With("State", entity.String("DOWN"))
		mu.Lock()
		sent[entitytest.NetworkName(i)] = time.Now()
		mu.Unlock()
		return d.send(ctx, lineproto.AppendEvent(nil, &e))
	})
	var changed, down tally
	for _, s := range <-writes {
		changed.add(s)
	}
	for _, s := range downs {
		down.add(s)
	}
	if err := cmp.Or(changed.err, down.err); err != nil {
		return err
	}
	cores := (d.cpu() - cpu).Seconds() / time.Since(begin).Seconds()
	var took []time.Duration
	for end := time.Now().Add(downWait); len(took) < len(sent) && time.Now().Before(end) && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		took = took[:0]
		am.mu.Lock()
		for name, at := range sent {
			if fired := am.fired[name]; !fired.IsZero() {
				took = append(took, fired.Sub(at))
			}
		}
		am.mu.Unlock()
	}
	t.Add(fmt.Sprintf("one interface down until Alertmanager has it, beside %d changes a second and %d graph rules, p50 · p99 · worst", o.events, rules), "p99 2 s",
		"%s · %s · %s ms of %d, %d missed", ms(quantile(took, 0.5)), ms(quantile(took, 0.99)), ms(quantile(took, 1)), len(sent), len(sent)-len(took))
	rss, peak, err := d.held()
	if err != nil {
		return err
	}
	t.Add("the daemon meanwhile: processors · resident memory · at most", "", "%.2f · %d · %d MB", cores, rss/1e6, peak/1e6)
	return nil
}
