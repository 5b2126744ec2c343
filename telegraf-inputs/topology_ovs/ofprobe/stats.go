package ofprobe

import (
	"maps"
	"sync/atomic"

	"github.com/influxdata/telegraf/selfstat"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// Stats says how one bridge is doing.
type Stats struct {
	feed.Stats
	// Version is the version of OpenFlow, 0 without a connection.
	Version openflow.Version
	// Monitored tells that the switch tells changes.
	Monitored bool
	// Rules and Groups are how many the switch has, as far as is known.
	Rules, Groups int
	// Cut is how many of them are no entities for lack of room (MaxRules).
	Cut int
	// Reads counts complete reads of all rules, Truncated answers that MaxBytes
	// cut, those about groups included.
	Reads, Truncated uint64
	// Shortened counts states of rules and groups that say less than the switch
	// did, Alike what a read had besides another rule of the same identity.
	Shortened, Alike uint64
	// Changes counts changes that the switch told, Merged those that another one
	// of the same rule overtook before it was reported.
	Changes, Merged uint64
	// Pauses counts how often the switch paused telling changes since nobody took
	// them, Throttled how often nobody did so as to keep to the CPU share.
	Pauses, Throttled uint64
	// Bytes is what was read, BusyNanoseconds the time spent on it.
	Bytes, BusyNanoseconds uint64
	// Errors counts what the switch refused, Undecoded what could not be read.
	Errors, Undecoded uint64
}

// stats are the counters of a bridge; inputs.internal shows them as the
// measurement internal_topology_openflow.
type stats struct {
	version, monitored, rules, groups, cut atomic.Int64

	reads, truncated, shortened, alike selfstat.Stat
	changes, merged, pauses, throttled selfstat.Stat
	bytes, busy, errors, undecoded     selfstat.Stat
	rulesGauge, groupsGauge, cutGauge  selfstat.Stat
}

func newStats(tags map[string]string, bridge string) *stats {
	t := maps.Clone(tags)
	if t == nil {
		t = make(map[string]string, 1)
	}
	t["bridge"] = bridge
	reg := func(field string) selfstat.Stat { return selfstat.Register("topology_openflow", field, t) }
	return &stats{
		reads: reg("reads"), truncated: reg("truncated"), shortened: reg("shortened"), alike: reg("alike"), changes: reg("changes"), merged: reg("merged"),
		pauses: reg("pauses"), throttled: reg("throttled"), bytes: reg("bytes"), busy: reg("busy_ns"),
		errors: reg("errors"), undecoded: reg("undecoded"),
		rulesGauge: reg("rules"), groupsGauge: reg("groups"), cutGauge: reg("cut"),
	}
}

// sizes notes how many rules and groups there are.
func (s *stats) sizes(rules, groups, cut int) {
	s.rules.Store(int64(rules))
	s.groups.Store(int64(groups))
	s.cut.Store(int64(cut))
	s.rulesGauge.Set(int64(rules))
	s.groupsGauge.Set(int64(groups))
	s.cutGauge.Set(int64(cut))
}

func (s *stats) read(f feed.Stats) Stats {
	count := func(c selfstat.Stat) uint64 { return uint64(max(c.Get(), 0)) }
	return Stats{
		Stats:   f,
		Version: openflow.Version(s.version.Load()), Monitored: s.monitored.Load() != 0,
		Rules: int(s.rules.Load()), Groups: int(s.groups.Load()), Cut: int(s.cut.Load()),
		Reads: count(s.reads), Truncated: count(s.truncated), Shortened: count(s.shortened), Alike: count(s.alike), Changes: count(s.changes), Merged: count(s.merged),
		Pauses: count(s.pauses), Throttled: count(s.throttled), Bytes: count(s.bytes), BusyNanoseconds: count(s.busy),
		Errors: count(s.errors), Undecoded: count(s.undecoded),
	}
}
