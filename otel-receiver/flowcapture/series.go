package flowcapture

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
)

// other is the value of all attributes of the series that counts what is beyond
// the budget.
const other = "other"

// seriesAttribute is something that series can be told apart by.
type seriesAttribute struct {
	// name is its name in the configuration and among skein's names, obi its name
	// among those of OBI.
	name, obi string
	// of returns its value for what went from A to B, and with reverse from B to A.
	// "" means that there is none.
	of func(r *flowrecord.Record, reverse bool) string
}

// seriesAttributes lists them. OBI calls the interface iface and has no name
// for what it does not know; these keep skein's.
func seriesAttributes() []seriesAttribute {
	either := func(f func(*flowrecord.Record) string) func(*flowrecord.Record, bool) string {
		return func(r *flowrecord.Record, _ bool) string { return f(r) }
	}
	addr := func(a netip.Addr) string {
		if !a.IsValid() {
			return ""
		}
		return a.String()
	}
	port := func(n uint16) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(int(n))
	}
	return []seriesAttribute{
		{"network.interface.name", "iface", either(func(r *flowrecord.Record) string { return r.Interface })},
		{"network.transport", "transport", either(func(r *flowrecord.Record) string { return strings.ToLower(r.TransportProtocol) })},
		{"network.type", "network.type", either(func(r *flowrecord.Record) string { return strings.ToLower(r.NetworkProtocol) })},
		{"network.protocol.name", "network.protocol.name", either(func(r *flowrecord.Record) string { return r.Application })},
		{"source.address", "src.address", func(r *flowrecord.Record, reverse bool) string {
			if reverse {
				return addr(r.NetworkB)
			}
			return addr(r.NetworkA)
		}},
		{"destination.address", "dst.address", func(r *flowrecord.Record, reverse bool) string {
			if reverse {
				return addr(r.NetworkA)
			}
			return addr(r.NetworkB)
		}},
		{"source.port", "src.port", func(r *flowrecord.Record, reverse bool) string {
			if reverse {
				return port(r.TransportB)
			}
			return port(r.TransportA)
		}},
		{"destination.port", "dst.port", func(r *flowrecord.Record, reverse bool) string {
			if reverse {
				return port(r.TransportA)
			}
			return port(r.TransportB)
		}},
	}
}

// chosen returns the attributes of a configuration, in the order of the list.
func chosen(names []string) []seriesAttribute {
	return slices.DeleteFunc(seriesAttributes(), func(a seriesAttribute) bool { return !slices.Contains(names, a.name) })
}

// point is one series: packets and bytes since start.
type point struct {
	// values are those of the chosen attributes.
	values         []string
	packets, bytes int64
	start, last    int64
}

// aggregate counts the traffic of one capture in a bounded number of series.
// Its methods may be called by several goroutines.
type aggregate struct {
	attributes []seriesAttribute
	most       int
	expiry     int64
	inner      bool
	now        func() time.Time

	mu     sync.Mutex
	series map[string]*point
	rest   *point
	key    []byte
	over   uint64
}

func newAggregate(c *MetricsConfig, now func() time.Time) *aggregate {
	return &aggregate{
		attributes: chosen(c.Attributes), most: c.MaxSeries, expiry: int64(c.Expiry), inner: c.Inner, now: now,
		series: make(map[string]*point),
	}
}

// add counts what is new in a report.
func (a *aggregate) add(r *flowrecord.Record) {
	if !a.inner && !r.ParentID.IsZero() {
		return
	}
	now := a.now().UnixNano()
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Update.ABPackets > 0 {
		a.count(r, false, r.Update.ABPackets, r.Update.ABBytes, now)
	}
	if r.Update.BAPackets > 0 {
		a.count(r, true, r.Update.BAPackets, r.Update.BABytes, now)
	}
}

func (a *aggregate) count(r *flowrecord.Record, reverse bool, packets, bytes, now int64) {
	key := a.key[:0]
	for i := range a.attributes {
		key = append(append(key, a.attributes[i].of(r, reverse)...), 0)
	}
	a.key = key
	p := a.series[string(key)]
	if p == nil {
		if len(a.series) < a.most {
			p = a.open(string(key), now)
		} else {
			a.over++
			p = a.others(now)
		}
	}
	p.add(packets, bytes, now)
}

func (p *point) add(packets, bytes, now int64) {
	p.packets += packets
	p.bytes += bytes
	p.last = now
}

// others returns the series of all others.
func (a *aggregate) others(now int64) *point {
	if a.rest == nil {
		a.rest = &point{values: slices.Repeat([]string{other}, len(a.attributes)), start: now}
	}
	return a.rest
}

// addRest counts packets of which nothing else is known any more.
func (a *aggregate) addRest(packets, bytes int64) {
	now := a.now().UnixNano()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.others(now).add(packets, bytes, now)
}

func (a *aggregate) open(key string, now int64) *point {
	values := strings.Split(key, "\x00")
	p := &point{values: values[:len(a.attributes)], start: now}
	a.series[key] = p
	return p
}

// snapshot calls yield for every series, in the order of their attributes and
// the rest last, and then forgets those without traffic for so long.
func (a *aggregate) snapshot(yield func(*point)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	points := make([]*point, 0, len(a.series)+1)
	for _, p := range a.series {
		points = append(points, p)
	}
	slices.SortFunc(points, func(x, y *point) int { return slices.CompareFunc(x.values, y.values, cmp.Compare[string]) })
	if a.rest != nil {
		points = append(points, a.rest)
	}
	for _, p := range points {
		yield(p)
	}
	old := a.now().UnixNano() - a.expiry
	for key, p := range a.series {
		if p.last < old {
			delete(a.series, key)
		}
	}
}

// size returns how many series there are, and how many reports were counted in
// the rest.
func (a *aggregate) size() (series int, overflows uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if series = len(a.series); a.rest != nil {
		series++
	}
	return series, a.over
}
