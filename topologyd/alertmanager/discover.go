package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/dns"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"gopkg.in/yaml.v3"
)

// finders find addresses, one goroutine for each configuration of discovery. Those
// that a new file has too go on with what they know. Use it from one goroutine.
type finders struct {
	log     *slog.Logger
	metrics map[string]discovery.DiscovererMetrics // by mechanism
	found   chan struct{}                          // addresses may be different
	byKey   map[string]*finder
}

// finder is one of them.
type finder struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	bySource map[string][]string
}

// newFinders registers the metrics that Prometheus has of the same, under their
// names: prometheus_sd_file_*, prometheus_sd_dns_*, prometheus_sd_refresh_*.
func newFinders(log *slog.Logger, reg prometheus.Registerer) (*finders, error) {
	f := &finders{log: log, metrics: make(map[string]discovery.DiscovererMetrics), found: make(chan struct{}, 1), byKey: make(map[string]*finder)}
	refresh := discovery.NewRefreshMetrics(reg)
	all := []discovery.DiscovererMetrics{refresh}
	for _, c := range []discovery.Config{&file.SDConfig{}, &dns.SDConfig{}} {
		f.metrics[c.Name()] = c.NewDiscovererMetrics(reg, refresh)
		all = append(all, f.metrics[c.Name()])
	}
	for _, m := range all {
		if err := m.Register(); err != nil {
			return nil, fmt.Errorf("register metrics of discovery: %w", err)
		}
	}
	return f, nil
}

// configs returns the ways to find Alertmanagers of one item of the file.
func (e *Endpoints) configs() (out []discovery.Config) {
	for _, c := range e.Files {
		out = append(out, c)
	}
	for _, c := range e.DNS {
		out = append(out, c)
	}
	return out
}

// keyOf returns a text that is the same for the same configuration of discovery.
func keyOf(c discovery.Config) (string, error) {
	b, err := yaml.Marshal(c)
	return c.Name() + "\n" + string(b), err
}

// use starts and ends finders so that those of the configurations run. It returns
// the keys of each one's finders; the error says which cannot be started.
func (f *finders) use(ctx context.Context, all []Endpoints) (keys [][]string, err error) {
	keys = make([][]string, len(all))
	wanted := make(map[string]bool)
	for i := range all {
		for _, c := range all[i].configs() {
			key, failed := keyOf(c)
			if failed == nil && f.byKey[key] == nil {
				failed = f.start(ctx, key, c)
			}
			if failed != nil {
				err = errors.Join(err, fmt.Errorf("look for Alertmanagers by %s: %w", c.Name(), failed))
				continue
			}
			wanted[key] = true
			keys[i] = append(keys[i], key)
		}
	}
	for key, x := range f.byKey {
		if !wanted[key] {
			x.stop()
			x.done.Wait()
			delete(f.byKey, key)
		}
	}
	return keys, err
}

// stop ends all finders.
func (f *finders) stop() { _, _ = f.use(context.Background(), nil) }

func (f *finders) start(ctx context.Context, key string, c discovery.Config) error {
	d, err := c.NewDiscoverer(discovery.DiscovererOptions{Logger: f.log, Metrics: f.metrics[c.Name()], SetName: "alertmanagers"})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	x := &finder{stop: stop, bySource: make(map[string][]string)}
	updates := make(chan []*targetgroup.Group)
	x.done.Go(func() { d.Run(ctx, updates) })
	x.done.Go(func() {
		for {
			select {
			case groups := <-updates:
				x.update(groups)
				select {
				case f.found <- struct{}{}:
				default:
				}
			case <-ctx.Done():
				return
			}
		}
	})
	f.byKey[key] = x
	return nil
}

// update takes over what a discoverer found. Sources that it does not speak of are
// as they were.
func (x *finder) update(groups []*targetgroup.Group) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, g := range groups {
		if g == nil {
			continue
		}
		if len(g.Targets) == 0 {
			delete(x.bySource, g.Source)
			continue
		}
		addresses := make([]string, len(g.Targets))
		for i, t := range g.Targets {
			addresses[i] = string(t[model.AddressLabel])
		}
		x.bySource[g.Source] = addresses
	}
}

// addresses returns what the finder of a key found, in order and each once.
func (f *finders) addresses(key string) (out []string) {
	x := f.byKey[key]
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, a := range x.bySource {
		out = append(out, a...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
