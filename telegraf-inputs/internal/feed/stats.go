package feed

import (
	"maps"

	"github.com/influxdata/telegraf/selfstat"
)

// Stats says how a feed is doing.
type Stats struct {
	// Connected tells that the source was listed and is being followed.
	Connected bool
	// Breaks counts connections that were lost or could not be made, Listings the
	// complete listings, Lost the events that a source could not give.
	Breaks, Listings, Lost uint64
	// Entities is how many are known.
	Entities int
}

// stats are the feed's counters; inputs.internal shows them as the measurement
// internal_topology_feed.
type stats struct {
	connected, entities            selfstat.Stat
	breaks, listings, lost, panics selfstat.Stat
}

func newStats(cfg *Config) *stats {
	t := maps.Clone(cfg.Report.Tags) // has the connection already
	t["source"] = cfg.Report.Source
	reg := func(field string) selfstat.Stat { return selfstat.Register("topology_feed", field, t) }
	return &stats{
		connected: reg("connected"),
		entities:  reg("entities"),
		breaks:    reg("breaks"),
		listings:  reg("listings"),
		lost:      reg("lost"),
		panics:    reg("panics"),
	}
}

// Stats returns the counters.
func (f *Feed) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Stats{
		Connected: f.up,
		Breaks:    uint64(f.stats.breaks.Get()),
		Listings:  uint64(f.stats.listings.Get()),
		Lost:      uint64(f.stats.lost.Get()),
		Entities:  len(f.held),
	}
}
