// Package selfstats is the input plugin "internal" of this agent: it reports
// the counters that the agent and its plugins keep about themselves. Telegraf's
// own plugin of that name lies in a Go package that cannot be imported from
// outside Telegraf; this one has the same name, options and measurements, so
// that a configuration written for stock Telegraf works unchanged. It must
// never count anything itself.
package selfstats

import (
	_ "embed"
	"runtime"
	"strings"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/selfstat"

	"github.com/skein-net/skein/internal/version"
)

//go:embed sample.conf
var sampleConfig string

// Internal is the plugin.
type Internal struct {
	// CollectMemstats adds the measurement internal_memstats.
	CollectMemstats bool `toml:"collect_memstats"`
	// PerInstance keeps the instances of one plugin apart by the tag _id.
	PerInstance bool `toml:"per_instance"`
}

// SampleConfig implements [telegraf.Input].
func (*Internal) SampleConfig() string { return sampleConfig }

// Gather implements [telegraf.Input].
func (s *Internal) Gather(acc telegraf.Accumulator) error {
	metrics := selfstat.Metrics()
	if !s.PerInstance {
		metrics = merge(metrics)
	}
	for _, m := range metrics {
		if m.Name() == "internal_agent" {
			m.AddTag("go_version", strings.TrimPrefix(runtime.Version(), "go"))
		}
		m.AddTag("version", version.String())
		acc.AddMetric(m)
	}
	if s.CollectMemstats {
		gatherMemory(acc)
	}
	return nil
}

// merge sums the counters of instances that differ by the tag _id only.
func merge(metrics []telegraf.Metric) []telegraf.Metric {
	sums := make(map[uint64]telegraf.Metric, len(metrics))
	var out []telegraf.Metric
	for _, m := range metrics {
		m.RemoveTag("_id")
		sum, ok := sums[m.HashID()]
		if !ok {
			sums[m.HashID()] = m
			out = append(out, m)
			continue
		}
		for _, f := range m.FieldList() {
			have, _ := sum.GetField(f.Key)
			a, _ := have.(int64)
			b, _ := f.Value.(int64)
			sum.AddField(f.Key, a+b)
		}
	}
	return out
}

func gatherMemory(acc telegraf.Accumulator) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	acc.AddFields("internal_memstats", map[string]any{
		"alloc_bytes":         m.Alloc,
		"total_alloc_bytes":   m.TotalAlloc,
		"sys_bytes":           m.Sys,
		"pointer_lookups":     m.Lookups,
		"mallocs":             m.Mallocs,
		"frees":               m.Frees,
		"heap_alloc_bytes":    m.HeapAlloc,
		"heap_sys_bytes":      m.HeapSys,
		"heap_idle_bytes":     m.HeapIdle,
		"heap_in_use_bytes":   m.HeapInuse,
		"heap_released_bytes": m.HeapReleased,
		"heap_objects":        m.HeapObjects,
		"num_gc":              m.NumGC,
	}, nil)
}

func init() {
	inputs.Add("internal", func() telegraf.Input { return &Internal{CollectMemstats: true} })
}
