package report

import (
	"time"

	"github.com/influxdata/telegraf"
)

// maxGroups bounds how many groups may be on the way; beyond it, changes wait
// and travel together.
const maxGroups = 2048

// answers is how many unanswered groups a tracking accumulator is told of:
// those on the way and as many that were given up.
const answers = 2 * maxGroups

// item is one metric on the way: the entry and which of its sends it was.
type item struct {
	e   *entry
	seq uint64
}

// group is a set of metrics that Telegraf answers for together.
type group struct {
	number uint64
	id     telegraf.TrackingID
	sent   time.Time
	items  []item
	// answered is set when the group is no longer waited for.
	answered bool
}

// flight keeps what is on the way through the pipeline and how much more may
// be. It works like a congestion window: a rejected group halves it, delivered
// ones open it again. Only the reporter's goroutine uses it.
type flight struct {
	acc telegraf.Accumulator
	cfg *Config

	tracking telegraf.TrackingAccumulator
	// unanswered counts the groups of tracking that it may still answer.
	unanswered int
	groups     map[telegraf.TrackingID]*group
	// order holds the groups by age; answered ones are dropped lazily.
	order []*group

	metrics   int
	window    int
	threshold int
	// last numbers groups; cut is the newest group at the last cut of the
	// window, so that many rejections of one overflow cut it only once.
	last, cut uint64

	// heard tells that the pipeline has ever answered. blind is set when it has
	// not within a timeout: waiting for it would only slow the reports down.
	heard, blind bool
}

func newFlight(acc telegraf.Accumulator, cfg *Config) *flight {
	f := &flight{
		acc:       acc,
		cfg:       cfg,
		groups:    make(map[telegraf.TrackingID]*group),
		threshold: cfg.MaxUndelivered,
		window:    max(cfg.MaxUndelivered/2, 1),
	}
	f.renew()
	return f
}

// renew starts over with a tracking accumulator that owes no answers. The old
// one has room for every answer it still owes; nobody reads them.
func (f *flight) renew() {
	f.tracking = f.acc.WithTracking(answers)
	f.unanswered, f.metrics = 0, 0
	clear(f.groups)
	f.order = f.order[:0]
}

// room is how many metrics may be sent in one group now.
func (f *flight) room() int {
	if f.blind {
		return f.cfg.GroupSize
	}
	if len(f.groups) >= maxGroups {
		return 0
	}
	return min(f.cfg.GroupSize, f.window-f.metrics)
}

// send hands a group to Telegraf. It returns the number of metrics given up
// because the answers to too many groups are missing.
func (f *flight) send(now time.Time, items []item, metrics []telegraf.Metric) (lost int) {
	if f.unanswered >= answers {
		lost = f.metrics
		f.renew()
	}
	f.last++
	g := &group{number: f.last, sent: now, items: items}
	f.unanswered++
	g.id = f.tracking.AddTrackingMetricGroup(metrics)
	if f.blind {
		return lost
	}
	f.groups[g.id] = g
	f.order = append(f.order, g)
	f.metrics += len(items)
	return lost
}

// answer takes in what Telegraf says of a group. It returns the group's items
// when they were not delivered.
func (f *flight) answer(info telegraf.DeliveryInfo) (rejected []item) {
	f.unanswered--
	f.heard, f.blind = true, false
	g := f.groups[info.ID()]
	if g == nil {
		return nil
	}
	f.drop(g)
	n := len(g.items)
	if info.Delivered() {
		if f.window < f.threshold {
			f.window += n
		} else {
			f.window += max(n/16, 1)
		}
		f.window = min(f.window, f.cfg.MaxUndelivered)
		return nil
	}
	if g.number > f.cut {
		f.cut = f.last
		f.window = max(f.window/2, 1)
		f.threshold = f.window
	}
	return g.items
}

// drop stops waiting for a group.
func (f *flight) drop(g *group) {
	g.answered = true
	delete(f.groups, g.id)
	f.metrics -= len(g.items)
}

// oldest returns the group that is waited for longest, nil when there is none.
func (f *flight) oldest() *group {
	n := 0
	for n < len(f.order) && f.order[n].answered {
		f.order[n] = nil
		n++
	}
	f.order = f.order[n:]
	if len(f.order) == 0 {
		return nil
	}
	return f.order[0]
}

// expire gives up the groups that were not answered in time and returns the
// number of their metrics.
func (f *flight) expire(now time.Time) (lost int) {
	for g := f.oldest(); g != nil && now.Sub(g.sent) >= f.cfg.AckTimeout; g = f.oldest() {
		f.drop(g)
		lost += len(g.items)
	}
	if lost > 0 && !f.heard {
		f.blind = true
	}
	return lost
}
